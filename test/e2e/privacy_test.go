package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// telling are the columns of the shop whose values tell a person: names, addresses, numbers of things that are only theirs.
var telling = map[string][]string{
	"customers": {"email", "alt_email", "name", "phone", "birth_date"}, "addresses": {"line1", "postal_code"}, "orders": {"id", "recipient_name"},
	"payments": {"id", "order_id", "card_holder", "card_last4"}, "tickets": {"id", "email"}, "ticket_messages": {"ticket_id", "body"}, "logins": {"ip"},
	"newsletter_subscriptions": {"email"},
}

// valuesOf returns what tells a customer.
func valuesOf(s *testkit.Site, email string) map[string]bool {
	s.Helper()
	out := map[string]bool{}
	for collection, rows := range s.Held(email) {
		for _, row := range rows {
			for _, column := range telling[collection] {
				if v := row[column]; len(v) >= 4 {
					out[v] = true
				}
			}
		}
	}
	return out
}

// wantNothingOf fails the test when anything that tells the other person is in the package and is not also what the shop
// holds about its owner.
func wantNothingOf(t *testing.T, s *testkit.Site, p *testkit.Package, other, owner string) {
	t.Helper()
	own, n := valuesOf(s, owner), 0
	for v := range valuesOf(s, other) {
		if own[v] {
			continue
		}
		n++
		for name, body := range p.Files {
			if len(v) == 4 && strings.HasPrefix(name, "manifest") {
				continue // four digits may be part of a hash
			}
			if bytes.Contains(body, []byte(v)) {
				t.Errorf("%s holds %q of the other person", name, v)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d values tell the other person: the search proves little", n)
	}
}

// Two people share a home and give each other presents: each gets their own and no byte of the other.
func TestPeopleWhoShareRowsStayApart(t *testing.T) {
	s := site(t)
	people := map[string]struct{ other, name string }{
		testkit.Household: {testkit.Housemate, "健二"}, testkit.Housemate: {testkit.Household, "佐藤 花"},
	}
	for who, x := range people {
		r := s.Ask("lumen", "access", who).Verify()
		r.WantStatus("fulfilled")
		p := r.Fetch()
		s.WantHeld(p, who)
		wantNothingOf(t, s, p, x.other, who)
		for name, body := range p.Files {
			if bytes.Contains(body, []byte(x.name)) {
				t.Errorf("%s names the other person", name)
			}
		}
		gifts := 0
		orders, err := p.Records("shop", "orders")
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range orders {
			if o["gift_message"] != nil {
				gifts++
			}
		}
		if gifts == 0 {
			t.Error("no presents: the story proves nothing")
		}
	}
}

// What people are and say is in the clear where it has to be, the company's own database, the mail and the delivered zip, and
// nowhere else: not in our records, objects, workflow history, logs or metrics, in no spelling.
func TestNothingPersonalIsInTheClear(t *testing.T) {
	s := site(t, testkit.Args("--verbose"))
	canaries := []testkit.Canary{}
	note := func(name, v string) { canaries = append(canaries, testkit.Canary{Name: name, Value: v}) }
	for _, who := range []string{testkit.Typical, testkit.TwoMails, testkit.Household, testkit.SharedPhone} {
		for v := range valuesOf(s, who) {
			if len(v) >= 8 && strings.Trim(v, "0123456789") != "" && !strings.HasPrefix(v, "203.0.113.") {
				note("a value of the shop", v)
			}
		}
	}
	words := map[string]string{
		"the name in the form": "Quintilla Zephyrson", "the details": "The blue heron drawer, 14 Peculiar Mews", "a claimed identifier": "KUNDE-77812-X",
		"the agent": "Ottokar Vandermeulen", "the agent's address": "agent.canary@example.com", "the mandate": "mandate-of-the-seventh-seal", "a message": "I dreamt of marzipan submarines",
		"the reason of a withdrawal": "because-of-the-ninth-lighthouse", "the address of a stranger": "stranger.canary@example.com", "a wrong code": "00117733",
		"a bad address": "rubbish.canary@@example.com", "the name of an unknown field": "unheardOfFieldCanary",
	}
	for name, v := range words {
		note(name, v)
	}
	form := map[string]any{
		"name": words["the name in the form"], "details": words["the details"],
		"identifiers": []map[string]string{{"kind": "customer_id", "value": words["a claimed identifier"]}},
		"agent":       map[string]string{"name": words["the agent"], "email": words["the agent's address"], "mandate": words["the mandate"]},
	}
	codes := func(r *testkit.Request) {
		m := r.Mail("Confirm")
		note("a code", m.Code())
		_, secret, _ := strings.Cut(m.Link(), "?s=")
		note("the secret of a link", secret)
	}
	fulfilled := 0
	for n, who := range []string{testkit.Typical, testkit.TwoMails, testkit.Household, testkit.SharedPhone, words["the address of a stranger"]} {
		r := s.Ask("lumen", "access", who, form)
		codes(r)
		r.Try(words["a wrong code"])
		r.Verify()
		note("a session", r.Session)
		s.Call("POST", r.Path("/messages"), r.Session, map[string]string{"text": words["a message"]}).Want(201)
		if r.Status().Status == "fulfilled" && n < 4 {
			fulfilled++
			link := r.Link()
			note("a download link", link[strings.LastIndexByte(link, '/')+1:])
			r.Follow(link, 1).Want(200)
		}
		if who == testkit.SharedPhone {
			s.Call("POST", r.Path("/withdrawal"), r.Session, map[string]string{"reason": words["the reason of a withdrawal"]}).Want(202)
			s.Settle()
		}
		r.WantEvidence()
		if found := testkit.Find("the evidence bundle", r.Evidence(), canaries); len(found) > 0 {
			t.Errorf("%q", found)
		}
	}
	if fulfilled != 3 {
		t.Fatalf("%d of 3 requests were fulfilled", fulfilled)
	}
	answers := [][]byte{
		s.Call("POST", testkit.API("lumen"), "", map[string]any{"right": "access", "email": words["a bad address"]}).Want(400).Body,
		s.Call("POST", testkit.API("lumen"), "", map[string]any{"right": "access", "email": testkit.Typical, words["the name of an unknown field"]: words["the details"]}).Want(400).Body,
		s.Call("GET", "/metrics", "", nil).Want(200).Body,
	}
	for n, body := range answers {
		if found := testkit.Find(fmt.Sprintf("answer %d", n), body, canaries); len(found) > 0 {
			t.Errorf("%q", found)
		}
	}
	search := func(when string) {
		found, files, err := testkit.FindInFiles(s.Dir, allowed, canaries)
		if err != nil || files < 5 {
			t.Fatalf("looked at %d files: %v", files, err)
		}
		slices.Sort(found)
		for _, f := range found {
			t.Errorf("%s: %s", when, f)
		}
	}
	search("while running")
	// The mails cannot be stored any more: that is logged.
	if err := os.RemoveAll(filepath.Join(s.Dir, "outbox")); err != nil {
		t.Fatal(err)
	}
	late := s.Ask("lumen", "access", words["the address of a stranger"], form)
	s.Eventually("a line in the log", 10*time.Second, func() bool { return len(s.Stderr()) > 0 })
	s.Stop()
	search("after stopping")
	s.Restart()
	search("after a restart")
	if found := testkit.Find("the log", s.Stderr(), canaries); len(found) > 0 {
		t.Errorf("%q", found)
	}
	s.Settle()
	late.Mail("Confirm") // what could not be sent then is sent now
}

// allowed says where personal data may lie in the clear: in the company's databases and in the mails that were sent.
func allowed(path string) bool {
	return strings.HasPrefix(path, "demo/") && (strings.Contains(path, ".db") || strings.HasSuffix(path, ".yml") || path == "demo/crm.json") ||
		strings.HasPrefix(path, "outbox/") && strings.HasSuffix(path, ".eml")
}
