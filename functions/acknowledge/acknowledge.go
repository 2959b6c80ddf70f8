// Package acknowledge is the step that tells the requester that the request arrived: by what law, until when, and what to do
// next. Where an address must be proved, the letter carries the code.
package acknowledge

import (
	"context"

	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/identity"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// Step is the handler.
type Step struct {
	Cases   *casefile.Store
	Desk    *identity.Desk
	Letters *correspondence.Writer
}

// Handle sends the acknowledgement once, however often it is repeated.
func (s *Step) Handle(ctx context.Context, in step.Input) (step.Answer, error) {
	return step.Run(ctx, s.Cases, in, func(ctx context.Context, f *casefile.File) (step.Answer, error) {
		c := &f.Case
		v := &c.Verification
		switch {
		case c.Stopping():
			return step.To(step.Close), nil
		case !v.VerifiedAt.IsZero() && c.LettersNo > 0:
			return step.To(step.Verified), nil
		case v.Codes > 0:
			return step.To(step.Proceed), nil
		case !v.VerifiedAt.IsZero():
			return step.To(step.Verified), s.Letters.Send(ctx, f, letters.Acknowledgement, nil)
		case v.Level == string(verification.Nothing):
			// 11 CCR 7026(d), 7027(e): an opt-out is carried out without proof; the address is taken as given.
			p, err := f.Person()
			if err != nil {
				return step.Answer{}, err
			}
			p.Proven = subject.Add(p.Proven, p.Email)
			v.VerifiedAt = f.Now()
			if err := f.Entry("verification_not_asked", evidence.System, map[string]any{"level": v.Level}); err != nil {
				return step.Answer{}, err
			}
			return step.To(step.Verified), s.Letters.Send(ctx, f, letters.Acknowledgement, nil)
		}
		if err := step.Enter(f, dsar.PhaseVerify, dsar.Verifying); err != nil {
			return step.Answer{}, err
		}
		return step.To(step.Proceed), s.Desk.Issue(ctx, f, letters.Code)
	})
}
