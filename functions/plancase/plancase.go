// Package plancase is the step that turns what was located into a plan: which action on which system, by machine or by a person,
// what is known beforehand (nothing held, kept), and for every change the result of its dry run. Nothing is changed before the
// plan as a whole was approved; see reviewplan.
package plancase

import (
	"context"
	"fmt"
	"slices"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/tasks"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// Step is the handler.
type Step struct {
	Cases    *casefile.Store
	Registry *registry.Store
	Packs    *policy.Set
	Worker   func(kind string) string // function name of the worker for a kind of connector
	// Judge compares what the person gave to prove who she is with what was found, under the file's commit.
	Judge func(ctx context.Context, f *casefile.File) (verification.Verdict, error)
}

// Handle plans the case, or the systems of it that must be planned anew: it opens their dry runs, answers tasks until they are
// settled, and then seals the plan.
func (s *Step) Handle(ctx context.Context, in step.Input) (step.Answer, error) {
	o := &tasks.Opener{Worker: s.Worker}
	return step.Run(ctx, s.Cases, in, func(ctx context.Context, f *casefile.File) (step.Answer, error) {
		c := &f.Case
		if c.Stopping() {
			return tasks.Settle(f, step.Close)
		}
		if err := step.Enter(f, dsar.PhasePlan, dsar.InProgress); err != nil {
			return step.Answer{}, err
		}
		if verdict, err := s.Judge(ctx, f); err != nil || verdict == verification.TryAgain {
			return step.To(step.Superseded), err
		}
		if c.Stopping() {
			return tasks.Settle(f, step.Close)
		}
		tenant, err := s.Registry.Tenant(ctx, c.Tenant)
		if err != nil {
			return step.Answer{}, err
		}
		registered, err := s.Registry.Systems(ctx, c.Tenant)
		if err != nil {
			return step.Answer{}, err
		}
		p := &planner{f: f, policy: tenant.Policy.Effective(), systems: scope(f, withSearched(registered, f))}
		if c.Plan == nil || c.Drafting || len(c.Replan) > 0 {
			if !c.Drafting {
				if err := s.ground(p, tenant); err != nil {
					return step.Answer{}, err
				}
			}
			if ans, err := p.draft(registered, o); err != nil || ans.Next != step.Proceed {
				return ans, err
			}
			if err := s.waitForAccess(ctx, p); err != nil {
				return step.Answer{}, err
			}
		}
		return p.next(), nil
	})
}

// withSearched adds the systems that were searched and are no longer registered: what is held there must not vanish from the
// answer, so a person is asked.
func withSearched(systems []registry.System, f *casefile.File) []registry.System {
	systems = slices.Clone(systems)
	for _, t := range f.Tasks {
		known := func(s registry.System) bool { return s.Name == t.System }
		if t.Action == dsar.Locate && !slices.ContainsFunc(systems, known) {
			systems = append(systems, registry.System{Tenant: f.Case.Tenant, Name: t.System})
		}
	}
	return systems
}

// scope leaves the systems that this planning is about: all, or those to be planned anew.
func scope(f *casefile.File, systems []registry.System) []registry.System {
	if len(f.Case.Replan) == 0 {
		return systems
	}
	return slices.DeleteFunc(systems, func(s registry.System) bool { return !slices.Contains(f.Case.Replan, s.Name) })
}

// planner makes one plan.
type planner struct {
	f       *casefile.File
	policy  registry.Policy
	systems []registry.System
}

// draft answers proceed once the plan is sealed.
func (p *planner) draft(registered []registry.System, o *tasks.Opener) (step.Answer, error) {
	c := &p.f.Case
	if !c.Drafting {
		c.Drafting = true
		c.Planning++
		c.PlanDecision = nil
	}
	if p.openDryRuns() {
		return step.Repeat(), nil
	}
	mine := func(t *casefile.Task) bool { return t.Action == dsar.DryRun && t.Planning == c.Planning }
	if ans, err := o.Open(p.f, registered, mine); err != nil || ans.Next != step.Proceed {
		return ans, err
	}
	if more, err := tasks.SettleFirst(p.f); err != nil || more {
		return step.Repeat(), err
	}
	if more, err := p.openActs(); err != nil || more {
		return step.Repeat(), err // the plan itself comes with the last of its tasks
	}
	return step.To(step.Proceed), p.seal()
}

// openDryRuns opens a dry run for every system that a machine is going to change.
func (p *planner) openDryRuns() (more bool) {
	if !plan.Changes(p.f.Case.Right) {
		return false
	}
	opened := 0
	for _, sys := range p.systems {
		if !p.byMachine(sys) || p.f.Planned(sys.Name) != nil {
			continue
		}
		if located := p.f.TaskFor(sys.Name, dsar.Locate); located == nil || !found(located) {
			continue
		}
		if opened++; opened > casefile.Batch {
			return true
		}
		t := p.f.AddTask(sys.Name, dsar.DryRun)
		t.Planning = p.f.Case.Planning
	}
	return false
}

// byMachine reports whether the system serves the right of the case without a person.
func (p *planner) byMachine(sys registry.System) bool {
	right, ok := plan.MachineRight(p.f.Case.Right)
	return ok && !sys.ByPerson && sys.Kind != "" && sys.Serves(right)
}

// openActs opens the task that the right asks for on each system, settled where the outcome is known.
func (p *planner) openActs() (more bool, err error) {
	opened := 0
	for _, sys := range p.systems {
		t := p.f.Act(sys.Name)
		if t != nil && t.Planning == p.f.Case.Planning {
			continue
		}
		if opened++; opened > casefile.Batch {
			return true, nil
		}
		if t == nil || t.Turns > 0 || t.Decision != nil || t.Owner != nil || t.Outcome != "" && t.Because == casefile.Drifted {
			t = p.f.AddTask(sys.Name, plan.ActionFor(p.f.Case.Right)) // what an older task did stays on record
		}
		if err := p.openAct(t, sys); err != nil {
			return false, err
		}
	}
	return false, nil
}

func (p *planner) openAct(t *casefile.Task, sys registry.System) error {
	f := p.f
	t.Planning, t.By, t.Status, t.Outcome, t.Because, t.Collections, t.List, t.Held = f.Case.Planning, plan.Machine, casefile.TaskOpen, "", "", nil, nil, nil
	located, dry := f.TaskFor(sys.Name, dsar.Locate), f.Planned(sys.Name)
	switch {
	case sys.ByPerson:
		t.By = plan.Owner
	case located != nil && located.Outcome == dsar.NothingHeld:
		t.Collections = located.Collections
		t.Done(dsar.NothingHeld, f.Now())
	case located != nil && located.Status == casefile.TaskDone && !found(located):
		// A person left the system out while it was searched: what was not found must not be acted on.
		t.Because, t.Decision = located.Because, located.Decision
		t.Done(located.Outcome, f.Now())
	case dry != nil:
		p.fromDryRun(t, dry)
	case !p.byMachine(sys):
		t.By = plan.Person
	}
	kind := "task_opened"
	if t.Status == casefile.TaskDone {
		kind = "task_settled"
	}
	err := f.TaskEntry(t, kind, evidence.System, map[string]any{"system": sys.Name, "action": t.Action, "by": t.By, "outcome": t.Outcome})
	if err != nil {
		return fmt.Errorf("planning system: %w", err)
	}
	return nil
}

// found reports whether there may be something to act on. What could not be read while searching, unless a person has left the
// system out, is looked at again by the act: a copy has the rest and names it, a dry run asks a person.
func found(located *casefile.Task) bool {
	return located.Outcome == dsar.Found || located.Outcome == dsar.NotDone && located.Decision == nil
}

// fromDryRun takes over what the dry run of a system says.
func (p *planner) fromDryRun(t, dry *casefile.Task) {
	t.List, t.Held = dry.List, dry.Held
	switch dry.Outcome {
	case dsar.Unsupported:
		if changes(dry) > 0 {
			return // what can be done by machine is; the rest is asked of a person afterwards
		}
		if p.f.Case.Right == dsar.Correction && p.concerned() {
			t.Done(dsar.NothingHeld, p.f.Now()) // the field that is to be corrected is not held here
			return
		}
		t.By = plan.Person
	case dsar.Retained:
		t.Collections, t.Because = dry.Collections, because(dry.Collections)
		t.Done(dsar.Retained, p.f.Now())
	case dsar.NothingHeld, dsar.NotDone, dsar.Ambiguous:
		t.Collections, t.Because, t.Decision = dry.Collections, dry.Because, dry.Decision
		t.Done(dry.Outcome, p.f.Now())
	default: // there is something to change, or everything is in its end state already
	}
}

// concerned reports whether any system holds a field that the correction names.
func (p *planner) concerned() bool {
	return slices.ContainsFunc(p.f.Tasks, func(t *casefile.Task) bool {
		return t.Action == dsar.DryRun && t.Planning == p.f.Case.Planning && t.Outcome != dsar.Unsupported && t.Outcome != dsar.NotDone
	})
}

func because(list []casefile.Collection) string {
	for _, c := range list {
		if c.Because != "" {
			return c.Because
		}
	}
	return string(dsar.Keep)
}

// seal writes the plan down.
func (p *planner) seal() error {
	c := &p.f.Case
	limit := c.GrowthLimit
	if limit == 0 {
		limit = p.policy.GrowthLimit
	}
	out := plan.Plan{PreparedBy: evidence.System, GrowthLimit: float64(limit) / 100}
	if n := len(c.Editors); n > 0 {
		out.PreparedBy = c.Editors[n-1]
	}
	for _, sys := range p.systems {
		t := p.f.Act(sys.Name)
		if t == nil {
			return fault.New(fault.Internal, "a system of the plan has no task")
		}
		s, err := p.part(t)
		if err != nil {
			return err
		}
		out.Systems = append(out.Systems, s)
	}
	if err := out.Seal(); err != nil {
		return err
	}
	c.Plan, c.Drafting, c.Replan, c.GraceDays = &out, false, nil, 0
	if c.Right == dsar.Erasure && out.ChangesData() {
		c.GraceDays = p.policy.GraceDays
	}
	if err := p.f.Entry("planned", evidence.System, map[string]any{"hash": out.Hash, "systems": len(out.Systems), "planning": c.Planning, "kept": kept(c)}); err != nil {
		return err
	}
	if !p.needsReview() {
		return p.f.ApproveUnattended()
	}
	return nil
}

// part is what the plan says about the system of a task.
func (p *planner) part(t *casefile.Task) (plan.System, error) {
	out := plan.System{Name: t.System, Action: t.Action, By: t.By}
	if t.Status == casefile.TaskDone {
		out.Outcome = t.Outcome
	}
	if dry := p.f.Planned(t.System); dry != nil {
		list, err := casefile.ListOf[planList](dry)
		if err != nil {
			return out, err
		}
		out.ListHash = list.Hash
		for _, n := range list.Counts {
			out.Collections = append(out.Collections, plan.Collection(n))
		}
		return out, nil
	}
	if located := p.f.TaskFor(t.System, dsar.Locate); located != nil {
		for _, c := range located.Collections {
			out.Collections = append(out.Collections, plan.Collection{Name: c.Name, Action: string(t.Action), Records: c.Records})
		}
	}
	return out, nil
}

// planList is what the plan states of the engine's reference to a sealed list.
type planList struct {
	Hash   string `json:"hash"`
	Counts []struct {
		Name    string `json:"name"`
		Action  string `json:"action"`
		Records int64  `json:"records"`
		Because string `json:"because"`
		Reason  string `json:"reason"`
		Before  string `json:"before"`
		After   string `json:"after"`
	} `json:"counts"`
}

func changes(dry *casefile.Task) (n int64) {
	list, err := casefile.ListOf[planList](dry)
	if err != nil {
		return 0 // there is no list to act on
	}
	for _, c := range list.Counts {
		if c.Action != plan.Keep {
			n += c.Records
		}
	}
	return n
}

// needsReview says whether a person must approve: whenever a machine is going to change data, unless the tenant lets plans pass
// in which every such system is on autopilot, no exemption is past its review, and the law leaves nothing to be weighed.
func (p *planner) needsReview() bool {
	pl := p.f.Case.Plan
	if !pl.ByMachine() {
		return false
	}
	if !p.policy.UnattendedChanges || p.policy.ReviewAlways || p.f.Case.Verification.ForPerson() || p.f.Case.Planning > 1 || p.f.Case.Weighs {
		return true
	}
	today := p.f.Now().Format("2006-01-02")
	for _, s := range pl.Systems {
		i := slices.IndexFunc(p.systems, func(sys registry.System) bool { return sys.Name == s.Name })
		if s.Machine() && (i < 0 || !p.systems[i].Autopilot) {
			return true
		}
		if i >= 0 && slices.ContainsFunc(p.systems[i].Exemptions, func(x registry.Exemption) bool { return x.ReviewBy != "" && x.ReviewBy < today }) {
			return true
		}
	}
	return false
}

// next says where a planned case goes: to a person, to waiting, or on.
func (p *planner) next() step.Answer {
	if p.f.Case.Unblocked(p.f.Now()) {
		return step.To(step.Proceed)
	}
	return step.To(step.Review)
}

// maxOther bounds how many of the newest requests of one address are looked at.
const maxOther = 50

// waitForAccess makes an erasure wait for an access of the same person that is under way: what is erased can no longer be given.
func (s *Step) waitForAccess(ctx context.Context, p *planner) error {
	c := &p.f.Case
	if c.Right != dsar.Erasure || c.After != "" || !c.Plan.ChangesData() {
		return nil
	}
	person, err := p.f.Person()
	if err != nil {
		return err
	}
	ids, err := s.Cases.ByIdentifier(ctx, c.Tenant, person.Email, maxOther)
	if err != nil {
		return fmt.Errorf("looking for an access of the same person: %w", err)
	}
	for _, id := range ids {
		if id == c.ID {
			continue
		}
		o, err := s.Cases.Load(ctx, c.Tenant, id)
		if fault.Has(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading a request of the same person: %w", err)
		}
		if oc := &o.Case; oc.Right.Discloses() && oc.Open() && !oc.Answered && !oc.Stopping() && !oc.Verification.VerifiedAt.IsZero() {
			return p.f.WaitFor(o)
		}
	}
	return nil
}
