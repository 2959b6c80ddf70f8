package console_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/functions/internal/duties"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

func (r *rig) desk() *duties.Desk {
	return &duties.Desk{Cases: r.h.Cases, Registry: r.h.Registry, Packs: r.h.Packs, Letters: r.h.Letters}
}

// dutiful gives the case the question, claim or complaint that a route is about.
func (r *rig) dutiful(c casefile.Case, pattern string) {
	r.t.Helper()
	words, somebody := redact.NewText("Which of the two accounts is yours?"), evidence.Staff("00-somebody")
	var err error
	r.edit(c, func(f *casefile.File) {
		switch {
		case strings.Contains(pattern, "{question}"):
			_, err = r.desk().Ask(r.t.Context(), f, somebody, casefile.AskIdentity, "several_people", words)
		case strings.Contains(pattern, "{claim}"):
			_, err = r.desk().Claim(r.t.Context(), f, somebody, duties.Claiming{Kind: casefile.ClaimRefuse, Ground: casefile.OtherGround, Text: words})
		case strings.Contains(pattern, "{sub}"):
			_, err = r.desk().Bring(r.t.Context(), f, casefile.Complaint, evidence.Subject, f.Now(), words)
		}
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func staffOf(id string) string { return evidence.Staff(id) }

func TestAQuestionSaysWhatItDoesToTheDate(t *testing.T) {
	r := newRig(t)
	_, cookie, _ := r.staff(home, registry.Handler)
	c := r.verified(r.open(home, nil))
	at := "/console/cases/" + c.ID
	p := r.want(r.page(cookie, http.MethodGet, at+"/ask", nil), 200)
	for _, want := range []string{"The days of waiting do not count", "Proof of identity", "once", "Nothing is handed out"} {
		if !strings.Contains(p.body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	// Four days after receipt it is no prompt question any more: it would pause nothing (EDPB Guidelines 01/2022, 5.3).
	r.now = r.now.AddDate(0, 0, 4)
	_, cookie, token := r.staff(home, registry.Handler) // who signed in before has to do it again
	p = r.want(r.page(cookie, http.MethodGet, at+"/ask", nil), 200)
	if !strings.Contains(p.body, "within 3 days of receipt") || !strings.Contains(p.body, "The date stays as it is") {
		t.Errorf("the page does not warn: %.2000s", p.body)
	}
	r.want(r.page(cookie, http.MethodPost, at+"/ask", url.Values{"kind": {"identity"}, "doubt": {"because"}, "text": {"x"}}), 400)
	r.want(r.page(cookie, http.MethodPost, at+"/ask", url.Values{"kind": {"identity"}, "doubt": {"several_people"}, "text": {" "}}), 400)
	before := r.one(c).Due.Date
	r.want(r.page(cookie, http.MethodPost, at+"/ask", url.Values{"kind": {"identity"}, "doubt": {"several_people"}, "text": {"Which account?"}}), 303)
	r.now = r.now.AddDate(0, 0, 5)
	r.want(r.call(token, "POST", "/api/v1/cases/"+c.ID+"/questions/q1/answer", `{"text":"The older one.","at":"2027-01-10"}`), 200)
	if one := r.one(c); one.Due.Date != before || one.Awaits() || one.Questions[0].NotPause != casefile.AskedLate {
		t.Errorf("due %s, was %s: %+v", one.Due.Date, before, one.Questions)
	}
	r.want(r.call(token, "POST", "/api/v1/cases/"+c.ID+"/questions", `{"kind":"identity","code":"several_people","text":"Again."}`), 409)
}

func TestAPromptQuestionPauses(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Handler)
	c := r.verified(r.open(home, nil))
	before := r.one(c).Due
	r.want(r.call(token, "POST", "/api/v1/cases/"+c.ID+"/questions", `{"kind":"identity","code":"several_people","text":"Which account?"}`), 201)
	v := r.want(r.call(token, "GET", "/api/v1/cases/"+c.ID, ""), 200).json(t)
	if q := v["questions"].([]any)[0].(map[string]any); q["open"] != true || q["blocks"] != true {
		t.Errorf("question: %v", q)
	}
	r.now = r.now.AddDate(0, 0, 10)
	r.want(r.call(token, "POST", "/api/v1/cases/"+c.ID+"/questions/q1/answer", `{"text":"The older one."}`), 200)
	if after := r.one(c).Due; after.At.Sub(before.At).Hours() < 9*24 {
		t.Errorf("due %s, was %s", after.Date, before.Date)
	}
	if ls, _, err := r.h.Cases.Letters(t.Context(), home, c.ID, 10); err != nil || !slices.ContainsFunc(ls, func(m casefile.Mail) bool { return m.Kind == "question_identity" }) {
		t.Errorf("no letter left: %v", err)
	}
}

func TestAClaimOfAbuseIsProvedWarnedAndApproved(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Handler)
	own, ownCookie, ownToken := r.staff(home, registry.Handler, registry.Approver)
	_, _, otherToken := r.staff(home, registry.Approver)
	c := r.verified(r.open(home, nil))
	in := "/api/v1/cases/" + c.ID + "/claims"
	for _, bad := range []string{
		`{"kind":"refuse","ground":"because","text":"No."}`,
		`{"kind":"refuse","ground":"excessive","text":"No.","subjective":"Wrote so."}`,
		`{"kind":"refuse","ground":"excessive","text":"No.","objective":"40 requests."}`, // the first request: C-526/24
		`{"kind":"fee","ground":"excessive","text":"No.","objective":"40.","subjective":"So.","amount":"a lot"}`,
		`{"kind":"effort","ground":"disproportionate_effort","text":"No.","objective":"Tapes.","system":"nowhere","citation":"Art. 12"}`,
	} {
		r.want(r.call(token, "POST", in, bad), 400)
	}
	r.want(r.call(ownToken, "POST", in, `{"kind":"refuse","ground":"excessive","text":"You asked 40 times.","objective":"40 requests.","subjective":"Wrote that it is to harm us."}`), 202)
	r.want(r.call(otherToken, "POST", in+"/c1/decision", `{"decision":"approve"}`), 409) // nobody warned the person
	one := "/console/cases/" + c.ID + "/claims/c1"
	if p := r.want(r.page(ownCookie, http.MethodGet, one, nil), 200); !strings.Contains(p.body, "Send the warning") || strings.Contains(p.body, "Approve and refuse") {
		t.Error("the page leads to something else than the warning")
	}
	r.want(r.page(ownCookie, http.MethodPost, one, url.Values{"decision": {"warn"}}), 303)
	if p := r.want(r.page(ownCookie, http.MethodGet, one, nil), 200); !strings.Contains(p.body, "Somebody else has to decide") {
		t.Error("whoever made the claim is not told that somebody else decides")
	}
	r.now = r.now.AddDate(0, 0, 8)
	_, cookie, _ := r.staff(home, registry.Handler) // who signed in before has to do it again
	_, otherCookie, _ := r.staff(home, registry.Approver)
	r.want(r.call(ownToken, "POST", in+"/c1/decision", `{"decision":"approve"}`), 403)
	listed := r.want(r.call(token, "GET", "/api/v1/claims", ""), 200).json(t)["claims"].([]any)
	if len(listed) != 1 || listed[0].(map[string]any)["by"] != staffOf(own) {
		t.Errorf("claims: %v", listed)
	}
	for _, page := range []string{"/console/", "/console/appeals"} {
		if p := r.want(r.page(cookie, http.MethodGet, page, nil), 200); !strings.Contains(p.body, "/claims/c1") {
			t.Errorf("%s does not list the claim", page)
		}
	}
	if p := r.want(r.page(otherCookie, http.MethodGet, one, nil), 200); !strings.Contains(p.body, "Approve and refuse") {
		t.Error("an approver is not asked")
	}
	r.want(r.page(otherCookie, http.MethodPost, one, url.Values{"decision": {"decline"}}), 400)
	r.want(r.call(otherToken, "POST", in+"/c1/decision", `{"decision":"approve"}`), 200)
	got := r.one(c)
	if got.Refusal == nil || got.Refusal.Ground != "excessive" || !strings.Contains(got.Refusal.Citation, "12(5)") {
		t.Errorf("refusal: %+v", got.Refusal)
	}
}

func TestAFeeIsAnnouncedOnceItIsApproved(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Handler)
	_, cookie, approver := r.staff(home, registry.Approver, registry.Handler)
	c := r.verified(r.open(home, nil))
	in := "/api/v1/cases/" + c.ID
	r.want(r.call(token, "POST", in+"/questions", `{"kind":"fee","code":"excessive","text":"It is the fifth copy.","amount":"EUR 20.00","objective":"Five copies in a month.","subjective":"Asked for spite."}`), 202)
	if got := r.one(c); len(got.Questions) > 0 {
		t.Error("the person heard of a fee that nobody approved")
	}
	r.want(r.call(approver, "POST", in+"/claims/c1/decision", `{"decision":"approve"}`), 200)
	got := r.one(c)
	if len(got.Questions) != 1 || got.Questions[0].Amount != "EUR 20.00" || got.Refusal != nil {
		t.Fatalf("questions: %+v", got.Questions)
	}
	r.want(r.call(token, "POST", in+"/questions/q1/answer", `{}`), 409)
	if p := r.want(r.page(cookie, http.MethodGet, "/console/cases/"+c.ID+"/questions/q1", nil), 200); !strings.Contains(p.body, "EUR 20.00") {
		t.Error("the page does not say how much")
	}
	r.want(r.page(cookie, http.MethodPost, "/console/cases/"+c.ID+"/questions/q1", url.Values{"decision": {"paid"}}), 303)
	if got = r.one(c); got.Questions[0].Paid.IsZero() || got.Awaits() {
		t.Errorf("questions: %+v", got.Questions)
	}
}

func TestTwoPeopleRefuseAResponse(t *testing.T) {
	r := newRig(t)
	_, _, one := r.staff(home, registry.Approver)
	_, otherCookie, _ := r.staff(home, registry.Approver)
	c, _ := r.busy(home)
	at := "/api/v1/cases/" + c.ID + "/response/decision"
	body := `{"decision":"refuse","hash":"` + c.ResponseHash() + `","reason":"It would harm somebody else.","ground":"`
	r.want(r.call(one, "POST", at, body+`because"}`), 400)
	if v := r.want(r.call(one, "POST", at, body+`excessive"}`), 200).json(t); v["waitsForApproval"] != true {
		t.Errorf("answer: %v", v)
	}
	r.want(r.call(one, "POST", at, body+`excessive"}`), 403)
	p := r.want(r.page(otherCookie, http.MethodPost, "/console/cases/"+c.ID+"/response", url.Values{"decision": {"refuse"}, "hash": {c.ResponseHash()}, "reason": {"I agree."}}), 303)
	if !strings.Contains(p.Header.Get("Location"), "refused") {
		t.Errorf("then %s", p.Header.Get("Location"))
	}
	if got := r.one(c); got.Refusal == nil || got.Refusal.Ground != "excessive" {
		t.Errorf("refusal: %+v", got.Refusal)
	}
}

// refused is a closed case of a person in Virginia, whose law knows appeals. Somebody decided on its response.
func (r *rig) refused(by string) casefile.Case {
	r.t.Helper()
	c := r.open(home, func(o *casefile.Opening) { o.Country, o.Person.Region = "US", redact.NewText("VA") })
	r.verified(c)
	r.edit(c, func(f *casefile.File) {
		r.assemble(f)
		f.Case.Status, f.Case.Phase = dsar.AwaitingReview, dsar.PhaseReviewResponse
		for _, actor := range []string{by, evidence.Staff("00-second")} {
			if err := f.DecideResponse(actor, casefile.Refuse, f.Case.ResponseHash(), redact.NewText("It would harm somebody else.")); err != nil {
				r.t.Fatal(err)
			}
		}
		f.Case.Status, f.Case.ClosedAt = dsar.Refused, f.Now()
	})
	return r.one(c)
}

func TestAnAppealByStaffIsDecidedBySomebodyElse(t *testing.T) {
	r := newRig(t)
	handler, _, token := r.staff(home, registry.Handler, registry.Approver)
	_, freshCookie, fresh := r.staff(home, registry.Approver)
	c := r.refused(staffOf(handler))
	in := "/api/v1/cases/" + c.ID + "/appeals"
	if c.Law.Pack != "us-va" {
		t.Fatalf("law %s", c.Law.Pack)
	}
	r.want(r.call(token, "POST", in, `{"kind":"appeal","text":"I did not.","receivedAt":"2027-02-01"}`), 400) // the future
	r.want(r.call(token, "POST", in, `{"kind":"appeal","text":"I did not ask for somebody else's data."}`), 201)
	r.want(r.call(token, "POST", in, `{"kind":"appeal","text":"Again."}`), 409)
	list := r.want(r.call(token, "GET", "/api/v1/appeals", ""), 200).json(t)["appeals"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["dueDate"] != "2027-03-05" { // Va. Code 59.1-577(C): 60 days
		t.Errorf("appeals: %v", list)
	}
	page := "/console/cases/" + c.ID + "/appeals/s01"
	r.want(r.call(token, "POST", in+"/s01/decision", `{"outcome":"granted","reason":"You are right.","todo":"Answer it."}`), 403)
	if p := r.want(r.page(freshCookie, http.MethodGet, page, nil), 200); !strings.Contains(p.body, "Decide and tell the person") {
		t.Error("a fresh pair of eyes is not asked")
	}
	r.want(r.page(freshCookie, http.MethodPost, page, url.Values{"decision": {"decide"}, "outcome": {"granted"}, "reason": {"You are right."}}), 400)
	r.want(r.call(fresh, "POST", in+"/s01/decision", `{"outcome":"granted","reason":"You are right.","todo":"Answer it."}`), 200)
	got := r.one(c)
	if got.Status != dsar.InProgress || got.Refusal != nil || got.OpenSubs != 0 {
		t.Errorf("the case is %s, refusal %v", got.Status, got.Refusal)
	}
	ms, _, err := r.h.Cases.Letters(t.Context(), home, c.ID, 20)
	var kinds []string
	for _, m := range ms {
		kinds = append(kinds, m.Kind)
	}
	if err != nil || !slices.Equal(kinds, []string{"appeal_received", "appeal_decided"}) {
		t.Errorf("letters %q, %v", kinds, err)
	}
}

// in opens a verified request of somebody who lives elsewhere.
func (r *rig) in(country, region, law string) casefile.Case {
	r.t.Helper()
	c := r.verified(r.open(home, func(o *casefile.Opening) { o.Country, o.Person.Region = country, redact.NewText(region) }))
	if c.Law.Pack != law {
		r.t.Fatalf("law %s, want %s", c.Law.Pack, law)
	}
	return c
}

// TestAnOpenExtensionNamesItsDay: the law of New Zealand leaves the length open (Privacy Act 2020 s. 48).
func TestAnOpenExtensionNamesItsDay(t *testing.T) {
	r := newRig(t)
	_, cookie, token := r.staff(home, registry.Handler)
	c := r.in("NZ", "", "nz")
	pack := must[policy.Pack](t)(r.h.Packs.Pack("nz"))
	code := pack.Extension.Reasons[0]
	at := "/api/v1/cases/" + c.ID + "/extension"
	for _, until := range []string{"", "soon", c.Due.Date, "2026-12-24"} {
		r.want(r.call(token, "POST", at, `{"reason":"`+code+`","until":"`+until+`"}`), 400)
	}
	if p := r.want(r.page(cookie, http.MethodGet, "/console/cases/"+c.ID+"/extend", nil), 200); !strings.Contains(p.body, `name="until"`) {
		t.Error("the page does not ask for the day")
	}
	v := r.want(r.call(token, "POST", at, `{"reason":"`+code+`","until":"2027-04-30"}`), 200).json(t)
	if got := r.one(c); v["dueDate"] != "2027-04-30" || got.Due.Date != "2027-04-30" || got.Extension.Until != "2027-04-30" {
		t.Errorf("due %v, stored %s", v["dueDate"], got.Due.Date)
	}
	r.want(r.call(token, "POST", at, `{"reason":"`+code+`","until":"2027-05-30"}`), 409)
}

// TestAnswersInTwoSteps: Brazil wants a short answer first (LGPD Art. 19 I), Mexico has the execution follow the decision.
func TestAnswersInTwoSteps(t *testing.T) {
	r := newRig(t)
	_, cookie, token := r.staff(home, registry.Approver)
	c := r.in("BR", "", "br")
	at, page := "/api/v1/cases/"+c.ID, "/console/cases/"+c.ID
	if p := r.want(r.page(cookie, http.MethodGet, page, nil), 200); !strings.Contains(p.body, page+"/short-answer") || strings.Contains(p.body, page+"/grant") {
		t.Error("the case does not lead to its short answer alone")
	}
	r.want(r.page(cookie, http.MethodPost, page+"/short-answer", url.Values{"reason": {" "}}), 400)
	r.want(r.page(cookie, http.MethodPost, page+"/short-answer", url.Values{"reason": {"Yes, we process data about you."}}), 303)
	r.want(r.call(token, "POST", at+"/short-answer", `{"text":"Again."}`), 409)
	c = r.in("MX", "", "mx")
	at, page = "/api/v1/cases/"+c.ID, "/console/cases/"+c.ID
	r.want(r.page(cookie, http.MethodGet, page+"/grant", nil), 200)
	r.want(r.page(cookie, http.MethodPost, page+"/grant", url.Values{}), 303)
	r.want(r.call(token, "POST", at+"/grant", ""), 409)
	if got := r.one(c); got.Granted == nil || got.Granted.Due.Date <= "2027-01-04" || got.Due.Execute.IsZero() {
		t.Errorf("granted %+v, due %+v", got.Granted, got.Due)
	}
}
