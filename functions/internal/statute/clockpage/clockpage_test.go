package clockpage_test

import (
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/statute"
	"github.com/habeas-dsar/habeas/functions/internal/statute/clockpage"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	i, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func opened(t *testing.T, set *policy.Set, tenant registry.Tenant, country, region string, change func(*casefile.Case)) casefile.Case {
	t.Helper()
	c := casefile.Case{Tenant: "shop", Right: dsar.Access, ReceivedAt: at(t, "2026-09-03T12:00:00Z"), Law: casefile.Law{Country: country}}
	choice, err := statute.Choose(set, &c, redact.NewText(region), tenant, nil)
	if err != nil {
		t.Fatal(err)
	}
	statute.Pin(&c, choice)
	change(&c)
	if err := statute.Set(&c, set, tenant); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClock(t *testing.T) {
	set, err := policy.Load()
	if err != nil {
		t.Fatal(err)
	}
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	tenant := registry.Tenant{Zone: "Europe/London", Policy: registry.Policy{LeadDays: 5}}
	asked, answered := at(t, "2026-09-10T12:00:00Z"), at(t, "2026-09-17T12:00:00Z")
	c := opened(t, set, tenant, "GB", "", func(c *casefile.Case) {
		c.Questions = []casefile.Question{
			{Kind: casefile.AskClarification, At: asked, Answered: answered},
			{Kind: casefile.AskClarification, At: asked.AddDate(0, 0, 1), Answered: answered, NotPause: casefile.AskedLate},
			{Kind: casefile.AskClarification, At: asked.AddDate(0, 5, 0), Answered: answered.AddDate(0, 5, 0)}, // the date had passed
		}
		c.Extension = &casefile.Decision{Decision: "complexity", At: at(t, "2026-09-20T12:00:00Z")}
	})
	k := clockpage.Of(&c, set, london)
	if diff := cmp.Diff([]pages.Stop{{From: asked.In(london), To: answered.In(london)}}, k.Stops); diff != "" {
		t.Errorf("stops (-want +got):\n%s", diff)
	}
	if !k.DueAt.Equal(c.Due.First) || !k.ExtendedTo.Equal(c.Due.At) || k.DueAt.Location() != london || k.Ticks != nil || k.Laws != nil {
		t.Errorf("got %+v", k)
	}
	var kinds []string
	for _, tick := range clockpage.ForTeam(&c, set, london).Ticks {
		kinds = append(kinds, tick.Kind)
	}
	if diff := cmp.Diff([]string{"acknowledge", "notice", "refuse", "target"}, kinds); diff != "" {
		t.Errorf("ticks (-want +got):\n%s", diff)
	}
	if got := clockpage.Because(&c); len(got) != 2 || clockpage.OtherLaws(&c, set) != nil {
		t.Errorf("because %q", got)
	}
	// A case of before the first date was kept falls back on the day of its notice.
	c.Due.First = time.Time{}
	if k = clockpage.Of(&c, set, london); !k.DueAt.Equal(c.Due.Notice) {
		t.Errorf("an older case: due %s", k.DueAt)
	}
}

func TestSeveralLaws(t *testing.T) {
	set, err := policy.Load()
	if err != nil {
		t.Fatal(err)
	}
	tenant := registry.Tenant{Zone: "Europe/Berlin", Country: "DE", Region: "BY"}
	c := opened(t, set, tenant, "US", "CA", func(*casefile.Case) {})
	k := clockpage.Of(&c, set, time.UTC)
	if len(k.Laws) != 2 || k.Laws[0].Governs || !k.Laws[1].Governs || k.Laws[1].Law != "GDPR" || k.Laws[0].Law == "us-ca" || k.Laws[1].Why == "" || !k.Laws[1].DueAt.Equal(c.Due.At) || !k.Laws[0].DueAt.Equal(c.Due.Own.At) || len(k.Laws[0].Steps) == 0 || len(k.Laws[1].Steps) == 0 {
		t.Errorf("got %+v", k.Laws)
	}
	if diff := cmp.Diff([]string{"GDPR"}, clockpage.OtherLaws(&c, set)); diff != "" {
		t.Errorf("other laws (-want +got):\n%s", diff)
	}
	c.Law.Also[0].Version = "eu@sha256:0000000000000000"
	if diff := cmp.Diff([]string{"eu"}, clockpage.OtherLaws(&c, set)); diff != "" {
		t.Errorf("a version that is not here (-want +got):\n%s", diff)
	}
}
