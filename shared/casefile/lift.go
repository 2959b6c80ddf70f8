package casefile

import (
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Lifting is the end of a restriction: the person is told first, and only from the announced day on may the data be used again (GDPR
// Art. 18(3)).
type Lifting struct {
	Announced *Decision `json:"announced"`        // with the reason that the letter gives
	From      time.Time `json:"from"`             // from then on
	Letter    int       `json:"letter"`           // number of the letter that says so
	Lifted    *Decision `json:"lifted,omitempty"` // with how it was lifted
}

// MayLift reports whether the case restricted something that was not lifted since.
func (c *Case) MayLift() bool {
	restricts := c.Right == dsar.Restriction || c.Right == dsar.Objection
	return restricts && slices.Contains([]dsar.Status{dsar.Fulfilled, dsar.PartlyFulfilled}, c.Status) && (c.Lifting == nil || c.Lifting.Lifted == nil)
}

// AnnounceLifting records that the restriction is going to be lifted from the instant on; the letter that says so is the next one to be
// queued under the same commit. Announcing again replaces what was announced. fault.Conflict when the case restricts nothing.
func (f *File) AnnounceLifting(actor string, from time.Time, reason redact.Text) error {
	c := &f.Case
	switch {
	case !c.MayLift():
		return fault.New(fault.Conflict, "this case restricts nothing that could be lifted")
	case reason.IsZero():
		return fault.InvalidField("/reason", "say why the data is used again; the person reads it")
	case !from.After(f.now):
		return fault.InvalidField("/from", "choose a day to come: the person is told before")
	}
	d := f.decide("announce_lifting", actor, "", reason)
	c.Lifting = &Lifting{Announced: d, From: from, Letter: c.LettersNo + 1}
	return f.Entry("restriction_lift_announced", actor, d.facts(map[string]any{"from": from, "letter": c.Lifting.Letter}))
}

// Lift records that the restriction was lifted, and how. told is what became of the letter that announced it. fault.Conflict while the
// announced day has not come, or when nobody can say that the letter arrived.
func (f *File) Lift(actor string, told mail.State, how redact.Text) error {
	c := &f.Case
	switch {
	case !c.MayLift() || c.Lifting == nil:
		return fault.New(fault.Conflict, "tell the person first that the restriction is going to be lifted (GDPR Art. 18(3))")
	case told != mail.Sent:
		return fault.New(fault.Conflict, "the letter that announces it has not arrived; send it again, or tell the person in another way and announce it anew")
	case f.now.Before(c.Lifting.From):
		return fault.New(fault.Conflict, "the announced day has not come yet")
	case how.IsZero():
		return fault.InvalidField("/reason", "say how the restriction was lifted, system by system; it is the receipt")
	}
	c.Lifting.Lifted = f.decide("lift", actor, "", how)
	return f.Entry("restriction_lifted", actor, c.Lifting.Lifted.facts(map[string]any{"letter": c.Lifting.Letter}))
}
