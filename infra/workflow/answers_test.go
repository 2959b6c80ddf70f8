package workflow_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	definitions "github.com/habeas-dsar/habeas/infra/workflow"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/dsar"
)

type machine struct {
	StartAt string
	States  map[string]state
}

type state struct {
	Type, Next, Default string
	Resource            string
	Parameters          struct {
		FunctionName string
		Worker       string `json:"FunctionName.$"`
		Payload      map[string]any
	}
	ResultSelector map[string]string
	Choices        []choice
	ItemProcessor  *machine
	Catch          []struct{ Next string }
}

type choice struct {
	Variable, StringEquals, Next string
	And                          []choice
}

// value is the string that a rule compares with.
func (c choice) value() string {
	for _, a := range c.And {
		if a.StringEquals != "" {
			return a.StringEquals
		}
	}
	return c.StringEquals
}

// known maps what a Choice knows to the state that follows.
func (s state) known() map[string]string {
	out := map[string]string{}
	for _, c := range s.Choices {
		out[c.value()] = c.Next
	}
	return out
}

func read(t *testing.T, name string) machine {
	t.Helper()
	var m machine
	if err := json.Unmarshal(definitions.Machines()[name], &m); err != nil {
		t.Fatal(err)
	}
	return m
}

const functions = "../../functions"

func parse(t *testing.T, dir string) []*ast.File {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(functions, dir))
	if err != nil {
		t.Fatal(err)
	}
	var out []*ast.File
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go") {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(functions, dir, e.Name()), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		t.Fatalf("there is no code in %s", dir)
	}
	return out
}

// constants returns the string constants of package step by name.
func constants(t *testing.T) map[string]string {
	out := map[string]string{}
	for _, f := range parse(t, "internal/step") {
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
				if lit, ok := v.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
					out[v.Names[0].Name], _ = strconv.Unquote(lit.Value)
				}
			}
			return true
		})
	}
	if len(out) < 15 {
		t.Fatalf("package step has %d constants", len(out))
	}
	return out
}

// answers lists the values of the constants of package step that the node mentions.
func answers(n ast.Node, names map[string]string) []string {
	var out []string
	ast.Inspect(n, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "step" {
				if v, ok := names[s.Sel.Name]; ok && !slices.Contains(out, v) {
					out = append(out, v)
				}
			}
		}
		return true
	})
	return out
}

// signals returns what functions/internal/signal answers to the tokens of each state.
func signals(t *testing.T, names map[string]string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, f := range parse(t, "internal/signal") {
		ast.Inspect(f, func(n ast.Node) bool {
			c, ok := n.(*ast.CaseClause)
			if !ok {
				return true
			}
			for _, e := range c.List {
				if lit, ok := e.(*ast.BasicLit); ok {
					state, _ := strconv.Unquote(lit.Value)
					for _, s := range c.Body {
						out[state] = append(out[state], answers(s, names)...)
					}
				}
			}
			return true
		})
	}
	if len(out) != 6 {
		t.Fatalf("signal knows %d waiting states: %v", len(out), out)
	}
	return out
}

// Every answer that the code can give is known to the Choice behind the state that asked: a name that was mistyped, in Go or
// in the machine, would send the case to an operator.
func TestEveryAnswerIsKnown(t *testing.T) {
	names := constants(t)
	told := signals(t, names)
	for name, onTask := range map[string]bool{"case": false, "task": true, "notify": true} {
		m := read(t, name)
		tried := 0
		var walk func(states map[string]state)
		walk = func(states map[string]state) {
			for at, s := range states {
				if s.ItemProcessor != nil {
					walk(s.ItemProcessor.States)
				}
				function := strings.Trim(s.Parameters.FunctionName, "${}")
				if s.Parameters.Worker != "" {
					function = "RunTask"
				}
				next, behind := states[s.Next]
				if s.Type != "Task" || function == "" || !behind || next.Type != "Choice" {
					continue
				}
				tried++
				var can []string
				if waits := strings.HasSuffix(s.Resource, ".waitForTaskToken"); waits {
					can = append(told[at], names["Superseded"])
					if onTask {
						can = append(told[at], names["TaskMore"])
					}
				} else {
					for _, f := range parse(t, strings.ToLower(function)) {
						can = append(can, answers(f, names)...)
					}
					can = append(can, names["Superseded"])
				}
				known := next.known()
				for _, a := range can {
					if _, ok := known[a]; !ok && !fallsThrough(next, a) {
						t.Errorf("%s: %s may answer %q, which %s does not know", name, at, a, s.Next)
					}
				}
			}
		}
		walk(m.States)
		if want := map[string]int{"case": 14, "task": 3, "notify": 3}[name]; tried != want {
			t.Errorf("%s: %d states were tried, want %d", name, tried, want)
		}
	}
}

// The statuses that the connector engine gives a turn are those of the task machine.
func TestEveryTurnIsKnown(t *testing.T) {
	known := read(t, "task").States["Ran"].known()
	for _, s := range []engine.Status{engine.Finished, engine.More, engine.Waiting, engine.System, engine.Person} {
		if known[string(s)] == "" {
			t.Errorf("the task machine does not know %s", s)
		}
		delete(known, string(s))
	}
	if len(known) != 1 || known["superseded"] == "" {
		t.Errorf("it also knows %v", known)
	}
}

// fallsThrough reports whether a Choice means its default for the answer: a Map item goes on in a child execution.
func fallsThrough(s state, _ string) bool { return strings.HasSuffix(s.Default, "InChild") }

// The phases of a case are the places where an execution can be resumed, and each leads to the state of that phase.
func TestPhasesAreWhereACaseResumes(t *testing.T) {
	m := read(t, "case")
	want := map[string]string{
		"triage": "Triage", "verify_identity": "VerifyIdentity", "locate": "LocateRound", "plan": "PlanCase", "review_plan": "ReviewPlan",
		"run": "OpenTasks", "assemble": "AssembleResponse", "review_response": "ReviewResponse", "deliver": "DeliverResponse", "close": "CloseCase",
	}
	for at, others := range map[string][]string{"Resume": {}, "OperatorDecided": {"again", "superseded"}} {
		known := m.States[at].known()
		if len(known) != len(dsar.Phases())+len(others) {
			t.Errorf("%s knows %d values", at, len(known))
		}
		for _, p := range dsar.Phases() {
			if known[string(p)] != want[string(p)] || want[string(p)] == "" {
				t.Errorf("%s leads phase %s to %q, want %q", at, p, known[string(p)], want[string(p)])
			}
		}
		for _, o := range others {
			if known[o] == "" {
				t.Errorf("%s does not know %s", at, o)
			}
		}
	}
	if m.StartAt != "Resume" || m.States["Resume"].Default != "Triage" {
		t.Error("a case begins with triage")
	}
}

// Every function that the machines name exists, and nothing else is listed.
func TestFunctionsAreThoseOfTheMachines(t *testing.T) {
	named := map[string]bool{}
	var walk func(m machine)
	walk = func(m machine) {
		for _, s := range m.States {
			if s.ItemProcessor != nil {
				walk(*s.ItemProcessor)
			}
			if f := s.Parameters.FunctionName; f != "" {
				named[strings.Trim(f, "${}")] = true
			}
		}
	}
	walk(read(t, "case"))
	walk(read(t, "task"))
	walk(read(t, "notify"))
	for _, f := range definitions.Functions() {
		if !named[f] {
			t.Errorf("%s is listed and never invoked", f)
		}
		delete(named, f)
	}
	for f := range named {
		t.Errorf("%s is invoked and not listed", f)
	}
}

// Nothing closes a case but what was answered: every failure and every answer that nobody foresaw goes to an operator.
func TestTheUnforeseenGoesToAnOperator(t *testing.T) {
	for at, s := range read(t, "case").States {
		if s.Type == "Choice" && at != "Resume" && s.Default != "Unexpected" {
			t.Errorf("%s sends what it does not know to %s", at, s.Default)
		}
		if s.Type != "Task" && s.Type != "Map" {
			continue
		}
		if last := len(s.Catch) - 1; last < 0 || s.Catch[last].Next != "NeedsOperator" {
			t.Errorf("%s does not end with an operator when it fails", at)
		}
	}
}
