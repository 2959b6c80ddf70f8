package sweepdeadlines

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Supplements are looked for until this long after the answer; then somebody has to ask again.
const supplementFor = 90 * 24 * time.Hour

// withoutIt is how long before the due instant an answer goes without a system that still does not respond, when nobody decided.
const withoutIt = 12 * time.Hour

// wake lets go on what waits for an instant that has come: an erasure whose grace is over, a system that did not call back.
func wake(f *casefile.File) {
	c := &f.Case
	if !c.GraceUntil.IsZero() && !f.Now().Before(c.GraceUntil) && c.Phase == dsar.PhaseReviewPlan {
		f.Signal()
	}
	if slices.ContainsFunc(f.Tasks, func(t *casefile.Task) bool { return due(t, f.Now()) }) {
		f.Signal()
	}
}

func due(t *casefile.Task, now time.Time) bool {
	return t.Status != casefile.TaskDone && !t.WakeAt.IsZero() && !now.Before(t.WakeAt)
}

// goWithout lets the answer leave in time although a system does not respond and nobody decided: the others' data is the
// person's by then, and a supplement follows.
func goWithout(f *casefile.File) (left int, err error) {
	c := &f.Case
	if c.Stopping() || c.Answered || c.Paused != nil || c.Due.At.IsZero() || f.Now().Before(c.Due.At.Add(-withoutIt)) {
		return 0, nil
	}
	for _, t := range f.Tasks {
		if t.Status != casefile.TaskPerson || t.Asked == nil || t.Asked.Why != "late" || t.Decision != nil || left == casefile.Batch/2 {
			continue
		}
		left++
		if err := f.ProceedWithout(evidence.System, t.System, redact.NewText("This system did not answer in time. We go on trying, and send you what it holds as soon as it answers.")); err != nil && !fault.Has(err, fault.Conflict) {
			return left, err
		}
	}
	return left, nil
}

// unwait lets an erasure go on shortly before it is due, or when the request that it waits for is answered, closed or gone.
func (s *Step) unwait(ctx context.Context, f *casefile.File) error {
	c := &f.Case
	if c.After == "" {
		return nil
	}
	o, err := s.Cases.Case(ctx, c.Tenant, c.After)
	if err != nil && !fault.Has(err, fault.NotFound) {
		return fmt.Errorf("reading the case that is waited for: %w", err)
	}
	late := !c.Due.At.IsZero() && !f.Now().Before(c.Due.At.Add(-BeforeDue))
	if err == nil && o.Open() && !o.Answered && !late {
		return nil
	}
	c.After = ""
	f.Signal()
	return f.Entry("wait_over", evidence.System, map[string]any{"late": late})
}

// supplement reopens a closed case for systems that its answer went without and that respond again.
func (s *Step) supplement(ctx context.Context, f *casefile.File) error {
	c := &f.Case
	var back []string
	for i := range c.Supplement {
		sup := &c.Supplement[i]
		if f.Now().Sub(sup.Since) > supplementFor {
			continue
		}
		sup.Tries++
		if s.Ready != nil && s.Ready(ctx, c.Tenant, sup.System) {
			back = append(back, sup.System)
		}
	}
	c.Supplement = slices.DeleteFunc(c.Supplement, func(sup casefile.Supplement) bool { return f.Now().Sub(sup.Since) > supplementFor })
	if len(back) > 0 {
		return f.Reopen(evidence.System, "supplement", back)
	}
	if at := f.Now().Add(casefile.SupplementLook); len(c.Supplement) > 0 && (c.NextDue.IsZero() || at.Before(c.NextDue)) {
		c.NextDue = at
	}
	return nil
}
