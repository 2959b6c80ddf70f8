package asl_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
)

// machine wraps one state, called A, into a machine that has B to go to.
func machine(state string) string {
	return `{"StartAt":"A","States":{"A":` + state + `,"B":{"Type":"Succeed"}}}`
}

// pointers lists the places an error names.
func pointers(err error) []string {
	var out []string
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			out = append(out, pointers(e)...)
		}
		return out
	}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		out = append(out, e.Field)
	}
	return out
}

const invoke = `"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f"}`

func TestLoadRefuses(t *testing.T) {
	for name, c := range map[string]struct{ definition, pointer string }{
		"no start":             {`{"States":{"A":{"Type":"Succeed"}}}`, ""},
		"start elsewhere":      {`{"StartAt":"X","States":{"A":{"Type":"Succeed"}}}`, "/StartAt"},
		"no states":            {`{"StartAt":"A"}`, ""},
		"empty states":         {`{"StartAt":"A","States":{}}`, ""},
		"unknown field":        {`{"StartAt":"A","States":{"A":{"Type":"Succeed"}},"Extra":1}`, "/Extra"},
		"given twice":          {`{"StartAt":"A","StartAt":"A","States":{"A":{"Type":"Succeed"}}}`, "/StartAt"},
		"state twice":          {`{"StartAt":"A","States":{"A":{"Type":"Succeed"},"A":{"Type":"Succeed"}}}`, "/States/A"},
		"JSONata":              {`{"StartAt":"A","QueryLanguage":"JSONata","States":{"A":{"Type":"Succeed"}}}`, "/QueryLanguage"},
		"other version":        {`{"StartAt":"A","Version":"2.0","States":{"A":{"Type":"Succeed"}}}`, "/Version"},
		"no type":              {machine(`{"Next":"B"}`), "/States/A"},
		"Parallel":             {machine(`{"Type":"Parallel","Branches":[],"Next":"B"}`), "/States/A"},
		"Next nowhere":         {machine(`{"Type":"Pass","Next":"X"}`), "/States/A"},
		"no Next":              {machine(`{"Type":"Pass"}`), "/States/A"},
		"Next and End":         {machine(`{"Type":"Pass","Next":"B","End":true}`), "/States/A"},
		"End false":            {machine(`{"Type":"Pass","End":false}`), "/States/A/End"},
		"unreachable":          {machine(`{"Type":"Pass","End":true}`), "/States/B"},
		"no end":               {`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"A"}}}`, "/States"},
		"Assign":               {machine(`{"Type":"Pass","Assign":{},"Next":"B"}`), "/States/A/Assign"},
		"Catch on Pass":        {machine(`{"Type":"Pass","Catch":[],"Next":"B"}`), "/States/A/Catch"},
		"timeout on Pass":      {machine(`{"Type":"Pass","TimeoutSeconds":1,"Next":"B"}`), "/States/A/TimeoutSeconds"},
		"heartbeat":            {machine(`{` + invoke + `,"HeartbeatSeconds":5,"Next":"B"}`), "/States/A/HeartbeatSeconds"},
		"credentials":          {machine(`{` + invoke + `,"Credentials":{},"Next":"B"}`), "/States/A/Credentials"},
		"timeout zero":         {machine(`{` + invoke + `,"TimeoutSeconds":0,"Next":"B"}`), "/States/A/TimeoutSeconds"},
		"two timeouts":         {machine(`{` + invoke + `,"TimeoutSeconds":1,"TimeoutSecondsPath":"$.t","Next":"B"}`), "/States/A"},
		"resource":             {machine(`{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{},"Next":"B"}`), "/States/A/Resource"},
		"old sync":             {machine(`{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync","Parameters":{"StateMachineArn":"m"},"Next":"B"}`), "/States/A/Resource"},
		"no parameters":        {machine(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Next":"B"}`), "/States/A"},
		"no function":          {machine(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"Payload":{}},"Next":"B"}`), "/States/A/Parameters"},
		"function no string":   {machine(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":1},"Next":"B"}`), "/States/A/Parameters"},
		"invocation type":      {machine(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","InvocationType":"Event"},"Next":"B"}`), "/States/A/Parameters/InvocationType"},
		"token not passed":     {machine(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{"FunctionName":"f"},"Next":"B"}`), "/States/A/Parameters"},
		"token without wait":   {machine(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload":{"t.$":"$$.Task.Token"}},"Next":"B"}`), "/States/A"},
		"item outside map":     {machine(`{"Type":"Pass","Parameters":{"i.$":"$$.Map.Item.Index"},"Next":"B"}`), "/States/A"},
		"context unknown":      {machine(`{"Type":"Pass","Parameters":{"r.$":"$$.Execution.RoleArn"},"Next":"B"}`), "/States/A/Parameters/r.$"},
		"bad path":             {machine(`{"Type":"Pass","InputPath":"x.y","Next":"B"}`), "/States/A/InputPath"},
		"filter in path":       {machine(`{"Type":"Pass","InputPath":"$.a[?(@.b==1)]","Next":"B"}`), "/States/A/InputPath"},
		"bad result path":      {machine(`{"Type":"Pass","ResultPath":"$.a[*]","Next":"B"}`), "/States/A/ResultPath"},
		"context result path":  {machine(`{"Type":"Pass","ResultPath":"$$.a","Next":"B"}`), "/States/A/ResultPath"},
		"computed no text":     {machine(`{"Type":"Pass","Parameters":{"a.$":1},"Next":"B"}`), "/States/A/Parameters/a.$"},
		"computed no path":     {machine(`{"Type":"Pass","Parameters":{"a.$":"plain"},"Next":"B"}`), "/States/A/Parameters/a.$"},
		"computed and plain":   {machine(`{"Type":"Pass","Parameters":{"a.$":"$.b","a":1},"Next":"B"}`), "/States/A/Parameters/a"},
		"unknown intrinsic":    {machine(`{"Type":"Pass","Parameters":{"a.$":"States.Nope(1)"},"Next":"B"}`), "/States/A/Parameters/a.$"},
		"arguments":            {machine(`{"Type":"Pass","Parameters":{"a.$":"States.MathAdd(1)"},"Next":"B"}`), "/States/A/Parameters/a.$"},
		"format arguments":     {machine(`{"Type":"Pass","Parameters":{"a.$":"States.Format('{} {}', 1)"},"Next":"B"}`), "/States/A/Parameters/a.$"},
		"parameters no object": {machine(`{"Type":"Pass","Parameters":[1],"Next":"B"}`), "/States/A/Parameters"},
		"ALL not alone":        {machine(`{` + invoke + `,"Retry":[{"ErrorEquals":["States.ALL","x"]}],"Next":"B"}`), "/States/A/Retry/0/ErrorEquals/0"},
		"ALL not last":         {machine(`{` + invoke + `,"Retry":[{"ErrorEquals":["States.ALL"]},{"ErrorEquals":["x"]}],"Next":"B"}`), "/States/A/Retry/0/ErrorEquals/0"},
		"ALL not last, Catch":  {machine(`{` + invoke + `,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"},{"ErrorEquals":["x"],"Next":"B"}],"Next":"B"}`), "/States/A/Catch/0/ErrorEquals/0"},
		"made-up States error": {machine(`{` + invoke + `,"Retry":[{"ErrorEquals":["States.Nope"]}],"Next":"B"}`), "/States/A/Retry/0/ErrorEquals/0"},
		"no errors":            {machine(`{` + invoke + `,"Retry":[{"ErrorEquals":[]}],"Next":"B"}`), "/States/A/Retry/0"},
		"backoff":              {machine(`{` + invoke + `,"Retry":[{"ErrorEquals":["x"],"BackoffRate":0.5}],"Next":"B"}`), "/States/A/Retry/0/BackoffRate"},
		"interval":             {machine(`{` + invoke + `,"Retry":[{"ErrorEquals":["x"],"IntervalSeconds":0}],"Next":"B"}`), "/States/A/Retry/0/IntervalSeconds"},
		"max delay":            {machine(`{` + invoke + `,"Retry":[{"ErrorEquals":["x"],"IntervalSeconds":5,"MaxDelaySeconds":5}],"Next":"B"}`), "/States/A/Retry/0/MaxDelaySeconds"},
		"jitter":               {machine(`{` + invoke + `,"Retry":[{"ErrorEquals":["x"],"JitterStrategy":"HALF"}],"Next":"B"}`), "/States/A/Retry/0/JitterStrategy"},
		"retry field":          {machine(`{` + invoke + `,"Retry":[{"ErrorEquals":["x"],"Next":"B"}],"Next":"B"}`), "/States/A/Retry/0/Next"},
		"catch nowhere":        {machine(`{` + invoke + `,"Catch":[{"ErrorEquals":["x"],"Next":"X"}],"Next":"B"}`), "/States/A"},
		"catch without next":   {machine(`{` + invoke + `,"Catch":[{"ErrorEquals":["x"]}],"Next":"B"}`), "/States/A/Catch/0"},
		"no choices":           {machine(`{"Type":"Choice","Choices":[],"Default":"B"}`), "/States/A"},
		"choice with Next":     {machine(`{"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true,"Next":"B"}],"Next":"B"}`), "/States/A/Next"},
		"rule without Next":    {machine(`{"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true}],"Default":"B"}`), "/States/A/Choices/0"},
		"inner rule with Next": {machine(`{"Type":"Choice","Choices":[{"Not":{"Variable":"$.a","IsNull":true,"Next":"B"},"Next":"B"}]}`), "/States/A/Choices/0/Not/Next"},
		"two operators":        {machine(`{"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true,"IsString":true,"Next":"B"}]}`), "/States/A/Choices/0/IsString"},
		"no operator":          {machine(`{"Type":"Choice","Choices":[{"Variable":"$.a","Next":"B"}]}`), "/States/A/Choices/0"},
		"no variable":          {machine(`{"Type":"Choice","Choices":[{"IsNull":true,"Next":"B"}]}`), "/States/A/Choices/0"},
		"unknown operator":     {machine(`{"Type":"Choice","Choices":[{"Variable":"$.a","StringContains":"x","Next":"B"}]}`), "/States/A/Choices/0/StringContains"},
		"operand kind":         {machine(`{"Type":"Choice","Choices":[{"Variable":"$.a","NumericEquals":"1","Next":"B"}]}`), "/States/A/Choices/0/NumericEquals"},
		"operand timestamp":    {machine(`{"Type":"Choice","Choices":[{"Variable":"$.a","TimestampEquals":"2026-01-01","Next":"B"}]}`), "/States/A/Choices/0/TimestampEquals"},
		"matches by path":      {machine(`{"Type":"Choice","Choices":[{"Variable":"$.a","StringMatchesPath":"$.b","Next":"B"}]}`), "/States/A/Choices/0/StringMatchesPath"},
		"bad pattern":          {machine(`{"Type":"Choice","Choices":[{"Variable":"$.a","StringMatches":"a\\b","Next":"B"}]}`), "/States/A/Choices/0/StringMatches"},
		"two waits":            {machine(`{"Type":"Wait","Seconds":1,"SecondsPath":"$.s","Next":"B"}`), "/States/A"},
		"no wait":              {machine(`{"Type":"Wait","Next":"B"}`), "/States/A"},
		"wait too long":        {machine(`{"Type":"Wait","Seconds":100000000,"Next":"B"}`), "/States/A/Seconds"},
		"wait timestamp":       {machine(`{"Type":"Wait","Timestamp":"2026-01-01t00:00:00Z","Next":"B"}`), "/States/A/Timestamp"},
		"two errors":           {`{"StartAt":"A","States":{"A":{"Type":"Fail","Error":"x","ErrorPath":"$.e"}}}`, "/States/A"},
		"no processor":         {machine(`{"Type":"Map","Next":"B"}`), "/States/A"},
		"legacy iterator":      {machine(`{"Type":"Map","Iterator":{},"Next":"B"}`), "/States/A/Iterator"},
		"distributed":          {machine(`{"Type":"Map","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED"},"StartAt":"C","States":{"C":{"Type":"Succeed"}}},"Next":"B"}`), "/States/A/ItemProcessor/ProcessorConfig/Mode"},
		"processor config":     {machine(`{"Type":"Map","ItemProcessor":{"ProcessorConfig":{"ExecutionType":"EXPRESS"},"StartAt":"C","States":{"C":{"Type":"Succeed"}}},"Next":"B"}`), "/States/A/ItemProcessor/ProcessorConfig/ExecutionType"},
		"out of a map":         {machine(`{"Type":"Map","ItemProcessor":{"StartAt":"C","States":{"C":{"Type":"Pass","Next":"B"}}},"Next":"B"}`), "/States/A/ItemProcessor/States/C"},
		"into a map":           {machine(`{"Type":"Map","ItemProcessor":{"StartAt":"C","States":{"C":{"Type":"Succeed"}}},"Next":"C"}`), "/States/A"},
		"name twice in map":    {machine(`{"Type":"Map","ItemProcessor":{"StartAt":"A","States":{"A":{"Type":"Succeed"}}},"Next":"B"}`), "/States/A/ItemProcessor/States/A"},
		"long name":            {`{"StartAt":"` + strings.Repeat("x", 81) + `","States":{"` + strings.Repeat("x", 81) + `":{"Type":"Succeed"}}}`, "/States/" + strings.Repeat("x", 81)},
		"odd name":             {`{"StartAt":"a/b~c","States":{"a/b~c":{"Type":"Succeed","Next":"x"}}}`, "/States/a~1b~0c/Next"},
		"substitution":         {machine(`{"Type":"Pass","Result":"${Missing}","Next":"B"}`), "/States/A/Result"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := asl.Load([]byte(c.definition), map[string]string{"Known": "value"})
			if !fault.Has(err, fault.Invalid) {
				t.Fatalf("got %v", err)
			}
			if !slices.Contains(pointers(err), c.pointer) {
				t.Errorf("the problems are at %q, want %q: %v", pointers(err), c.pointer, err)
			}
		})
	}
}

func TestLoadRefusesWhatIsNotOneJSONObject(t *testing.T) {
	for _, definition := range []string{"", "{", "[]", "1", `{} {}`, `{"StartAt":`, strings.Repeat("[", 100_000)} {
		if _, err := asl.Load([]byte(definition), nil); !fault.Has(err, fault.Invalid) {
			t.Errorf("%.20q: got %v", definition, err)
		}
	}
}

// Every problem is reported, not only the first.
func TestLoadReportsEveryProblem(t *testing.T) {
	_, err := asl.Load([]byte(machine(`{"Type":"Pass","Next":"X","Colour":1,"InputPath":"nope"}`)), nil)
	for _, want := range []string{"/States/A/Colour", "/States/A/InputPath", "/States/A", "/States/B"} {
		if !slices.Contains(pointers(err), want) {
			t.Errorf("%s is not reported: %v", want, err)
		}
	}
}

func TestSourceLoadsToTheSameMachine(t *testing.T) {
	names := map[string]string{"F": "function-${x}", "Empty": ""}
	m, err := asl.Load([]byte(machine(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
	  "Parameters":{"FunctionName":"${F}","Payload":{"text":"a${Empty}b ${F}"}},"Next":"B"}`)), names)
	if err != nil {
		t.Fatal(err)
	}
	again, err := asl.Load(m.Source, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(m.Source), string(again.Source)); d != "" {
		t.Error(d)
	}
	s, _ := again.State("A")
	v, err := s.Effective(&asl.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"FunctionName": "function-${x}", "Payload": map[string]any{"text": "ab function-${x}"}}
	if d := cmp.Diff(want, v); d != "" {
		t.Error(d)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(machine(`{` + invoke + `,"Retry":[{"ErrorEquals":["States.ALL"],"MaxDelaySeconds":5}],"Catch":[{"ErrorEquals":["x"],"Next":"B"}],"Next":"B"}`)))
	f.Add([]byte(machine(`{"Type":"Choice","Choices":[{"And":[{"Variable":"$.a","StringMatches":"a*"}],"Next":"B"}],"Default":"B"}`)))
	f.Add([]byte(machine(`{"Type":"Map","ItemsPath":"$.l","ItemSelector":{"v.$":"$$.Map.Item.Value"},"ItemProcessor":{"StartAt":"C","States":{"C":{"Type":"Wait","SecondsPath":"$.s","End":true}}},"Next":"B"}`)))
	f.Fuzz(func(t *testing.T, definition []byte) {
		m, err := asl.Load(definition, nil)
		if err != nil {
			if !fault.Has(err, fault.Invalid) {
				t.Errorf("got class %s", fault.ClassOf(err))
			}
			return
		}
		again, err := asl.Load(m.Source, nil)
		if err != nil || string(again.Source) != string(m.Source) {
			t.Errorf("the source of a machine does not load to it: %v", err)
		}
		if s, ok := m.State(m.StartAt); !ok || !json.Valid(m.Source) || s.Name != m.StartAt {
			t.Error("the machine has no start")
		}
	})
}
