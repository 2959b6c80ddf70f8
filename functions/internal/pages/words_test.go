package pages

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template/parse"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// literalKeys returns the keys that templates name as they are: t "key" and tn "key".
func literalKeys(t *testing.T) map[string]bool {
	t.Helper()
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, tpl := range r.sets[0].Templates() {
		if tpl.Tree != nil {
			collect(tpl.Tree.Root, keys)
		}
	}
	return keys
}

func collect(n parse.Node, keys map[string]bool) {
	branch := func(b parse.BranchNode) {
		collect(b.Pipe, keys)
		collect(b.List, keys)
		if b.ElseList != nil {
			collect(b.ElseList, keys)
		}
	}
	switch n := n.(type) {
	case *parse.ListNode:
		for _, c := range n.Nodes {
			collect(c, keys)
		}
	case *parse.ActionNode:
		collect(n.Pipe, keys)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			collect(n.Pipe, keys)
		}
	case *parse.IfNode:
		branch(n.BranchNode)
	case *parse.RangeNode:
		branch(n.BranchNode)
	case *parse.WithNode:
		branch(n.BranchNode)
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			collect(c, keys)
		}
	case *parse.CommandNode:
		for i, a := range n.Args {
			id, isID := a.(*parse.IdentifierNode)
			if isID && (id.Ident == "t" || id.Ident == "tn") && i+1 < len(n.Args) {
				if s, ok := n.Args[i+1].(*parse.StringNode); ok {
					keys[s.Text] = true
				}
			}
			collect(a, keys)
		}
	}
}

// enumerated returns the keys that are put together from the values of enumerations, and those that Go code names.
func enumerated() map[string]bool {
	keys := map[string]bool{}
	add := func(kind string, values []string, forms ...string) {
		for _, v := range values {
			if len(forms) == 0 {
				keys[kind+"."+v] = true
			}
			for _, f := range forms {
				keys[kind+"."+v+"."+f] = true
			}
		}
	}
	add("right", texts(dsar.Rights()), "can", "ask", "hint", "word")
	add("status", texts(dsar.Statuses()), "title", "now", "word")
	add("outcome", texts(dsar.Outcomes()), "word", "long", "staff")
	add("because", texts([]dsar.RetainedBecause{dsar.Hold, dsar.Exemption, dsar.Keep}))
	add("progress", texts(ProgressKinds()), "word", "long")
	add("tell", texts(TellStates()))
	add("tell_way", texts(TellWays()))
	add("told_what", texts([]dsar.Outcome{dsar.Erased, dsar.Corrected, dsar.Restricted}))
	add("party", texts(Parties()))
	add("event", EventKinds())
	add("event", ProofEvents())
	add("detail", Details())
	add("prove.title", []string{string(verification.DataPoint), string(verification.Declaration), string(verification.Document)})
	keys["prove.detail_other"] = true
	add("proof_level", texts(verification.Levels()))
	add("proof_item", texts(verification.Items()))
	add("proof_result", texts(verification.Findings()))
	add("proof_method", ProofMethods())
	add("proof_mandate", []string{"approve", "refuse"})
	add("requester", RequesterKinds())
	add("asks", RequesterKinds())
	add("age", AgeBands())
	add("evidence_kind", EvidenceKinds())
	add("period", []string{"Y", "M", "W", "D"})
	add("code_reason", texts(CodeReasons()))
	add("gone", texts(GoneReasons()), "title", "why")
	add("task_kind", texts(TaskKinds()), "word", "what")
	add("task_answer", texts(TaskAnswers()))
	add("copies", []string{"waiting", "asked", "accepted", "not_done"})
	add("owner_answer", texts(OwnerAnswers()))
	add("sign_in_problem", texts(SignInProblems()), "title", "what", "do")
	add("owner_end", texts(OwnerEnds()), "title", "what")
	add("owner_action", texts([]dsar.Action{dsar.ReadOut, dsar.Correct, dsar.Erase, dsar.Restrict}), "title", "what", "files", "done", "note")
	add("ground", Grounds())
	add("system_state", texts(SystemStates()), "word", "long")
	add("decision", texts(DecisionKinds()), "title", "what")
	add("decision", texts([]DecisionKind{DecideResponse, DecideTask, DecidePlan}), "count", "button")
	add("decision", texts([]DecisionKind{DecidePaused}), "button")
	add("plan_state", texts(PlanStates()), "word", "title")
	add("plan_bar", texts(PlanBars()))
	add("happens", texts(WhatHappenses()))
	add("acted_by", ActedBy())
	add("hold_scope", HoldScopes())
	add("late_cause", LateCauses())
	add("authority_state", AuthorityStates())
	add("authority_kind", AuthorityKinds())
	add("authority_kind", AuthorityKinds(), "long")
	add("authority_decision", AuthorityDecisions())
	add("authority_confirm", AuthorityDecisions())
	add("authority_whom", AuthorityWhoms())
	add("hold_title", HoldScopes())
	add("stage", texts(Stages()))
	changing := texts([]dsar.Action{dsar.Correct, dsar.Erase, dsar.Restrict})
	add("planned_action", append([]string{string(dsar.ReadOut)}, changing...))
	add("plan.sum", changing)
	add("plan.approve", changing)
	add("act", texts(CaseActs()))
	addDuties(add)
	add("role", texts(PersonRoles()))
	add("confirm_act", texts(ConfirmActs()), "title", "what", "button")
	add("notice", texts(Notices()))
	add("section", texts([]Section{SectionNow, SectionCases, SectionTasks, SectionSystems, SectionRecipients, SectionHolds, SectionNumbers, SectionLaw}))
	add("numbers_basis", NumbersBases())
	add("numbers_kind", NumbersKinds())
	addLaw(add)
	add("problem", texts(Problems()))
	add("clock", []string{"received", "due", "extended", "today", "settled", "stop_long", "received_long", "due_long", "extended_long", "today_long", "settled_long"})
	for _, k := range TickKinds() {
		add("clock", []string{k + "_long"})
	}
	add("advance", []string{"PT1H", "P1D", "P7D", "P30D"})
	add("size", []string{"b", "kb", "mb", "gb"})
	add("date", []string{"long", "short", "noyear", "instant"})
	add("due", []string{"none", "title", "in", "today", "late_today", "late", "settled", "settled_late"})
	add("heard", []string{"waiting", "some", "nothing", "found"})
	keys["minutes"] = true
	for i := range 7 {
		add("weekday", []string{fmt.Sprint(i)}, "long", "short")
	}
	for i := range 12 {
		add("month", []string{fmt.Sprint(i + 1)}, "long", "short")
	}
	for _, r := range fault.Rules() {
		add("class", []string{string(r.Class)}, "title", "what", "means", "do")
	}
	return keys
}

func addLaw(add func(kind string, values []string, forms ...string)) {
	add("law", []string{"weekend", "holiday", "closed"})
	add("law_state", texts(LawStates()))
	add("law_trust", texts(LawTrusts()))
	add("law_fact", LawFacts())
	add("law_section", LawSections())
	add("law_phrase", LawPhrases())
	add("law_date", LawDates())
	add("law_statement", texts(policy.Statements()))
	add("law_level", texts([]policy.Level{policy.Full, policy.Partial, policy.None}), "word")
	add("law_level", texts([]policy.Level{policy.Partial, policy.None}), "long")
	add("law_unit", texts([]policy.Unit{policy.CalendarDays, policy.BusinessDays, policy.CalendarMonths, policy.Hours}))
	add("law_start", texts([]policy.StartEvent{policy.OnReceipt, policy.OnVerification, policy.OnFee, policy.OnGrant, policy.OnDecision, policy.OnAppeal, policy.OnComplaint, policy.OnChange}))
	add("law_kind", texts([]policy.Kind{policy.Guidance, policy.Policy}))
	add("law_confidence", texts([]policy.Confidence{policy.High, policy.Medium, policy.Low}))
}

func texts[T ~string](values []T) []string {
	var out []string
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}

func TestCatalogueHasEveryMessageAndNoOther(t *testing.T) {
	var file map[string]any
	if err := yaml.Unmarshal(englishMessages, &file); err != nil {
		t.Fatal(err)
	}
	want := enumerated()
	maps.Copy(want, literalKeys(t))
	fieldProblem := regexp.MustCompile(`^problem\.[a-z]+\.[a-z_]+$`)
	for key := range file {
		if want[key] {
			continue
		}
		// The words of one field are optional; the problem they are about is not.
		if fieldProblem.MatchString(key) && slices.Contains(texts(Problems()), key[strings.LastIndexByte(key, '.')+1:]) {
			continue
		}
		t.Errorf("nobody says %s", key)
	}
	for key := range want {
		if _, ok := file[key]; !ok {
			t.Errorf("no message %s", key)
		}
	}
	if len(literalKeys(t)) < 100 {
		t.Error("the search for keys in templates has found too few to be right")
	}
}

func TestEveryFaultClassHasItsOwnPage(t *testing.T) {
	for _, r := range fault.Rules() {
		if got := knownClass(string(r.Class)); got != string(r.Class) {
			t.Errorf("%s reads as %s", r.Class, got)
		}
	}
}

func TestMessagesKeepTheRules(t *testing.T) {
	var file map[string]any
	if err := yaml.Unmarshal(englishMessages, &file); err != nil {
		t.Fatal(err)
	}
	for key, v := range file {
		s := fmt.Sprint(v)
		if strings.Contains(s, "!") || strings.Contains(strings.ToLower(s), "please wait") || strings.Contains(s, "ASAP") {
			t.Errorf("%s: %s", key, s)
		}
	}
}

// TestViewModelsCannotBeLoggedInDisguise: a view model holds personal values in the open; a method that prints or marshals
// it would hide that from whoever logs it.
func TestViewModelsCannotBeLoggedInDisguise(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && fn.Recv != nil && slices.Contains([]string{"String", "GoString", "Format", "LogValue", "MarshalJSON", "MarshalText"}, fn.Name.Name) {
				t.Errorf("%s has a method %s", e.Name(), fn.Name.Name)
			}
		}
	}
}

func TestCountriesAreThoseOfTheStandard(t *testing.T) {
	list := countries(language.English)
	if len(list) < 245 || len(list) > 251 {
		t.Errorf("%d countries", len(list))
	}
	byCode := map[string]string{}
	for _, c := range list {
		byCode[c.Code] = c.Name
	}
	for code, want := range map[string]string{"DE": "Germany", "GB": "United Kingdom", "US": "United States", "AX": "Åland Islands", "EU": "", "UK": ""} {
		if byCode[code] != want {
			t.Errorf("%s is %q, want %q", code, byCode[code], want)
		}
	}
	sorted := []string{list[0].Name, list[1].Name, list[2].Name}
	if diff := cmp.Diff([]string{"Afghanistan", "Åland Islands", "Albania"}, sorted); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}
