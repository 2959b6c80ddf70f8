package clock

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// TestSentences has every sentence once with values of the kinds it names, and finds all of them in the English words.
func TestSentences(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2027, time.March, 1, 9, 30, 5, 0, berlin)
	values := map[ArgKind]struct {
		v           any
		text, words string
	}{
		DateArg:   {civil.In(at, berlin), "2027-03-01", "Monday 1 March 2027"},
		AmountArg: {policy.Amount{Value: 1, Unit: policy.BusinessDays}, "1 business_days", "1 business day"},
		EventArg:  {policy.FeeRequested, "fee", "a fee"},
		ZoneArg:   {berlin, "Europe/Berlin", "Europe/Berlin"},
		TimeArg:   {at, "2027-03-01T09:30:05+01:00", "09:30:05 on Monday 1 March 2027"},
		TextArg:   {"31", "31", "31"},
	}
	seen := map[string]bool{}
	for _, c := range StepCodes() {
		if seen[c.Code] || !regexp.MustCompile(`^[a-z_]+$`).MatchString(c.Code) || !strings.HasSuffix(c.English, ".") {
			t.Errorf("%q: a code twice, or no code, or %q is no sentence", c.Code, c.English)
		}
		seen[c.Code] = true
		var in []any
		want := c.English
		for _, a := range c.Args {
			v, ok := values[a.Kind]
			if !ok || strings.Count(c.English, "{"+a.Name+"}") != 1 {
				t.Fatalf("%s: argument %q is of no kind, or stands there twice", c.Code, a.Name)
			}
			in, want = append(in, v.v), strings.ReplaceAll(want, "{"+a.Name+"}", v.words)
		}
		got := sentence("Art. 1", c.Code, in...)
		if got.Text != want || got.Code != c.Code || got.Citation != "Art. 1" || strings.ContainsAny(got.Text, "{}") {
			t.Errorf("%s: got %+v, want %q", c.Code, got, want)
		}
		if !slices.EqualFunc(got.Args, c.Args, func(a, b Arg) bool { return a.Name == b.Name && a.Kind == b.Kind && a.Value == values[a.Kind].text }) {
			t.Errorf("%s: got arguments %+v, want those of %+v", c.Code, got.Args, c.Args)
		}
		b, err := json.Marshal(got)
		var back Step
		if err == nil {
			err = json.Unmarshal(b, &back)
		}
		if diff := cmp.Diff(got, back); diff != "" || err != nil {
			t.Errorf("%s: %v, (-stored +read):\n%s", c.Code, err, diff)
		}
	}
}

func TestArgumentsOfAnotherKind(t *testing.T) {
	for _, a := range []Arg{{Kind: TextArg, Value: "2027-03-01"}, {Kind: TextArg, Value: "1 hours"}, {Kind: TextArg, Value: "2027-03-01T00:00:00Z"}, {Kind: DateArg, Value: "tomorrow"}, {Kind: AmountArg, Value: "some days"}, {Kind: TimeArg, Value: "noon"}} {
		if !a.Date().IsZero() || a.Amount() != (policy.Amount{}) || !a.Time().IsZero() {
			t.Errorf("%+v has a value of a kind that it is not", a)
		}
	}
}
