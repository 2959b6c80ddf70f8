package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// lawful is a request as its page shows it, with what hangs on the law.
type lawful struct {
	testkit.Status
	DueDate   string
	MayAppeal bool
	Questions []struct {
		ID, Kind     string
		Open, Blocks bool
	}
	Appeals []struct {
		ID, Kind, DueDate, Outcome, Reason string
		ReceivedAt, AcknowledgedAt, DueAt  time.Time
	}
	Proof []struct{ What, Of, Why, Basis string }
}

func lawOf(r *testkit.Request) (out lawful) {
	r.Site.Helper()
	r.Site.Call("GET", r.Path(""), r.Session, nil).Want(200).JSON(&out)
	return out
}

// wantDue fails the test unless the answer is due at the end of the day, and the steps that lead there cite the law.
func wantDue(r *testkit.Request, law, day string, citations ...string) lawful {
	r.Site.Helper()
	st := lawOf(r)
	raw, _ := json.Marshal(st.Explanation)
	if st.Law != law || st.DueDate != day || len(st.Explanation) < 2 {
		r.Site.Errorf("under %s due on %s, want %s under %s: %s", st.Law, st.DueDate, day, law, raw)
	}
	for _, c := range citations {
		if !strings.Contains(string(raw), c) {
			r.Site.Errorf("no step cites %s: %s", c, raw)
		}
	}
	return st
}

// waiting asks for a copy whose answer somebody has to look at, so that the case stays open.
func waiting(s *testkit.Site, more ...map[string]any) *testkit.Request {
	s.Helper()
	staff(s).autopilot("shop", false)
	r := s.Ask("lumen", "access", testkit.NoOrders, more...).Verify()
	r.WantStatus("awaiting_review")
	return r
}

// english are words that no sentence of the language does without.
var english = []string{" the ", " you ", " your ", " we ", " and ", " of "}

func wantGerman(t *testing.T, m testkit.Mail, has ...string) {
	t.Helper()
	text := " " + strings.Join(strings.Fields(m.Text), " ") + " "
	for _, w := range english {
		if strings.Contains(strings.ToLower(text), w) {
			t.Errorf("%q has the English word%sin it:\n%s", m.Subject, w, m.Text)
		}
	}
	for _, w := range has {
		if !strings.Contains(text, w) {
			t.Errorf("%q does not say %q:\n%s", m.Subject, w, m.Text)
		}
	}
}

// A month in the European Union, which staff makes three in time and cannot make three afterwards; letters are in German.
func TestTheUnionGivesAMonthAndTwoMore(t *testing.T) {
	s := site(t)
	r := waiting(s, map[string]any{"locale": "de"})
	late := s.Ask("lumen", "access", testkit.Busy).Verify()
	wantDue(r, "eu", "2026-12-23", "GDPR Art. 12(3)")
	wantGerman(t, r.Mail("eingegangen"), "spätestens am Mittwoch, 23. Dezember 2026", "DSGVO Art. 12(3)", "Datenschutzaufsichtsbehörde")

	s.Advance("P28D")
	r.Act("handler", "/extension", map[string]any{"reason": "curiosity"}).WantProblem(400, "invalid")
	r.Act("auditor", "/extension", map[string]any{"reason": "complexity"}).WantProblem(403, "forbidden")
	r.Act("handler", "/extension", map[string]any{"reason": "complexity", "text": "Es sind sehr viele Bestellungen."}).Want(200)
	s.Settle()
	r.Refresh()
	wantDue(r, "eu", "2027-02-23", "GDPR Art. 12(3)")
	wantGerman(t, r.Mail("mehr Zeit"), "Dienstag, 23. Februar 2027", "komplex", "Es sind sehr viele Bestellungen.", "vor Gericht")
	r.Act("handler", "/extension", map[string]any{"reason": "complexity"}).WantProblem(409, "conflict")

	s.Advance("P4D") // Christmas Day: the month of the other request is over
	late.Act("handler", "/extension", map[string]any{"reason": "complexity"}).WantProblem(409, "conflict")
	late.Refresh()
	wantDue(late, "eu", "2026-12-23")
	if slices.ContainsFunc(late.Subjects(), func(x string) bool { return strings.Contains(x, "longer") }) {
		t.Errorf("a late extension wrote %q", late.Subjects())
	}
	r.Refresh()
	r.WantEvidence()
	late.WantEvidence()
}

// approveResponse lets the answer of a case that waits for a look go out.
func approveResponse(r *testkit.Request, who string) {
	r.Site.Helper()
	var c staffCase
	r.Site.Staff(r.Tenant, who, "GET", "/cases/"+r.ID(), nil).Want(200).JSON(&c)
	if c.Response == nil {
		r.Site.Fatalf("no answer waits for a decision: the case is %s", c.Status)
	}
	r.Act(who, "/response/decision", map[string]string{"decision": "approve", "hash": c.Response.Hash, "reason": "checked"}).Want(200)
	r.Site.Settle()
	r.Refresh()
}

// wantSaid fails the test unless the mail says all of it, however its lines break.
func wantSaid(t *testing.T, m testkit.Mail, has ...string) {
	t.Helper()
	text := strings.Join(strings.Fields(m.Text), " ")
	for _, w := range has {
		if !strings.Contains(text, w) {
			t.Errorf("%q does not say %q:\n%s", m.Subject, w, m.Text)
		}
	}
}

// In the United Kingdom neither the day of a question about scope nor that of the answer counts, nor any between.
func TestTheKingdomStopsTheClockForAQuestion(t *testing.T) {
	s := site(t)
	r := waiting(s, map[string]any{"country": "GB"})
	wantDue(r, "uk", "2026-12-23", "UK GDPR Art. 12A")
	s.Advance("P3D") // Thursday 26 November
	ask := map[string]any{"kind": "clarification", "code": "large_quantity", "text": "Which orders do you mean?"}
	r.Act("auditor", "/questions", ask).WantProblem(403, "forbidden")
	r.Act("handler", "/questions", ask).Want(201)
	s.Settle()
	wantSaid(t, r.Mail("question"), "Which orders do you mean?", "a large amount of data")
	s.Advance("P5D") // Tuesday 1 December
	r.Refresh()
	open := lawOf(r).Questions
	if len(open) != 1 || !open[0].Open || open[0].Kind != "clarification" {
		t.Fatalf("the person sees the questions %+v", open)
	}
	s.Call("POST", r.Path("/questions/"+open[0].ID+"/answer"), r.Session, map[string]string{"text": "All of them."}).Want(200)
	s.Settle()
	// Six days, from 26 November to 1 December: 23 December becomes 29 December.
	st := wantDue(r, "uk", "2026-12-29", "UK GDPR Art. 12A; the same words in DPA 2018 s. 54(3C) and (3D)")
	if len(st.Questions) != 1 || st.Questions[0].Open {
		t.Errorf("after the answer the person sees %+v", st.Questions)
	}
	s.Call("POST", r.Path("/questions/"+open[0].ID+"/answer"), r.Session, map[string]string{"text": "Again."}).WantProblem(409, "conflict")
	approveResponse(r, "approver")
	r.WantStatus("fulfilled")
	s.WantHeld(r.Fetch(), testkit.NoOrders)
	r.WantEvidence()
}

// A complaint to the controller (DPA 2018 s. 164A) is acknowledged, and decided by somebody who decided nothing in the case.
func TestAComplaintIsDecidedBySomebodyElse(t *testing.T) {
	s := site(t)
	r := waiting(s, map[string]any{"country": "GB"})
	approveResponse(r, "approver")
	r.WantStatus("fulfilled")
	s.Call("POST", r.Path("/appeal"), r.Session, map[string]string{"text": "x"}).WantProblem(409, "conflict") // this law knows none
	s.Call("POST", r.Path("/complaint"), r.Session, map[string]string{"text": " "}).WantProblem(400, "invalid")
	var sub struct {
		ID, Kind       string
		AcknowledgedAt time.Time
	}
	s.Call("POST", r.Path("/complaint"), r.Session, map[string]string{"text": "You did not say how long you keep my orders."}).Want(201).JSON(&sub)
	s.Call("POST", r.Path("/complaint"), r.Session, map[string]string{"text": "Twice."}).WantProblem(409, "conflict")
	s.Settle()
	wantSaid(t, r.Mail("We have your complaint"), "Your complaint arrived on Monday 23 November 2026")
	var list struct {
		Appeals []struct {
			ID, Kind, Reference string
			AcknowledgeBy       time.Time
		}
	}
	s.Staff("lumen", "reviewer", "GET", "/appeals", nil).Want(200).JSON(&list)
	if l := list.Appeals; len(l) != 1 || l[0].Reference != r.Reference || l[0].Kind != "complaint" || l[0].AcknowledgeBy.Format(time.DateOnly) != "2026-12-23" {
		t.Errorf("the team sees %+v, want one complaint to acknowledge within 30 days", l)
	}
	s.Advance("P10D")
	decide := "/appeals/" + sub.ID + "/decision"
	verdict := map[string]string{"outcome": "granted", "reason": "The letter should have named the ten years.", "todo": "Name how long orders are kept."}
	r.Act("approver", decide, verdict).WantProblem(403, "forbidden") // approved the answer
	r.Act("handler", decide, verdict).WantProblem(403, "forbidden")
	r.Act("reviewer", decide, verdict).Want(200)
	s.Settle()
	wantSaid(t, r.Mail("Our answer to your complaint"), "You are right.", "The letter should have named the ten years.", "Information Commissioner's Office")
	r.Refresh()
	if got := lawOf(r).Appeals; len(got) != 1 || got[0].Kind != "complaint" || got[0].Outcome != "granted" {
		t.Errorf("the person sees %+v", got)
	}
	r.Act("reviewer", decide, verdict).WantProblem(409, "conflict")
	r.WantEvidence()
}

// california is where the person of a request lives.
var california = map[string]any{"country": "US", "region": "CA"}

// An opt-out in California asks for nothing, and holds at once for every system of the controller.
func TestAnOptOutInCaliforniaHoldsAtOnce(t *testing.T) {
	s := site(t)
	s.NewStaff("web", "site")
	suppressed := func(email string) bool {
		t.Helper()
		var out struct{ People []struct{ Suppressed bool } }
		people := []any{[]any{map[string]string{"kind": "email", "value": email}}}
		s.Staff("lumen", "web", "POST", "/suppressions/check", map[string]any{"purpose": "sale_or_sharing", "people": people}).Want(200).JSON(&out)
		return len(out.People) == 1 && out.People[0].Suppressed
	}
	if suppressed(testkit.NoOrders) {
		t.Fatal("suppressed before anybody asked")
	}
	r := s.Ask("lumen", "opt_out", testkit.NoOrders, california)
	if !suppressed(strings.ToUpper(testkit.NoOrders)) || suppressed(testkit.Typical) {
		t.Error("the opt-out does not hold for her and for her alone")
	}
	if got := r.Subjects(); slices.ContainsFunc(got, func(x string) bool { return strings.Contains(x, "Confirm") }) {
		t.Errorf("an opt-out was asked for proof: %q", got)
	}
	wantSaid(t, r.Mail("We have your request"), "by Monday 14 December 2026", "(11 CCR 7026(f))")
	r.Act("handler", "/extension", map[string]any{"reason": "reasonably_necessary"}).WantProblem(409, "conflict")
	recorded := false
	for _, e := range r.Entries() {
		if e.Kind == "code_issued" {
			t.Error("a code was issued")
		}
		recorded = recorded || e.Kind == "consent_recorded" && e.Facts["state"] == "objected" && e.Facts["stopBy"] == nil
	}
	if !recorded {
		t.Error("the evidence does not say that the objection was recorded, at once")
	}
}

// An erasure in California: 45 days, and 90 in all with a notice that says why.
func TestCaliforniaGivesFortyFiveDaysAndAsManyMore(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "erasure", testkit.NoOrders, california)
	r.Enter(r.Code())
	s.Settle()
	if st := wantDue(r, "us-ca", "2027-01-07", "Civ. Code 1798.130(a)(2); 11 CCR 7021(b)"); len(st.Proof) == 0 || st.Proof[0].Basis == "" || st.Proof[0].Why == "" {
		t.Errorf("more proof is asked without a reason: %+v", st.Proof)
	}
	r.Act("handler", "/verification", map[string]string{"method": "account", "reason": "She wrote from her account."}).Want(200)
	s.Settle()
	r.WantPlan()
	s.Set(time.Date(2027, 1, 6, 12, 0, 0, 0, time.UTC))
	r.Act("handler", "/extension", map[string]any{"reason": "complexity"}).WantProblem(400, "invalid") // a reason of other laws
	r.Act("handler", "/extension", map[string]any{"reason": "reasonably_necessary", "text": "Two archives are read by hand."}).Want(200)
	s.Settle()
	r.Refresh()
	wantDue(r, "us-ca", "2027-02-21")
	wantSaid(t, r.Mail("more time"), "Thursday 7 January 2027", "Sunday 21 February 2027", "Two archives are read by hand.")
	r.Approve()
	r.WantStatus("fulfilled")
	r.WantEvidence()
}

const taxTables = `CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT, tax_number TEXT);
INSERT INTO people VALUES ('t1', '` + testkit.Typical + `', '078-05-1120');`

const taxMap = `dataset:
  - fides_key: tax
    collections:
      - name: people
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: tax_number, data_categories: [user.government_id]}
`

// Who proves some of it gets the categories, who proves all of it the pieces, and nobody a number that opens doors.
func TestSpecificPiecesFallBackToCategories(t *testing.T) {
	s := site(t)
	s.NewDatabase("tax.db", taxTables)
	s.AddDatabase("lumen", "tax", "tax.db", taxMap).Want(201)
	var phone string
	if err := s.Open("shop.db").QueryRow("SELECT phone FROM customers WHERE email = ?", testkit.Typical).Scan(&phone); err != nil {
		t.Fatal(err)
	}
	ask := func() *testkit.Request {
		r := s.Ask("lumen", "access", testkit.Typical, california)
		r.Enter(r.Code())
		s.Settle()
		if st := lawOf(r); len(st.Proof) != 3 || st.Package != nil {
			t.Fatalf("asked for %+v, want two details and a declaration", st.Proof)
		}
		return r
	}
	some := ask()
	some.Site.Call("POST", some.Path("/proof"), some.Session, map[string]any{"detail": map[string]string{"kind": "phone", "value": phone}}).Want(200)
	some.Site.Call("POST", some.Path("/proof"), some.Session, map[string]any{"cannot": true}).Want(200)
	s.Settle()
	some.WantStatus("fulfilled")
	p := some.Fetch()
	if p.Manifest.Scope != "categories" {
		t.Errorf("the package is of scope %q", p.Manifest.Scope)
	}
	for name, content := range p.Files {
		if text := string(content); strings.HasPrefix(name, "data/") || strings.Contains(text, "078-05-1120") || strings.Contains(text, phone) {
			t.Errorf("categories alone were proved, and %s is in the package", name)
		}
	}
	if m := string(p.Files["manifest.json"]); !strings.Contains(m, "user.government_id") {
		t.Errorf("the manifest does not name the categories: %s", m)
	}
	some.WantEvidence()

	all := ask()
	all.Act("handler", "/verification", map[string]string{"method": "in_person", "reason": "She came with her card."}).Want(200)
	s.Settle()
	all.WantStatus("fulfilled")
	p = all.Fetch()
	records, err := p.Records("tax", "people")
	if err != nil || len(records) != 1 {
		t.Fatalf("%d records of the tax office (%v)", len(records), err)
	}
	if got, ok := records[0]["tax_number"].(map[string]any); !ok || got["$withheld"] != "held_government_number" {
		t.Errorf("the tax number is %v", records[0]["tax_number"])
	}
	for name, content := range p.Files {
		if strings.Contains(string(content), "078-05-1120") {
			t.Errorf("%s shows the tax number", name)
		}
	}
	all.WantEvidence()
}
