// Package deliverresponse is the step that sends the answer: a letter with the way to the package, or the letter that says
// what was done or that nothing is held. It sends no personal data by mail.
package deliverresponse

import (
	"context"
	"slices"

	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/tasks"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Step is the handler.
type Step struct {
	Cases   *casefile.Store
	Letters *correspondence.Writer
}

// Handle queues the answer once. After it a withdrawal comes too late.
func (s *Step) Handle(ctx context.Context, in step.Input) (step.Answer, error) {
	return step.Run(ctx, s.Cases, in, func(ctx context.Context, f *casefile.File) (step.Answer, error) {
		c := &f.Case
		if c.Stopping() {
			return step.To(step.Close), nil
		}
		c.Phase = dsar.PhaseDeliver
		if c.Answered {
			return step.To(step.Proceed), nil
		}
		if c.Awaits() { // a question came in between; back to where the response waits
			return step.To(step.Supplement), nil
		}
		if err := f.NoteLate(); err != nil {
			return step.Answer{}, err
		}
		c.Answered, c.Prior = true, nil
		c.Answers++
		f.FollowUp()
		if err := tasks.Release(ctx, s.Cases, f); err != nil {
			return step.Answer{}, err
		}
		if err := f.Entry("response_delivered", evidence.System, map[string]any{"answer": c.Answer, "package": c.Package != nil}); err != nil {
			return step.Answer{}, err
		}
		kind := letters.Done
		switch {
		case c.Package != nil:
			kind = letters.ResponseReady
		case c.Answer == dsar.NothingHeld:
			kind = letters.NothingHeld
		}
		kept, err := reasons(f)
		if err != nil {
			return step.Answer{}, err
		}
		return step.To(step.Proceed), s.Letters.Send(ctx, f, kind, func(l correspondence.Facts) {
			l.Reasons, l.GoesOn, l.CategoriesOnly = kept, len(c.Supplement) > 0, c.Verification.CategoriesOnly()
			if c.Package != nil {
				l.Link = redact.NewText(l.PortalURL) // asks for a fresh code: a forwarded link opens nothing
				l.Until, l.Volumes = l.Day(c.Package.ExpiresAt), len(c.Package.Volumes)
			}
		})
	})
}

// reasons says why something is kept that was to be changed or erased: in the words of whoever decided it, of the data map, or of
// the exemption (GDPR Art. 12(4)).
func reasons(f *casefile.File) ([]letters.Reason, error) {
	var out []letters.Reason
	add := func(r letters.Reason) {
		if (!r.Text.IsZero() || r.Code != "") && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	for _, t := range f.Acts() {
		if t.Outcome == dsar.Retained || t.Because == casefile.LeftOut {
			words, err := f.Reason(t.Decision)
			if err != nil {
				return nil, err
			}
			add(letters.Reason{Text: words})
		}
		if f.Case.Right.Discloses() {
			continue
		}
		for _, c := range t.Collections {
			if c.Outcome == dsar.Retained {
				add(why(c))
			}
		}
	}
	return out, nil
}

// why says why the records of a collection stay.
func why(c casefile.Collection) letters.Reason {
	switch {
	case c.Because == string(dsar.Hold):
		return letters.Reason{Code: letters.KeptByHold}
	case c.Note != "":
		return letters.Reason{Text: redact.NewText(c.Name + ": " + c.Note)}
	default:
		return letters.Reason{Code: letters.KeptByMap, Of: c.Name}
	}
}
