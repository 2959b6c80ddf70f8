package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/test/testkit"
)

func TestUnverifiedRequestsExpire(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "access", testkit.Typical)
	code := r.Code()
	s.Advance("P13DT23H")
	if n := len(r.Subjects()); n != 1 {
		t.Errorf("letters before the end are %q", r.Subjects())
	}
	s.Advance("PT2H")
	r.Mail("was not confirmed")
	if n := len(r.Subjects()); n != 2 {
		t.Errorf("letters are %q, want the code and one that says it expired", r.Subjects())
	}
	r.Try(code).WantProblem(401, "unauthenticated")
	s.Advance("P30D")
	if n := len(r.Subjects()); n != 2 {
		t.Errorf("letters a month later are %q", r.Subjects())
	}
	if st := statusOf(s, r.Reference); st != "expired" {
		t.Errorf("status is %s", st)
	}
}

// Whoever withdraws is left alone, and nothing is read after it.
func TestWithdrawalInEachPhase(t *testing.T) {
	t.Run("after verification, while the shop cannot be read", func(t *testing.T) {
		s := site(t)
		unlock := lock(t, s, "shop.db")
		r := s.Ask("lumen", "access", testkit.Typical)
		r.Enter(r.Code())
		s.Eventually("the request waits for the shop", 30*time.Second, func() bool {
			st := r.Status()
			return len(st.Systems) == 1 && st.Systems[0].Progress == "waiting"
		})
		s.Call("POST", r.Path("/withdrawal"), r.Session, map[string]string{"reason": "I have what I need"}).Want(202)
		s.Settle()
		unlock()
		s.Advance("PT5M")
		r.WantStatus("withdrawn")
		wantWithdrawn(t, r)
	})
	t.Run("after the answer", func(t *testing.T) {
		s := site(t)
		r := s.Ask("lumen", "access", testkit.NoOrders).Verify()
		r.WantStatus("fulfilled")
		s.Call("POST", r.Path("/withdrawal"), r.Session, nil).WantProblem(409, "conflict")
		r.WantStatus("fulfilled")
		if n := len(r.Subjects()); n != 3 {
			t.Errorf("letters are %q", r.Subjects())
		}
	})
	t.Run("by the team, before verification", func(t *testing.T) {
		s := site(t)
		r := s.Ask("lumen", "access", testkit.NoOrders)
		code := r.Code()
		staff(s).post("/cases/"+staff(s).find(r.Reference).ID+"/withdrawal", map[string]string{"reason": "She called"}, 200, 202)
		s.Settle()
		if st := statusOf(s, r.Reference); st != "withdrawn" {
			t.Errorf("status is %s", st)
		}
		r.Mail("We have stopped")
		r.Enter(code) // shows her own request, and starts nothing
		s.Settle()
		if st := r.WantStatus("withdrawn"); len(st.Systems) != 0 || len(r.Subjects()) != 2 {
			t.Errorf("after the withdrawal %+v was asked, letters are %q", st.Systems, r.Subjects())
		}
	})
	t.Run("while a person reviews the answer", func(t *testing.T) {
		s := site(t)
		staff(s).autopilot("shop", false)
		r := s.Ask("lumen", "access", testkit.NoOrders).Verify()
		r.WantStatus("awaiting_review")
		s.Call("POST", r.Path("/withdrawal"), r.Session, nil).Want(202)
		s.Settle()
		r.WantStatus("withdrawn")
		wantWithdrawn(t, r)
	})
	t.Run("while a person looks for who is meant", func(t *testing.T) {
		s := site(t)
		r := s.Ask("lumen", "access", testkit.SharedPhone).Verify()
		r.WantStatus("awaiting_person")
		s.Call("POST", r.Path("/withdrawal"), r.Session, nil).Want(202)
		s.Settle()
		r.WantStatus("withdrawn")
		wantWithdrawn(t, r)
		if left := staff(s).tasks(); len(left) != 0 {
			t.Errorf("a person is still asked: %+v", left)
		}
	})
}

func wantWithdrawn(t *testing.T, r *testkit.Request) {
	t.Helper()
	want := []string{"Confirm your request", "We have your request", "We have stopped your request"}
	if got := r.Subjects(); !slices.Equal(got, want) {
		t.Errorf("letters are %q, want %q", got, want)
	}
	r.Site.Call("POST", r.Path("/withdrawal"), r.Session, nil).Want(202) // said twice is fine, and changes nothing
	r.Site.Settle()
	if n := len(r.Subjects()); n != len(want) {
		t.Errorf("withdrawing twice wrote %d letters", n)
	}
	r.Site.Call("POST", r.Path("/package"), r.Session, map[string]any{}).WantProblem(404, "not_found")
	r.WantEvidence()
}

// A second request of the same person and right gets its own reference and, once verified, the same answer.
func TestADuplicateIsJoinedAfterVerification(t *testing.T) {
	s := site(t)
	unlock := lock(t, s, "shop.db")
	first := s.Ask("lumen", "access", testkit.NoOrders)
	first.Enter(first.Code())
	s.Advance("PT1M")
	second := s.Ask("lumen", "access", strings.ToUpper(testkit.NoOrders))
	second.Email = strings.ToUpper(testkit.NoOrders)
	if first.Reference == second.Reference {
		t.Fatal("both requests have the same reference")
	}
	unverified := s.Ask("lumen", "access", testkit.NoOrders)
	other := s.Ask("lumen", "portability", testkit.NoOrders)
	second.Enter(second.Code())
	s.Settle()
	if st := second.Status(); st.JoinedTo != first.Reference || st.Status != "in_progress" {
		t.Errorf("the second request is %s, joined to %q", st.Status, st.JoinedTo)
	}
	second.Mail("an earlier one")
	unlock()
	s.Advance("PT15M")
	first.WantStatus("fulfilled")
	second.WantStatus("fulfilled")
	for _, r := range []*testkit.Request{first, second} {
		r.Refresh()
		s.WantHeld(r.Fetch(), testkit.NoOrders)
		r.WantEvidence()
	}
	if st := statusOf(s, unverified.Reference); st != "verifying" {
		t.Errorf("a request that nobody verified is %s", st)
	}
	if st := other.Verify().WantStatus("fulfilled"); st.JoinedTo != "" {
		t.Error("a request for another right was joined")
	}
	if got := second.Subjects(); slices.Contains(got, "We have your request") {
		t.Errorf("the joined request was acknowledged as one of its own: %q", got)
	}
}

// Two people share a telephone: no machine decides whose data it is.
func TestAnAmbiguousPersonIsForAPerson(t *testing.T) {
	t.Run("who is identified by the team", func(t *testing.T) {
		s := site(t)
		r := s.Ask("lumen", "access", testkit.SharedPhone).Verify()
		st := r.WantStatus("awaiting_person")
		if st.Package != nil {
			t.Fatal("there is a package before anybody decided")
		}
		tasks := staff(s).tasks()
		if len(tasks) != 1 || tasks[0].System != "shop" || tasks[0].Asked.Why != "ambiguous" {
			t.Fatalf("tasks are %+v", tasks)
		}
		var id string
		if err := s.Open("shop.db").QueryRow("SELECT id FROM customers WHERE email = ?", testkit.SharedPhone).Scan(&id); err != nil {
			t.Fatal(err)
		}
		staff(s).post("/tasks/"+tasks[0].ID+"/outcome", map[string]any{
			"outcome": "identify", "reason": "She named her last order", "identifier": map[string]string{"kind": "customer_id", "value": id},
		}, 200, 202)
		s.Settle()
		r.WantStatus("fulfilled")
		p := r.Fetch()
		s.WantHeld(p, testkit.SharedPhone)
		wantNothingOf(t, s, p, testkit.SharedPhone2, testkit.SharedPhone)
		r.WantEvidence()
	})
	t.Run("who cannot be identified", func(t *testing.T) {
		s := site(t)
		r := s.Ask("lumen", "access", testkit.SharedPhone2).Verify()
		r.WantStatus("awaiting_person")
		task := staff(s).tasks()[0]
		staff(s).post("/tasks/"+task.ID+"/outcome", map[string]any{"outcome": "not_identifiable", "reason": "The details fit two people."}, 200, 202)
		s.Settle()
		r.WantStatus("not_identifiable")
		if text := r.Mail("We cannot tell which data is yours").Text; !strings.Contains(text, "fit two people") {
			t.Errorf("the letter does not say why:\n%s", text)
		}
		s.Call("POST", r.Path("/package"), r.Session, map[string]any{}).WantProblem(404, "not_found")
		r.WantEvidence()
	})
}

// What no machine carries out becomes a person's task, and the answer says what that person recorded.
func TestARightThatNoMachineServesBecomesTasks(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "withdraw_consent", testkit.NoOrders).Verify()
	r.WantStatus("awaiting_person")
	tasks := staff(s).tasks()
	if len(tasks) != 1 || tasks[0].Action != "erase" || tasks[0].Asked.Why != "manual" || !slices.Contains(tasks[0].Asked.Answers, "done") {
		t.Fatalf("tasks are %+v", tasks)
	}
	staff(s).post("/tasks/"+tasks[0].ID+"/outcome", map[string]any{"outcome": "done", "reason": "Erased by hand"}, 200, 202)
	s.Settle()
	st := r.WantStatus("fulfilled")
	if len(st.Systems) != 1 || st.Systems[0].Outcome != "erased" {
		t.Errorf("systems say %+v", st.Systems)
	}
	r.Mail("The answer to your request")
	r.WantEvidence()
	// A stranger's request needs nobody.
	s.Ask("lumen", "erasure", testkit.Stranger).Verify().WantStatus("fulfilled")
}

// A system that is not on autopilot: a person looks before anything leaves.
func TestReviewOfAResponse(t *testing.T) {
	s := site(t)
	staff(s).autopilot("shop", false)
	r := s.Ask("lumen", "access", testkit.NoOrders).Verify()
	if st := r.WantStatus("awaiting_review"); st.Package != nil && st.Package.Ready {
		t.Fatal("the package can be fetched before anybody looked")
	}
	s.Call("POST", r.Path("/package"), r.Session, map[string]any{}).WantProblem(404, "not_found")
	c := staff(s).find(r.Reference)
	if c.Response == nil || c.Response.Hash == "" {
		t.Fatalf("the case shows no response to decide on: %+v", c)
	}
	decide := "/cases/" + c.ID + "/response/decision"
	approval := map[string]string{"decision": "approve", "hash": c.Response.Hash, "reason": "checked"}
	s.Call("POST", "/api/v1"+decide, s.Token("handler"), approval).WantProblem(403, "forbidden")
	s.Call("POST", "/api/v1"+decide, s.Token("auditor"), approval).WantProblem(403, "forbidden")
	s.Call("POST", "/api/v1"+decide, "", approval).WantProblem(401, "unauthenticated")
	s.Call("POST", "/api/v1"+decide, s.Token("approver"), map[string]string{"decision": "approve", "hash": "sha256:0", "reason": "x"}).WantProblem(409, "conflict")
	r.WantStatus("awaiting_review")
	staff(s).post(decide, approval, 200, 202)
	s.Settle()
	r.WantStatus("fulfilled")
	s.WantHeld(r.Fetch(), testkit.NoOrders)
	r.WantEvidence()
}

func TestMessagesGoBothWays(t *testing.T) {
	s := site(t)
	unlock := lock(t, s, "shop.db")
	defer unlock()
	r := s.Ask("lumen", "access", testkit.NoOrders)
	r.Enter(r.Code())
	s.Call("POST", r.Path("/messages"), r.Session, map[string]string{"text": "I moved in May.\nDoes that matter? <b>&"}).Want(201)
	c := staff(s).find(r.Reference)
	staff(s).post("/cases/"+c.ID+"/messages", map[string]string{"text": "It does not. – Ана"}, 200, 201, 202)
	s.Settle()
	st := r.Status()
	if len(st.Messages) != 2 || st.Messages[0].From != "subject" || st.Messages[0].Text != "I moved in May.\nDoes that matter? <b>&" ||
		st.Messages[1].From != "team" || st.Messages[1].Text != "It does not. – Ана" {
		t.Errorf("messages are %+v", st.Messages)
	}
	if text := r.Mail("A message about").Text; strings.Contains(text, "moved in May") {
		t.Error("the letter repeats what the person wrote")
	}
	for _, bad := range []any{map[string]string{"text": "  "}, map[string]string{"text": strings.Repeat("x", 4001)}, map[string]string{"text": "a\x00b"}, map[string]int{"text": 1}} {
		s.Call("POST", r.Path("/messages"), r.Session, bad).WantProblem(400, "invalid")
	}
	if n := len(r.Status().Messages); n != 2 {
		t.Errorf("%d messages after refused ones", n)
	}
}
