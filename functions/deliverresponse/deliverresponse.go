// Package deliverresponse is the step that sends the answer: a letter with the way to the package, or the letter that says
// what was done or that nothing is held. It sends no personal data by mail.
package deliverresponse

import (
	"context"
	"slices"

	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/grounds"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/tasks"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/policy"
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
			l.Reasons, l.GoesOn, l.CategoriesOnly = append(kept, byLaw(f, l.Pack)...), len(c.Supplement) > 0, c.Verification.CategoriesOnly()
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
			if c.Outcome == dsar.Retained && len(lawful(f, t, c)) == 0 {
				add(why(c))
			}
		}
	}
	return out, nil
}

// byLaw says of what stays because the law of the case keeps it by itself why it does, in the law's words and with its citation.
func byLaw(f *casefile.File, pack policy.Pack) []letters.Reason {
	var out []letters.Reason
	if f.Case.Right.Discloses() {
		return nil
	}
	for _, t := range f.Acts() {
		for _, c := range t.Collections {
			for _, x := range lawful(f, t, c) {
				r := letters.Reason{Text: redact.NewText(c.Name + ": " + grounds.Words(pack, x, f.Case.Locale)), Citation: x.Citation}
				if !slices.Contains(out, r) {
					out = append(out, r)
				}
			}
		}
	}
	return out
}

// lawful returns the grounds of the law on which records or fields of the collection stay.
func lawful(f *casefile.File, t *casefile.Task, c casefile.Collection) []casefile.Exemption {
	var out []casefile.Exemption
	for _, x := range f.Case.Exempted(t.System) {
		if x.Ground != "" && x.Collection == c.Name && c.Outcome == dsar.Retained && c.Because == string(dsar.Exemption) {
			out = append(out, x)
		}
	}
	return out
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
