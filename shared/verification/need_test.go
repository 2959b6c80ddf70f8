package verification_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// tiered is a law with the degrees of certainty of 11 CCR 7062.
func tiered() policy.Pack {
	return policy.Pack{Verification: policy.Verification{
		Basis: "11 CCR 7060", NoneFor: []dsar.Right{dsar.OptOut, dsar.LimitSensitive},
		Tiers: []policy.Tier{
			{ID: "pieces", Rights: []dsar.Right{dsar.Access, dsar.Portability}, Scope: policy.SpecificPieces, Points: 3, Declaration: true, FallsBackTo: "categories", Basis: "11 CCR 7062(c)"},
			{ID: "categories", Rights: []dsar.Right{dsar.Access, dsar.Portability}, Scope: policy.Categories, Points: 2, Basis: "11 CCR 7062(b)"},
			{ID: "sensitive", Sensitive: true, Points: 3, Basis: "11 CCR 7062(d)"},
			{ID: "rest", Points: 2, Basis: "11 CCR 7062(d)"},
		},
		NeverAsk: []policy.NeverAsk{{Item: "identity_document"}, {Item: "data_points", For: []dsar.Right{dsar.Objection}}},
	}}
}

func TestNeedUnderTiers(t *testing.T) {
	t.Parallel()
	some := []subject.Kind{subject.Phone, subject.CustomerID, "postcode"}
	for name, c := range map[string]struct {
		right dsar.Right
		in    verification.Situation
		want  string // level, tier, scope, points, items
		from  string
		short bool
	}{
		"opt-outs ask nothing":                        {dsar.OptOut, verification.Situation{Details: some, Sensitive: true}, "none   0", "", false},
		"limits ask nothing":                          {dsar.LimitSensitive, verification.Situation{Details: some}, "none   0", "", false},
		"specific pieces":                             {dsar.Access, verification.Situation{Details: some}, "high pieces specific_pieces 3 mailed_code data_point:phone data_point:customer_id declaration", "", false},
		"categories":                                  {dsar.Access, verification.Situation{Details: some, Scope: policy.Categories}, "reasonable categories categories 2 mailed_code data_point:phone", "", false},
		"pieces that nothing can prove":               {dsar.Access, verification.Situation{Details: some[:1]}, "reasonable categories categories 2 mailed_code data_point:phone", "pieces", false},
		"neither pieces nor categories can be proved": {dsar.Access, verification.Situation{}, "reasonable categories categories 2 mailed_code", "pieces", true},
		"erasure":                          {dsar.Erasure, verification.Situation{Details: some}, "reasonable rest  2 mailed_code data_point:phone", "", false},
		"erasure of sensitive data":        {dsar.Erasure, verification.Situation{Details: some, Sensitive: true}, "high sensitive  3 mailed_code data_point:phone data_point:customer_id", "", false},
		"erasure where too little is held": {dsar.Erasure, verification.Situation{Details: some[:1], Sensitive: true}, "high sensitive  3 mailed_code data_point:phone", "", true},
		"what may not be asked is not":     {dsar.Objection, verification.Situation{Details: some}, "reasonable rest  2 mailed_code", "", false},
	} {
		got := verification.Need(c.right, tiered(), c.in)
		words := []string{fmt.Sprintf("%s %s %s %d", got.Level, got.Tier, got.Scope, got.Points)}
		for _, i := range got.Items {
			word := string(i.What)
			if i.Of != "" {
				word += ":" + string(i.Of)
			}
			if i.Why == "" || i.Basis == "" || !i.Open() {
				t.Errorf("%s: asked without saying why: %+v", name, i)
			}
			words = append(words, word)
		}
		if diff := cmp.Diff(c.want, strings.Join(words, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got.From != c.from || got.Short != c.short {
			t.Errorf("%s: from %q, short %t", name, got.From, got.Short)
		}
	}
	if verification.MayAsk(tiered(), verification.Document, dsar.Access) || !verification.MayAsk(tiered(), verification.DataPoint, dsar.Access) {
		t.Error("what may never be asked")
	}
}

// TestLawsWithoutTiersAskForTheAddressAlone, whatever the systems hold and however the request came.
func TestLawsWithoutTiersAskForTheAddressAlone(t *testing.T) {
	t.Parallel()
	set, err := policy.Load()
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, p := range set.Packs() {
		for _, r := range dsar.Rights() {
			got := verification.Need(r, p, verification.Situation{Details: []subject.Kind{subject.Phone, "postcode"}, Sensitive: true, Channel: verification.Staff})
			none := slices.Contains(p.Verification.NoneFor, r)
			if none != (got.Level == verification.Nothing) || none != (len(got.Items) == 0) {
				t.Errorf("%s %s: %+v", p.ID, r, got)
			}
			if len(p.Verification.Tiers) == 0 && !none {
				looked++
				if got.Level != verification.Address || len(got.Items) != 1 || got.Items[0].What != verification.MailedCode || got.FallsBackTo != "" || got.Points != 1 {
					t.Errorf("%s %s: %+v", p.ID, r, got)
				}
			}
			for _, i := range got.Items {
				if i.What == verification.Document || i.Why == "" || i.Basis == "" {
					t.Errorf("%s %s asks for %+v", p.ID, r, i)
				}
			}
		}
	}
	if looked < 2*len(dsar.Rights()) {
		t.Errorf("only %d cells have no tiers", looked)
	}
	l := verification.Levels()
	for n, a := range l {
		for m, b := range l {
			if a.Satisfies(b) != (n >= m) {
				t.Errorf("%s satisfies %s: %t", a, b, a.Satisfies(b))
			}
		}
	}
	if verification.Level("x").Satisfies(verification.Nothing) || verification.High.Satisfies("x") {
		t.Error("what is no level")
	}
}

func ids(pairs ...string) []subject.Identifier {
	var out []subject.Identifier
	for n := 0; n < len(pairs); n += 2 {
		out = append(out, subject.Revealed{Kind: subject.Kind(pairs[n]), Value: pairs[n+1]}.Identifier())
	}
	return out
}

func given(kinds ...subject.Kind) []verification.Asked {
	out := []verification.Asked{{What: verification.MailedCode, Result: verification.Given}}
	for _, k := range kinds {
		out = append(out, verification.Asked{What: verification.DataPoint, Of: k, Result: verification.Given})
	}
	return out
}

func TestScore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind        subject.Kind
		typed, held string // held: several after |
		want        verification.Finding
	}{
		"the same":                         {"order_number", "A-1001", "A-1001", verification.Matches},
		"other spaces, hyphens, capitals":  {"order_number", " a 1001 ", "A-1001", verification.Matches},
		"full width digits":                {"postcode", "\uff15\uff10667", "50667", verification.Matches},
		"one of several":                   {"order_number", "A-1003", "A-1001|A-1002|A-1003", verification.Matches},
		"the first of several":             {"order_number", "A-1001", "A-1001|A-1002|A-1003", verification.Matches},
		"another":                          {"order_number", "A-1004", "A-1001|A-1002", verification.Differs},
		"part of it":                       {"order_number", "100", "A-1001", verification.Differs},
		"nothing held":                     {"order_number", "A-1001", "", verification.NotHeld},
		"a national number":                {subject.Phone, "07700 900123", "+44 7700 900123", verification.Matches},
		"an international number":          {subject.Phone, "0044 7700 900123", "+44 (7700) 900-123", verification.Matches},
		"another number":                   {subject.Phone, "07700 900124", "+44 7700 900123", verification.Differs},
		"the end of a number":              {subject.Phone, "900123", "+44 7700 900123", verification.Differs},
		"an address in other capitals":     {subject.Email, "ADA@Example.com", "ada@example.com", verification.Matches},
		"an address keeps its punctuation": {subject.Email, "a.da@example.com", "ada@example.com", verification.Differs},
	} {
		var held []subject.Identifier
		for v := range strings.SplitSeq(c.held, "|") {
			if v != "" {
				held = append(held, ids(string(c.kind), v)...)
			}
		}
		held = append(held, ids("other", c.typed)...) // another kind with the same value proves nothing
		got := verification.Score(given(c.kind), ids(string(c.kind), c.typed), held)
		if got[1].Result != c.want || got[0].Result != verification.Given {
			t.Errorf("%s: %s, want %s", name, got[1].Result, c.want)
		}
	}
	if got := verification.Score(given("postcode"), nil, ids("postcode", "50667")); got[1].Result != verification.NotHeld {
		t.Errorf("nothing typed: %s", got[1].Result)
	}
	open := []verification.Asked{{What: verification.DataPoint, Of: "postcode"}, {What: verification.DataPoint, Of: "phone", Result: verification.Declined}}
	if diff := cmp.Diff(open, verification.Score(open, ids("postcode", "50667"), ids("postcode", "50667"))); diff != "" {
		t.Errorf("items that were not given (-want +got):\n%s", diff)
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	pieces := verification.Need(dsar.Access, tiered(), verification.Situation{Details: []subject.Kind{"phone", "customer_id"}})
	roomy := verification.Need(dsar.Access, tiered(), verification.Situation{Details: []subject.Kind{"phone", "customer_id", "postcode"}})
	short := verification.Need(dsar.Erasure, tiered(), verification.Situation{Details: []subject.Kind{"phone"}, Sensitive: true})
	address := verification.Need(dsar.Access, policy.Pack{}, verification.Situation{})
	m, d, n, g, no := verification.Matches, verification.Differs, verification.NotHeld, verification.Given, verification.Declined
	for name, c := range map[string]struct {
		need    verification.Requirement
		results []verification.Finding // of the items after the code
		tries   int
		want    verification.Verdict
	}{
		"the address is enough":          {address, nil, 0, verification.Reached},
		"both match, declared":           {pieces, []verification.Finding{m, m, g}, 1, verification.Reached},
		"both match, not declared":       {pieces, []verification.Finding{m, m, no}, 1, verification.NotReached},
		"one is wrong":                   {pieces, []verification.Finding{m, d, g}, 1, verification.TryAgain},
		"one is wrong for the last time": {pieces, []verification.Finding{m, d, g}, verification.MaxTries, verification.NotReached},
		"one is declined":                {pieces, []verification.Finding{m, no, g}, 1, verification.NotReached},
		"one is not held":                {pieces, []verification.Finding{m, n, g}, 1, verification.NotReached},
		"another can be asked instead":   {roomy, []verification.Finding{m, n, g}, 1, verification.TryAgain},
		"too little is held, it matches": {short, []verification.Finding{m}, 1, verification.Reached},
		"too little is held, it differs": {short, []verification.Finding{d}, 1, verification.TryAgain},
		"too little is held, not this":   {short, []verification.Finding{n}, 1, verification.Reached},
		"too little is held, declined":   {short, []verification.Finding{no}, 1, verification.NotReached},
	} {
		items := slices.Clone(c.need.Items)
		items[0].Result = verification.Given
		for k, r := range c.results {
			items[k+1].Result = r
		}
		if got := verification.Judge(c.need, items, c.tries); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestWhatIsAskedAgainAndFallingBack(t *testing.T) {
	t.Parallel()
	need := verification.Need(dsar.Access, tiered(), verification.Situation{Details: []subject.Kind{"phone", "customer_id", "postcode"}})
	items := slices.Clone(need.Items)
	for n, r := range []verification.Finding{verification.Given, verification.NotHeld, verification.Differs, verification.Given} {
		items[n].Result = r
	}
	again := verification.Again(need, items)
	if again[1].Of != "postcode" || !again[1].Open() || again[2].Of != "customer_id" || !again[2].Open() || again[3].Result != verification.Given || items[1].Of != "phone" {
		t.Errorf("asked again: %+v", again)
	}
	// One detail is right: enough for the categories, not for the data itself.
	items[1].Result = verification.Matches
	low, ok := verification.Lower(need, tiered(), items)
	if !ok || low.Tier != "categories" || low.Scope != policy.Categories || low.From != "pieces" || low.Level != verification.Reasonable {
		t.Errorf("falls back to %+v, %t", low, ok)
	}
	items[1].Result = verification.Differs
	if low, ok := verification.Lower(need, tiered(), items); ok || low.Tier != "pieces" {
		t.Errorf("nothing is right and falls back to %+v", low)
	}
	erase := verification.Need(dsar.Erasure, tiered(), verification.Situation{Details: []subject.Kind{"phone"}})
	if _, ok := verification.Lower(erase, tiered(), erase.Items); ok {
		t.Error("an erasure falls back")
	}
}

// TestGuessing: no number of wrong details adds up to a point, and a right one never counts twice.
func TestGuessing(t *testing.T) {
	t.Parallel()
	kinds := []subject.Kind{"phone", "customer_id", "postcode"}
	need := verification.Need(dsar.Access, tiered(), verification.Situation{Details: kinds})
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[A-Z0-9]{4,12}`)
		var typed, held []subject.Identifier
		right := 0
		items := slices.Clone(need.Items)
		items[0].Result = verification.Given
		items[3].Result = verification.Given
		for n, k := range kinds[:2] {
			h, v := value.Draw(t, "held"), value.Draw(t, "typed")
			held, typed = append(held, ids(string(k), "H"+h)...), append(typed, ids(string(k), "T"+v)...)
			if rapid.Bool().Draw(t, "right") {
				typed[len(typed)-1] = held[len(held)-1]
				right++
			}
			items[n+1].Result = verification.Given
		}
		got := verification.Judge(need, verification.Score(items, typed, held), rapid.IntRange(1, 5).Draw(t, "tries"))
		if (got == verification.Reached) != (right == 2) {
			t.Errorf("%d right: %s", right, got)
		}
	})
}

func TestSensitive(t *testing.T) {
	t.Parallel()
	for c, want := range map[string]bool{
		"user.government_id": true, "user.government_id.passport_number": true, "user.financial.bank_account": true, "user.health_and_medical": true,
		"user.contact.email": false, "user": false, "user.government_identity": false, "system.operations": false, "": false, "user.location": false, "user.location.precise": true,
	} {
		if got := verification.Sensitive(c); got != want {
			t.Errorf("%s: %t", c, got)
		}
	}
	if verification.Sensitive() || !verification.Sensitive("user.name", "user.biometric.fingerprint") {
		t.Error("lists of categories")
	}
}
