package letters

import (
	"slices"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// demandingPack is a law that wants everything said that a law can want.
func demandingPack() policy.Pack {
	window := &policy.Period{Value: 30, Unit: policy.CalendarDays, StartEvent: policy.OnDecision, Kind: policy.Statute, Basis: "s. 1"}
	way := func(name string) *policy.Route {
		return &policy.Route{Name: name, URL: "https://authority.example.com/", Window: window, Text: policy.Words{"en": "You can turn to " + name + "."}}
	}
	return policy.Pack{
		ID: "test", Law: "Privacy Act", Short: "PA",
		Extension: &policy.Extension{Reasons: []string{"complexity"}},
		Complaint: policy.Complaint{Internal: way("our team"), Authority: way("the authority"), Court: way("a court")},
		Appeal:    &policy.Appeal{Decision: policy.Period{Value: 60, Unit: policy.CalendarDays, StartEvent: policy.OnAppeal, Kind: policy.Statute, Basis: "s. 2"}},
		Refusal: policy.Refusal{MustState: []policy.Statement{
			policy.StateReasons, policy.StateComplaint, policy.StateCourt, policy.StateInternalComplaint, policy.StateStatutoryException,
			policy.StateOptOut, policy.StateAppeal, policy.StateAssistance, policy.StateRecourseTime,
		}},
		Letters: map[string][]policy.Statement{
			string(Acknowledgement): {policy.StateHandling, policy.StateDue},
			string(Extension):       {policy.StateReasons, policy.StateDue},
			string(Done):            {policy.StateRecipients, policy.StateReasons},
			string(AppealDecided):   {policy.StateReasons, policy.StateComplaint},
		},
	}
}

func demandingFacts(p policy.Pack) Facts {
	day := func(d int) civil.Date { return civil.Date{Year: 2027, Month: 1, Day: d} }
	return Facts{
		Tenant:    Tenant{Title: "Lumen Books", Controller: "Lumen Books Ltd", Contact: "privacy@example.com"},
		Reference: "7K3QX-9M2DA", Right: dsar.Erasure, Pack: p, PortalURL: "https://privacy.example.com/t/lumen/requests/7K3QX-9M2DA",
		ReceivedOn: day(1), FirstDue: day(20), Due: day(30), On: day(2), DueSteps: []clock.Step{{N: 1, Text: "It arrived."}},
		Reasons:         []Reason{{Text: redact.NewText("The invoices must be kept."), Citation: "Tax Act s. 1"}},
		ExtensionReason: "complexity", OptOutURL: "https://shop.example.com/opt-out", Recipients: []string{"Parcel Ltd"},
		Systems: []System{{Title: "Shop", Outcome: dsar.Erased, Records: 2}},
		Act:     Act{Outcome: "upheld"},
	}
}

// written returns the letter before it is judged.
func written(t *testing.T, c *Catalogue, kind Kind, language string, f Facts) *builder {
	t.Helper()
	b := &builder{words: c.words(language), kind: kind, facts: f}
	b.write()
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b
}

// TestALetterWithoutAParagraphCannotBeSent takes each part out of each letter in turn: whatever the law wants said and nothing else in
// the letter says is missed, by name, and the loss of any other part is not.
func TestALetterWithoutAParagraphCannotBeSent(t *testing.T) {
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	missed := map[policy.Statement]bool{}
	for _, kind := range []Kind{Refused, NotIdentifiable, Acknowledgement, Extension, Done, AppealDecided} {
		for _, language := range Languages() {
			b := written(t, c, kind, language, demandingFacts(demandingPack()))
			if err := b.lawful(); err != nil {
				t.Fatalf("%s in %s: the whole letter is refused: %v", kind, language, err)
			}
			whole := b.parts
			for i, gone := range whole {
				b.parts = slices.Delete(slices.Clone(whole), i, i+1)
				want := onlyThere(b, gone)
				err := b.lawful()
				if (err != nil) != (want != "") {
					t.Errorf("%s in %s without part %d: %v, want %q", kind, language, i, err, want)
				}
				if want != "" && (!fault.Has(err, fault.Misconfigured) || !strings.Contains(err.Error(), inWords(want))) {
					t.Errorf("%s in %s without part %d: %v does not name %s", kind, language, i, err, want)
				}
				for _, s := range gone.states {
					missed[s] = missed[s] || want != ""
				}
			}
		}
	}
	for _, s := range policy.Statements() {
		// Several ways of complaint are open for a time here: no one paragraph is the only one that says so.
		if !missed[s] && s != policy.StateRecourseTime {
			t.Errorf("no paragraph was missed that states %s", s)
		}
	}
}

// onlyThere returns the first statement that the law demands and only the part that is gone made.
func onlyThere(b *builder, gone part) policy.Statement {
	for _, s := range demanded(b.kind, b.facts) {
		elsewhere := slices.ContainsFunc(b.parts, func(p part) bool { return slices.Contains(p.states, s) })
		if slices.Contains(gone.states, s) && !elsewhere {
			return s
		}
	}
	return ""
}

// TestWhatThePackLacksIsMissed: the same from the side of the facts, which is how a letter really loses a statement.
func TestWhatThePackLacksIsMissed(t *testing.T) {
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		states policy.Statement
		kind   Kind
		spoil  func(*Facts)
	}{
		{policy.StateComplaint, Refused, func(f *Facts) { f.Pack.Complaint.Authority = nil }},
		{policy.StateCourt, Refused, func(f *Facts) { f.Pack.Complaint.Court = nil }},
		{policy.StateInternalComplaint, Done, func(f *Facts) { f.Pack.Complaint.Internal = nil }},
		{policy.StateAppeal, Refused, func(f *Facts) { f.Pack.Appeal = nil }},
		{policy.StateAppeal, Done, func(f *Facts) { f.Pack.Appeal = nil }},
		{policy.StateStatutoryException, Refused, func(f *Facts) { f.Reasons[0].Citation = "" }},
		{policy.StateOptOut, Refused, func(f *Facts) { f.OptOutURL = "" }},
		{policy.StateOptOut, NotIdentifiable, func(f *Facts) { f.OptOutURL = "javascript:alert(1)" }},
		{policy.StateRecourseTime, Refused, func(f *Facts) {
			for _, r := range []**policy.Route{&f.Pack.Complaint.Authority, &f.Pack.Complaint.Internal, &f.Pack.Complaint.Court} {
				without := **r
				without.Window, *r = nil, &without
			}
		}},
		{policy.StateReasons, Done, func(f *Facts) { f.Reasons = nil }},
		{policy.StateRecipients, Acknowledgement, func(f *Facts) {
			f.Pack.Letters = map[string][]policy.Statement{string(Acknowledgement): {policy.StateRecipients}}
		}},
	} {
		f := demandingFacts(demandingPack())
		x.spoil(&f)
		_, err := c.Render(x.kind, "pl", f)
		if !fault.Has(err, fault.Misconfigured) || !strings.Contains(err.Error(), inWords(x.states)) {
			t.Errorf("%s without %s: %v", x.kind, x.states, err)
		}
	}
}

// TestWhatIsDemandedOfWhom: the opt-out is for refused erasures of those who sell, and an appeal for those who were refused something.
func TestWhatIsDemandedOfWhom(t *testing.T) {
	p := demandingPack()
	for _, x := range []struct {
		kind Kind
		edit func(*Facts)
		s    policy.Statement
		want bool
	}{
		{Refused, func(*Facts) {}, policy.StateOptOut, true},
		{Refused, func(f *Facts) { f.NotSold = true }, policy.StateOptOut, false},
		{Refused, func(f *Facts) { f.Right = dsar.Access }, policy.StateOptOut, false},
		{Done, func(*Facts) {}, policy.StateAppeal, true},
		{Done, func(f *Facts) { f.Reasons = nil }, policy.StateAppeal, false},
		{Done, func(*Facts) {}, policy.StateStatutoryException, false},
		{Message, func(*Facts) {}, policy.StateComplaint, false},
		{Expired, func(*Facts) {}, policy.StateComplaint, true},
	} {
		f := demandingFacts(p)
		x.edit(&f)
		if got := slices.Contains(demanded(x.kind, f), x.s); got != x.want {
			t.Errorf("%s demands %s: %v, want %v", x.kind, x.s, got, x.want)
		}
	}
}

// TestNobodyWasTold: a letter that must name recipients says so when there are none.
func TestNobodyWasTold(t *testing.T) {
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	f := demandingFacts(demandingPack())
	f.Recipients = nil
	if _, err := c.Render(Done, "it", f); err != nil {
		t.Error(err)
	}
}
