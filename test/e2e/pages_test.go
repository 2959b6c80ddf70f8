package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// A person with a browser and no JavaScript: every step is a page, a link or a form.
func TestTheWholeWayByForms(t *testing.T) {
	s := site(t)
	b := s.Browser()
	home := b.Get("/t/lumen/").Want(200)
	wantPolicy(t, home)
	page := b.Get(home.Link("request"))
	page = page.Want(200).Form("right").Submit(map[string]string{"right": "access"}).Want(200)
	page = page.Form("email").Submit(map[string]string{"email": "not an address", "country": "DE"}).Want(400)
	if !strings.Contains(page.Text(), "address") {
		t.Errorf("the page does not say what is wrong: %s", page.Text())
	}
	page = page.Form("email").Submit(map[string]string{"email": testkit.NoOrders, "name": `<b>"Noor" & co</b>`, "details": "Everything, please.\nThank you."}).Want(200)
	if !strings.Contains(page.Text(), testkit.NoOrders) || strings.Contains(string(page.Body), "<b>\"Noor\"") {
		t.Errorf("the last look before sending: %s", page.Text())
	}
	page = page.Form("send").Submit(map[string]string{"send": "1"}).Want(200)
	at := strings.Split(strings.TrimSuffix(page.URL.Path, "/sent"), "/")
	r := &testkit.Request{Site: s, Tenant: "lumen", Email: testkit.NoOrders, Reference: at[len(at)-1]}
	s.Settle()
	page = b.Get(page.Link("code")).Want(200).Form("code").Submit(map[string]string{"code": wrong(r.Code())}).Want(401)
	page = page.Form("code").Submit(map[string]string{"code": " " + r.Code()[:4] + " " + r.Code()[4:] + " "}).Want(200)
	wantPolicy(t, page)
	s.Settle()
	page = b.Get(r.Page("")).Want(200)
	for _, want := range []string{r.Reference, "23 December 2026", "Web shop"} {
		if !strings.Contains(page.Text(), want) {
			t.Errorf("the page of the request lacks %q:\n%s", want, page.Text())
		}
	}
	page.Form("/messages").Submit(map[string]string{"text": "Thank you <script>"}).Want(200)
	page = b.Get(r.Page("")).Want(200)
	if !strings.Contains(page.Text(), "Thank you <script>") || strings.Contains(string(page.Body), "<script>") {
		t.Error("the message is not on the page as it was written")
	}
	confirm := b.Get(r.Page("/download")).Want(200)
	got := confirm.Form("volume").Submit(nil)
	if got.Status != 200 || got.Header.Get("Content-Type") != "application/zip" || !strings.Contains(got.Header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("the download answers %d, %s, %s", got.Status, got.Header.Get("Content-Type"), got.Header.Get("Content-Disposition"))
	}
	p, err := testkit.OpenPackage(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	s.WantHeld(p, testkit.NoOrders)
	if receipt := b.Get(r.Page("/evidence")).Want(200); receipt.Header.Get("Content-Type") != "application/zip" {
		t.Errorf("the receipt is %s", receipt.Header.Get("Content-Type"))
	}
	page.Form("signout").Submit(nil)
	b.Get(r.Page("")).Want(401)
	s.Browser().Get(r.Page("")).Want(401)
}

// wantPolicy fails the test unless a page forbids scripts, frames and everything from elsewhere.
func wantPolicy(t *testing.T, p *testkit.Page) {
	t.Helper()
	csp := p.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("%s: the policy lacks %s: %s", p.What, want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src") || strings.Contains(strings.ToLower(string(p.Body)), "<script") {
		t.Errorf("%s: scripts: %s", p.What, csp)
	}
	if p.Header.Get("X-Content-Type-Options") != "nosniff" || p.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%s: headers are %v", p.What, p.Header)
	}
}

// Somebody comes back with the reference alone, and withdraws.
func TestComingBackAndWithdrawingByForms(t *testing.T) {
	s := site(t)
	unlock := lock(t, s, "shop.db")
	defer unlock()
	r := s.Ask("lumen", "access", testkit.NoOrders)
	b := s.Browser()
	page := b.Get("/t/lumen/find").Want(200).Form("reference").Submit(map[string]string{"reference": "nothing"}).Want(400)
	typed := strings.ToLower(strings.ReplaceAll(r.Reference, "-", " "))
	page = page.Form("reference").Submit(map[string]string{"reference": typed}).Want(200)
	page = page.Form("resend").Submit(nil).Want(200)
	s.Settle()
	page.Form("code").Submit(map[string]string{"code": r.Code()}).Want(200)
	page = b.Get(r.Page("")).Want(200)
	b.Get(page.Link("ithdraw")).Want(200).Form("/withdraw").Submit(nil).Want(200)
	s.Settle()
	if got := r.Subjects(); !slices.Contains(got, "We have stopped your request") {
		t.Errorf("letters are %q", got)
	}
	if page := b.Get(r.Page("")).Want(200); !strings.Contains(strings.ToLower(page.Text()), "withdr") {
		t.Errorf("the page does not say that the request is withdrawn: %s", page.Text())
	}
}

// Another site cannot act with a person's cookie.
func TestOtherSitesCannotAct(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "access", testkit.NoOrders)
	b := s.Browser()
	b.Get(r.Page("/code")).Form("code").Submit(map[string]string{"code": r.Code()}).Want(200)
	s.Settle()
	form := b.Get(r.Page("")).Form("/messages")
	form.Origin = "https://elsewhere.example"
	form.Submit(map[string]string{"text": "not me"}).Want(403)
	if text := b.Get(r.Page("")).Text(); strings.Contains(text, "not me") {
		t.Error("another site wrote a message")
	}
}
