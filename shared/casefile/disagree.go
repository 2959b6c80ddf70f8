package casefile

import (
	"slices"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// MayDisagree reports whether the person can leave a statement of disagreement: a correction is answered, and not everything that
// was asked for was corrected.
func (f *File) MayDisagree() bool {
	c := &f.Case
	if c.Right != dsar.Correction || c.Open() {
		return false
	}
	return c.Status == dsar.Refused || slices.ContainsFunc(f.Acts(), func(t *Task) bool {
		return t.Outcome == dsar.Retained || t.Outcome == dsar.NotDone || t.Outcome == dsar.Unsupported ||
			slices.ContainsFunc(t.Collections, func(c Collection) bool { return c.Outcome == dsar.Retained || c.Outcome == dsar.NotDone })
	})
}

// Disagree keeps the person's statement of disagreement with a correction that was not made (45 CFR 164.526(d)(2) has the model
// of it), sealed, in the conversation. fault.Conflict when MayDisagree is false.
func (f *File) Disagree(text redact.Text) error {
	if !f.MayDisagree() {
		return fault.New(fault.Conflict, "a statement of disagreement belongs to a correction that was answered and not made in full")
	}
	return f.say(evidence.Subject, text, true)
}
