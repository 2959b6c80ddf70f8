package casefile

import (
	"context"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// DecidePlan records approval or refusal of the plan. fault.Conflict when none waits, when it was decided before, or when hash
// is not that of the plan as it stands; fault.Forbidden when the actor prepared or edited it: the second pair of eyes is
// somebody else's.
func (f *File) DecidePlan(actor, decision, hash string, reason redact.Text) error {
	c := &f.Case
	if err := f.mayDecidePlan(actor, hash); err != nil {
		return err
	}
	switch decision {
	case Approve:
	case Refuse:
		return f.RefusePlan(actor, hash, Ground{}, reason)
	default:
		return fault.InvalidField("/decision", "decide approve, refuse or edit")
	}
	d := f.decide(decision, actor, hash, reason)
	c.PlanDecision = d
	if err := f.overrule(OnPlan, actor); err != nil {
		return err
	}
	f.Signal()
	return f.Entry("plan_decided", actor, d.facts(map[string]any{"decision": decision, "hash": hash}))
}

// RefusePlan wants the request refused after a look at the plan, or approves what somebody else wanted on the same: a whole request
// is refused by two people. Errors are those of DecidePlan; fault.Forbidden also for whoever wanted it first.
func (f *File) RefusePlan(actor, hash string, g Ground, reason redact.Text) error {
	if err := f.mayDecidePlan(actor, hash); err != nil {
		return err
	}
	return f.refuseOn(OnPlan, actor, hash, g, reason)
}

func (f *File) mayDecidePlan(actor, hash string) error {
	if err := f.planWaits(hash); err != nil {
		return err
	}
	if f.Case.Plan.PreparedBy == actor || slices.Contains(f.Case.Editors, actor) {
		return fault.New(fault.Forbidden, "whoever prepared or edited a plan does not decide on it; somebody else has to")
	}
	return nil
}

func (f *File) planWaits(hash string) error {
	c := &f.Case
	switch {
	case c.Status != dsar.AwaitingReview || c.Phase != dsar.PhaseReviewPlan || c.Plan == nil || c.PlanDecision != nil || c.Stopping():
		return fault.New(fault.Conflict, "no plan waits for a decision")
	case hash != c.Plan.Hash:
		return fault.New(fault.Conflict, "the plan is not the one that was looked at")
	}
	return nil
}

// ApproveUnattended lets a plan pass that policy asks nobody about: it changes nothing by machine, or the tenant trusts its
// systems.
func (f *File) ApproveUnattended() error {
	c := &f.Case
	c.PlanDecision = f.decide(Approve, "system", c.Plan.Hash, redact.Text{})
	if !c.Plan.ByMachine() {
		return nil
	}
	return f.Entry("plan_passed", "system", map[string]any{"hash": c.Plan.Hash})
}

// Drifted returns the systems whose act stopped because they were not as approved any more, at most MaxDrifts times each.
func (f *File) Drifted() []string {
	var out []string
	for _, t := range f.Acts() {
		if t.Status == TaskDone && t.Because == Drifted {
			out = append(out, t.System)
		}
	}
	return out
}

// MaxDrifts is how often a system is planned anew by itself before a person is asked what to do.
const MaxDrifts = 3

// Drifts counts how often the acts of a system drifted.
func (f *File) Drifts(system string) (n int) {
	for _, t := range f.Tasks {
		if t.Acts() && t.System == system && t.Because == Drifted {
			n++
		}
	}
	return n
}

// PlanEdit is what somebody changes about a plan. Empty fields leave things as they are.
type PlanEdit struct {
	Exempt      []Exemption  // kept as they are, in addition to earlier ones
	Include     []Exemption  // exemptions of this case taken back, by system and collection
	Corrections []Correction // replace those of the request
	GrowthLimit int          // per cent
}

// maxExemptions bounds those of one case.
const maxExemptions = 100

var date = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)

// EditPlan records a change of the plan and sends it back to the dry run; whoever does this cannot approve it any more. Errors
// are those of DecidePlan, and fault.Invalid.
func (f *File) EditPlan(actor, hash string, e PlanEdit, reason redact.Text) error {
	c := &f.Case
	if err := f.planWaits(hash); err != nil {
		return err
	}
	if reason.IsZero() {
		return fault.InvalidField("/reason", "say why the plan changes; it is kept with the case")
	}
	if err := f.edit(e); err != nil {
		return err
	}
	c.PlanDecision = f.decide(Edit, actor, hash, reason)
	if !slices.Contains(c.Editors, actor) {
		c.Editors = append(c.Editors, actor)
	}
	var systems []string
	for _, s := range c.Plan.Systems {
		systems = append(systems, s.Name)
	}
	f.PlanAgain(systems)
	c.Plan.PreparedBy = actor
	f.Signal()
	return f.Entry("plan_edited", actor, c.PlanDecision.facts(map[string]any{
		"hash": hash, "exempted": places(e.Exempt), "included": places(e.Include), "corrections": len(e.Corrections), "growthLimit": c.GrowthLimit,
	}))
}

// places names what exemptions are about. What somebody wrote as their ground stays out of the evidence.
func places(list []Exemption) []string {
	out := make([]string, 0, len(list))
	for _, x := range list {
		out = append(out, x.System+"/"+x.Collection)
	}
	return out
}

func (f *File) edit(e PlanEdit) error {
	c := &f.Case
	if len(e.Exempt)+len(e.Include)+len(e.Corrections) == 0 && e.GrowthLimit == 0 {
		return fault.InvalidField("/edits", "say what is to change: exempt, include, corrections or growthLimit")
	}
	if e.GrowthLimit < 0 || e.GrowthLimit > 100 {
		return fault.InvalidField("/edits/growthLimit", "the growth limit is 1 to 100 per cent")
	}
	if e.GrowthLimit > 0 {
		c.GrowthLimit = e.GrowthLimit
	}
	same := func(a, b Exemption) bool {
		return a.Ground == "" && a.System == b.System && a.Collection == b.Collection
	}
	claimed := 0
	for _, x := range c.Exemptions {
		if x.Ground == "" {
			claimed++
		}
	}
	for i, x := range e.Include {
		if !c.include(x) {
			return fault.InvalidField(fmt.Sprintf("/edits/include/%d", i), "this case has no such exemption")
		}
	}
	for i, x := range e.Exempt {
		at := fmt.Sprintf("/edits/exempt/%d", i)
		switch {
		case x.System == "" || x.Citation == "" || len(x.System) > 63 || len(x.Collection) > 200 || len(x.Citation) > 500:
			return fault.InvalidField(at, "an exemption names its system and cites the law it rests on")
		case x.ReviewBy != "" && !date.MatchString(x.ReviewBy):
			return fault.InvalidField(at+"/reviewBy", "write the day as 2027-01-31")
		}
		x.Field, x.Ground, x.Lifted = "", "", false
		c.Exemptions = append(slices.DeleteFunc(slices.Clone(c.Exemptions), func(o Exemption) bool { return same(o, x) }), x)
		claimed++
	}
	if claimed > maxExemptions {
		return fault.InvalidField("/edits/exempt", fmt.Sprintf("a case has at most %d exemptions", maxExemptions))
	}
	if len(e.Corrections) == 0 {
		return nil
	}
	if c.Right != dsar.Correction {
		return fault.InvalidField("/edits/corrections", "only a request for correction has corrections")
	}
	p, err := f.Person()
	if err != nil {
		return err
	}
	p.Corrections = e.Corrections
	return nil
}

// include takes back the exemptions of a place: what somebody claimed goes, what the law brings is lifted and stays on record.
func (c *Case) include(at Exemption) (found bool) {
	var out []Exemption
	for _, x := range c.Exemptions {
		switch here := x.System == at.System && x.Collection == at.Collection; {
		case here && x.Ground == "":
			found = true
			continue
		case here && !x.Lifted:
			x.Lifted, found = true, true
		}
		out = append(out, x)
	}
	c.Exemptions = out
	return found
}

// Exempted returns the exemptions of a system that hold in this case.
func (c *Case) Exempted(system string) []Exemption {
	var out []Exemption
	for _, x := range c.Exemptions {
		if x.System == system && !x.Lifted {
			out = append(out, x)
		}
	}
	return out
}

// SetGrounds puts what the law keeps of a system in place of what it kept when the system was planned before. What somebody lifted
// stays lifted.
func (f *File) SetGrounds(system string, list []Exemption) {
	c := &f.Case
	var out []Exemption
	lifted := map[[3]string]bool{}
	for _, x := range c.Exemptions {
		if x.System != system || x.Ground == "" {
			out = append(out, x)
			continue
		}
		lifted[[3]string{x.Collection, x.Field, x.Ground}] = x.Lifted
	}
	for _, x := range list {
		x.System, x.Lifted = system, lifted[[3]string{x.Collection, x.Field, x.Ground}]
		out = append(out, x)
	}
	c.Exemptions = out
}

// PlanAgain makes the next planning look anew at the systems; what was decided about the plan as a whole no longer counts.
func (f *File) PlanAgain(systems []string) {
	c := &f.Case
	for _, s := range systems {
		if !slices.Contains(c.Replan, s) {
			c.Replan = append(c.Replan, s)
		}
	}
	c.GraceUntil = time.Time{}
}

// CancelKey returns the secret of the link that calls an erasure off while its grace lasts: a MAC over the case and the end of
// the grace, hex. It goes to the proven address alone.
func (f *File) CancelKey(ctx context.Context) (string, error) {
	tk, err := f.Tenant(ctx)
	if err != nil {
		return "", fmt.Errorf("reading tenant keys: %w", err)
	}
	return hex.EncodeToString(tk.MAC("cancel", []byte(f.Case.ID+"#"+stamp(f.Case.GraceUntil)))), nil
}

// Cancellable reports whether an erasure can be called off with its link now.
func (c *Case) Cancellable(now time.Time) bool {
	return c.Open() && !c.Stopping() && !c.GraceUntil.IsZero() && now.Before(c.GraceUntil)
}

// Unblocked reports whether an approved plan may be carried out now: its grace is over, and nothing has to be answered before,
// neither another request nor, where the plan changes data, a question to the person.
func (c *Case) Unblocked(now time.Time) bool {
	return c.PlanApproved() && c.After == "" && (!c.Awaits() || !c.Plan.ChangesData()) && (c.GraceDays == 0 || !c.GraceUntil.IsZero() && !now.Before(c.GraceUntil))
}
