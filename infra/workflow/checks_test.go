package workflow_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	definitions "github.com/habeas-dsar/habeas/infra/workflow"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// What asl-validator does not look at (test/aws/workflow runs it): rules of the specification that it leaves out, and rules of
// ours.

// platform is what AWS itself reports of a Lambda that should be called again (Developer Guide, "Handle transient Lambda
// service exceptions" and "Handling errors"; Lambda Developer Guide, on functions that exit: Runtime.ExitError).
var platform = []string{
	"Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.TooManyRequestsException", "Lambda.SdkClientException",
	"Lambda.ClientExecutionTimeoutException", "Lambda.Unknown", "Runtime.ExitError", "Sandbox.Timedout",
}

// starting is what it reports of a StartExecution that should be made again.
var starting = []string{"StepFunctions.ThrottlingException", "StepFunctions.ExecutionLimitExceededException", "StepFunctions.SdkClientException"}

type object = map[string]any

func definition(t *testing.T, machine string) object {
	t.Helper()
	var m object
	if err := json.Unmarshal(definitions.Machines()[machine], &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// list reads an array of objects; nothing when there is none.
func list(v any) []object {
	var out []object
	items, _ := v.([]any)
	for _, i := range items {
		out = append(out, i.(object))
	}
	return out
}

func texts(v any) []string {
	var out []string
	items, _ := v.([]any)
	for _, i := range items {
		out = append(out, i.(string))
	}
	return out
}

// states calls f with every state, those of iterations included.
func states(m object, f func(name string, s object)) {
	for name, s := range m["States"].(object) {
		f(name, s.(object))
		if p, ok := s.(object)["ItemProcessor"]; ok {
			states(p.(object), f)
		}
	}
}

// lint returns what is wrong with a machine's error handling.
func lint(m object) []string {
	var out []string
	states(m, func(name string, s object) {
		for _, field := range []string{"Retry", "Catch"} {
			all := list(s[field])
			for i, r := range all {
				names := texts(r["ErrorEquals"])
				if slices.Contains(names, "States.ALL") && (len(names) > 1 || i < len(all)-1) {
					out = append(out, name+": States.ALL is alone and last")
				}
				for _, n := range names {
					if c := fault.Class(n); field == "Retry" && !strings.Contains(n, ".") && (!c.Valid() || !fault.RuleFor(c).Retry) {
						out = append(out, name+": retries "+n)
					}
				}
			}
		}
		beat, beats := s["HeartbeatSeconds"].(float64)
		end, ends := s["TimeoutSeconds"].(float64)
		if beats && (!ends || beat >= end) {
			out = append(out, name+": the heartbeat is not shorter than the time-out")
		}
		if s["Type"] == "Task" {
			out = append(out, lintTask(name, s)...)
		}
	})
	return out
}

func lintTask(name string, s object) []string {
	var out []string
	resource := s["Resource"].(string)
	want := starting
	waits := strings.HasSuffix(resource, ".waitForTaskToken")
	if strings.Contains(resource, ":lambda:") {
		want = platform
		for _, r := range fault.Rules() {
			if r.Retry {
				want = append(slices.Clone(want), string(r.Class))
			}
		}
		if !waits { // the time-out of a token asks anew, and so is caught
			want = append(want, "States.Timeout")
		}
	}
	retried := map[string]bool{}
	for _, r := range list(s["Retry"]) {
		for _, n := range texts(r["ErrorEquals"]) {
			retried[n] = true
		}
		if r["JitterStrategy"] != "FULL" || r["MaxDelaySeconds"] == nil {
			out = append(out, name+": retries without jitter or without a longest delay")
		}
	}
	for _, n := range want {
		if !retried[n] {
			out = append(out, name+": does not retry "+n)
		}
	}
	if waits && (s["TimeoutSeconds"] == nil || retried["States.Timeout"] || len(list(s["Catch"])) == 0 ||
		!slices.Equal(texts(list(s["Catch"])[0]["ErrorEquals"]), []string{"States.Timeout"})) {
		out = append(out, name+": a token without a time-out that is caught first")
	}
	return out
}

func TestErrorHandling(t *testing.T) {
	for machine := range definitions.Machines() {
		for _, problem := range lint(definition(t, machine)) {
			t.Errorf("%s: %s", machine, problem)
		}
	}
}

// Every rule finds what it is there to find.
func TestErrorHandlingRulesBite(t *testing.T) {
	for what, plant := range map[string]func(s object){
		"Triage: States.ALL is alone and last": func(s object) {
			s["Triage"].(object)["Catch"] = append([]any{object{"ErrorEquals": []any{"States.ALL", "x"}}}, s["Triage"].(object)["Catch"].([]any)...)
		},
		"Triage: does not retry throttled":                  func(s object) { delete(s["Triage"].(object), "Retry") },
		"Triage: does not retry States.Timeout":             func(s object) { delete(s["Triage"].(object), "Retry") },
		"LocateInChild: does not retry " + starting[0]:      func(s object) { delete(inLocate(s)["LocateInChild"].(object), "Retry") },
		"Triage: retries forbidden":                         func(s object) { retry(s["Triage"])["ErrorEquals"] = []any{"forbidden"} },
		"Triage: retries typo":                              func(s object) { retry(s["Triage"])["ErrorEquals"] = []any{"typo"} },
		"Triage: retries without jitter":                    func(s object) { delete(retry(s["Triage"]), "JitterStrategy") },
		"ReviewPlan: a token without a time-out":            func(s object) { delete(s["ReviewPlan"].(object), "TimeoutSeconds") },
		"VerifyIdentity: a token without a time-out":        func(s object) { delete(s["VerifyIdentity"].(object), "Catch") },
		"Triage: the heartbeat is not shorter than the tim": func(s object) { s["Triage"].(object)["HeartbeatSeconds"] = 60.0 },
	} {
		m := definition(t, "case")
		plant(m["States"].(object))
		if !slices.ContainsFunc(lint(m), func(p string) bool { return strings.HasPrefix(p, what) }) {
			t.Errorf("%q is not found in %v", what, lint(m))
		}
	}
}

func retry(s any) object { return list(s.(object)["Retry"])[0] }

func inLocate(s object) object {
	return s["Locate"].(object)["ItemProcessor"].(object)["States"].(object)
}

// inputs lists what an execution of each machine always gets (functions/publishevents; the case machine starts tasks).
func inputs(t *testing.T) map[string][]string {
	t.Helper()
	child := inLocate(definition(t, "case")["States"].(object))["LocateInChild"].(object)["Parameters"].(object)["Input"].(object)
	task := slices.Sorted(maps.Keys(child))
	for i := range task {
		task[i] = strings.TrimSuffix(task[i], ".$")
	}
	refs := []string{"tenant", "caseId", "generation", "schemaVersion"}
	return map[string][]string{"case": refs, "task": task, "notify": append(slices.Clone(refs), "taskId", "turns")}
}

// Step Functions fails on a path that selects nothing, where emulators go on: every path that a state reads has been written on
// every way that leads to it, or is guarded by IsPresent.
func TestEveryPathHasBeenWritten(t *testing.T) {
	read := 0
	for machine, in := range inputs(t) {
		f := &flow{states: definition(t, machine)["States"].(object), start: definition(t, machine)["StartAt"].(string), input: in}
		read += f.check()
		for _, p := range f.problems {
			t.Errorf("%s: %s", machine, p)
		}
	}
	if read < 150 {
		t.Errorf("only %d paths are read: the test proves nothing", read)
	}
}

func TestEveryPathHasBeenWrittenBites(t *testing.T) {
	for what, plant := range map[string]func(s object){
		"Resume reads $.resumeAt":           func(s object) { s["Resume"].(object)["Choices"] = []any{object{"Variable": "$.resumeAt"}} },
		"Triaged reads $.step.next":         func(s object) { s["Triage"].(object)["ResultSelector"] = object{"other.$": "$.Payload.next"} },
		"Triaged reads $.step.next ":        func(s object) { s["Triage"].(object)["ResultPath"] = nil },
		"NeedsOperator reads $.fault.Error": func(s object) { list(s["Triage"].(object)["Catch"])[0]["ResultPath"] = "$.other" },
		"Locate reads $.step.items":         func(s object) { delete(s["LocateRound"].(object)["ResultSelector"].(object), "items.$") },
		"LocateStep reads $.taskId":         func(s object) { delete(s["Locate"].(object)["ItemSelector"].(object), "taskId.$") },
		"LocateSettled reads $.run.status":  func(s object) { inLocate(s)["LocateStep"].(object)["ResultPath"] = "$.ran" },
		"Acknowledged reads $.step.next":    func(s object) { delete(s["Acknowledge"].(object), "ResultPath") },
		"Triage reads $.tenant": func(s object) {
			s["Resume"] = object{"Type": "Pass", "Parameters": object{"caseId": 1}, "Next": "Triage"}
		},
		"NeedsOperator reads $.fault.Error ": func(s object) { s["Unexpected"].(object)["ResultPath"] = "$.else" },
	} {
		states := definition(t, "case")["States"].(object)
		plant(states)
		f := &flow{states: states, start: "Resume", input: inputs(t)["case"]}
		f.check()
		want := strings.TrimSpace(what) // blanks keep the keys apart
		if !slices.ContainsFunc(f.problems, func(p string) bool { return strings.HasPrefix(p, want) }) {
			t.Errorf("%q is not found in %v", what, f.problems)
		}
	}
}

// What every answer carries is what the machines select from it, without exception.
func TestAnswersCarryWhatIsSelected(t *testing.T) {
	always := fields(t)
	for machine := range definitions.Machines() {
		states(definition(t, machine), func(name string, s object) {
			selector, _ := s["ResultSelector"].(object)
			for _, path := range selector {
				field := strings.TrimPrefix(strings.TrimPrefix(path.(string), "$."), "Payload.")
				if !always[field] {
					t.Errorf("%s: %s selects %s, which no answer always carries", machine, name, path)
				}
			}
			items, _ := s["ItemSelector"].(object)
			for _, path := range items {
				if field, ok := strings.CutPrefix(fmt.Sprint(path), "$$.Map.Item.Value."); ok && !always["item "+field] {
					t.Errorf("%s: %s selects %s of an item", machine, name, field)
				}
			}
		})
	}
}

// Payloads hold references only: of functions, of children and of iterations.
func TestPayloadsAreReferences(t *testing.T) {
	references := []string{"tenant.$", "caseId.$", "generation.$", "schemaVersion.$", "taskId.$", "worker.$"}
	allowed := map[string][]string{
		"Payload":      append(slices.Clone(references), "state.$", "token.$", "phase", "fault.$"),
		"Input":        append(slices.Clone(references), "turns", "run", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$"),
		"ItemSelector": append(slices.Clone(references), "part.$"),
	}
	tried := map[string]int{}
	for machine := range definitions.Machines() {
		states(definition(t, machine), func(name string, s object) {
			parameters, _ := s["Parameters"].(object)
			for what, members := range map[string]any{"Payload": parameters["Payload"], "Input": parameters["Input"], "ItemSelector": s["ItemSelector"]} {
				members, ok := members.(object)
				if !ok {
					continue
				}
				tried[what]++
				for k := range members {
					if !slices.Contains(allowed[what], k) {
						t.Errorf("%s: the %s of %s holds %s", machine, what, name, k)
					}
				}
			}
		})
	}
	if tried["Payload"] < 20 || tried["Input"] != 3 || tried["ItemSelector"] != 3 {
		t.Errorf("tried %v", tried)
	}
}
