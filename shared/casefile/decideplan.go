package casefile

import (
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// DecidePlan records the decision on the plan. fault.Conflict when none waits, when it was decided before, or when hash is
// not that of the plan as it stands; fault.Forbidden when the actor prepared it: the second pair of eyes is somebody else's.
func (f *File) DecidePlan(actor, decision, hash string, reason redact.Text) error {
	c := &f.Case
	switch {
	case c.Status != dsar.AwaitingReview || c.Phase != dsar.PhaseReviewPlan || c.Plan == nil || c.PlanApproved() || c.Stopping():
		return fault.New(fault.Conflict, "no plan waits for a decision")
	case hash != c.Plan.Hash:
		return fault.New(fault.Conflict, "the plan is not the one that was looked at")
	case c.Plan.PreparedBy == actor:
		return fault.New(fault.Forbidden, "whoever prepared a plan does not decide on it; somebody else has to")
	}
	d := f.decide(decision, actor, hash, reason)
	switch decision {
	case Approve:
		c.PlanDecision = d
	case Refuse:
		if reason.IsZero() {
			return fault.InvalidField("/reason", "a refusal needs its ground (GDPR Art. 12(4))")
		}
		c.Refusal = d
	default:
		return fault.InvalidField("/decision", "decide approve or refuse")
	}
	f.Signal()
	return f.Entry("plan_decided", actor, d.facts(map[string]any{"decision": decision, "hash": hash}))
}
