// Package sweepdeadlines is clockwork: it looks at every case whose next look is due. It lets unverified requests expire,
// demands decisions before a deadline, and starts again what has no live execution. Its cost follows what is due.
package sweepdeadlines

import (
	"context"
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/duties"
	"github.com/habeas-dsar/habeas/functions/internal/identity"
	"github.com/habeas-dsar/habeas/functions/internal/run"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/hold"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// Intervals of the sweeper.
const (
	Look        = 6 * time.Hour      // an open case is looked at again at the latest after
	BeforeDue   = 2 * 24 * time.Hour // so long before the due instant every open task needs a decision
	MaxRestarts = 3                  // restarts without a change of phase before a person is asked
	batch       = 100
)

// Step is the handler.
type Step struct {
	Cases  *casefile.Store
	Engine workflow.Engine
	Owners Owners
	// Ready reports whether a system responds again; nil = nobody can tell.
	Ready func(ctx context.Context, tenant, system string) bool
	Holds *hold.Store

	Registry *registry.Store
	Team     Team
	// DropDocument deletes the document of identity of a case and records that it is gone.
	DropDocument func(ctx context.Context, tenant, caseID string) error
}

// Owners keeps after the people who are responsible for systems; *owners.Desk in the product.
type Owners interface {
	// Look sends the reminders that are due and records which answers are late.
	Look(ctx context.Context, f *casefile.File) error
}

// Handle sweeps everything that is due now and returns how many cases it looked at. A case that cannot be swept holds up no
// other: it stays due, and the first such failure is returned at the end.
func (s *Step) Handle(ctx context.Context) (looked int, err error) {
	now := s.Cases.Now()
	for shard := range uint32(casefile.DueShards) {
		for cursor := ""; ; {
			refs, next, rerr := s.Cases.DueCases(ctx, shard, now, batch, cursor)
			if rerr != nil {
				return looked, rerr
			}
			for _, r := range refs {
				if lerr := s.look(ctx, r); lerr != nil && err == nil {
					err = fmt.Errorf("sweeping a case: %w", lerr)
				}
				if ctx.Err() != nil {
					return looked, err
				}
			}
			looked += len(refs)
			if cursor = next; cursor == "" {
				break
			}
		}
	}
	if herr := s.resumeReleased(ctx); herr != nil && err == nil {
		err = herr
	}
	return looked, err
}

// look handles one case; one that is not due after all, or is no more, is left as it is.
func (s *Step) look(ctx context.Context, r casefile.DueRef) error {
	if r.Recipient != "" {
		return s.lookNotice(ctx, r)
	}
	if r.Sub != "" {
		return s.lookSub(ctx, r)
	}
	drop := false
	err := step.Change(ctx, s.Cases, r.Tenant, r.CaseID, func(ctx context.Context, f *casefile.File) error {
		c := &f.Case
		if c.NextDue.IsZero() || c.NextDue.After(f.Now()) {
			return nil
		}
		drop = c.DocumentDue(f.Now())
		if !c.Open() {
			if err := s.copies(ctx, f); err != nil {
				return err
			}
			return s.supplement(ctx, f)
		}
		return s.open(ctx, f)
	})
	if fault.Has(err, fault.NotFound) {
		return nil
	}
	if err != nil || !drop {
		return err
	}
	return s.DropDocument(ctx, r.Tenant, r.CaseID)
}

// open handles an open case whose look is due, and says when the next one is.
func (s *Step) open(ctx context.Context, f *casefile.File) error {
	c := &f.Case
	if err := expire(f); err != nil {
		return err
	}
	if lapsed, err := duties.Lapse(f); err != nil || lapsed {
		c.NextDue = f.Now().Add(time.Minute)
		return err
	}
	wake(f)
	if err := s.alarm(ctx, f); err != nil {
		return err
	}
	if err := s.unwait(ctx, f); err != nil {
		return err
	}
	if left, err := goWithout(f); err != nil || left > 0 {
		c.NextDue = f.Now().Add(time.Minute)
		return err
	}
	if asked, err := demand(f); err != nil || asked > 0 {
		c.NextDue = f.Now().Add(time.Minute) // for the others, and for what follows
		return err
	}
	if err := s.Owners.Look(ctx, f); err != nil {
		return err
	}
	if err := s.revive(ctx, f); err != nil {
		return err
	}
	c.NextDue = next(c, f.Now())
	for _, t := range f.Tasks {
		if t.Status != casefile.TaskDone && t.WakeAt.After(f.Now()) && t.WakeAt.Before(c.NextDue) {
			c.NextDue = t.WakeAt
		}
	}
	if at := f.OwnersNext(); !at.IsZero() && at.Before(c.NextDue) {
		c.NextDue = at
		if soon := f.Now().Add(time.Minute); at.Before(soon) {
			c.NextDue = soon // for those that did not fit into this commit
		}
	}
	return nil
}

func expire(f *casefile.File) error {
	v := &f.Case.Verification
	if v.Expired || !v.VerifiedAt.IsZero() || v.ExpiresAt.IsZero() || v.ExpiresAt.After(f.Now()) {
		return nil
	}
	if declined, err := identity.Expire(f); err != nil || declined {
		return err
	}
	v.Expired = true
	f.Signal()
	return f.Entry("verification_expired", evidence.System, nil)
}

// demand turns tasks that still wait shortly before the deadline into decisions, as many as fit into a commit.
func demand(f *casefile.File) (asked int, err error) {
	c := &f.Case
	if c.Stopping() || c.Paused != nil || c.Due.At.IsZero() || f.Now().Before(c.Due.At.Add(-BeforeDue)) {
		return 0, nil
	}
	for _, t := range f.Tasks {
		if t.Status != casefile.TaskWaiting && t.Status != casefile.TaskOpen {
			continue
		}
		if t.Changes() && (c.Phase == dsar.PhasePlan || c.Phase == dsar.PhaseReviewPlan) {
			continue // it waits for the plan, not for its system
		}
		if asked == casefile.Batch {
			break
		}
		asked++
		t.Ask("late", "The request is due soon and this system has not answered.", f.Now(), casefile.AnswersForFailure)
		if err := f.TaskEntry(t, "person_asked", evidence.System, map[string]any{"why": "late"}); err != nil {
			return 0, err
		}
	}
	return asked, nil
}

// revive starts a case anew that has no live execution. A case merged into another has none by design, once its person was told.
func (s *Step) revive(ctx context.Context, f *casefile.File) error {
	c := &f.Case
	if c.MergedInto != "" && c.Noticed || c.Paused != nil {
		return nil
	}
	e, err := s.Engine.Describe(ctx, run.Machine, run.Name(c.ID, c.Generation))
	if err != nil && !fault.Has(err, fault.NotFound) {
		return fmt.Errorf("describing execution: %w", err)
	}
	if err == nil && e.Status == workflow.Running {
		c.Restarts = 0
		return nil
	}
	if c.Restarts >= MaxRestarts {
		if c.Operator == nil {
			c.Operator = &casefile.Operator{Fault: "no_progress", Phase: string(c.Phase), Since: f.Now()}
			if c.Status.MayBecome(dsar.AwaitingPerson) {
				c.Status = dsar.AwaitingPerson
			}
			return f.Entry("operator_needed", evidence.System, map[string]any{"fault": "no_progress", "phase": c.Phase})
		}
		return nil
	}
	c.Restarts++
	return f.TakeOver(evidence.System, "no live execution")
}

func next(c *casefile.Case, now time.Time) time.Time {
	at := now.Add(Look)
	sooner := func(t time.Time) {
		if t.After(now) && t.Before(at) {
			at = t
		}
	}
	if !c.Verification.Expired && c.Verification.VerifiedAt.IsZero() {
		sooner(c.Verification.ExpiresAt)
	}
	sooner(c.GraceUntil)
	if d := c.Verification.Document; d != nil && d.Object != "" {
		sooner(d.DeleteBy)
	}
	sooner(c.Due.At.Add(-BeforeDue))
	sooner(c.Due.At.Add(-withoutIt))
	sooner(c.Due.At.Add(time.Millisecond)) // the last instant still belongs to the time
	sooner(c.NextAlarm(now))
	return at
}
