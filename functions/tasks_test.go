package functions_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/connectors/memory"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/tasks"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

func (r *rig) task(c casefile.Case, system string, action dsar.Action) *casefile.Task {
	r.t.Helper()
	t := r.load(c).TaskFor(system, action)
	if t == nil {
		r.t.Fatalf("there is no task %s on %s", action, system)
	}
	return t
}

// rounds plays the systems: each round finds one identifier more, for ever.
func TestLocatingEndsAfterFourRounds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	r.register("files", func(s *registry.System) { s.Dataset = strings.ReplaceAll(s.Dataset, ", identity: customer_id", "") })
	c := r.create()
	r.verify(c)
	for round := 1; round <= casefile.MaxRounds; round++ {
		a := r.next("OpenTasks", c, step.Tasks, with("phase", "locate"))
		if want := map[bool]int{true: 2, false: 1}[round == 1]; len(a.Items) != want {
			t.Fatalf("round %d searches %d systems, want %d: what was found is a customer number", round, len(a.Items), want)
		}
		r.change(c, func(f *casefile.File) error {
			for _, it := range a.Items {
				task := f.Task(it.TaskID)
				found, err := subject.New(subject.CustomerID, fmt.Sprintf("%d-%s", round, task.System))
				if err != nil {
					return err
				}
				if task.Sealed, err = casefile.SealIdentifiers(f.Keys, task.ID, []subject.Identifier{found}); err != nil {
					return err
				}
				task.Turns++
				task.Done(dsar.Found, f.Now())
				if err := f.TaskEntry(task, "task_finished", evidence.System, nil); err != nil {
					return err
				}
			}
			return nil
		})
	}
	r.next("OpenTasks", c, step.Proceed, with("phase", "locate"))
	if got := r.one(c).Round; got != casefile.MaxRounds || r.count(c, "round_opened") != casefile.MaxRounds {
		t.Errorf("%d rounds", got)
	}
	r.verified(c)
}

func TestIdentifiersFoundBySystemsOpenTheNextRound(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	r.person("c-1", ada, "Ada")
	r.person("c-2", bob, "Bob")
	c := r.create()
	r.verify(c)
	r.locate(c)
	p, err := r.load(c).Person()
	r.ok(err)
	if len(p.Located) != 1 || p.Located[0].Reveal() != (subject.Revealed{Kind: subject.CustomerID, Value: "c-1"}) {
		t.Errorf("located %d identifiers", len(p.Located))
	}
	if got := r.one(c).Round; got != 2 {
		t.Errorf("%d rounds, want one that finds and one that finds nothing new", got)
	}
}

func TestATaskThatIsLostThreeTimesGoesToAPerson(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	r.person("c-1", ada, "Ada")
	c := r.create()
	r.verify(c)
	parts := map[int]bool{}
	for n := range tasks.MaxLost + 2 {
		a := r.next("OpenTasks", c, step.Tasks, with("phase", "locate"))
		if parts[a.Items[0].Part] {
			t.Fatalf("part %d is used twice in a generation", a.Items[0].Part)
		}
		parts[a.Items[0].Part] = true
		task := r.task(c, "shop", dsar.Locate)
		if asked := task.Asked != nil; asked != (n >= tasks.MaxLost) {
			t.Errorf("after %d lost parts a person is asked: %t", n, asked)
		}
	}
	task := r.task(c, "shop", dsar.Locate)
	if task.Asked.Why != "lost" || r.count(c, "person_asked") != 1 {
		t.Errorf("asked %+v", task.Asked)
	}
	r.next("RunTask", c, step.TaskPerson, with("taskId", task.ID))
	_, token := r.token()
	r.next("AskPerson", c, step.TaskPerson, with("taskId", task.ID), token)
	if got := r.one(c).Status; got != dsar.AwaitingPerson {
		t.Errorf("status is %s", got)
	}
	r.change(c, func(f *casefile.File) error {
		return f.DecideTask(f.Task(task.ID), "staff:01", "retry", redact.Text{})
	})
	r.drain()
	r.next("RunTask", c, step.TaskMore, with("taskId", task.ID))
	r.next("RunTask", c, step.TaskFinished, with("taskId", task.ID))
	if got := r.task(c, "shop", dsar.Locate); got.Outcome != dsar.Found || got.Lost != 0 {
		t.Errorf("after the retry: %+v", got.Outcome)
	}
}

func TestAPartThatTookATurnIsNotLost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	c := r.create()
	r.verify(c)
	r.next("OpenTasks", c, step.Tasks, with("phase", "locate"))
	for range 5 {
		r.change(c, func(f *casefile.File) error { f.Tasks[0].Turns++; return nil })
		r.next("OpenTasks", c, step.Tasks, with("phase", "locate"))
	}
	if got := r.task(c, "shop", dsar.Locate); got.Lost != 0 || got.Asked != nil {
		t.Errorf("lost %d times", got.Lost)
	}
}

func TestASystemThatIsAwayIsWaitedForLongerAndLonger(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	r.person("c-1", ada, "Ada")
	c := r.create()
	r.verify(c)
	a := r.next("OpenTasks", c, step.Tasks, with("phase", "locate"))
	away := fault.New(fault.Unavailable, "away")
	r.system.Intercept(func(context.Context, memory.Point) error { return away })
	last := 0
	for range 12 {
		got := r.next("RunTask", c, step.TaskWaiting, with("taskId", a.Items[0].TaskID))
		if got.WaitSeconds < last || got.WaitSeconds < 1 || got.WaitSeconds > 900 {
			t.Errorf("wait %d s after %d s", got.WaitSeconds, last)
		}
		last = got.WaitSeconds
	}
	if last != 900 {
		t.Errorf("the last wait is %d s, want 900", last)
	}
	if got := r.task(c, "shop", dsar.Locate); got.Status != casefile.TaskWaiting || got.Fault != "unavailable" || got.Asked != nil {
		t.Errorf("task is %s with fault %q", got.Status, got.Fault)
	}
	r.system.Intercept(nil)
	r.next("RunTask", c, step.TaskFinished, with("taskId", a.Items[0].TaskID))
}

func TestASystemThatIsSetUpWronglyAsksAPerson(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	c := r.create()
	r.verify(c)
	a := r.next("OpenTasks", c, step.Tasks, with("phase", "locate"))
	r.ok(r.set.Registry.DeleteSystem(t.Context(), tenant, "shop"))
	r.next("RunTask", c, step.TaskPerson, with("taskId", a.Items[0].TaskID))
	if got := r.task(c, "shop", dsar.Locate); got.Asked.Why != "not_found" || !strings.Contains(got.Asked.Text, "no longer registered") {
		t.Errorf("asked %+v", got.Asked)
	}
	r.next("RunTask", c, step.TaskPerson, with("taskId", a.Items[0].TaskID)) // asking again changes nothing
	if r.count(c, "person_asked") != 1 {
		t.Error("a person is asked twice")
	}
}

func TestWhatSeveralPeopleMayBeMeantByIsNotDisclosed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	r.person("c-1", ada, "Ada")
	r.person("c-2", ada, "Another Ada")
	c := r.create()
	r.verify(c)
	a := r.next("OpenTasks", c, step.Tasks, with("phase", "locate"))
	r.next("RunTask", c, step.TaskPerson, with("taskId", a.Items[0].TaskID))
	got := r.task(c, "shop", dsar.Locate)
	if got.Asked.Why != "ambiguous" || got.Outcome != dsar.Ambiguous || len(got.Sealed) != 0 {
		t.Errorf("asked %+v, outcome %s", got.Asked, got.Outcome)
	}
	r.change(c, func(f *casefile.File) error {
		return f.DecideTask(f.Task(got.ID), "staff:01", "not_identifiable", redact.NewText("two customers share it"))
	})
	r.drain()
	r.next("OpenTasks", c, step.Close, with("phase", "locate"))
	r.next("CloseCase", c, step.Proceed)
	if status := r.one(c).Status; status != dsar.NotIdentifiable {
		t.Errorf("status is %s", status)
	}
}

// decide answers the question of a task and has it carried out.
func (r *rig) decide(c casefile.Case, id, outcome string) {
	r.t.Helper()
	r.change(c, func(f *casefile.File) error {
		return f.DecideTask(f.Task(id), "staff:01", outcome, redact.NewText("as we were told"))
	})
	r.drain()
	r.step("RunTask", c, with("taskId", id))
}

func TestDecisionsAreCarriedOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.person("c-1", ada, "Ada")
	for _, d := range []struct {
		right   dsar.Right
		outcome string
		want    dsar.Outcome
		because string
	}{
		{dsar.Access, "done", dsar.Found, ""},
		{dsar.Erasure, "done", dsar.Erased, ""},
		{dsar.Correction, "done", dsar.Corrected, ""},
		{dsar.Restriction, "done", dsar.Restricted, ""},
		{dsar.Objection, "done", dsar.Restricted, ""},
		{dsar.WithdrawConsent, "done", dsar.Erased, ""},
		{dsar.Erasure, "retained", dsar.Retained, "keep"},
		{dsar.Erasure, "nothing_held", dsar.NothingHeld, ""},
		{dsar.Erasure, "not_done", dsar.NotDone, ""},
	} {
		byMachine := dsar.Erasure // which is not what is asked for
		if d.right == dsar.Erasure {
			byMachine = dsar.Access
		}
		r.register("shop", func(s *registry.System) { s.Rights = []dsar.Right{byMachine} })
		c := r.create(func(o *casefile.Opening) { o.Right = d.right })
		r.verify(c)
		r.locate(c)
		r.next("PlanCase", c, step.Proceed)
		a := r.next("OpenTasks", c, step.Tasks, with("phase", "run"))
		r.next("RunTask", c, step.TaskPerson, with("taskId", a.Items[0].TaskID))
		r.change(c, func(f *casefile.File) error { f.Tasks[1].Parts = []byte(`[{"name":"half"}]`); return nil })
		r.decide(c, a.Items[0].TaskID, d.outcome)
		got := r.task(c, "shop", plan.ActionFor(d.right))
		if got.Status != casefile.TaskDone || got.Outcome != d.want || got.Because != d.because || len(got.Parts) != 0 {
			t.Errorf("%s decided as %s: %s %s %q, parts %s", d.right, d.outcome, got.Status, got.Outcome, got.Because, got.Parts)
		}
		r.next("OpenTasks", c, step.Proceed, with("phase", "run"))
		r.next("AssembleResponse", c, step.Proceed)
		r.next("DeliverResponse", c, step.Proceed)
		r.next("CloseCase", c, step.Proceed)
		status := dsar.Fulfilled
		if d.want == dsar.NotDone {
			status = dsar.PartlyFulfilled
		}
		if got := r.one(c); got.Status != status || got.Answer != d.want {
			t.Errorf("%s decided as %s: the case is %s with %s", d.right, d.outcome, got.Status, got.Answer)
		}
		r.verified(c)
	}
}

func TestARetryForgetsWhatTheFailedAttemptRead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	r.person("c-1", ada, "Ada")
	c := r.create()
	r.toRun(c)
	r.change(c, func(f *casefile.File) error {
		task := f.TaskFor("shop", dsar.ReadOut)
		task.Status, task.Outcome = casefile.TaskOpen, ""
		task.Ask("failed", "What now?", f.Now(), casefile.AnswersForFailure)
		return nil
	})
	id := r.task(c, "shop", dsar.ReadOut).ID
	r.decide(c, id, "retry")
	r.next("RunTask", c, step.TaskFinished, with("taskId", id))
	if got := r.task(c, "shop", dsar.ReadOut); strings.Count(string(got.Parts), `"sha256"`) != 1 {
		t.Errorf("parts are %s", got.Parts)
	}
}

func TestPlansForEveryRight(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop", func(s *registry.System) { s.Rights = []dsar.Right{dsar.Access, dsar.Erasure} })
	r.register("crm", func(s *registry.System) { s.Rights = []dsar.Right{dsar.Erasure} })
	r.person("c-1", ada, "Ada")
	for _, right := range dsar.Rights() {
		c := r.create(func(o *casefile.Opening) { o.Right = right })
		r.verify(c)
		r.locate(c)
		next := r.plan(c)
		if want := map[bool]string{true: step.Review, false: step.Proceed}[right == dsar.Erasure]; next != want {
			t.Errorf("%s: the plan goes to %s, want %s", right, next, want)
		}
		p := r.one(c).Plan
		if p == nil || len(p.Systems) != 2 || p.Hash == "" {
			t.Fatalf("%s: the plan is %+v", right, p)
		}
		for _, s := range p.Systems {
			machine := right == dsar.Erasure || right.Discloses() && s.Name == "shop"
			if s.Action != plan.ActionFor(right) || (s.By == plan.Machine) != machine || s.Outcome != "" || len(s.Collections) != 1 {
				t.Errorf("%s: %+v", right, s)
			}
		}
		tasks := len(r.load(c).Tasks)
		if again := r.plan(c); again != next {
			t.Errorf("%s: a repeated step says %s", right, again)
		}
		if again := r.one(c); again.Plan.Hash != p.Hash || len(r.load(c).Tasks) != tasks {
			t.Errorf("%s: a repeated step planned again", right)
		}
	}
}

func TestPlanOfWhatIsNotHeldOrWasLeftOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	r.register("crm")
	c := r.create()
	r.verify(c)
	a := r.next("OpenTasks", c, step.Tasks, with("phase", "locate"))
	r.change(c, func(f *casefile.File) error {
		f.TaskFor("crm", dsar.Locate).Ask("failed", "What now?", f.Now(), casefile.AnswersForFailure)
		return nil
	})
	r.decide(c, r.task(c, "crm", dsar.Locate).ID, "not_done")
	r.run(c, a.Items)
	r.locate(c)
	r.next("PlanCase", c, step.Proceed)
	shop, crm := r.task(c, "shop", dsar.ReadOut), r.task(c, "crm", dsar.ReadOut)
	if shop.Outcome != dsar.NothingHeld || shop.Status != casefile.TaskDone || crm.Outcome != dsar.NotDone || crm.Status != casefile.TaskDone {
		t.Errorf("shop %s %s, crm %s %s", shop.Status, shop.Outcome, crm.Status, crm.Outcome)
	}
	if words, err := r.load(c).Reason(crm.Decision); err != nil || words.Reveal() != "as we were told" {
		t.Errorf("the reason of what was left out is lost: %v", err)
	}
	r.next("OpenTasks", c, step.Proceed, with("phase", "run"))
}

// A system that was searched and then taken out of the registry must not vanish from the answer.
func TestASystemThatWasTakenAwayIsInThePlan(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	r.person("c-1", ada, "Ada")
	c := r.create()
	r.verify(c)
	r.locate(c)
	r.ok(r.set.Registry.DeleteSystem(t.Context(), tenant, "shop"))
	r.next("PlanCase", c, step.Proceed)
	if p := r.one(c).Plan; len(p.Systems) != 1 || p.Systems[0].By != plan.Person {
		t.Errorf("the plan is %+v", p)
	}
	r.next("OpenTasks", c, step.Tasks, with("phase", "run"))
	if got := r.task(c, "shop", dsar.ReadOut); got.Asked == nil {
		t.Error("nobody is asked about it")
	}
}

func TestAStoppedCaseRunsNoTask(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	c := r.create()
	r.verify(c)
	a := r.next("OpenTasks", c, step.Tasks, with("phase", "locate"))
	r.change(c, func(f *casefile.File) error { return f.Withdraw(evidence.Subject, redact.Text{}) })
	r.system.Intercept(func(context.Context, memory.Point) error {
		t.Error("the system was asked")
		return nil
	})
	r.next("RunTask", c, step.TaskFinished, with("taskId", a.Items[0].TaskID))
	r.next("RunTask", c, step.TaskSuperseded, with("taskId", dsar.NewID()))
	r.next("OpenTasks", c, step.Close, with("phase", "locate"))
	r.next("PlanCase", c, step.Close)
	if _, err := r.try("OpenTasks", r.create(), with("phase", "elsewhere")); !fault.Has(err, fault.Invalid) {
		t.Errorf("a phase that does not exist: %v", err)
	}
}

func TestAwaitSystemLeavesATokenUntilTheTaskIsSettled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	c := r.create()
	r.verify(c)
	a := r.next("OpenTasks", c, step.Tasks, with("phase", "locate"))
	token, with1 := r.token()
	r.next("AwaitSystem", c, step.TaskSystem, with("taskId", a.Items[0].TaskID), with1)
	r.drain()
	if r.engine.tokens[token] != "" {
		t.Fatal("answered before anything happened")
	}
	r.run(c, a.Items)
	r.change(c, func(f *casefile.File) error { f.Signal(); return nil })
	r.drain()
	if !strings.Contains(r.engine.tokens[token], step.TaskMore) {
		t.Errorf("answered with %s", r.engine.tokens[token])
	}
	r.now = r.now.Add(time.Minute)
	late, with2 := r.token()
	r.next("AwaitSystem", c, step.TaskSystem, with("taskId", a.Items[0].TaskID), with2)
	r.drain()
	if r.engine.tokens[late] == "" {
		t.Error("a settled task is waited for")
	}
}
