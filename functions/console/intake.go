package console

import (
	"context"
	"net/http"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/intake"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// noted is the body of POST /cases: a request that reached staff by letter, by phone or in person.
type noted struct {
	intake.Request
	// ReceivedAt is when it reached the controller; the statutory clock runs from then. Without it: now.
	ReceivedAt *time.Time `json:"receivedAt"`
	// VerifiedBecause is set when staff proved who asks: how, in words. It proves the address and is kept as a sealed note;
	// the evidence carries its digest.
	VerifiedBecause string `json:"verifiedBecause"`
}

// oldest is how long ago a request may have been received: beyond it a year was mistyped.
const oldest = 10 * 366 * 24 * time.Hour

func (n noted) received(now time.Time, bad *web.Fields) time.Time {
	if n.ReceivedAt == nil {
		return now
	}
	at := n.ReceivedAt.UTC()
	switch {
	case at.After(now):
		bad.Add("/receivedAt", "this lies in the future")
	case now.Sub(at) > oldest:
		bad.Add("/receivedAt", "this is more than ten years ago")
	}
	return at
}

// intake opens a case for a request that staff noted.
func (h *Handler) intake(ctx context.Context, c *caller, n noted) (reply, error) {
	var bad web.Fields
	at := n.received(h.Now(), &bad)
	why, err := reason("/verifiedBecause", n.VerifiedBecause)
	bad = append(bad, fieldsOf(err)...)
	o, err := n.Opening(c.tenant.Name, string(verification.Staff), c.actor(), at)
	if bad = append(bad, fieldsOf(err)...); len(bad) > 0 {
		return reply{}, bad
	}
	f, err := h.Cases.Prepare(ctx, o)
	if err != nil {
		return reply{}, err
	}
	if why != "" {
		if err := vouch(f, c, why); err != nil {
			return reply{}, err
		}
	}
	r, err := newReply(http.StatusCreated, rowOf(f.Case))
	if err != nil {
		return r, err
	}
	extra, err := h.remember(c, r)
	if err != nil {
		return r, err
	}
	f.With(append(extra, h.by(c, act{Kind: caseNoted, CaseID: f.Case.ID}))...)
	return r, h.Cases.Commit(ctx, f)
}

// vouch records that staff proved who asks.
func vouch(f *casefile.File, c *caller, why string) error {
	p, err := f.Person()
	if err != nil {
		return err
	}
	p.Proven = subject.Add(p.Proven, p.Email)
	f.VouchAtIntake(c.actor(), redact.NewText(why))
	if err := f.Note(c.actor(), redact.NewText(why)); err != nil {
		return err
	}
	return f.Entry("identity_verified", c.actor(), map[string]any{"level": verification.Address, "by": "staff", "reasonSha256": digest(why)})
}

// fieldsOf returns the field errors of err; another error of class invalid becomes one without a field.
func fieldsOf(err error) web.Fields {
	if err == nil {
		return nil
	}
	if f, ok := err.(web.Fields); ok { //nolint:errorlint // intake returns it unwrapped
		return f
	}
	return web.Fields{{Detail: fault.New(fault.Invalid, "this is not valid").Text}}
}
