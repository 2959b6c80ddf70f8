package casefile

import (
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// LawCorrected is the decision that another law governs a case than triage took.
const LawCorrected = "law"

// CorrectLaw puts the laws of the case right, because an assumption can be wrong, and plans it anew. redate computes c.Due from
// what c holds then: the receipt stays what it was, so no date begins anew. The place of residence stays. Errors: fault.Conflict
// for a case that has no law yet, or whose answer is decided or on its way; fault.Invalid without a reason; those of redate.
func (f *File) CorrectLaw(actor string, law Law, reason redact.Text, redate func(*Case) error) error {
	c := &f.Case
	switch {
	case c.Law.Pack == "":
		return fault.New(fault.Conflict, "the law of the case is not settled yet")
	case !c.Open() || c.Answered || c.Stopping():
		return fault.New(fault.Conflict, "the request is answered or closed: what was decided under its law stands")
	case reason.IsZero():
		return fault.InvalidField("/reason", "say why another law governs; it is kept with the case")
	}
	before, due := c.Law, c.Due
	law.Country, law.Region = before.Country, before.Region
	c.Law, c.LawDecision = law, f.decide(LawCorrected, actor, law.Version, reason)
	if err := redate(c); err != nil {
		c.Law, c.Due = before, due
		return err
	}
	if c.Plan != nil || c.Drafting {
		f.PlanAgain(f.systems())
		c.Drafting = false // a plan under way begins anew
		f.Signal()
	}
	return f.Entry("law_corrected", actor, c.LawDecision.facts(map[string]any{
		"from": before.Version, "to": law.Version, "also": len(law.Also), "assumed": before.Assumption != "", "dueFrom": due.Date, "dueTo": c.Due.Date,
	}))
}

// systems lists the systems that the plan is about.
func (f *File) systems() []string {
	var out []string
	if f.Case.Plan != nil {
		for _, s := range f.Case.Plan.Systems {
			out = append(out, s.Name)
		}
	}
	return out
}
