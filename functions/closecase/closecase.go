// Package closecase is the last step: the case gets its final status, the letter that an ending without an answer needs, and
// its closing entry. Requests that were joined to the case end with it.
package closecase

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/tasks"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Step is the handler.
type Step struct {
	Cases   *casefile.Store
	Letters *correspondence.Writer
	Copies  bool // mail goes through a provider that keeps copies and can be asked to erase them
}

// Handle closes the case once. A case that was joined to another one stays open until that one closes.
func (s *Step) Handle(ctx context.Context, in step.Input) (step.Answer, error) {
	return step.Run(ctx, s.Cases, in, func(ctx context.Context, f *casefile.File) (step.Answer, error) {
		c := &f.Case
		if !c.Open() {
			return step.To(step.Proceed), nil
		}
		c.Phase = dsar.PhaseClose // from here on no request is joined to this one
		if more, err := f.SettleTasks(); err != nil || more {
			return step.Repeat(), err
		}
		if unlist(f) {
			return step.Repeat(), nil
		}
		if c.MergedInto != "" {
			return s.joined(ctx, f)
		}
		status := final(c, f.Acts())
		if more, err := s.endJoined(ctx, f, status); err != nil || more {
			return step.Repeat(), err
		}
		if more, err := tasks.Inform(ctx, f, s.Letters.Registry); err != nil || more {
			return step.Repeat(), err
		}
		if err := tasks.Release(ctx, s.Cases, f); err != nil {
			return step.Answer{}, err
		}
		if err := s.farewell(ctx, f, status); err != nil {
			return step.Answer{}, err
		}
		if err := end(f, status, ""); err != nil {
			return step.Answer{}, err
		}
		if s.Copies && c.Right == dsar.Erasure && (status == dsar.Fulfilled || status == dsar.PartlyFulfilled) {
			f.KeepCopiesUntil(f.Now().Add(casefile.CopiesAfter))
		}
		return step.To(step.Proceed), nil
	})
}

// unlist takes tasks that nobody needs to decide any more off the list for people, as many as fit into a commit; more says that
// there are others.
func unlist(f *casefile.File) (more bool) {
	n := 0
	for _, t := range f.Tasks {
		if t.Status != casefile.TaskPerson {
			continue
		}
		if n++; n > casefile.Batch {
			return true
		}
		t.Status = casefile.TaskOpen
	}
	return false
}

// final returns the status that the case ends with.
func final(c *casefile.Case, acts []*casefile.Task) dsar.Status {
	switch {
	case c.Withdrawal != nil && !c.Answered:
		return dsar.Withdrawn
	case c.Verification.Expired:
		return dsar.Expired
	case c.Unidentified:
		return dsar.NotIdentifiable
	case c.Refusal != nil:
		return dsar.Refused
	}
	for _, t := range acts {
		if !t.Outcome.Complete() {
			return dsar.PartlyFulfilled
		}
	}
	return dsar.Fulfilled
}

// farewell queues the letter of an ending that was not answered by deliverresponse.
func (s *Step) farewell(ctx context.Context, f *casefile.File, status dsar.Status) error {
	reason, err := reason(f, status)
	if err != nil {
		return err
	}
	switch status {
	case dsar.Withdrawn:
		return s.Letters.Send(ctx, f, letters.Withdrawn, nil)
	case dsar.Expired:
		return s.Letters.Send(ctx, f, letters.Expired, nil)
	case dsar.NotIdentifiable:
		return s.Letters.Send(ctx, f, letters.NotIdentifiable, func(l correspondence.Facts) {
			l.Reasons = []letters.Reason{{Text: reason, Citation: l.Pack.Short}}
		})
	case dsar.Refused:
		return s.Letters.Send(ctx, f, letters.Refused, func(l correspondence.Facts) {
			l.Reasons = []letters.Reason{{Text: reason, Citation: cmp.Or(f.Case.Refusal.Citation, l.Pack.Refusal.Period.Basis)}}
		})
	default:
		return nil
	}
}

// reason says why the case ends as it does, in the words of whoever decided it.
func reason(f *casefile.File, status dsar.Status) (redact.Text, error) {
	switch status {
	case dsar.Refused:
		return f.Reason(f.Case.Refusal)
	case dsar.NotIdentifiable:
		for _, t := range f.Tasks {
			if t.Decision != nil && t.Decision.Decision == string(dsar.NotIdentifiable) && len(t.Decision.Reason) > 0 {
				return f.Reason(t.Decision)
			}
		}
		return redact.NewText("The details that we have may belong to more than one person, and we cannot tell which of them is you."), nil
	default:
		return redact.Text{}, nil
	}
}

func end(f *casefile.File, status dsar.Status, with string) error {
	c := &f.Case
	if err := f.NoteLate(); err != nil {
		return err
	}
	if err := c.Become(status); err != nil {
		return fmt.Errorf("closing case: %w", err)
	}
	c.ClosedAt, c.NextDue, c.Operator = f.Now(), time.Time{}, nil
	if c.DocumentDue(f.Now()) {
		c.NextDue = f.Now() // nobody needs a document of identity any more
	}
	if len(c.Supplement) > 0 && status == dsar.PartlyFulfilled {
		c.NextDue = f.Now().Add(casefile.SupplementLook)
	}
	facts := map[string]any{"status": status, "tasks": len(f.Tasks)}
	if with != "" {
		facts["with"] = with
	}
	if err := f.Entry("case_closed", evidence.System, facts); err != nil {
		return err
	}
	f.Publish(events.CaseClosed)
	return nil
}

// joined ends the execution of a case that another one answers: its status follows when that one closes.
func (s *Step) joined(ctx context.Context, f *casefile.File) (step.Answer, error) {
	f.Case.NextDue = time.Time{}
	older, err := s.Cases.Case(ctx, f.Case.Tenant, f.Case.MergedInto)
	if err != nil {
		return step.Answer{}, err
	}
	if f.Case.Noticed {
		return step.To(step.Proceed), nil
	}
	f.Case.Noticed = true
	if f.Case.Status.MayBecome(dsar.InProgress) {
		f.Case.Status = dsar.InProgress
	}
	return step.To(step.Proceed), s.Letters.Send(ctx, f, letters.Duplicate, func(l correspondence.Facts) {
		l.Other, l.Due = older.Reference, l.Day(older.Due.At)
	})
}

// maxJoined is how many joined requests end in one commit.
const maxJoined = 10

// endJoined closes the requests that were joined to the case, the last of them in the commit that closes the case; more says
// that there are others.
func (s *Step) endJoined(ctx context.Context, f *casefile.File, status dsar.Status) (more bool, err error) {
	for _, id := range f.Case.Merged {
		o, err := s.Cases.Load(ctx, f.Case.Tenant, id)
		if fault.Has(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("reading joined request: %w", err)
		}
		if !o.Case.Open() {
			continue
		}
		if len(f.Joined()) == maxJoined {
			return true, nil
		}
		if o.Case.Status.MayBecome(dsar.InProgress) {
			o.Case.Status = dsar.InProgress // a request that was verified a moment ago passes through here
		}
		if err := end(o, status, f.Case.Reference); err != nil {
			return false, err
		}
		f.Join(o)
	}
	return false, nil
}
