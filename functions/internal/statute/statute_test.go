package statute_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/functions/internal/statute"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

func packs(t *testing.T) *policy.Set {
	t.Helper()
	set, err := policy.Load()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func noon(t *testing.T, day string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, day+"T12:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// opened is a case of somebody who lives in the country, with its law pinned.
func opened(t *testing.T, set *policy.Set, tenant registry.Tenant, right dsar.Right, country, region, received string) casefile.Case {
	t.Helper()
	c := casefile.Case{Tenant: "shop", Right: right, ReceivedAt: noon(t, received), Law: casefile.Law{Country: country}}
	choice, err := statute.Choose(set, &c, redact.NewText(region), tenant, nil)
	if err != nil {
		t.Fatal(err)
	}
	statute.Pin(&c, choice)
	return c
}

func set(t *testing.T, c *casefile.Case, set *policy.Set, tenant registry.Tenant) {
	t.Helper()
	if err := statute.Set(c, set, tenant); err != nil {
		t.Fatal(err)
	}
}

func TestDeadlinesOfACase(t *testing.T) {
	laws := packs(t)
	tenant := registry.Tenant{Zone: "America/Los_Angeles", Policy: registry.Policy{LeadDays: 10}}
	c := opened(t, laws, tenant, dsar.Access, "US", "CA", "2026-11-21")
	set(t, &c, laws, tenant)
	at := func(day string) time.Time { return noon(t, day).Add(20*time.Hour - time.Millisecond) } // the end of the day at -08:00
	want := casefile.Due{
		At: at("2027-01-05"), Date: "2027-01-05", Ack: at("2026-12-04"), Notice: at("2027-01-05"), RefuseBy: at("2027-01-05"), Target: at("2026-12-26"),
		Granted: "full", Steps: c.Due.Steps,
	}
	if diff := cmp.Diff(want, c.Due); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var codes []string
	for _, s := range c.Due.Steps {
		codes = append(codes, s.Code)
	}
	if diff := cmp.Diff([]string{"received", "period", "ends"}, codes); diff != "" || c.Due.Steps[1].Citation == "" || len(c.Due.Steps[1].Args) != 2 {
		t.Errorf("steps %+v:\n%s", c.Due.Steps, diff)
	}
}

func TestWhatHappensMovesTheDate(t *testing.T) {
	laws := packs(t)
	tenant := registry.Tenant{Zone: "Europe/London"}
	asked := casefile.Question{Kind: casefile.AskClarification, At: noon(t, "2026-09-10")}
	answered, dropped, late := asked, asked, asked
	answered.Answered = noon(t, "2026-09-17")
	dropped.Dropped = noon(t, "2026-09-12")
	late.Answered, late.NotPause = noon(t, "2026-09-17"), casefile.AskedLate
	for _, c := range []struct {
		name      string
		questions []casefile.Question
		extension *casefile.Decision
		want      string
		first     bool
		waiting   []string
	}{
		{"nothing", nil, nil, "2026-10-05", false, nil},
		{"a question that is open", []casefile.Question{asked}, nil, "2026-10-05", false, []string{"clarification"}},
		{"answered", []casefile.Question{answered}, nil, "2026-10-12", false, nil},
		{"dropped", []casefile.Question{dropped}, nil, "2026-10-06", false, nil},
		{"asked too late to pause", []casefile.Question{late}, nil, "2026-10-05", false, nil},
		{"extended", nil, &casefile.Decision{Decision: "complexity", At: noon(t, "2026-09-20")}, "2026-12-03", true, nil},
	} {
		one := opened(t, laws, tenant, dsar.Access, "GB", "", "2026-09-03")
		one.Questions, one.Extension = c.questions, c.extension
		set(t, &one, laws, tenant)
		if one.Due.Date != c.want || one.Due.First.IsZero() == c.first {
			t.Errorf("%s: got %s, first %s; want %s", c.name, one.Due.Date, one.Due.First, c.want)
		}
		if diff := cmp.Diff(c.waiting, one.Due.Waiting); diff != "" {
			t.Errorf("%s: waiting (-want +got):\n%s", c.name, diff)
		}
		before := one.Due
		set(t, &one, laws, tenant)
		if diff := cmp.Diff(before, one.Due); diff != "" {
			t.Errorf("%s: computed again (-first +second):\n%s", c.name, diff)
		}
	}
}

// TestSeveralLaws: the earliest date governs, and each law has its own with its reason.
func TestSeveralLaws(t *testing.T) {
	laws := packs(t)
	tenant := registry.Tenant{Zone: "Europe/Berlin", Country: "DE", Region: "BY"}
	c := opened(t, laws, tenant, dsar.Access, "US", "CA", "2026-11-20")
	if len(c.Law.Also) != 1 || c.Law.Also[0].Pack != "eu" {
		t.Fatalf("the law of the seat does not apply: %+v", c.Law)
	}
	copied := c
	set(t, &c, laws, tenant)
	// A month is less than 45 days; 20 December 2026 is a Sunday, and the European Union moves it.
	if c.Due.Date != "2026-12-21" || c.Due.Law != "eu" || c.Due.Own == nil || c.Due.Own.Date != "2027-01-04" || len(c.Due.Own.Steps) == 0 {
		t.Errorf("got %+v", c.Due)
	}
	also := c.Law.Also[0]
	if also.Due != "2026-12-21" || !also.DueAt.Equal(c.Due.At) || also.Basis == "" || len(also.Steps) == 0 {
		t.Errorf("got %+v", also)
	}
	if copied.Law.Also[0].Due != "" {
		t.Error("a copy of the case was changed too")
	}
	if last := c.Due.Steps[len(c.Due.Steps)-1]; last.Code != "earliest" || !strings.Contains(last.Text, "GDPR") {
		t.Errorf("the last step is %+v", last)
	}
	// Europe knows other reasons for an extension than California, so it moves nothing.
	c.Extension = &casefile.Decision{Decision: "reasonably_necessary", At: noon(t, "2026-11-25")}
	set(t, &c, laws, tenant)
	if c.Due.Date != "2026-12-21" || c.Due.Own.Date != "2027-02-18" {
		t.Errorf("extended: got %s, California alone %s", c.Due.Date, c.Due.Own.Date)
	}
}

func TestCircumstancesOfTheTenant(t *testing.T) {
	laws := packs(t)
	for _, c := range []struct {
		name            string
		tenant          registry.Tenant
		right           dsar.Right
		country, region string
		received, want  string
	}{
		{"holidays of the seat", registry.Tenant{Zone: "Europe/Berlin", Country: "DE", Region: "BY"}, dsar.Access, "DE", "", "2026-12-06", "2027-01-07"}, // Epiphany in Bavaria
		{"of another state", registry.Tenant{Zone: "Europe/Berlin", Country: "DE", Region: "BE"}, dsar.Access, "DE", "", "2026-12-06", "2027-01-06"},
		{"cautious", registry.Tenant{Zone: "Europe/Berlin", Policy: registry.Policy{Cautious: true}}, dsar.Access, "DE", "", "2026-12-31", "2027-01-31"},
		{"cautious in the United Kingdom", registry.Tenant{Zone: "Europe/London", Policy: registry.Policy{Cautious: true}}, dsar.Access, "GB", "", "2026-09-03", "2026-10-02"},
	} {
		one := opened(t, laws, c.tenant, c.right, c.country, c.region, c.received)
		set(t, &one, laws, c.tenant)
		if one.Due.Date != c.want {
			t.Errorf("%s: got %s, want %s: %+v", c.name, one.Due.Date, c.want, one.Due.Steps)
		}
	}
}

func TestPeriodsThatAreNoAnswer(t *testing.T) {
	laws := packs(t)
	tenant := registry.Tenant{Zone: "Europe/London"}
	c := opened(t, laws, tenant, dsar.Access, "GB", "", "2026-09-03")
	pack, err := statute.Law(&c, laws)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := clock.PeriodOf(pack, c.Right, clock.ComplaintAcknowledge)
	d, err := statute.After(&c, laws, tenant, p, noon(t, "2026-10-10"), clock.ComplaintAcknowledge)
	if err != nil || d.Date.String() != "2026-11-09" || statute.DueOf(d).Date != "2026-11-09" || d.Steps[0].Code != "started_complaint" {
		t.Errorf("got %+v, %v", d, err)
	}
	d, err = statute.AfterExtended(&c, laws, tenant, p, policy.Amount{Value: 60, Unit: policy.CalendarDays}, noon(t, "2026-10-10"), noon(t, "2026-10-20"), clock.AppealDecision)
	if err != nil || d.Date.String() != "2026-12-09" || d.Steps[1].Code != "extended" {
		t.Errorf("extended: got %+v, %v", d, err)
	}
	if d, err = statute.After(&c, laws, tenant, policy.Period{}, noon(t, "2026-10-10"), clock.AppealDecision); err != nil || !d.IsZero() {
		t.Errorf("a period that the law does not set: got %+v, %v", d, err)
	}
}

// TestGrant: what was granted is to be carried out by a date of its own.
func TestGrant(t *testing.T) {
	laws := packs(t)
	tenant := registry.Tenant{Zone: "America/Mexico_City"}
	c := opened(t, laws, tenant, dsar.Erasure, "MX", "", "2026-11-20")
	if c.Law.Pack != "mx" {
		t.Fatalf("the law is %q", c.Law.Pack)
	}
	set(t, &c, laws, tenant)
	if !c.Due.Execute.IsZero() {
		t.Errorf("to be carried out by %s before it is granted", c.Due.Execute)
	}
	c.Granted = &casefile.Grant{At: noon(t, "2026-12-01")}
	set(t, &c, laws, tenant)
	if want := noon(t, "2026-12-22"); c.Due.Execute.Before(want) || c.Due.Execute.After(want.AddDate(0, 0, 10)) {
		t.Errorf("to be carried out by %s", c.Due.Execute)
	}
}

func TestWhatCannotBe(t *testing.T) {
	laws := packs(t)
	tenant := registry.Tenant{Zone: "UTC"}
	good := opened(t, laws, tenant, dsar.Access, "DE", "", "2026-09-03")
	for name, c := range map[string]struct {
		spoil func(*casefile.Case, *registry.Tenant)
		class fault.Class
	}{
		"no law":          {func(c *casefile.Case, _ *registry.Tenant) { c.Law = casefile.Law{} }, fault.Conflict},
		"unknown version": {func(c *casefile.Case, _ *registry.Tenant) { c.Law.Version = "eu@sha256:0" }, fault.NotFound},
		"late extension": {func(c *casefile.Case, _ *registry.Tenant) {
			c.Extension = &casefile.Decision{Decision: "complexity", At: noon(t, "2026-12-03")}
		}, fault.Invalid},
		"extension, no day": {func(c *casefile.Case, _ *registry.Tenant) {
			c.Extension = &casefile.Decision{Decision: "complexity", At: noon(t, "2026-09-05"), Until: "soon"}
		}, fault.Invalid},
		"answered before": {func(c *casefile.Case, _ *registry.Tenant) {
			c.Questions = []casefile.Question{{Kind: "fee", At: noon(t, "2026-09-05"), Answered: noon(t, "2026-09-04")}}
		}, fault.Invalid},
	} {
		one, of := good, tenant
		c.spoil(&one, &of)
		if err := statute.Set(&one, laws, of); !fault.Has(err, c.class) {
			t.Errorf("%s: got %v, want %s", name, err, c.class)
		}
	}
	if err := statute.Set(&good, laws, registry.Tenant{Zone: "Nowhere"}); err == nil {
		t.Error("computed in no zone")
	}
}

// TestOldCase: a case stored before steps had codes is read, shown and computed again.
func TestOldCase(t *testing.T) {
	var c casefile.Case
	stored := `{"right":"access","receivedAt":"2026-11-20T12:00:00Z","due":{"at":"2026-12-21T22:59:59.999Z","date":"2026-12-21","steps":[{"text":"The request arrived."}]},"law":{"pack":"eu","version":"` + string(currentVersion(t)) + `"}}`
	if err := json.Unmarshal([]byte(stored), &c); err != nil {
		t.Fatal(err)
	}
	if c.Due.Steps[0].Code != "" || c.Due.Steps[0].Text != "The request arrived." {
		t.Errorf("got %+v", c.Due.Steps)
	}
	set(t, &c, packs(t), registry.Tenant{Zone: "Europe/Berlin"})
	if c.Due.Date != "2026-12-21" || c.Due.Steps[0].Code == "" {
		t.Errorf("got %+v", c.Due)
	}
}

func currentVersion(t *testing.T) policy.Version {
	t.Helper()
	p, err := packs(t).Pack("eu")
	if err != nil {
		t.Fatal(err)
	}
	return p.Version
}

// A law that is a draft nobody confirmed governs no tenant in production: another stands in for it, and the person is told so.
func TestUnconfirmedDraftDoesNotGovern(t *testing.T) {
	set, err := policy.Load()
	if err != nil {
		t.Fatal(err)
	}
	c := casefile.Case{ReceivedAt: time.Date(2027, 6, 1, 9, 0, 0, 0, time.UTC), Right: dsar.Access, Law: casefile.Law{Country: "AR"}}
	tenant := registry.Tenant{Name: "shop", Zone: "UTC", Production: true}
	ready := func(p policy.Pack) bool { return !p.Draft() || p.ID == "eu" }
	choice, err := statute.Choose(set, &c, redact.NewText(""), tenant, ready)
	if err != nil || choice.Pack.ID == "ar" || choice.Doubt != policy.Unconfirmed || choice.Assumption == "" {
		t.Errorf("got %s, %s, %q, %v", choice.Pack.ID, choice.Doubt, choice.Assumption, err)
	}
	choice, err = statute.Choose(set, &c, redact.NewText(""), tenant, nil)
	if err != nil || choice.Pack.ID != "ar" || choice.Doubt != policy.NoDoubt {
		t.Errorf("out of production: got %s, %s, %v", choice.Pack.ID, choice.Doubt, err)
	}
}
