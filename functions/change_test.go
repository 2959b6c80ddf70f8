package functions_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/hold"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

var changing = []dsar.Right{dsar.Access, dsar.Correction, dsar.Erasure, dsar.Restriction}

// states are the states of the case machine behind each phase.
var states = map[dsar.Phase]string{
	dsar.PhaseLocate: "LocateRound", dsar.PhasePlan: "PlanCase", dsar.PhaseReviewPlan: "ReviewPlan", dsar.PhaseRun: "OpenTasks",
	dsar.PhaseAssemble: "AssembleResponse", dsar.PhaseReviewResponse: "ReviewResponse", dsar.PhaseDeliver: "DeliverResponse", dsar.PhaseClose: "CloseCase",
}

// after says where the case machine goes from a state with an answer.
var after = map[string]string{
	"LocateRound/proceed": "PlanCase", "PlanCase/proceed": "OpenTasks", "PlanCase/review": "ReviewPlan", "ReviewPlan/proceed": "OpenTasks",
	"ReviewPlan/edited": "PlanCase", "ReviewPlan/again": "ReviewPlan", "OpenTasks/proceed": "AssembleResponse", "OpenTasks/replan": "PlanCase",
	"AssembleResponse/more": "AssembleResponse", "AssembleResponse/review": "ReviewResponse", "AssembleResponse/proceed": "DeliverResponse",
	"ReviewResponse/proceed": "DeliverResponse", "ReviewResponse/again": "ReviewResponse", "DeliverResponse/proceed": "CloseCase",
}

// drive plays the case machine from the case's phase until it waits for somebody or ends, and returns the state it stopped in.
func (r *rig) drive(c casefile.Case) string {
	r.t.Helper()
	state := states[r.one(c).Phase]
	for range 60 {
		next, stopped := r.visit(c, state)
		switch {
		case stopped:
			return next
		case next == step.Tasks: // the Map is over: look again, unless the case was taken over meanwhile
			phase := r.one(c).Phase
			if state = states[phase]; phase == dsar.PhaseLocate {
				state = "LocateRound"
			}
			continue
		case next == step.Close:
			state = "CloseCase"
			continue
		}
		to, ok := after[state+"/"+next]
		if !ok {
			r.t.Fatalf("%s answers %q, which no Choice knows", state, next)
		}
		state = to
	}
	r.t.Fatal("the case does not come to an end")
	return ""
}

// visit plays one state; stopped says that next is where the case stops.
func (r *rig) visit(c casefile.Case, state string) (next string, stopped bool) {
	r.t.Helper()
	switch state {
	case "ReviewPlan", "ReviewResponse":
		token, edit := r.token()
		if a := r.step(state, c, edit); a.Next == step.Superseded {
			return a.Next, true
		}
		r.drain()
		out := r.engine.tokens[token]
		if out == "" {
			return state, true
		}
		var a answer
		r.ok(json.Unmarshal([]byte(out), &a))
		return a.Next, a.Next == step.Superseded
	case "LocateRound", "OpenTasks", "PlanCase":
		name, phase := "OpenTasks", "locate"
		if state != "LocateRound" {
			name, phase = state, "run"
		}
		a := r.step(name, c, with("phase", phase))
		if a.Next == step.Tasks {
			return r.items(c, a.Items)
		}
		return a.Next, a.Next == step.Superseded
	}
	next = r.step(state, c).Next
	r.drain()
	if state == "CloseCase" {
		return "Closed", true
	}
	return next, next == step.Superseded
}

// items plays a Map; it stops where somebody or a system is waited for.
func (r *rig) items(c casefile.Case, items []step.Item) (next string, stopped bool) {
	r.t.Helper()
	generation := r.one(c).Generation
	r.run(c, items)
	r.drain()
	if r.one(c).Generation != generation {
		return step.Tasks, false
	}
	for _, i := range items {
		switch t := r.load(c).Task(i.TaskID); {
		case t.Asked != nil && t.Decision == nil:
			return "AskPerson", true
		case t.Status == casefile.TaskWaiting:
			return "Pause", true
		}
	}
	return step.Tasks, false
}

// opened makes a verified request, ready to be located.
func (r *rig) opened(right dsar.Right, edit ...func(*casefile.Opening)) casefile.Case {
	r.t.Helper()
	c := r.create(append([]func(*casefile.Opening){func(o *casefile.Opening) { o.Right = right }}, edit...)...)
	r.verify(c)
	r.drain()
	r.change(c, func(f *casefile.File) error { f.Case.Phase = dsar.PhaseLocate; return nil })
	return c
}

func (r *rig) approve(c casefile.Case) {
	r.t.Helper()
	r.change(c, func(f *casefile.File) error {
		return f.DecidePlan("staff:02", casefile.Approve, f.Case.Plan.Hash, redact.Text{})
	})
	r.drain()
}

// stops holds a case to the state in which it waits.
func (r *rig) stops(c casefile.Case, want string) {
	r.t.Helper()
	if got := r.drive(c); got != want {
		r.t.Fatalf("the case stops in %s, want %s (phase %s, status %s)", got, want, r.one(c).Phase, r.one(c).Status)
	}
}

func (r *rig) holds(id string) bool {
	return slices.ContainsFunc(r.system.Records(), func(rec *connector.Record) bool { return rec.Key[0].RevealText() == id })
}

func TestAnErasureIsPlannedApprovedDoneAndVerified(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop", func(s *registry.System) { s.Rights = changing })
	r.person("c-1", ada, "Ada")
	r.person("c-2", bob, "Bob")
	c := r.opened(dsar.Erasure)
	r.stops(c, "ReviewPlan")
	if p := r.one(c).Plan; len(p.Systems) != 1 || len(p.Systems[0].Collections) != 1 || p.Systems[0].Collections[0].Action != "delete" || p.Systems[0].Collections[0].Records != 1 {
		t.Fatalf("the plan is %+v", p)
	}
	if !r.holds("c-1") {
		t.Fatal("a dry run erased something")
	}
	r.approve(c)
	r.stops(c, "Closed")
	act := r.task(c, "shop", dsar.Erase)
	if r.holds("c-1") || !r.holds("c-2") || act.VerifiedAt.IsZero() || act.Outcome != dsar.Erased {
		t.Errorf("Ada is there: %t, Bob: %t, verified %s, outcome %s", r.holds("c-1"), r.holds("c-2"), act.VerifiedAt, act.Outcome)
	}
	if one := r.one(c); one.Status != dsar.Fulfilled || one.Answer != dsar.Erased {
		t.Errorf("the case is %s with %s", one.Status, one.Answer)
	}
	if list, err := r.set.Erasures.ErasedBefore(t.Context(), tenant, identifier(t, ada)); err != nil || len(list) != 1 {
		t.Errorf("the ledger knows of %d erasures: %v", len(list), err)
	}
	r.verified(c)
}

const orders = `      - name: orders
        fields:
          - {name: no, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
          - name: customer
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}
`

func records(p *plan.Plan) (n int64) {
	for _, s := range p.Systems {
		for _, c := range s.Collections {
			n += c.Records
		}
	}
	return n
}

func identifier(t testing.TB, address string) subject.Identifier {
	t.Helper()
	i, err := subject.New(subject.Email, address)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestADriftIsPlannedAgainAndAskedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop", func(s *registry.System) {
		s.Rights = changing
		s.Dataset = fmt.Sprintf(dataMap, "shop") + orders
	})
	r.person("c-1", ada, "Ada")
	order := func(n int) {
		r.system.Put(&connector.Record{Collection: "orders", Key: connector.Key{connector.Int(int64(n))}, Fields: []connector.Field{
			{Name: "no", Value: connector.Int(int64(n))}, {Name: "customer", Value: connector.Text("c-1")},
		}})
	}
	order(1)
	c := r.opened(dsar.Erasure)
	r.stops(c, "ReviewPlan")
	first := r.one(c).Plan.Hash
	r.approve(c)
	for n := range 30 { // more than the growth limit lets come on top
		order(10 + n)
	}
	r.stops(c, "ReviewPlan")
	one := r.one(c)
	if one.Plan.Hash == first || records(one.Plan) != 32 || one.Status != dsar.AwaitingReview {
		t.Fatalf("after a drift the case is %s with plan %+v", one.Status, one.Plan)
	}
	if !r.holds("c-1") {
		t.Error("a drifted system was changed")
	}
	r.approve(c)
	r.stops(c, "Closed")
	if r.holds("c-1") || r.holds("17") || r.one(c).Status != dsar.Fulfilled {
		t.Errorf("the case is %s", r.one(c).Status)
	}
	r.verified(c)
}

func TestAnEditedPlanIsNotApprovedByWhoEditedIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop", func(s *registry.System) { s.Rights = changing })
	r.person("c-1", ada, "Ada")
	c := r.opened(dsar.Erasure)
	r.stops(c, "ReviewPlan")
	keep := casefile.PlanEdit{Exempt: []casefile.Exemption{{System: "shop", Collection: "customer", Citation: "HGB s. 257"}}}
	r.change(c, func(f *casefile.File) error {
		return f.EditPlan("staff:02", f.Case.Plan.Hash, keep, redact.NewText("tax"))
	})
	r.drain()
	// Nothing is left to change by machine: there is nothing to approve, and the record is kept with its reason.
	r.stops(c, "Closed")
	act := r.task(c, "shop", dsar.Erase)
	if !r.holds("c-1") || act.Outcome != dsar.Retained || act.Because != string(dsar.Exemption) {
		t.Errorf("the act is %s because of %q", act.Outcome, act.Because)
	}
	if !strings.Contains(r.text(c, "done"), "HGB s. 257") {
		t.Error("the letter does not say why")
	}

	c = r.opened(dsar.Erasure)
	r.stops(c, "ReviewPlan")
	r.change(c, func(f *casefile.File) error {
		return f.EditPlan("staff:02", f.Case.Plan.Hash, casefile.PlanEdit{GrowthLimit: 10}, redact.NewText("busy"))
	})
	r.drain()
	r.stops(c, "ReviewPlan")
	f := r.load(c)
	if err := f.DecidePlan("staff:02", casefile.Approve, f.Case.Plan.Hash, redact.Text{}); err == nil {
		t.Error("the editor approves")
	}
	r.change(c, func(f *casefile.File) error {
		return f.DecidePlan("staff:03", casefile.Approve, f.Case.Plan.Hash, redact.Text{})
	})
	r.drain()
	r.stops(c, "Closed")
	if r.holds("c-1") {
		t.Error("the approved plan was not carried out")
	}
}

func TestAGraceCanBeCalledOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop", func(s *registry.System) { s.Rights = changing })
	tn, err := r.set.Registry.Tenant(t.Context(), tenant)
	r.ok(err)
	tn.Policy.GraceDays = 3
	r.ok(r.set.Registry.PutTenant(t.Context(), tn))
	r.person("c-1", ada, "Ada")
	c := r.opened(dsar.Erasure)
	r.stops(c, "ReviewPlan")
	r.approve(c)
	r.stops(c, "ReviewPlan")
	if one := r.one(c); !one.Cancellable(r.now) || one.Status != dsar.InProgress || !strings.Contains(r.text(c, "grace"), "/cancel?k=") {
		t.Fatalf("the grace ends %s, status %s", one.GraceUntil, one.Status)
	}
	r.now = r.now.AddDate(0, 0, 2)
	r.stops(c, "ReviewPlan")
	r.now = r.now.AddDate(0, 0, 1).Add(time.Minute)
	r.stops(c, "Closed")
	if r.holds("c-1") || r.one(c).Status != dsar.Fulfilled {
		t.Error("the erasure did not go on after its grace")
	}
}

func TestAHoldKeepsAndItsReleaseIsNotLost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop", func(s *registry.System) { s.Rights = changing })
	r.person("c-1", ada, "Ada")
	h, err := r.set.Holds.Place(t.Context(), hold.Hold{Tenant: tenant, Scope: hold.Subject, PlacedBy: "staff:01"},
		hold.Details{Identifier: identifier(t, "ADA@example.com"), Reason: redact.NewText("lawsuit")})
	r.ok(err)
	c := r.opened(dsar.Erasure)
	r.stops(c, "Closed")
	act := r.task(c, "shop", dsar.Erase)
	if !r.holds("c-1") || act.Outcome != dsar.Retained || act.Because != string(dsar.Hold) || r.one(c).Status != dsar.Fulfilled {
		t.Fatalf("under a hold the act is %s because of %q, the case %s", act.Outcome, act.Because, r.one(c).Status)
	}
	ids, err := r.set.Holds.Cases(t.Context(), tenant, h.ID, 10)
	if err != nil || !slices.Equal(ids, []string{c.ID}) {
		t.Errorf("the hold kept something of %v, %v", ids, err)
	}
	_, err = r.set.Holds.Release(t.Context(), tenant, h.ID, "staff:01")
	r.ok(err)
	due := r.one(c).Due.At
	r.change(c, func(f *casefile.File) error { return f.Reopen("staff:01", "hold released", []string{"shop"}) })
	r.drain()
	r.stops(c, "ReviewPlan")
	r.approve(c)
	r.stops(c, "Closed")
	if r.holds("c-1") || !r.one(c).Due.At.Equal(due) || r.one(c).Status != dsar.Fulfilled {
		t.Errorf("after the release the case is %s", r.one(c).Status)
	}
	r.verified(c)
}

func TestAHoldAfterApprovalStopsTheSystem(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop", func(s *registry.System) { s.Rights = changing })
	r.person("c-1", ada, "Ada")
	c := r.opened(dsar.Erasure)
	r.stops(c, "ReviewPlan")
	r.approve(c)
	_, err := r.set.Holds.Place(t.Context(), hold.Hold{Tenant: tenant, Scope: hold.System, System: "shop", PlacedBy: "staff:01"}, hold.Details{Reason: redact.NewText("audit")})
	r.ok(err)
	r.stops(c, "Closed")
	if act := r.task(c, "shop", dsar.Erase); !r.holds("c-1") || act.Outcome != dsar.Retained {
		t.Errorf("the act is %s", act.Outcome)
	}
}

func TestACorrectionReachesEverySystemThatHoldsTheField(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop", func(s *registry.System) { s.Rights = changing })
	r.person("c-1", ada, "Adda")
	r.person("c-2", bob, "Bob")
	c := r.opened(dsar.Correction, func(o *casefile.Opening) {
		o.Person.Corrections = []casefile.Correction{{Field: "name", Value: redact.NewText("Ada")}}
	})
	r.stops(c, "ReviewPlan")
	col := r.one(c).Plan.Systems[0].Collections[0]
	if col.Action != "set" || col.Records != 1 || len(col.Before) != 64 || len(col.After) != 64 || col.Before == col.After {
		t.Fatalf("the plan is %+v", col)
	}
	r.approve(c)
	r.stops(c, "Closed")
	for _, rec := range r.system.Records() {
		name, _ := rec.Value("name")
		want := map[string]string{"c-1": "Ada", "c-2": "Bob"}[rec.Key[0].RevealText()]
		if name.RevealText() != want {
			t.Errorf("%s has another name", rec.Key[0].RevealText())
		}
	}
	if r.one(c).Answer != dsar.Corrected {
		t.Errorf("the answer is %s", r.one(c).Answer)
	}
	r.verified(c)
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop", func(s *registry.System) { s.Rights = changing })
	r.person("c-1", ada, "Ada")
	c := r.opened(dsar.Erasure)
	r.stops(c, "ReviewPlan")
	r.change(c, func(f *casefile.File) error { return f.Pause("staff:01", redact.NewText("asking the lawyers")) })
	r.drain()
	if one := r.one(c); one.Paused == nil || one.Generation != 2 {
		t.Fatalf("paused: %+v", one.Paused)
	}
	r.sweep(48 * time.Hour)
	if one := r.one(c); one.Generation != 2 || one.Operator != nil {
		t.Error("the sweeper woke a paused case")
	}
	r.change(c, func(f *casefile.File) error { return f.Resume("staff:01") })
	r.drain()
	r.stops(c, "ReviewPlan")
	r.approve(c)
	r.stops(c, "Closed")
	if r.holds("c-1") {
		t.Error("the erasure was not done")
	}
	r.verified(c)
}

func TestAWithdrawalWhilePausedEndsTheCase(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop", func(s *registry.System) { s.Rights = changing })
	r.person("c-1", ada, "Ada")
	c := r.opened(dsar.Erasure)
	r.stops(c, "ReviewPlan")
	r.change(c, func(f *casefile.File) error { return f.Pause("staff:01", redact.NewText("asking the lawyers")) })
	r.change(c, func(f *casefile.File) error { return f.Withdraw(evidence.Subject, redact.Text{}) })
	r.drain()
	r.stops(c, "Closed")
	if r.one(c).Status != dsar.Withdrawn || !r.holds("c-1") {
		t.Errorf("the case is %s", r.one(c).Status)
	}
}

func TestAnErasureWaitsForTheAccessOfTheSamePerson(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop", func(s *registry.System) { s.Rights = changing; s.Autopilot = false })
	r.person("c-1", ada, "Ada")
	access, erasure := r.opened(dsar.Access), r.opened(dsar.Erasure)
	r.stops(erasure, "ReviewPlan")
	r.approve(erasure)
	r.stops(erasure, "ReviewPlan")
	if r.one(erasure).After != access.ID || !r.holds("c-1") {
		t.Fatal("the erasure does not wait for the access")
	}
	r.stops(access, "ReviewResponse")
	r.change(access, func(f *casefile.File) error {
		return f.DecideResponse("staff:02", casefile.Approve, f.Case.ResponseHash(), redact.Text{})
	})
	r.drain()
	r.stops(access, "Closed")
	r.stops(erasure, "Closed")
	if r.holds("c-1") || r.one(access).Answer != dsar.Found || r.one(erasure).Answer != dsar.Erased {
		t.Errorf("the access answers %s, the erasure %s", r.one(access).Answer, r.one(erasure).Answer)
	}
}

func TestProceedWithoutASystemAndSupplement(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop", func(s *registry.System) { s.Rights = changing })
	r.register("crm", func(s *registry.System) { s.Rights = changing })
	r.person("c-1", ada, "Ada")
	c := r.opened(dsar.Access)
	r.change(c, func(f *casefile.File) error {
		task := f.AddTask("crm", dsar.Locate)
		f.Case.Round = 1
		f.AddTask("shop", dsar.Locate)
		task.Ask("failed", "What now?", f.Now(), casefile.AnswersForFailure)
		return nil
	})
	r.stops(c, "AskPerson")
	r.change(c, func(f *casefile.File) error {
		return f.ProceedWithout("staff:01", "crm", redact.NewText("It is being moved."))
	})
	r.drain()
	r.stops(c, "Closed")
	one := r.one(c)
	if one.Status != dsar.PartlyFulfilled || r.task(c, "crm", dsar.ReadOut).Outcome != dsar.NotDone || r.task(c, "shop", dsar.ReadOut).Outcome != dsar.Found || len(one.Supplement) != 1 {
		t.Fatalf("the case is %s, supplement %v", one.Status, one.Supplement)
	}
	r.sweep(7 * time.Hour)
	r.drain()
	if !r.one(c).Status.Valid() || r.one(c).Status != dsar.InProgress || func() bool { one := r.one(c); return one.Download() == nil }() {
		t.Fatalf("the case is %s after the system came back", r.one(c).Status)
	}
	r.stops(c, "Closed")
	one = r.one(c)
	if one.Status != dsar.Fulfilled || one.Answers != 2 || r.task(c, "crm", dsar.ReadOut).Outcome != dsar.Found || one.Package == nil {
		t.Errorf("after the supplement the case is %s, answers %d", one.Status, one.Answers)
	}
	r.verified(c)
}
