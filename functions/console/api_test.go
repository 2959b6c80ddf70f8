package console_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

type listing struct {
	Cases []struct {
		ID, Reference string
		Right         dsar.Right
		Status        dsar.Status
		DueAt         time.Time
		ReceivedAt    time.Time
	}
	Next string
}

func (r *rig) list(token, query string) listing {
	r.t.Helper()
	var l listing
	if err := json.Unmarshal([]byte(r.want(r.call(token, "GET", "/api/v1/cases"+query, ""), 200).body), &l); err != nil {
		r.t.Fatal(err)
	}
	return l
}

// all follows next to the end and returns the ids in order.
func (r *rig) all(token, query string) (ids []string) {
	r.t.Helper()
	next := ""
	for range 100 {
		l := r.list(token, query+"&cursor="+next)
		for _, c := range l.Cases {
			ids = append(ids, c.ID)
		}
		if next = l.Next; next == "" {
			return ids
		}
	}
	r.t.Fatal("the list has no end")
	return nil
}

func TestListPagesThroughEveryOrder(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Handler)
	start := r.now
	var received, due []string
	for n := range 23 {
		c := r.open(home, func(o *casefile.Opening) { o.ReceivedAt = start.Add(-time.Duration(n*7%23) * time.Hour * 24) })
		if n%2 == 0 {
			r.verified(c)
		} else {
			r.triaged(c)
		}
		received = append(received, c.ID)
	}
	r.open(other, nil)
	due = slices.Clone(received)
	at := func(id string) casefile.Case {
		c, err := r.h.Cases.Case(t.Context(), home, id)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	slices.SortFunc(received, func(a, b string) int { return at(a).ReceivedAt.Compare(at(b).ReceivedAt) })
	slices.SortFunc(due, func(a, b string) int {
		if d := at(a).Due.At.Compare(at(b).Due.At); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	back := func(list []string) []string { l := slices.Clone(list); slices.Reverse(l); return l }
	only := func(list []string, keep func(casefile.Case) bool) []string {
		return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return !keep(at(id)) })
	}
	verifying := func(c casefile.Case) bool { return c.Status == dsar.Verifying }
	limit := start.AddDate(0, 0, 20)
	for query, want := range map[string][]string{
		"?sort=received":             received,
		"?sort=-received":            back(received),
		"?limit=5":                   back(received),
		"?sort=due&limit=4":          due,
		"?sort=-due&limit=1":         back(due),
		"?sort=due&status=verifying": only(due, verifying),
		"?sort=due&status=verifying,in_progress&limit=3":                                due,
		"?sort=-received&status=verifying&limit=2":                                      only(back(received), verifying),
		"?sort=due&right=erasure":                                                       nil,
		"?sort=due&status=fulfilled":                                                    nil,
		"?sort=due&limit=2&dueBefore=" + limit.Format("2006-01-02T15:04:05Z"):           only(due, func(c casefile.Case) bool { return c.Due.At.Before(limit) }),
		"?sort=-due&status=verifying&dueBefore=" + limit.Format("2006-01-02T15:04:05Z"): only(back(due), func(c casefile.Case) bool { return verifying(c) && c.Due.At.Before(limit) }),
	} {
		if got := r.all(token, query); !slices.Equal(got, want) {
			t.Errorf("%s: got %d cases, want %d, or in another order", query, len(got), len(want))
		}
	}
	// A page is full when there is more, and next is empty exactly at the end.
	if l := r.list(token, "?limit=23"); len(l.Cases) != 23 || l.Next != "" {
		t.Errorf("a page that holds all: %d cases, next %q", len(l.Cases), l.Next)
	}
	if l := r.list(token, "?limit=22"); len(l.Cases) != 22 || l.Next == "" {
		t.Errorf("a page that holds all but one: %d cases, next %q", len(l.Cases), l.Next)
	}
	// The cursor goes on where it was when the case it names has moved on and the page size is another.
	first := r.list(token, "?sort=due&status=verifying,in_progress&limit=6")
	moved := first.Cases[5].ID
	r.edit(at(moved), func(f *casefile.File) { f.Case.Status = dsar.Withdrawn })
	if got := r.list(token, "?sort=due&status=verifying,in_progress&limit=200&cursor="+first.Next); len(got.Cases) != 17 {
		t.Errorf("after the cursor: %d cases, want 17", len(got.Cases))
	}
}

func TestSearchByReferenceAndIdentifier(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Handler)
	_, _, auditor := r.staff(home, registry.Auditor)
	a, b := r.open(home, nil), r.open(home, func(o *casefile.Opening) { o.Right = dsar.Erasure })
	r.open(home, func(o *casefile.Opening) {
		o.Person.Email = must[subject.Identifier](t)(subject.New(subject.Email, "ben@example.com"))
	})
	foreign := r.open(other, nil)
	for query, want := range map[string][]string{
		"?sort=received&q=" + strings.ToLower(a.Reference): {a.ID},
		"?sort=received&q=" + foreign.Reference:            nil,
		"?sort=received&q=ADA.canary@Example.com":          {a.ID, b.ID},
		"?sort=-received&q=" + canary:                      {b.ID, a.ID},
		"?sort=received&limit=1&q=" + canary:               {a.ID, b.ID},
		"?sort=-received&limit=1&q=" + canary:              {b.ID, a.ID},
		"?right=erasure&q=" + canary:                       {b.ID},
		"?q=nobody@example.com":                            nil,
		"?q=%2B447700900123":                               nil,
	} {
		if got := r.all(token, query); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
	r.want(r.call(auditor, "GET", "/api/v1/cases?q="+a.Reference, ""), 200)
	r.want(r.call(auditor, "GET", "/api/v1/cases?q="+canary, ""), 403)
}

func TestIntakeOfStaff(t *testing.T) {
	r := newRig(t)
	id, _, token := r.staff(home, registry.Handler)
	received := r.now.AddDate(0, 0, -9)
	p := r.want(r.call(token, "POST", "/api/v1/cases", `{"right":"access","email":"cleo@example.com","country":"DE","receivedAt":"`+received.Format(time.RFC3339)+`",
		"agent":{"name":"Lawyers LLP","email":"office@example.com"},"verifiedBecause":"She came in person and showed a passport."}`), 201)
	caseID := p.json(t)["id"].(string)
	f, err := r.h.Cases.Load(t.Context(), home, caseID)
	if err != nil {
		t.Fatal(err)
	}
	person, err := f.Person()
	if err != nil {
		t.Fatal(err)
	}
	switch c := f.Case; {
	case !c.ReceivedAt.Equal(received) || !c.OpenedAt.Equal(r.now) || c.Channel != "staff":
		t.Errorf("received %v, opened %v, channel %s", c.ReceivedAt, c.OpenedAt, c.Channel)
	case c.Verification.VerifiedAt.IsZero() || len(person.Proven) != 1 || !person.Proven[0].Same(person.Email):
		t.Error("the address is not proven")
	case person.Agent == nil || person.Agent.Email.Reveal() != "office@example.com":
		t.Error("the agent is lost")
	}
	kinds := map[string]string{}
	for e, err := range evidence.Read(t.Context(), r.h.Cases.Table(), home, caseID) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(e.Facts), "passport") {
			t.Error("what staff wrote about a person is in the evidence in clear")
		}
		kinds[e.Kind] = e.Actor
	}
	if kinds["identity_verified"] != evidence.Staff(id) || kinds["case_received"] != evidence.Staff(id) {
		t.Errorf("evidence: %v", kinds)
	}
	notes, err := r.h.Cases.Notes(t.Context(), home, caseID, 10)
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0].Text.Reveal(), "passport") {
		t.Errorf("the reason is not kept as a note: %v, %v", notes, err)
	}
	plain := r.want(r.call(token, "POST", "/api/v1/cases", `{"right":"access","email":"cleo@example.com"}`), 201)
	if c := r.one(casefile.Case{Tenant: home, ID: plain.json(t)["id"].(string)}); !c.Verification.VerifiedAt.IsZero() {
		t.Error("verified without a reason")
	}
}

// TestBadInput sends what cannot be accepted to every kind of call: a clear 4xx with the field, and nothing changes.
func TestBadInput(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Roles()...)
	c, task := r.busy(home)
	in := "/api/v1/cases/" + c.ID
	before := r.one(c)
	long := strings.Repeat("x", 4001)
	for _, b := range []struct {
		call, body string
		want       int
		pointer    string
	}{
		{"GET /api/v1/cases?status=lost", "", 400, "/status"},
		{"GET /api/v1/cases?right=none", "", 400, "/right"},
		{"GET /api/v1/cases?sort=name", "", 400, "/sort"},
		{"GET /api/v1/cases?limit=0", "", 400, "/limit"},
		{"GET /api/v1/cases?limit=201", "", 400, "/limit"},
		{"GET /api/v1/cases?dueBefore=soon", "", 400, "/dueBefore"},
		{"GET /api/v1/cases?cursor=x", "", 400, "/cursor"},
		{"GET /api/v1/cases?sort=due&cursor=eyJzIjoiLXJlY2VpdmVkIiwicCI6InIifQ", "", 400, "/cursor"},
		{"GET /api/v1/cases?q=" + strings.Repeat("x", 321), "", 400, "/q"},
		{"POST /api/v1/cases", ``, 400, ""},
		{"POST /api/v1/cases", `{"right":"access"`, 400, ""},
		{"POST /api/v1/cases", `{"right":"access","email":"x@example.com","admin":true}`, 400, ""},
		{"POST /api/v1/cases", `{"right":"nothing","email":"x@example.com"}`, 400, "/right"},
		{"POST /api/v1/cases", `{"right":"access","email":"nobody"}`, 400, "/email"},
		{"POST /api/v1/cases", `{"right":"access","email":"x@example.com","receivedAt":"2027-01-04T09:00:01Z"}`, 400, "/receivedAt"},
		{"POST /api/v1/cases", `{"right":"access","email":"x@example.com","receivedAt":"1999-01-04T09:00:01Z"}`, 400, "/receivedAt"},
		{"POST /api/v1/cases", `{"right":"access","email":"x@example.com","receivedAt":"yesterday"}`, 400, ""},
		{"POST /api/v1/cases", `{"right":"access","email":"x@example.com","verifiedBecause":"` + long + `"}`, 400, "/verifiedBecause"},
		{"GET /api/v1/cases/1", "", 404, ""},
		{"GET /api/v1/cases/" + dsar.NewID(), "", 404, ""},
		{"GET " + in + "/timeline?cursor=-1", "", 400, "/cursor"},
		{"POST " + in + "/response/decision", `{"decision":"perhaps","hash":"x"}`, 400, "/decision"},
		{"POST " + in + "/response/decision", `{"decision":"approve"}`, 400, "/hash"},
		{"POST " + in + "/response/decision", `{"decision":"approve","hash":"stale"}`, 409, ""},
		{"POST " + in + "/response/decision", `{"decision":"refuse","hash":"` + c.ResponseHash() + `"}`, 400, "/reason"},
		{"POST " + in + "/plan/decision", `{"decision":"maybe","hash":"x"}`, 400, "/decision"},
		{"POST " + in + "/extension", `{"reason":"holiday"}`, 400, "/reason"},
		{"POST " + in + "/extension", `{"reason":"complexity","text":"` + long + `"}`, 400, "/text"},
		{"POST " + in + "/withdrawal", `{"reason":1}`, 400, "/reason"},
		{"POST " + in + "/messages", `{"text":"  "}`, 400, "/text"},
		{"POST " + in + "/messages", `{"text":"` + long + `"}`, 400, "/text"},
		{"POST " + in + "/notes", `{"text":""}`, 400, "/text"},
		{"POST " + in + "/notes", `{"text":"` + strings.Repeat("y", 70_000) + `"}`, 400, ""},
		{"POST " + in + "/operator", `{"next":"somewhere"}`, 400, "/next"},
		{"POST /api/v1/tasks/" + task + "/outcome", `{}`, 400, "/outcome"},
		{"POST /api/v1/tasks/" + task + "/outcome", `{"outcome":"done"}`, 400, "/outcome"},
		{"POST /api/v1/tasks/" + task + "/outcome", `{"outcome":"not_done"}`, 400, "/reason"},
		{"POST /api/v1/tasks/" + task + "/outcome", `{"outcome":"identify","reason":"called"}`, 400, "/identifier"},
		{"POST /api/v1/tasks/" + task + "/outcome", `{"outcome":"not_done","reason":"x","identifier":{"kind":"email","value":"a@example.com"}}`, 400, "/identifier"},
		{"POST /api/v1/tasks/" + task + "/outcome", `{"outcome":"identify","reason":"called","identifier":{"kind":"E-Mail","value":"a@example.com"}}`, 400, "/identifier"},
		{"POST /api/v1/tasks/" + dsar.NewID() + "/outcome", `{"outcome":"retry"}`, 404, ""},
		{"POST /api/v1/tasks/" + task + "/outcome", `{"outcome":"retry","caseId":"` + dsar.NewID() + `"}`, 404, ""},
		{"PUT /api/v1/systems/Shop!", `{"kind":"sqlite"}`, 400, "/name"},
		{"PUT /api/v1/systems/shop", `{"kind":"sqlite","name":"other"}`, 400, "/name"},
		{"PUT /api/v1/systems/shop", `{}`, 400, "/kind"},
		{"PUT /api/v1/systems/shop", `{"kind":"sqlite","secrets":{"password":"hunter2"}}`, 400, "/secrets"},
		{"PUT /api/v1/systems/shop", `{"kind":"sqlite","rights":["all"]}`, 400, "/rights"},
		{"PUT /api/v1/systems/shop", `{"kind":"sqlite","recipients":["No Name"]}`, 400, "/recipients"},
		{"DELETE /api/v1/systems/missing", "", 404, ""},
		{"POST /api/v1/systems/missing/check", "", 404, ""},
		{"PUT /api/v1/recipients/parcels", `{}`, 400, "/title"},
		{"PUT /api/v1/recipients/parcels", `{"title":"P","country":"Germany"}`, 400, "/country"},
		{"PUT /api/v1/recipients/parcels", `{"title":"P","email":"none"}`, 400, "/email"},
		{"PUT /api/v1/recipients/parcels", `{"title":"P","webhook":"http://example.com"}`, 400, "/webhook"},
		{"GET /api/v1/recipients/missing", "", 404, ""},
		{"GET /api/v1/audit?limit=x", "", 400, "/limit"},
		{"GET /api/v1/audit?cursor=x", "", 400, ""},
		{"GET /api/v1/tasks?cursor=x", "", 400, ""},
	} {
		method, path, _ := strings.Cut(b.call, " ")
		p := r.call(token, method, path, b.body)
		name := fmt.Sprintf("%s %.60s", b.call, b.body)
		if p.StatusCode != b.want {
			t.Errorf("%s: got %d, want %d: %.300s", name, p.StatusCode, b.want, p.body)
			continue
		}
		if b.pointer != "" && !strings.Contains(p.body, `"pointer":"`+b.pointer+`"`) {
			t.Errorf("%s: the answer does not name %s: %s", name, b.pointer, p.body)
		}
		if strings.Contains(p.body, "hunter2") || strings.Contains(p.body, "nobody") {
			t.Errorf("%s: the answer quotes the input", name)
		}
	}
	if after := r.one(c); after.Head != before.Head || after.UpdatedAt != before.UpdatedAt {
		t.Error("bad input changed the case")
	}
	sys, err := r.h.Registry.System(t.Context(), home, "shop")
	if err != nil || sys.Version != 1 {
		t.Errorf("bad input changed a system: version %d, %v", sys.Version, err)
	}
	if l := r.list(token, "?sort=received"); len(l.Cases) != 1 {
		t.Errorf("bad input opened %d cases", len(l.Cases)-1)
	}
	req := r.call(token, "POST", in+"/notes", `{"text":"x"}`, "Content-Type", "text/plain")
	r.want(req, 400)
}

func TestPersonalPartOnlyForThoseWhoMaySeeIt(t *testing.T) {
	r := newRig(t)
	_, _, handler := r.staff(home, registry.Handler)
	_, _, auditor := r.staff(home, registry.Auditor)
	c, _ := r.busy(home)
	r.edit(c, func(f *casefile.File) {
		if err := f.Say(evidence.Subject, redact.NewText("the canary sings")); err != nil {
			t.Fatal(err)
		}
	})
	personal := []string{canary, "Ada Canary", "Canary details", "the canary sings"}
	p := r.want(r.call(handler, "GET", "/api/v1/cases/"+c.ID, ""), 200)
	for _, s := range personal {
		if !strings.Contains(p.body, s) {
			t.Errorf("a handler does not see %q", s)
		}
	}
	for name, body := range map[string]string{
		"auditor":            r.want(r.call(auditor, "GET", "/api/v1/cases/"+c.ID, ""), 200).body,
		"handler, unwilling": r.want(r.call(handler, "GET", "/api/v1/cases/"+c.ID+"?reveal=false", ""), 200).body,
		"list":               r.want(r.call(handler, "GET", "/api/v1/cases", ""), 200).body,
		"timeline":           r.want(r.call(auditor, "GET", "/api/v1/cases/"+c.ID+"/timeline", ""), 200).body,
		"tasks":              r.want(r.call(auditor, "GET", "/api/v1/tasks", ""), 200).body,
		"audit":              r.want(r.call(auditor, "GET", "/api/v1/audit", ""), 200).body,
	} {
		for _, s := range personal {
			if strings.Contains(body, s) {
				t.Errorf("%s shows personal data", name)
			}
		}
	}
	if kinds := r.audit(auditor); !slices.Equal(kinds, []string{"personal_data_revealed"}) {
		t.Errorf("one look was recorded as %v", kinds)
	}
}

// audit returns the kinds of acts, newest first, over small pages.
func (r *rig) audit(token string) (kinds []string) {
	r.t.Helper()
	next := ""
	for {
		var page struct {
			Acts []struct{ Kind, By, Email, CaseID string }
			Next string
		}
		if err := json.Unmarshal([]byte(r.want(r.call(token, "GET", "/api/v1/audit?limit=2&cursor="+next, ""), 200).body), &page); err != nil {
			r.t.Fatal(err)
		}
		for _, a := range page.Acts {
			if a.By == "" || (a.By != "unknown" && a.Email == "") {
				r.t.Errorf("an act by nobody: %+v", a)
			}
			kinds = append(kinds, a.Kind)
		}
		if next = page.Next; next == "" {
			return kinds
		}
	}
}

func TestActsChangeTheCaseOnceAndAreRecorded(t *testing.T) {
	r := newRig(t)
	id, _, token := r.staff(home, registry.Roles()...)
	c, task := r.busy(home)
	in := "/api/v1/cases/" + c.ID
	tick := func() { r.now = r.now.Add(time.Second) }
	for _, s := range []struct {
		path, body string
		again      int // the same once more, without a key
	}{
		{in + "/notes", `{"text":"Called back."}`, 201},
		{in + "/messages", `{"text":"We are on it."}`, 201},
		{in + "/extension", `{"reason":"complexity","text":"Your account spans three shops."}`, 409},
		{"/api/v1/tasks/" + task + "/outcome", `{"outcome":"identify","reason":"She named her number.","identifier":{"kind":"customer_id","value":"C-1001"}}`, 409},
		{in + "/operator", `{"next":"assemble","reason":"Disk was full."}`, 409},
		{in + "/response/decision", `{"decision":"approve","hash":"` + c.ResponseHash() + `"}`, 409},
		{in + "/withdrawal", `{"reason":"She called."}`, 202}, // repeating a withdrawal is fine
	} {
		if strings.HasSuffix(s.path, "/response/decision") { // the operator's decision took the case to its phase
			r.edit(c, func(f *casefile.File) { f.Case.Status, f.Case.Phase = dsar.AwaitingReview, dsar.PhaseReviewResponse })
		}
		tick()
		before := r.one(c)
		first := r.call(token, "POST", s.path, s.body, "Idempotency-Key", "key"+s.path)
		if first.StatusCode >= 300 {
			t.Fatalf("%s: %d: %s", s.path, first.StatusCode, first.body)
		}
		once := r.one(c)
		if once.Head.Seq == before.Head.Seq && !strings.HasPrefix(s.path, "/api/v1/tasks/") {
			t.Errorf("%s: no evidence", s.path)
		}
		tick()
		second := r.call(token, "POST", s.path, s.body, "Idempotency-Key", "key"+s.path)
		if second.StatusCode != first.StatusCode || second.body != first.body || second.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: the repeated call got %d %s", s.path, second.StatusCode, second.body)
		}
		if twice := r.one(c); twice.Head != once.Head || twice.LettersNo != once.LettersNo {
			t.Errorf("%s: the repeated call acted again", s.path)
		}
		r.want(r.call(token, "POST", s.path, strings.Replace(s.body, `"`, ` "`, 1), "Idempotency-Key", "key"+s.path), 409)
		tick()
		if p := r.call(token, "POST", s.path, s.body); p.StatusCode != s.again {
			t.Errorf("%s: once more: got %d, want %d: %s", s.path, p.StatusCode, s.again, p.body)
		}
	}
	got := r.one(c)
	switch {
	case got.Extension == nil || got.Extension.Decision != "complexity" || got.Extension.By != evidence.Staff(id) || !got.Due.At.After(c.Due.At):
		t.Errorf("the extension is not in the case: %+v", got.Extension)
	case got.Review == nil || got.Review.By != evidence.Staff(id) || got.Review.Hash != c.ResponseHash():
		t.Errorf("the decision is not in the case: %+v", got.Review)
	case got.Withdrawal == nil:
		t.Error("the withdrawal is not in the case")
	}
	f, err := r.h.Cases.Load(t.Context(), home, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Person()
	if err != nil || len(p.Proven) != 2 || p.Proven[1].Value.Reveal() != "C-1001" {
		t.Errorf("the proven identifier is not with the person: %v", err)
	}
	if found := r.all(token, "?q=C-1001"); !slices.Equal(found, []string{c.ID}) {
		t.Errorf("the proven identifier does not find the case: %v", found)
	}
	mails, texts, err := r.h.Cases.Letters(t.Context(), home, c.ID, 10)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for n, m := range mails {
		kinds = append(kinds, m.Kind)
		if m.Kind == "extension" && !strings.Contains(texts[n].Text.Reveal(), "three shops") {
			t.Error("the letter leaves the explanation out")
		}
	}
	if !slices.Equal(kinds, []string{"message", "message", "extension"}) {
		t.Errorf("letters: %v", kinds)
	}
	acts := r.audit(token)
	slices.Sort(acts)
	want := []string{"case_extended", "case_withdrawn", "case_withdrawn", "message_sent", "message_sent", "note_written", "note_written", "operator_decided", "response_decided", "task_decided"}
	if !slices.Equal(acts, want) {
		t.Errorf("audit: %v", acts)
	}
}

func TestIntakeActsOncePerKey(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Handler)
	_, _, colleague := r.staff(home, registry.Handler)
	const body = `{"right":"access","email":"cleo@example.com"}`
	first := r.want(r.call(token, "POST", "/api/v1/cases", body, "Idempotency-Key", "a"), 201)
	if again := r.want(r.call(token, "POST", "/api/v1/cases", body, "Idempotency-Key", "a"), 201); again.body != first.body {
		t.Error("the same key opened another case")
	}
	if p := r.want(r.call(colleague, "POST", "/api/v1/cases", body, "Idempotency-Key", "a"), 201); p.body == first.body {
		t.Error("the key of one caller answered another")
	}
	r.want(r.call(token, "POST", "/api/v1/cases", body, "Idempotency-Key", strings.Repeat("k", 201)), 400)
	r.want(r.call(token, "POST", "/api/v1/cases", body, "Idempotency-Key", "k\u00e9y"), 400)
	r.want(r.call(token, "POST", "/api/v1/cases", `{"right":"none","email":"cleo@example.com"}`, "Idempotency-Key", "b"), 400)
	r.want(r.call(token, "POST", "/api/v1/cases", body, "Idempotency-Key", "b"), 201) // a refused call used no key up
	if l := r.list(token, "?sort=received"); len(l.Cases) != 3 {
		t.Errorf("%d cases, want 3", len(l.Cases))
	}
	r.now = r.now.Add(25 * time.Hour)
	r.want(r.call(token, "POST", "/api/v1/cases", body, "Idempotency-Key", "a"), 201)
	if l := r.list(token, "?sort=received"); len(l.Cases) != 4 {
		t.Errorf("a day later: %d cases, want 4", len(l.Cases))
	}
}

func TestNothingIsSentToAnUnconfirmedAddress(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Handler)
	c := r.triaged(r.open(home, nil))
	r.want(r.call(token, "POST", "/api/v1/cases/"+c.ID+"/messages", `{"text":"Hello"}`), 409)
	r.want(r.call(token, "POST", "/api/v1/cases/"+c.ID+"/extension", `{"reason":"complexity"}`), 409)
	if got := r.one(c); got.LettersNo != 0 {
		t.Errorf("%d letters", got.LettersNo)
	}
	fresh := r.open(home, nil)
	r.want(r.call(token, "POST", "/api/v1/cases/"+fresh.ID+"/extension", `{"reason":"complexity"}`), 409)
	r.want(r.call(token, "GET", "/api/v1/cases/"+fresh.ID+"/plan", ""), 404)
	r.want(r.call(token, "GET", "/api/v1/cases/"+fresh.ID, ""), 200)
}

func TestExtensionComesInTimeOrNotAtAll(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Handler)
	late := r.verified(r.open(home, nil))
	closed := r.verified(r.open(home, nil))
	r.edit(closed, func(f *casefile.File) { f.Case.Status, f.Case.ClosedAt = dsar.Fulfilled, f.Now() })
	optOut := r.verified(r.open(home, func(o *casefile.Opening) {
		o.Country, o.Person.Region, o.Right = "US", redact.NewText("California"), dsar.OptOut
	}))
	r.want(r.call(token, "POST", "/api/v1/cases/"+closed.ID+"/extension", `{"reason":"complexity"}`), 409)
	r.want(r.call(token, "POST", "/api/v1/cases/"+optOut.ID+"/extension", `{"reason":"reasonably_necessary"}`), 409)
	r.now = late.Due.At.Add(time.Second)
	r.want(r.call(token, "POST", "/api/v1/cases/"+late.ID+"/extension", `{"reason":"complexity"}`), 409)
	r.now = late.Due.At.Add(-time.Minute)
	p := r.want(r.call(token, "POST", "/api/v1/cases/"+late.ID+"/extension", `{"reason":"complexity"}`), 200)
	if p.json(t)["dueDate"] != "2027-04-05" { // three months from 4 January end on a Sunday
		t.Errorf("extended to %v", p.json(t)["dueDate"])
	}
}

func TestWhoPreparedAPlanDoesNotApproveIt(t *testing.T) {
	r := newRig(t)
	preparer, _, own := r.staff(home, registry.Approver)
	second, _, token := r.staff(home, registry.Approver)
	waiting := func() casefile.Case {
		c := r.verified(r.open(home, func(o *casefile.Opening) { o.Right = dsar.Erasure }))
		r.edit(c, func(f *casefile.File) {
			p := plan.Plan{PreparedBy: evidence.Staff(preparer), GrowthLimit: 0.05, Systems: []plan.System{{Name: "shop", Action: dsar.Erase, By: plan.Machine}}}
			if err := p.Seal(); err != nil {
				t.Fatal(err)
			}
			f.Case.Plan, f.Case.Status, f.Case.Phase = &p, dsar.AwaitingReview, dsar.PhaseReviewPlan
		})
		return r.one(c)
	}
	c := waiting()
	at, body := "/api/v1/cases/"+c.ID+"/plan/decision", `{"decision":"approve","hash":"`+c.Plan.Hash+`"}`
	r.want(r.call(own, "POST", at, body), 403)
	r.want(r.call(token, "POST", at, `{"decision":"approve","hash":"another"}`), 409)
	r.want(r.call(token, "POST", at, body), 200)
	if got := r.one(c); !got.PlanApproved() || got.PlanDecision.By != evidence.Staff(second) {
		t.Errorf("the plan is not approved: %+v", got.PlanDecision)
	}
	r.want(r.call(token, "POST", at, body), 409)
	refused := waiting()
	at = "/api/v1/cases/" + refused.ID + "/plan/decision"
	r.want(r.call(token, "POST", at, `{"decision":"refuse","hash":"`+refused.Plan.Hash+`"}`), 400)
	r.want(r.call(token, "POST", at, `{"decision":"refuse","hash":"`+refused.Plan.Hash+`","reason":"Books must be kept (s. 147 AO)."}`), 200)
	if got := r.one(refused); got.Refusal != nil || got.PlanApproved() {
		t.Error("one person refused a whole request")
	}
	_, _, third := r.staff(home, registry.Approver)
	r.want(r.call(own, "POST", at, `{"decision":"refuse","hash":"`+refused.Plan.Hash+`","reason":"I agree."}`), 403)
	r.want(r.call(third, "POST", at, `{"decision":"refuse","hash":"`+refused.Plan.Hash+`","reason":"I agree."}`), 200)
	if got := r.one(refused); got.Refusal == nil || got.PlanApproved() {
		t.Error("the refusal is not in the case")
	}
}

func TestTimelineAndBundle(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Auditor)
	c, task := r.busy(home)
	r.edit(c, func(f *casefile.File) {
		for n := range 5 {
			if err := f.TaskEntry(f.Task(task), "turn_recorded", evidence.System, map[string]any{"turn": n}); err != nil {
				t.Fatal(err)
			}
		}
	})
	var seen []string
	next := ""
	for {
		var page struct {
			Entries []struct {
				Chain string
				Seq   int
				At    time.Time
			}
			Next string
		}
		if err := json.Unmarshal([]byte(r.want(r.call(token, "GET", "/api/v1/cases/"+c.ID+"/timeline?limit=2&cursor="+next, ""), 200).body), &page); err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entries {
			seen = append(seen, fmt.Sprintf("%.4s %d", e.Chain, e.Seq))
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if want := []string{"case 1", "task 1", "task 2", "task 3", "task 4", "task 5"}; !slices.Equal(seen, want) {
		t.Errorf("timeline: %v", seen)
	}
	p := r.want(r.call(token, "GET", "/api/v1/cases/"+c.ID+"/evidence", ""), 200)
	report, err := evidence.VerifyBundle(bytes.NewReader([]byte(p.body)), int64(len(p.body)), evidence.VerifyOptions{})
	if err != nil || !report.OK() {
		t.Errorf("the bundle does not verify: %v %+v", err, report.Findings)
	}
	if z, err := zip.NewReader(strings.NewReader(p.body), int64(len(p.body))); err != nil || len(z.File) < 3 {
		t.Errorf("the bundle is no zip: %v", err)
	}
}

func TestSystemsAreAppliedCheckedAndRemoved(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Admin)
	_, _, auditor := r.staff(home, registry.Auditor)
	fake := r.h.Systems.(*fakeSystems)
	const body = `{"kind":"postgres","title":"Ledger","owner":"books@example.com","settings":{"host":"db"},"secrets":{"password":"env:LEDGER_PASSWORD"},"rights":["access"],"autopilot":true,"facts":{"retention":"ten years"}}`
	r.want(r.call(token, "PUT", "/api/v1/systems/ledger", body), 201)
	p := r.want(r.call(token, "PUT", "/api/v1/systems/ledger", body), 200)
	if v := p.json(t); v["name"] != "ledger" || v["autopilot"] != true || len(v["collections"].([]any)) != 1 {
		t.Errorf("the system: %v", v)
	}
	list := r.want(r.call(token, "GET", "/api/v1/systems", ""), 200)
	if strings.Contains(list.body, "LEDGER_PASSWORD") || strings.Count(list.body, `"kind"`) != 2 {
		t.Errorf("the list: %s", list.body)
	}
	fake.problems, fake.applyErr = []connector.Problem{{Collection: "a/b", Field: "c", Text: "There is no such column."}}, fault.New(fault.Misconfigured, "the system does not fit its data map")
	p = r.want(r.call(token, "PUT", "/api/v1/systems/ledger", body), 400)
	if !strings.Contains(p.body, `"/dataset/a~1b/c"`) {
		t.Errorf("problems: %s", p.body)
	}
	fake.problems, fake.applyErr = nil, fault.New(fault.Misconfigured, "a secret is missing")
	r.want(r.call(token, "PUT", "/api/v1/systems/ledger", body), 400)
	fake.applyErr = nil

	fake.health = connector.Health{Reachable: true, Rights: []connector.Right{"access"}, Problems: []connector.Problem{{Text: "A table is missing."}}}
	if v := r.want(r.call(token, "POST", "/api/v1/systems/ledger/check", ""), 200).json(t); v["reachable"] != true || v["ready"] != false {
		t.Errorf("a system with problems: %v", v)
	}
	for class, status := range map[fault.Class]int{fault.Unavailable: 200, fault.Misconfigured: 200, fault.Internal: 500} {
		fake.checkErr = fault.New(class, "secret detail")
		p := r.want(r.call(token, "POST", "/api/v1/systems/ledger/check", ""), status)
		if strings.Contains(p.body, "secret detail") {
			t.Errorf("%s: the answer shows the error", class)
		}
		if status == 200 && (p.json(t)["reachable"] != false || p.json(t)["class"] != string(class)) {
			t.Errorf("%s: %s", class, p.body)
		}
	}
	fake.checkErr = nil
	r.want(r.call(token, "DELETE", "/api/v1/systems/ledger", ""), 200)
	r.want(r.call(token, "GET", "/api/v1/systems/ledger", ""), 404)
	r.want(r.call(token, "PUT", "/api/v1/recipients/kite", `{"title":"Kite Mail","country":"US","email":"dpo@example.com","webhook":"https://kite.example.com/dsr","secret":"env:KITE"}`), 200)
	if v := r.want(r.call(token, "GET", "/api/v1/recipients/kite", ""), 200).json(t); v["title"] != "Kite Mail" || v["name"] != "kite" {
		t.Errorf("the recipient: %v", v)
	}
	kinds := r.audit(auditor)
	slices.Sort(kinds)
	if want := []string{"recipient_changed", "system_changed", "system_changed", "system_checked", "system_checked", "system_checked", "system_removed"}; !slices.Equal(kinds, want) {
		t.Errorf("audit: %v", kinds)
	}
}

func TestMetricsCount(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Auditor)
	day := 24 * time.Hour
	for _, days := range []int{2, 4, 90} {
		c := r.verified(r.open(home, func(o *casefile.Opening) { o.ReceivedAt = r.now.Add(-time.Duration(days) * day) }))
		r.edit(c, func(f *casefile.File) { f.Case.Status, f.Case.ClosedAt = dsar.Fulfilled, f.Now() })
	}
	r.open(home, func(o *casefile.Opening) { o.Right = dsar.Erasure })
	r.verified(r.open(home, func(o *casefile.Opening) { o.ReceivedAt = r.now.Add(-60 * day) }))
	r.open(other, nil)
	v := r.want(r.call(token, "GET", "/api/v1/metrics/requests", ""), 200).json(t)
	for name, want := range map[string]any{"counted": 5.0, "complete": true, "open": 2.0, "late": 2.0, "medianDays": 4.0} {
		if v[name] != want {
			t.Errorf("%s: got %v, want %v", name, v[name], want)
		}
	}
	if n := v["byStatus"].(map[string]any)["fulfilled"]; n != 3.0 {
		t.Errorf("fulfilled: %v", n)
	}
	if n := v["byRight"].(map[string]any)["erasure"]; n != 1.0 {
		t.Errorf("erasure: %v", n)
	}
}

func TestTasksOfPeople(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Handler)
	want := map[string]bool{}
	for range 5 {
		_, task := r.busy(home)
		want[task] = true
	}
	r.busy(other)
	next, got := "", map[string]bool{}
	for {
		var page struct {
			Tasks []struct {
				ID    string
				Asked struct{ Answers []string }
			}
			Next string
		}
		if err := json.Unmarshal([]byte(r.want(r.call(token, "GET", "/api/v1/tasks?limit=2&cursor="+next, ""), 200).body), &page); err != nil {
			t.Fatal(err)
		}
		for _, one := range page.Tasks {
			if got[one.ID] || !slices.Equal(one.Asked.Answers, casefile.AnswersForAmbiguity) {
				t.Errorf("task: %+v", one)
			}
			got[one.ID] = true
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d tasks, want %d", len(got), len(want))
	}
	for id := range want {
		if !got[id] {
			t.Error("a task is missing")
		}
		r.want(r.call(token, "POST", "/api/v1/tasks/"+id+"/outcome", `{"outcome":"not_done","reason":"The archive is closed."}`), 200)
	}
	if p := r.want(r.call(token, "GET", "/api/v1/tasks", ""), 200); strings.Contains(p.body, "archive") {
		t.Error("a decided task is still listed")
	}
}
