package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// wrong returns a code that is not the given one.
func wrong(code string) string {
	if code[0] == '9' {
		return "0" + code[1:]
	}
	return string(code[0]+1) + code[1:]
}

func TestFiveWrongCodesLockAndANewCodeHelps(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "access", testkit.NoOrders)
	first := r.Code()
	for n := range 5 {
		if n == 4 && slices.Contains(r.Subjects(), "The code of your request  no longer works") {
			t.Error("locked before the fifth wrong code")
		}
		r.Try(wrong(first)).WantProblem(401, "unauthenticated")
	}
	r.Try(first).WantProblem(401, "unauthenticated") // right, but too late
	s.Settle()
	r.Mail("no longer works")
	if n := len(r.Subjects()); n != 2 {
		t.Errorf("letters are %q: want the code and one notice", r.Subjects())
	}
	second := r.NewCode()
	if second == first {
		t.Fatal("the new code is the old one")
	}
	r.Try(first).WantProblem(401, "unauthenticated")
	r.Verify().WantStatus("fulfilled")
	r.Try(second).WantProblem(401, "unauthenticated") // good once
	r.WantEvidence()
}

// An unknown reference answers like a wrong code, word for word.
func TestUnknownReferencesAnswerLikeWrongCodes(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "access", testkit.NoOrders)
	known := r.Try(wrong(r.Code())).Want(401)
	for _, reference := range []string{"AAAAA-AAAAA", "not-a-reference", "%00", "..%2f..%2f", strings.Repeat("Z", 500)} {
		if s.Deployed() && strings.Contains(reference, "%2f") {
			continue // the HTTP API hands paths on decoded, and the way up is refused before anybody looks at it
		}
		unknown := s.Call("POST", testkit.API("lumen")+"/"+reference+"/verification", "", map[string]string{"code": "12345678"}).Want(401)
		if string(unknown.Body) != string(known.Body) || !slices.Equal(testkit.Keys(unknown.Header), testkit.Keys(known.Header)) {
			t.Errorf("reference %.20q answers\n%s\nand a wrong code\n%s", reference, unknown.Body, known.Body)
		}
		again := s.Call("POST", testkit.API("lumen")+"/"+reference+"/code", "", map[string]any{}).Want(202)
		if wanted := s.Call("POST", r.Path("/code"), "", map[string]any{}).Want(202); string(again.Body) != string(wanted.Body) {
			t.Errorf("asking for a code for an unknown reference answers %s", again.Body)
		}
	}
	// Pages too.
	a, b := s.Browser(), s.Browser()
	one := a.Get("/t/lumen/requests/AAAAA-AAAAA/code").Want(200).Form("code").Submit(map[string]string{"code": "12345678"}).Want(401)
	other := b.Get(r.Page("/code")).Want(200).Form("code").Submit(map[string]string{"code": wrong(r.Code())}).Want(401)
	if strings.ReplaceAll(string(one.Body), "AAAAA-AAAAA", r.Reference) != string(other.Body) {
		t.Error("the page for an unknown reference differs from that for a wrong code")
	}
}

// Known and unknown people get the same words.
func TestARequestDoesNotTellWhoIsKnown(t *testing.T) {
	s := site(t)
	known, unknown := s.Ask("lumen", "access", testkit.Typical), s.Ask("lumen", "access", testkit.Stranger)
	clean := func(r *testkit.Request) string {
		m := r.Mail("Confirm")
		return strings.NewReplacer(r.Reference, "", m.Code()[:4]+" "+m.Code()[4:], "", m.Link(), "").Replace(m.Text)
	}
	if clean(known) != clean(unknown) {
		t.Errorf("the first letters differ:\n%s\n%s", clean(known), clean(unknown))
	}
}

func TestAnUnknownTenantIsNotThere(t *testing.T) {
	s := site(t)
	for _, tenant := range []string{"nobody", "LUMEN", "default", "..%2flumen", "%00"} {
		if s.Deployed() && strings.Contains(tenant, "%2f") {
			continue // as in TestUnknownReferencesAnswerLikeWrongCodes
		}
		s.Call("POST", testkit.API(tenant), "", map[string]any{"right": "access", "email": testkit.Typical}).WantProblem(404, "not_found")
		s.Call("GET", testkit.API(tenant)+"/AAAAA-AAAAA", "x", nil).WantProblem(404, "not_found")
		if a := s.Call("GET", "/t/"+tenant+"/", "", nil).Want(404); !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
			t.Errorf("the page of an unknown tenant is %s", a.Header.Get("Content-Type"))
		}
	}
	if n := len(s.Subjects(testkit.Typical, "")); n != 0 {
		t.Errorf("%d mails were sent", n)
	}
}

// A session lasts 30 minutes, and hands out data for 15.
func TestSessionsEnd(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "access", testkit.NoOrders).Verify()
	s.Advance("PT14M59S")
	link := r.Link()
	s.Advance("PT1M1S")
	s.Call("POST", r.Path("/package"), r.Session, map[string]any{}).WantProblem(401, "unauthenticated")
	r.WantStatus("fulfilled")
	s.Advance("PT13M59S")
	r.WantStatus("fulfilled")
	s.Advance("PT2S")
	for _, c := range [][2]string{{"GET", ""}, {"POST", "/package"}, {"POST", "/messages"}, {"POST", "/withdrawal"}, {"GET", "/evidence"}} {
		s.Call(c[0], r.Path(c[1]), r.Session, map[string]any{"text": "x"}).WantProblem(401, "unauthenticated")
	}
	r.Refresh()
	if a := r.Follow(link, 1); a.Status == 200 {
		t.Error("a link outlived the session that made it")
	}
	s.WantHeld(r.Fetch(), testkit.NoOrders)
}

// A code and its link end after 30 minutes.
func TestCodesEnd(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "access", testkit.NoOrders)
	code, link := r.Code(), r.Mail("Confirm").Link()
	s.Advance("PT30M")
	r.Try(code).WantProblem(401, "unauthenticated")
	if a := s.Call("GET", link, "", nil); a.Status != http.StatusGone {
		t.Errorf("an old link answers %d", a.Status)
	}
	r.NewCode()
	r.Verify().WantStatus("fulfilled")
}

// Looking at a link uses nothing up: mail scanners look at links.
func TestLinksAreLookedAtWithoutEffect(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "access", testkit.NoOrders)
	link := r.Mail("Confirm").Link()
	for range 3 {
		s.Call("GET", link, "", nil).Want(200)
		s.Call("HEAD", link, "", nil)
	}
	s.Settle()
	if n := len(r.Subjects()); n != 1 {
		t.Errorf("looking at the link sent %q", r.Subjects())
	}
	b := s.Browser()
	page := b.Get(link).Form("confirm").Submit(nil).Want(200) // redirects are followed
	if !strings.Contains(page.Text(), r.Reference) {
		t.Error("confirming does not lead to the request")
	}
	s.Settle()
	if a := s.Browser().Get(link); a.Status != http.StatusGone {
		t.Errorf("a used link answers %d", a.Status)
	}
	r.Refresh()
	r.WantStatus("fulfilled")
	download := r.Link()
	for range 3 {
		if a := s.Call("GET", download, r.Session, nil).Want(200); strings.Contains(a.Header.Get("Content-Type"), "zip") {
			t.Fatal("looking at a download link gives the data")
		}
	}
	r.Follow(download, 1).Want(200)
	if a := r.Follow(download, 1); a.Status != http.StatusGone {
		t.Errorf("a link used twice answers %d", a.Status)
	}
	s.Call("GET", download, r.Session, nil).Want(http.StatusGone)
	s.WantHeld(r.Fetch(), testkit.NoOrders) // and a new one works
}

// What is forwarded opens nothing: whoever gets a link without the session gets a code mailed to the verified address.
func TestAForwardedLinkYieldsACodeOnly(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "access", testkit.Typical).Verify()
	for name, link := range map[string]string{"in the mail": r.Mail("The answer").Link(), "made by the API": r.Link()} {
		before := len(r.Subjects())
		stranger := s.Browser()
		page := stranger.Get(link)
		if strings.Contains(page.Text(), "orders") || strings.Contains(page.Text(), testkit.Typical) {
			t.Errorf("link %s: a stranger sees what is in it:\n%s", name, page.Text())
		}
		posted := s.Call("POST", link, "", map[string]int{"volume": 1})
		if strings.Contains(posted.Header.Get("Content-Type"), "zip") {
			t.Errorf("link %s: a stranger got the data", name)
			continue
		}
		s.Settle()
		if name == "in the mail" {
			stranger.Get(link).Form("resend").Submit(nil)
			s.Settle()
		}
		got := r.Subjects()[before:]
		if len(got) != 1 || !strings.Contains(got[0], "code") {
			t.Errorf("link %s: the verified address got %q, want a code", name, got)
		}
	}
}
