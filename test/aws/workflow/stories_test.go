package workflow_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	definitions "github.com/habeas-dsar/habeas/infra/workflow"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/workflowtest"
)

// script is what the functions of a story answer, call by call.
type script map[string][]workflowtest.Answer

// says answers with the next step of a case; tasks names "task/worker/part".
func says(next string, tasks ...string) workflowtest.Answer {
	items := []map[string]any{}
	for _, task := range tasks {
		p := strings.Split(task, "/")
		items = append(items, map[string]any{"taskId": p[0], "worker": "${" + p[1] + "}", "part": json.RawMessage(p[2])})
	}
	return workflowtest.Answer{Returns: marshal(map[string]any{"next": next, "items": items})}
}

// decides answers the token of a waiting step of a case.
func decides(next string) workflowtest.Answer {
	return workflowtest.Answer{Token: &workflowtest.TokenAnswer{Output: marshal(map[string]any{"next": next})}}
}

// runs answers with the status of a task or a notice.
func runs(status string, wait int) workflowtest.Answer {
	return workflowtest.Answer{Returns: marshal(map[string]any{"status": status, "waitSeconds": wait})}
}

// settles answers the token of a waiting step of a task or a notice.
func settles(status string) workflowtest.Answer {
	return workflowtest.Answer{Token: &workflowtest.TokenAnswer{Output: marshal(map[string]any{"status": status, "waitSeconds": 0})}}
}

// silent leaves a token open.
func silent() workflowtest.Answer { return workflowtest.Answer{Returns: json.RawMessage(`{}`)} }

func fails(class string) workflowtest.Answer { return workflowtest.Answer{Fails: class} }

func marshal(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only maps of texts and numbers come here
	}
	return b
}

// story is an execution of one of the product's machines.
type story struct {
	machine  string
	input    map[string]any // besides the references
	script   script
	states   string            // visited, in order
	children map[string]string // states of children by name
	calls    map[string]int    // of functions, where they count
	failed   string            // error of an execution that is to fail
	differs  map[string]workflowtest.Difference
}

func (s story) program() workflowtest.Program {
	input := map[string]any{"tenant": "demo", "caseId": "c-1", "generation": 1, "schemaVersion": 1}
	machines := map[string]json.RawMessage{"main": definitions.Machines()[s.machine], "TaskMachine": definitions.Machines()["task"]}
	maps.Copy(input, s.input)
	functions := map[string][]workflowtest.Answer{}
	for _, f := range definitions.Functions() {
		functions[f] = s.script[f]
	}
	maps.Copy(functions, s.script)
	p := workflowtest.Program{Machines: machines, Input: marshal(input), Functions: functions}
	p.Expect = workflowtest.Expectation{Status: workflow.Succeeded, States: strings.Fields(s.states), Count: s.calls, Children: map[string][]string{}}
	if s.failed != "" {
		p.Expect.Status, p.Expect.Error = workflow.Failed, s.failed
	}
	for name, states := range s.children {
		p.Expect.Children["TaskMachine/"+name] = strings.Fields(states)
	}
	return p
}

// The product's machines visit the same states on all three engines, whatever happens to a case.
func TestMachines(t *testing.T) {
	small, other := ministack(t), moto(t)
	harnesses := map[string]workflowtest.Harness{
		"local":     {Deploy: workflowtest.Local},
		"ministack": small.harness(nil, nil),
		"moto":      other.harness(nil, nil),
	}
	for name, s := range stories() {
		for engine, h := range harnesses {
			t.Run(engine+"/"+name, func(t *testing.T) {
				t.Parallel()
				if d, known := s.differs[engine]; known {
					d.Expect(t, func(t testing.TB) { s.program().Run(t, h) })
					return
				}
				s.program().Run(t, h)
			})
		}
	}
}

// begins is how a case goes that needs no decision until it is located, and ends how one is answered.
const (
	begins = "Resume Triage Triaged Acknowledge Acknowledged VerifyIdentity Verified "
	ends   = " AssembleResponse Assembled DeliverResponse Delivered CloseCase Closed"
)

// around completes the script of a case: identity proved, nothing to review.
func around(s script) script {
	usual := script{
		"Triage": {says("proceed")}, "Acknowledge": {says("proceed")}, "VerifyIdentity": {decides("proceed")},
		"AssembleResponse": {says("proceed")}, "DeliverResponse": {says("proceed")}, "CloseCase": {says("close")},
	}
	for f, a := range usual {
		if s[f] == nil {
			s[f] = a
		}
	}
	return s
}

func stories() map[string]story {
	all := map[string]story{}
	for _, group := range []map[string]story{caseStories(), endingStories(), taskStories(), noticeStories(), phaseStories()} {
		maps.Copy(all, group)
	}
	return all
}

func caseStories() map[string]story {
	const child = "Run Ran Turn Enough Run Ran Ended"
	return map[string]story{
		"rounds with direct and child tasks": {
			machine: "case",
			script: around(script{
				"OpenTasks": {
					says("tasks", "a/direct/1", "b/paging/1"), says("tasks", "c/direct/1"), says("proceed"), // locate
					says("tasks", "d/direct/1", "e/paging/1"), says("proceed"), // run
				},
				"PlanCase": {says("proceed")},
				"direct":   {runs("finished", 0)},
				"paging":   {runs("more", 0), runs("more", 0), runs("finished", 0), runs("more", 0), runs("more", 0), runs("finished", 0)},
			}),
			states: begins + "LocateRound Located Locate LocateRound Located Locate LocateRound Located PlanCase Planned " +
				"OpenTasks TasksOpened RunTasks OpenTasks TasksOpened" + ends,
			children: map[string]string{"b-g1-1": child, "e-g1-1": child},
			calls:    map[string]int{"OpenTasks": 5, "direct": 3, "paging": 6},
		},
		"a change with dry runs, an edited plan and a redacted answer": {
			machine: "case",
			script: around(script{
				"OpenTasks":        {says("proceed"), says("tasks", "a/direct/1"), says("proceed")},
				"PlanCase":         {says("tasks", "p/direct/1", "q/direct/1"), says("review"), says("tasks", "p/direct/2"), says("review")},
				"ReviewPlan":       {decides("edited"), decides("again"), decides("proceed")},
				"ReviewResponse":   {decides("redacted"), decides("proceed")},
				"AssembleResponse": {says("more"), says("review"), says("review")},
				"direct":           {runs("finished", 0)},
			}),
			states: begins + "LocateRound Located PlanCase Planned DryRun PlanCase Planned ReviewPlan PlanReviewed PlanCase Planned DryRun " +
				"PlanCase Planned ReviewPlan PlanReviewed ReviewPlan PlanReviewed OpenTasks TasksOpened RunTasks OpenTasks TasksOpened " +
				"AssembleResponse Assembled AssembleResponse Assembled ReviewResponse ResponseReviewed AssembleResponse Assembled " +
				"ReviewResponse ResponseReviewed DeliverResponse Delivered CloseCase Closed",
			calls: map[string]int{"direct": 4, "ReviewPlan": 3, "ReviewResponse": 2},
		},
		"a lost part is opened again": {
			machine: "case",
			script: around(script{
				"OpenTasks": {says("tasks", "a/worker/1"), says("tasks", "a/worker/2"), says("proceed"), says("proceed")},
				"PlanCase":  {says("proceed")},
				"worker":    {runs("person", 0), runs("person", 0), runs("finished", 0)},
				"AskPerson": {{Token: &workflowtest.TokenAnswer{Error: "broken"}}},
			}),
			states:   begins + "LocateRound Located Locate LocateRound Located Locate LocateRound Located PlanCase Planned OpenTasks TasksOpened" + ends,
			children: map[string]string{"a-g1-1": "Run Ran AskPerson"},
			calls:    map[string]int{"worker": 3, "AskPerson": 1},
		},
		"a worker that fails at once goes on in a child": {
			machine: "case",
			script: around(script{
				"OpenTasks": {says("tasks", "a/worker/1"), says("proceed"), says("proceed")},
				"PlanCase":  {says("proceed")},
				"worker":    {fails("misconfigured"), runs("finished", 0)},
			}),
			states:   begins + "LocateRound Located Locate LocateRound Located PlanCase Planned OpenTasks TasksOpened" + ends,
			children: map[string]string{"a-g1-1": "Run Ran Ended"},
		},
		"a plan made anew and a supplement": {
			machine: "case",
			script: around(script{
				"OpenTasks":       {says("replan"), says("replan"), says("proceed"), says("proceed")},
				"PlanCase":        {says("proceed")},
				"DeliverResponse": {says("supplement"), says("more"), says("proceed")},
			}),
			states: begins + "LocateRound Located PlanCase Planned OpenTasks TasksOpened PlanCase Planned OpenTasks TasksOpened " +
				"AssembleResponse Assembled DeliverResponse Delivered OpenTasks TasksOpened " +
				"AssembleResponse Assembled DeliverResponse Delivered DeliverResponse Delivered CloseCase Closed",
		},
		"more tasks than run at once": {
			machine: "case", input: map[string]any{"resumeAt": "run"},
			script: around(script{
				"OpenTasks": {says("tasks", many("direct", 45)...), says("proceed")}, "direct": {runs("finished", 0)},
			}),
			states: "Resume OpenTasks TasksOpened RunTasks OpenTasks TasksOpened" + ends,
			calls:  map[string]int{"direct": 45},
		},
	}
}

func many(worker string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("t%d/%s/1", i, worker)
	}
	return out
}

func endingStories() map[string]story {
	return map[string]story{
		"refused at once":   {machine: "case", script: around(script{"Triage": {says("close")}}), states: "Resume Triage Triaged CloseCase Closed"},
		"proved beforehand": {machine: "case", script: around(script{"Acknowledge": {says("verified")}, "OpenTasks": {says("close")}}), states: "Resume Triage Triaged Acknowledge Acknowledged LocateRound Located CloseCase Closed"},
		"withdrawn":         {machine: "case", script: around(script{"VerifyIdentity": {decides("close")}}), states: begins + "CloseCase Closed"},
		"superseded":        {machine: "case", script: around(script{"VerifyIdentity": {decides("superseded")}}), states: begins + "Closed"},
		"proved the second time": {
			machine: "case", script: around(script{"VerifyIdentity": {decides("again"), decides("close")}}),
			states: begins + "VerifyIdentity Verified CloseCase Closed",
		},
		"nobody proves anything, so the record is looked at again": {
			machine: "case", script: around(script{"VerifyIdentity": {silent(), decides("close")}}),
			states: "Resume Triage Triaged Acknowledge Acknowledged VerifyIdentity VerifyIdentity Verified CloseCase Closed",
			differs: map[string]workflowtest.Difference{
				"moto": row("leaves the state when a catcher leads back into it", `ASL, "Fallback states": Next is the name of any state of the machine`, `-.+"VerifyIdentity"`),
			},
		},
		"throttled and then not": {
			machine: "case", script: around(script{"Triage": {fails("throttled"), fails("unavailable"), fails("conflict"), says("close")}}),
			states: "Resume Triage Triaged CloseCase Closed", calls: map[string]int{"Triage": 4},
		},
		"a function that exits": {
			machine: "case", script: around(script{"Triage": {{Panics: true}, says("close")}}),
			states: "Resume Triage Triaged CloseCase Closed", calls: map[string]int{"Triage": 2},
		},
		"an operator says where to go on": {
			machine: "case", script: around(script{"Triage": {fails("internal")}, "NeedsOperator": {decides("again"), decides("deliver")}}),
			states: "Resume Triage NeedsOperator OperatorDecided NeedsOperator OperatorDecided DeliverResponse Delivered CloseCase Closed",
			calls:  map[string]int{"Triage": 1},
		},
		"an answer that nobody foresaw": {
			machine: "case", script: around(script{"Triage": {says("celebrate")}, "NeedsOperator": {decides("nonsense"), decides("superseded")}}),
			states: "Resume Triage Triaged Unexpected NeedsOperator OperatorDecided Unexpected NeedsOperator OperatorDecided Closed",
		},
	}
}

// taskInput is what the case machine gives a child.
func taskInput(more map[string]any) map[string]any {
	in := map[string]any{"taskId": "a", "worker": "${worker}", "turns": 0, "run": map[string]any{"status": "more", "waitSeconds": 0}}
	maps.Copy(in, more)
	return in
}

func taskStories() map[string]story {
	return map[string]story{
		"task pages and waits": {
			machine: "task", input: taskInput(nil),
			script: script{"worker": {runs("more", 0), runs("waiting", 900), runs("finished", 0)}},
			states: "Run Ran Turn Enough Run Ran Pause Turn Enough Run Ran Ended",
		},
		"task awaits a system and a person": {
			machine: "task", input: taskInput(nil),
			script: script{"worker": {runs("system", 0), runs("person", 0)}, "AwaitSystem": {settles("more")}, "AskPerson": {settles("finished")}},
			states: "Run Ran AwaitSystem Ran Turn Enough Run Ran AskPerson Ran Ended",
		},
		"task whose system keeps silent looks again": {
			machine: "task", input: taskInput(nil),
			script: script{"worker": {runs("system", 0), runs("finished", 0)}, "AwaitSystem": {silent()}},
			states: "Run Ran AwaitSystem Turn Enough Run Ran Ended",
		},
		"task that fails asks a person": {
			machine: "task", input: taskInput(nil),
			script: script{"worker": {fails("forbidden")}, "AskPerson": {settles("finished")}},
			states: "Run AskPerson Ran Ended",
		},
		"task with an answer that nobody foresaw asks a person": {
			machine: "task", input: taskInput(nil),
			script: script{"worker": {runs("dancing", 0)}, "AskPerson": {settles("superseded")}},
			states: "Run Ran AskPerson Ran Ended",
		},
		"task ends after its last turn": {
			machine: "task", input: taskInput(map[string]any{"turns": 398}),
			script: script{"worker": {runs("more", 0)}},
			states: "Run Ran Turn Enough Run Ran Turn Enough Ended", calls: map[string]int{"worker": 2},
		},
	}
}

func noticeStories() map[string]story {
	input := map[string]any{"taskId": "n-1", "turns": 0}
	notify := func(s story) story { s.machine, s.input = "notify", input; return s }
	return map[string]story{
		"notice is acknowledged": notify(story{
			script: script{"NotifyRecipient": {runs("system", 0), settles("more"), runs("finished", 0)}},
			states: "Notify Told AwaitRecipient Told Turn Enough Notify Told Ended",
		}),
		"notice that nobody answers is looked at again": notify(story{
			script: script{"NotifyRecipient": {runs("system", 0), silent(), runs("finished", 0)}},
			states: "Notify Told AwaitRecipient Turn Enough Notify Told Ended",
		}),
		"notice that fails counts as an attempt": notify(story{
			script: script{"NotifyRecipient": {fails("invalid"), runs("finished", 0)}},
			states: "Notify Broken Told Ended",
		}),
		"notice that cannot be recorded is lost": notify(story{
			script: script{"NotifyRecipient": {fails("invalid"), fails("misconfigured")}},
			states: "Notify Broken Lost", failed: "lost",
		}),
	}
}

// phaseStories begin at every phase of a case.
func phaseStories() map[string]story {
	out := map[string]story{}
	for phase, states := range map[dsar.Phase]string{
		"triage": "Triage Triaged", "verify_identity": "VerifyIdentity Verified", "locate": "LocateRound Located", "plan": "PlanCase Planned",
		"review_plan": "ReviewPlan PlanReviewed", "run": "OpenTasks TasksOpened", "assemble": "AssembleResponse Assembled",
		"review_response": "ReviewResponse ResponseReviewed", "deliver": "DeliverResponse Delivered", "close": "CloseCase",
	} {
		s := story{machine: "case", input: map[string]any{"resumeAt": phase}, states: "Resume " + states + " Closed", script: script{}}
		function := strings.Fields(states)[0]
		if function == "LocateRound" {
			function = "OpenTasks"
		}
		s.script[function] = []workflowtest.Answer{says("superseded")}
		if slices.Contains([]string{"VerifyIdentity", "ReviewPlan", "ReviewResponse"}, function) {
			s.script[function] = []workflowtest.Answer{decides("superseded")}
		}
		out["resumes at "+string(phase)] = s
	}
	return out
}

// TestEveryPhaseHasAStory keeps the stories complete.
func TestEveryPhaseHasAStory(t *testing.T) {
	all := stories()
	for _, p := range dsar.Phases() {
		if _, ok := all["resumes at "+string(p)]; !ok {
			t.Errorf("no story resumes at %s", p)
		}
	}
}
