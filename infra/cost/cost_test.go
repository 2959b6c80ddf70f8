package cost

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/fault"
)

const log = `2026-11-22T10:00:00Z {"call":"DynamoDB:GetItem","times":3,"failed":false,"function":"Triage","requestId":"a"}
{"call":"DynamoDB:GetItem","times":1,"failed":true,"function":"Triage","requestId":"a"}
{"call":"S3:PutObject","times":2,"failed":false,"function":"RunTask","requestId":"b"}
{"call":"S3:DeleteObjects","times":5,"failed":false,"function":"RunTask","requestId":"b"}
{"call":"S3:HeadObject","times":4,"failed":false,"function":"RunTask","requestId":"b"}
{"call":"KMS:Encrypt","times":1,"failed":false,"function":"Portal","requestId":"c"}
{"call":"KMS:Decrypt","times":1,"failed":false,"function":"Portal","requestId":"c"}
{"units":"habeas-dev-cases","read":1.5,"write":12,"function":"Triage","requestId":"a"}
{"units":"habeas-dev-cases","read":0.5,"write":0,"function":"Triage","requestId":"a"}
{"_aws":{"Timestamp":1},"Stage":"dev","Function":"Triage","Duration":10.2,"Failed":0}
{"_aws":{"Timestamp":1},"Stage":"dev","Function":"Portal","Duration":100,"Failed":1,"Class":"unavailable"}
{"time":"2026-11-22T10:00:00Z","level":"INFO","msg":"something else"}
a line of nobody
`

func TestRead(t *testing.T) {
	got, err := Read(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	want := Usage{
		Functions: map[string]Work{"Triage": {1, 0, 11}, "Portal": {1, 1, 100}},
		Tables:    map[string]Units{"habeas-dev-cases": {2, 12}},
		Calls: map[string]Calls{
			"DynamoDB:GetItem": {4, 1}, "S3:PutObject": {2, 0}, "S3:DeleteObjects": {5, 0}, "S3:HeadObject": {4, 0},
			"KMS:Encrypt": {1, 0}, "KMS:Decrypt": {1, 0},
		},
		LogBytes: int64(len(log)),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Triage has 256 MB, the portal 512.
	if got, want := got.GBSeconds(), 0.011*0.25+0.1*0.5; math.Abs(got-want) > 1e-12 {
		t.Errorf("%v GB-seconds; want %v", got, want)
	}
}

func TestReportsCountColdStarts(t *testing.T) {
	const report = "REPORT RequestId: 1c\tDuration: 10.20 ms\tBilled Duration: 250 ms\tMemory Size: 256 MB\tMax Memory Used: 60 MB\tInit Duration: 180.00 ms\n"
	one, err := Read(strings.NewReader(log + report))
	if err != nil {
		t.Fatal(err)
	}
	if one.GBSeconds() > 0.06 {
		t.Error("one report of two runs was taken for both")
	}
	both, err := Read(strings.NewReader(log + report + report))
	if err != nil {
		t.Fatal(err)
	}
	if got := both.GBSeconds(); math.Abs(got-0.125) > 1e-12 {
		t.Errorf("%v GB-seconds; want the 0.125 that Lambda reported", got)
	}
}

func TestAnUnknownFunctionHasNoPrice(t *testing.T) {
	_, err := Read(strings.NewReader(`{"_aws":{},"Function":"Nobody","Duration":1}`))
	if !fault.Has(err, fault.Invalid) || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("got %v", err)
	}
}

func TestTransitions(t *testing.T) {
	var u Usage
	u.Execution("case", slices.Values([]string{
		"ExecutionStarted", "TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionFailed", "LambdaFunctionScheduled", "LambdaFunctionSucceeded",
		"TaskStateExited", "ChoiceStateEntered", "ChoiceStateExited", "ExecutionSucceeded",
	}))
	// Two states, one repetition, the end.
	if u.Transitions["case"] != 4 || u.Executions["case"] != 1 {
		t.Errorf("counted %d transitions of %d executions", u.Transitions["case"], u.Executions["case"])
	}
	var all Usage
	all.Add(u)
	all.Add(u)
	if all.Transitions["case"] != 8 || all.Executions["case"] != 2 {
		t.Errorf("added up to %+v", all)
	}
}

func TestPrice(t *testing.T) {
	prices, err := PricesOf("eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	u, err := Read(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	u.Transitions = map[string]int{"case": 150}
	bill := u.Price(prices, 2)
	by := map[string]Item{}
	for _, i := range bill.Items {
		if by[i.Name] = i; i.Unpriced {
			t.Errorf("%s has no price", i.Name)
		}
	}
	for name, want := range map[string][2]float64{
		"transitions": {150, 0.00375}, "table-writes": {12, 12 * 0.705e-6}, "table-reads": {2, 2 * 0.1415e-6},
		"object-writes": {2, 1e-5}, "object-reads": {4, 1.6e-6}, "key-uses": {2, 6e-6}, "requests": {1, 1.11e-6}, "invocations": {2, 4e-7},
	} {
		if i := by[name]; i.Quantity != want[0] || math.Abs(i.USD-want[1]) > 1e-12 {
			t.Errorf("%s: %v for %v USD; want %v", name, i.Quantity, i.USD, want)
		}
	}
	if len(by) != len(prices.Prices) {
		t.Errorf("the bill has %d items, the table %d prices", len(by), len(prices.Prices))
	}
	var b strings.Builder
	n, err := bill.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Errorf("wrote %d of %d: %v", n, b.Len(), err)
	}
	for _, want := range []string{"75.00", "0.001875", "state transitions", "over 2 cases", "eu-west-1 on 2026-11-22"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, b.String())
		}
	}
}

func TestAnItemWithoutAPriceSaysSo(t *testing.T) {
	u := Usage{Transitions: map[string]int{"case": 3}}
	bill := u.Price(Prices{Region: "nowhere"}, 1)
	var b strings.Builder
	if _, err := bill.WriteTo(&b); err != nil || !strings.Contains(b.String(), "no price") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestPricesHaveSources(t *testing.T) {
	if _, err := PricesOf("nowhere"); !fault.Has(err, fault.NotFound) {
		t.Errorf("got %v", err)
	}
	for _, region := range Regions() {
		p, err := PricesOf(region)
		if err != nil || p.Region != region || p.AsOf == "" || p.Currency != "USD" {
			t.Errorf("%s: %+v %v", region, p, err)
		}
		for name, price := range p.Prices {
			if price.Per <= 0 || price.USD <= 0 || !strings.HasPrefix(price.Source, "https://aws.amazon.com/") {
				t.Errorf("%s: %s costs %+v", region, name, price)
			}
		}
	}
}
