package publishevents

import (
	"context"
	"fmt"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// copies asks the provider of our mail to erase what it keeps about the person. An order that it refuses for good is recorded as
// not done; whatever else goes wrong is shown with the case and tried again, because somebody has to mend it first.
func (s *Step) copies(ctx context.Context, r casefile.OutboxRow) error {
	f, err := s.Cases.Load(ctx, r.Tenant, r.CaseID)
	if err != nil {
		return err
	}
	if c := f.Case.MailCopies; c == nil || c.State != casefile.CopiesAsked {
		return s.Cases.Done(ctx, r) // settled, or another letter left meanwhile and the order is made again
	}
	p, err := f.Person()
	if err != nil {
		return err
	}
	if s.Copies == nil {
		err = fault.New(fault.Invalid, "mail no longer goes through a provider that erases its copies")
	} else {
		err = s.Copies.EraseRecipient(ctx, p.Email.Value)
	}
	class := fault.ClassOf(err)
	final := err == nil || class == fault.Invalid
	cerr := step.Change(ctx, s.Cases, r.Tenant, r.CaseID, func(_ context.Context, f *casefile.File) error {
		c := f.Case.MailCopies
		switch {
		case c == nil || c.State != casefile.CopiesAsked:
			return nil
		case final:
			return f.CopiesErased(class, r)
		}
		c.Fault = string(class)
		return nil
	})
	switch {
	case cerr != nil:
		return cerr
	case final:
		return nil
	case class == fault.Throttled:
		return fmt.Errorf("having mail copies erased: %w", err) // it says how long to wait
	}
	// Whatever kept the provider from taking it, the order still stands: no other class may make its row look settled.
	return fault.Wrap(fault.Unavailable, err, "having mail copies erased")
}
