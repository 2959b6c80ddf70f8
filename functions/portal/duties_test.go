package portal_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/duties"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// duty carries a duty of the team out on the case.
func (r *rig) duty(c casefile.Case, do func(ctx context.Context, d *duties.Desk, f *casefile.File) error) {
	r.t.Helper()
	d := &duties.Desk{Cases: r.set.Cases, Registry: r.set.Registry, Packs: r.set.Packs, Letters: r.set.Portal.Desk.Letters}
	r.ok(step.Change(r.t.Context(), r.set.Cases, c.Tenant, c.ID, func(ctx context.Context, f *casefile.File) error { return do(ctx, d, f) }))
}

// in opens a request of somebody who lives elsewhere.
func (r *rig) in(country, region string) casefile.Case {
	r.t.Helper()
	who, err := subject.New(subject.Email, ada)
	r.ok(err)
	c, err := r.set.Cases.Create(r.t.Context(), casefile.Opening{
		Tenant: home, Right: dsar.Access, Channel: "portal", Country: country, ReceivedAt: r.now, Actor: evidence.Subject,
		Person: casefile.Person{Email: who, Region: redact.NewText(region)},
	})
	r.ok(err)
	r.step("Triage", c)
	r.step("Acknowledge", c)
	return c
}

func (r *rig) status(c casefile.Case, token string) (v struct {
	Questions []struct {
		ID, Kind string
		Open     bool
		Accepted bool
	}
	Appeals []struct {
		ID, Kind, DueDate, Outcome, Reason string
		AcknowledgedAt                     time.Time
	}
	MayAppeal   bool
	AppealUntil time.Time
	DueDate     string
},
) {
	r.t.Helper()
	a := r.want(r.send(call{method: "GET", path: api(c), bearer: token}), 200)
	r.ok(json.Unmarshal([]byte(a.body), &v))
	return v
}

func TestThePersonAnswersAQuestion(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.open(home, ada)
	token := r.signIn(c)
	r.duty(c, func(ctx context.Context, d *duties.Desk, f *casefile.File) error {
		_, err := d.Ask(ctx, f, evidence.Staff("01"), casefile.AskIdentity, "several_people", redact.NewText("Which account is yours?"))
		return err
	})
	before := r.status(c, token)
	if len(before.Questions) != 1 || !before.Questions[0].Open {
		t.Fatalf("questions: %+v", before.Questions)
	}
	at := page(c) + "/questions/q1"
	for path, wants := range map[string][]string{
		page(c): {"We need something from you", "Show us that it is you", at},
		at:      {"The days until your answer do not count", "nothing is handed out or changed"},
	} {
		a := r.want(r.send(call{method: "GET", path: path, cookie: token}), 200)
		for _, want := range wants {
			if !strings.Contains(a.body, want) {
				t.Errorf("%s does not say %q", path, want)
			}
		}
	}
	r.want(r.send(call{method: "POST", path: at, body: form("text", " "), cookie: token}), 400)
	r.now = r.now.AddDate(0, 0, 6)
	token = r.session(c, time.Hour)
	r.want(r.send(call{method: "POST", path: at, body: form("text", "The one of 2019."), cookie: token}), 200)
	r.want(r.send(call{method: "POST", path: at, body: form("text", "Again."), cookie: token}), 404)
	after := r.status(c, token)
	if after.Questions[0].Open || after.DueDate <= before.DueDate {
		t.Errorf("due %s, was %s; questions %+v", after.DueDate, before.DueDate, after.Questions)
	}
	if one := r.one(c); one.Awaits() || one.Questions[0].AnswerBy != evidence.Subject {
		t.Errorf("questions: %+v", one.Questions)
	}
}

func TestThePersonAgreesToAFee(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.open(home, ada)
	token := r.signIn(c)
	r.duty(c, func(ctx context.Context, d *duties.Desk, f *casefile.File) error {
		words := redact.NewText("It would be the fifth copy.")
		_, err := d.Claim(ctx, f, evidence.Staff("01"), duties.Claiming{Kind: casefile.ClaimFee, Ground: "further_copies", Amount: "EUR 20.00", Text: words, Objective: words, Subjective: words})
		return err
	})
	r.duty(c, func(ctx context.Context, d *duties.Desk, f *casefile.File) error {
		return d.Decide(ctx, f, "c1", evidence.Staff("02"), casefile.Approve, redact.Text{})
	})
	at := page(c) + "/questions/q1"
	if a := r.want(r.send(call{method: "GET", path: at, cookie: token}), 200); !strings.Contains(a.body, "Agree to pay EUR 20.00") || !strings.Contains(a.body, "/withdraw") {
		t.Errorf("the page: %.2000s", a.body)
	}
	r.want(r.send(call{method: "POST", path: at, body: form("decision", "maybe"), cookie: token}), 400)
	r.want(r.send(call{method: "POST", path: api(c) + "/questions/q1/answer", body: `{"text":"Yes."}`, bearer: token}), 409)
	r.want(r.send(call{method: "POST", path: at, body: form("decision", "accept"), cookie: token}), 303)
	r.want(r.send(call{method: "POST", path: api(c) + "/questions/q1/accept", bearer: token}), 200)
	if a := r.want(r.send(call{method: "GET", path: at, cookie: token}), 200); !strings.Contains(a.body, "You agreed") {
		t.Error("the page does not say that she agreed")
	}
	if q := r.status(c, token).Questions[0]; !q.Accepted || !q.Open {
		t.Errorf("the fee: %+v", q)
	}
}

func TestAnAppealInVirginia(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.in("US", "VA")
	token := r.signIn(c)
	if v := r.status(c, token); v.MayAppeal {
		t.Error("there is nothing to appeal against yet")
	}
	r.want(r.send(call{method: "POST", path: api(c) + "/appeal", body: `{"text":"No."}`, bearer: token}), 409)
	r.change(c, func(f *casefile.File) error {
		f.Case.Status, f.Case.Phase, f.Case.Package = dsar.AwaitingReview, dsar.PhaseReviewResponse, &casefile.Package{}
		for _, who := range []string{"01", "02"} {
			if err := f.DecideResponse(evidence.Staff(who), casefile.Refuse, f.Case.ResponseHash(), redact.NewText("It would harm somebody else.")); err != nil {
				return err
			}
		}
		f.Case.Status, f.Case.ClosedAt = dsar.Refused, f.Now()
		return nil
	})
	if a := r.want(r.send(call{method: "GET", path: page(c), cookie: token}), 200); !strings.Contains(a.body, page(c)+"/appeal") {
		t.Error("the page leads to no appeal")
	}
	r.want(r.send(call{method: "GET", path: page(c) + "/appeal", cookie: token}), 200)
	r.want(r.send(call{method: "POST", path: page(c) + "/appeal", body: form("text", ""), cookie: token}), 400)
	a := r.want(r.send(call{method: "POST", path: page(c) + "/appeal", body: form("text", "It would harm nobody."), cookie: token}), 200)
	if !strings.Contains(a.body, "5 March 2027") { // 60 days: Va. Code 59.1-577(C)
		t.Errorf("by when she hears of it is not said: %.1500s", a.body)
	}
	r.want(r.send(call{method: "POST", path: api(c) + "/appeal", body: `{"text":"Again."}`, bearer: token}), 409)
	v := r.status(c, token)
	if len(v.Appeals) != 1 || v.Appeals[0].AcknowledgedAt.IsZero() || v.Appeals[0].DueDate != "2027-03-05" || v.MayAppeal {
		t.Fatalf("appeals: %+v", v.Appeals)
	}
	r.duty(c, func(ctx context.Context, d *duties.Desk, f *casefile.File) error {
		return d.DecideSub(ctx, f, "s01", evidence.Staff("03"), duties.Verdict{Outcome: casefile.SubUpheld, Reason: redact.NewText("It names your neighbour.")})
	})
	if v = r.status(c, token); v.Appeals[0].Outcome != "upheld" || v.Appeals[0].Reason != "It names your neighbour." {
		t.Errorf("appeals: %+v", v.Appeals)
	}
}

// TestAComplaintInBritain: DPA 2018 s. 164A has it confirmed within 30 days; the letter leaves at once.
func TestAComplaintInBritain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.in("GB", "")
	token := r.signIn(c)
	a := r.want(r.send(call{method: "POST", path: api(c) + "/complaint", body: `{"text":"You are slow."}`, bearer: token}), 201)
	if !strings.Contains(a.body, `"acknowledgedAt"`) {
		t.Errorf("answered %s", a.body)
	}
	r.want(r.send(call{method: "POST", path: page(c) + "/complaint", body: form("text", "Again."), cookie: token}), 409)
	if a := r.want(r.send(call{method: "GET", path: page(c), cookie: token}), 200); strings.Contains(a.body, page(c)+"/complaint") || !strings.Contains(a.body, "Your appeals and complaints") {
		t.Error("the page offers a second complaint, or does not show the first")
	}
	if one := r.one(c); one.OpenSubs != 1 {
		t.Errorf("%d open", one.OpenSubs)
	}
}
