package e2e

import (
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// The law of India governs what arrives from its first day on. Before, another does, which the person is told is an assumption.
func TestALawGovernsFromItsFirstDay(t *testing.T) {
	s := site(t)
	s.Set(time.Date(2027, 5, 12, 20, 0, 0, 0, time.UTC))
	india := map[string]any{"country": "IN"}
	before := s.Ask("lumen", "access", testkit.NoOrders, india).Verify()
	if st := wantDue(before, "eu", "2027-06-14", "GDPR Art. 12(3)"); !strings.Contains(st.Assumption, "was not in force when you wrote to us") {
		t.Errorf("under an assumption the person reads %q", st.Assumption)
	}
	wantSaid(t, before.Mail("We have your request"), "was not in force when you wrote to us", "This is an assumption, and you can tell us if it is wrong.")
	before.WantStatus("fulfilled")
	s.Set(time.Date(2027, 5, 13, 8, 0, 0, 0, time.UTC))
	after := s.Ask("lumen", "access", testkit.NoOrders, india).Verify()
	if st := wantDue(after, "in", "2027-06-12", "the controller publishes its own period (r. 14)"); st.Assumption != "" {
		t.Errorf("under the law itself the person reads %q", st.Assumption)
	}
	letter := after.Mail("We have your request")
	wantSaid(t, letter, "Digital Personal Data Protection Act 2023", "Data Protection Board of India")
	if strings.Contains(letter.Text, "GDPR") {
		t.Errorf("the letter tells of another law:\n%s", letter.Text)
	}
	before.Refresh()
	wantDue(before, "eu", "2027-06-14") // stays with the law that it began under
	before.WantEvidence()
	after.WantEvidence()
}

// Brazil answers in two steps: whether anything is held at once, in simple form, and the whole within 15 days.
func TestBrazilAnswersInTwoSteps(t *testing.T) {
	s := site(t)
	union := s.Ask("lumen", "access", testkit.Busy).Verify()
	union.Act("handler", "/short-answer", map[string]string{"text": "We do hold data."}).WantProblem(409, "conflict")
	r := waiting(s, map[string]any{"country": "BR", "locale": "pt"})
	wantDue(r, "br", "2026-12-08", "LGPD Art. 19 II")
	var c struct {
		Due struct{ At, SimpleBy time.Time }
	}
	s.Staff("lumen", "handler", "GET", "/cases/"+r.ID(), nil).Want(200).JSON(&c)
	if first := c.Due.SimpleBy; first.IsZero() || first.Sub(testkit.Start0) > 15*time.Hour || !c.Due.At.After(first) {
		t.Errorf("the first answer is due by %s, want the day of receipt; the whole by %s", first, c.Due.At)
	}
	r.Act("auditor", "/short-answer", map[string]string{"text": "Sim."}).WantProblem(403, "forbidden")
	r.Act("handler", "/short-answer", map[string]string{"text": "Sim, tratamos dados seus."}).Want(202)
	s.Settle()
	wantSaid(t, r.Mail("Uma primeira resposta"), "> Sim, tratamos dados seus.", "o mais tardar, em 8 de dezembro de 2026")
	r.Act("handler", "/short-answer", map[string]string{"text": "Outra vez."}).WantProblem(409, "conflict")
	r.Act("handler", "/extension", map[string]any{"reason": "complexity"}).WantProblem(409, "conflict") // Art. 19 knows none
	s.Advance("P14D")
	approveResponse(r, "approver")
	wantDue(r, "br", "2026-12-08")
	r.WantStatus("fulfilled")
	s.WantHeld(r.Fetch(), testkit.NoOrders)
	if got := r.Subjects(); len(got) < 4 || strings.Contains(strings.Join(got, " "), "request") {
		t.Errorf("letters are %q", got)
	}
	short := slices.ContainsFunc(r.Entries(), func(e testkit.Entry) bool { return e.Kind == "answered_shortly" })
	if !short {
		t.Error("the evidence does not tell of the first answer")
	}
	r.WantEvidence()
}

// Colorado: a refusal takes two people and says how to appeal; a third decides, and what was refused is answered after all.
func TestAnAppealIsGrantedAndTheRequestAnswered(t *testing.T) {
	s := site(t)
	r := waiting(s, map[string]any{"country": "US", "region": "CO"})
	wantDue(r, "us-co", "2027-01-07", "C.R.S. 6-1-1306(2)(a)")
	s.Call("POST", r.Path("/appeal"), r.Session, map[string]string{"text": "x"}).WantProblem(409, "conflict") // nothing was refused
	var claim struct{ ID string }
	r.Act("approver", "/claims", map[string]any{"kind": "refuse", "ground": "legal_claims", "text": "A case is before the court."}).Want(202).JSON(&claim)
	approve := map[string]string{"decision": "approve"}
	r.Act("approver", "/claims/"+claim.ID+"/decision", approve).WantProblem(403, "forbidden") // her own claim
	r.Act("reviewer", "/claims/"+claim.ID+"/decision", approve).Want(200)
	s.Settle()
	r.Refresh()
	r.WantStatus("refused")
	wantSaid(t, r.Mail("Our decision on your request"), "A case is before the court.", "(C.R.S. 6-1-1304(3)(a))", "You can appeal against this decision.",
		"We answer an appeal within this time: 45 days.", "Office of the Attorney General of Colorado", "https://coag.gov/file-complaint/")
	nothingToFetch(r)

	s.Advance("P10D") // Thursday 3 December
	r.Refresh()
	if !lawOf(r).MayAppeal {
		t.Fatal("the page offers no appeal")
	}
	var sub struct{ ID, DueDate string }
	s.Call("POST", r.Path("/appeal"), r.Session, map[string]string{"text": "There is no such case."}).Want(201).JSON(&sub)
	s.Call("POST", r.Path("/appeal"), r.Session, map[string]string{"text": "Twice."}).WantProblem(409, "conflict")
	if sub.DueDate != "2027-01-17" {
		t.Errorf("the appeal is to be decided by %s, want 45 days from its receipt", sub.DueDate)
	}
	s.Settle()
	wantSaid(t, r.Mail("We have your appeal"), "Somebody who took no decision on your request so far will look at it.", "Sunday 17 January 2027", "(C.R.S. 6-1-1306(3))")

	decide, verdict := "/appeals/"+sub.ID+"/decision", map[string]string{"outcome": "granted", "reason": "The case is over.", "todo": "Send the copy."}
	for _, who := range []string{"approver", "reviewer"} {
		r.Act(who, decide, verdict).WantProblem(403, "forbidden") // one claimed, the other approved
	}
	s.NewStaff("third", "approver")
	r.Act("third", decide, verdict).Want(200)
	s.Settle()
	wantSaid(t, r.Mail("Our decision on your appeal"), "You are right, and we change our decision.", "The case is over.", "We have taken your request up again")
	answeredAnew(r)
}

// nothingToFetch fails the test if a package is within reach.
func nothingToFetch(r *testkit.Request) {
	r.Site.Helper()
	if st := r.Status(); st.Package != nil {
		r.Site.Errorf("a package is within reach while the case is %s", st.Status)
	}
	r.Site.Call("POST", r.Path("/package"), r.Session, map[string]any{}).WantProblem(404, "not_found")
}

// answeredAnew goes on with a case that a granted appeal opened, to its answer.
func answeredAnew(r *testkit.Request) {
	r.Site.Helper()
	r.Refresh()
	r.WantStatus("awaiting_review")
	nothingToFetch(r) // before somebody approved the new answer
	if got := lawOf(r).Appeals; len(got) != 1 || got[0].Outcome != "granted" || got[0].Reason != "The case is over." {
		r.Site.Errorf("the person sees %+v", got)
	}
	approveResponse(r, "approver")
	r.WantStatus("fulfilled")
	r.Site.WantHeld(r.Fetch(), testkit.NoOrders)
	r.WantEvidence()
}

// Nobody looks at an answer: the team is warned, told that it is late, and accounts for it; the figures say so.
func TestALateAnswerIsAccountedFor(t *testing.T) {
	s := site(t)
	r := waiting(s)
	team := func() []string { return s.Subjects("privacy@lumen.test", r.Reference) }
	s.Advance("P27D") // of 30 days and 14 hours
	if got := team(); len(got) != 0 {
		t.Fatalf("before nine tenths of the time the team got %q", got)
	}
	s.Advance("P1D")
	wantSaid(t, s.LastMail("privacy@lumen.test", "Due soon: request "+r.Reference), "Nine tenths of the time are over.", "Wednesday 23 December 2026")
	s.Set(time.Date(2026, 12, 23, 22, 59, 0, 0, time.UTC))
	if got := team(); len(got) != 1 {
		t.Errorf("in the last minute the team has %q", got)
	}
	s.Advance("PT1H")
	wantSaid(t, s.LastMail("privacy@lumen.test", "Late: request "+r.Reference), "and it has not been sent", "It waits for an approval.")
	late := func(path string) []struct{ Reference, Cause, SettledBy string } {
		t.Helper()
		var out struct {
			Nonconformities []struct{ Reference, Cause, SettledBy string }
		}
		s.Staff("lumen", "auditor", "GET", path, nil).Want(200).JSON(&out)
		return out.Nonconformities
	}
	if got := late("/nonconformities"); len(got) != 1 || got[0].Reference != r.Reference || got[0].Cause != "approval" {
		t.Fatalf("the register of late answers has %+v", got)
	}
	account := map[string]string{"cause": "approval", "action": "Two people look at answers from now on."}
	r.Act("approver", "/nonconformity", account).WantProblem(409, "conflict") // not answered
	r.Refresh()
	approveResponse(r, "approver")
	r.WantStatus("fulfilled")
	r.Act("approver", "/nonconformity", map[string]string{"cause": "approval", "action": " "}).WantProblem(400, "invalid")
	r.Act("approver", "/nonconformity", account).Want(200)
	if open, settled := late("/nonconformities"), late("/nonconformities?settled=true"); len(open) != 0 || len(settled) != 1 || settled[0].SettledBy == "" {
		t.Errorf("after it was accounted for %+v are open, %+v settled", open, settled)
	}
	s.Settle()
	if got := team(); len(got) != 2 {
		t.Errorf("the team got %q", got)
	}
	lateInFigures(s)
	r.WantEvidence()
}

// lateInFigures expects one request of all in the figures, complied with after 31 days and late.
func lateInFigures(s *testkit.Site) {
	s.Helper()
	var out struct {
		Total struct {
			Received, Complied, Open, Late, Answered int
			MedianDays                               float64
		}
	}
	s.Staff("lumen", "auditor", "GET", "/metrics/requests?law=eu&right=access", nil).Want(200).JSON(&out)
	if n := out.Total; n.Received != 1 || n.Complied != 1 || n.Open != 0 || n.Late != 1 || n.Answered != 1 || n.MedianDays != 31 {
		s.Errorf("the figures are %+v", n)
	}
	csv := string(s.Staff("lumen", "auditor", "GET", "/metrics/requests?format=csv", nil).Want(200).Body)
	if lines := strings.Split(strings.TrimSpace(csv), "\n"); len(lines) != 3 || !strings.Contains(lines[0], "late") {
		s.Errorf("as CSV: %s", csv)
	}
}

// journal returns the entries about laws in the evidence of the tenant, as they lie in the records of the installation.
func journal(s *testkit.Site) (out []testkit.Entry) {
	s.Helper()
	rows, err := s.Open("../habeas.db").Query("SELECT body FROM ledger WHERE pk = 'T#lumen#E#laws' ORDER BY sk")
	if err != nil {
		s.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var body []byte
		var e testkit.Entry
		if err := rows.Scan(&body); err != nil {
			s.Fatal(err)
		}
		if err := json.Unmarshal(body, &e); err != nil {
			s.Fatalf("an entry of the journal: %v: %s", err, body)
		}
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		s.Fatal(err)
	}
	return out
}

// A tenant goes into production once a named person answers for every law of its scope that is a draft.
func TestNoDraftGovernsInProductionUnconfirmed(t *testing.T) {
	s := site(t)
	habeas := func(args ...string) (string, error) {
		out, err := exec.Command(kit.Binary(t), append(args, s.Records()...)...).CombinedOutput()
		return string(out), err
	}
	refused := func(names string) {
		t.Helper()
		out, err := habeas("tenants", "set", "lumen", "--laws", "uk,ar", "--production")
		if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != 1 || !strings.Contains(out, "drafts: "+names+".") {
			t.Fatalf("into production with drafts: %v: %s", err, out)
		}
	}
	refused("ar, uk")
	if got := journal(s); len(got) != 0 {
		t.Fatalf("before anybody confirmed the journal has %+v", got)
	}
	for n, law := range []string{"uk", "ar"} {
		if _, err := habeas("packs", "confirm", law, "--tenant", "lumen", "--reason", "Read by counsel"); err == nil {
			t.Error("a law was confirmed by nobody in particular")
		}
		s.Run(append([]string{"packs", "confirm", law, "--tenant", "lumen", "--name", "Ada Example", "--reason", "Read by counsel on 2 December"}, s.Records()...)...)
		if got := journal(s); len(got) != n+1 || got[n].Kind != "law_confirmed" || got[n].Facts["name"] != "Ada Example" || got[n].Facts["pack"] != law {
			t.Errorf("after %s was confirmed the journal has %+v", law, got)
		}
		if n == 0 {
			refused("ar")
		}
	}
	if out, err := habeas("packs", "confirm", "ar", "--tenant", "lumen", "--name", "Ada Example", "--reason", "Again"); err == nil {
		t.Errorf("confirmed twice: %s", out)
	}
	s.Run(append([]string{"tenants", "set", "lumen", "--laws", "uk,ar", "--production"}, s.Records()...)...)
	var law struct {
		Confirmation *struct{ Name, Reason, Version string }
		Version      string
	}
	s.Staff("lumen", "auditor", "GET", "/packs/ar", nil).Want(200).JSON(&law)
	if c := law.Confirmation; c == nil || c.Name != "Ada Example" || c.Version != law.Version || law.Version == "" {
		raw, _ := json.Marshal(law)
		t.Errorf("the law says %s", raw)
	}
	if got := journal(s); len(got) != 2 {
		t.Errorf("what was refused or said twice is in the journal: %+v", got)
	}
}
