package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/signin/signintest"
	"github.com/habeas-dsar/habeas/test/testkit"
)

// withIssuer starts an installation whose staff sign in at an issuer, too.
func withIssuer(t *testing.T, more ...string) (*testkit.Site, *signintest.Issuer) {
	t.Helper()
	issuer := signintest.New(t, func() time.Time { return testkit.Start0 })
	secret := filepath.Join(t.TempDir(), "client-secret")
	if err := os.WriteFile(secret, []byte(signintest.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"--oidc-issuer", issuer.URL, "--oidc-client", signintest.Client, "--oidc-secret", "file:" + secret, "--oidc-name", "Example SSO"}, more...)
	return site(t, testkit.Args(args...)), issuer
}

func wantText(t *testing.T, p *testkit.Page, words string) {
	t.Helper()
	if !strings.Contains(p.Text(), words) {
		t.Errorf("%s does not say %q: %s", p.What, words, p.Text())
	}
}

// A handler who opens the list of cases signs in at the company's issuer, comes back to the list, and leaves both places.
func TestAHandlerSignsInAtTheIssuer(t *testing.T) {
	s, issuer := withIssuer(t)
	issuer.Is(signintest.Person{Subject: "s-handler", Email: "Handler@staff.test", Verified: true})
	b := s.Browser()
	list := b.Get(b.Get("/console/cases?status=verifying").Want(401).Link("Sign in with Example SSO")).Want(200)
	if list.URL.RequestURI() != "/console/cases?status=verifying" {
		t.Fatalf("came back to %s", list.URL.RequestURI())
	}
	wantText(t, list, "handler@staff.test")
	out := list.Form("/console/sign-out").Submit(nil).Want(200)
	wantText(t, out, "You are signed out of Habeas. You may still be signed in at Example SSO.")
	wantText(t, b.Get(out.Link("Sign out of Example SSO as well")).Want(200), "Sign in with Example SSO")
	b.Get("/console/cases").Want(401)

	var audit struct {
		Acts []struct{ Kind, Detail, Email string }
	}
	s.Call("GET", "/api/v1/audit", s.Token("auditor"), nil).Want(200).JSON(&audit)
	var kinds []string
	for _, a := range audit.Acts {
		kinds = append(kinds, a.Kind+" "+a.Detail+" "+a.Email)
	}
	for _, want := range []string{"staff_tied  handler@staff.test", "signed_in oidc handler@staff.test", "signed_out  handler@staff.test"} {
		if !strings.Contains(strings.Join(kinds, "\n"), want) {
			t.Errorf("the audit lacks %q: %q", want, kinds)
		}
	}
}

// Whoever the issuer knows and the privacy team does not is told so; nobody is made by signing in, and closing an account ends
// what it has open.
func TestTheIssuerOpensNothingByItself(t *testing.T) {
	s, issuer := withIssuer(t)
	issuer.Is(signintest.Person{Subject: "s-9", Email: "visitor@example.com", Verified: true})
	b := s.Browser()
	p := b.Get("/console/oidc").Want(403)
	wantText(t, p, "You have no account here")
	before := s.Run("staff", "list", "--data", s.Dir)
	if strings.Contains(string(before), "visitor") || strings.Contains(string(before), "tied") {
		t.Errorf("signing in changed the staff: %s", before)
	}
	issuer.Is(signintest.Person{Subject: "s-9", Email: "handler@staff.test"})
	wantText(t, b.Get("/console/oidc").Want(403), "s-9")
	s.Run("staff", "tie", "--data", s.Dir, "--email", "handler@staff.test", "--issuer", issuer.URL, "--subject", "s-9")
	b.Get("/console/oidc").Want(200)
	b.Get("/console/cases").Want(200)
	s.Run("staff", "change", "--data", s.Dir, "--email", "handler@staff.test", "--closed")
	b.Get("/console/cases").Want(401)
	wantText(t, b.Get("/console/oidc").Want(403), "Your account here is closed")
	s.Call("GET", "/api/v1/cases", s.Token("handler"), nil).Want(401)
	s.Run("staff", "change", "--data", s.Dir, "--email", "handler@staff.test", "--closed=false")
	b.Get("/console/oidc").Want(200)
	s.Run("staff", "untie", "--data", s.Dir, "--email", "handler@staff.test")
	b.Get("/console/oidc").Want(403)
}

// With --oidc-only a password opens nothing but the glass, and the demo's handler needs her second step.
func TestOnlyTheIssuerSignsIn(t *testing.T) {
	s, issuer := withIssuer(t, "--oidc-only", "--oidc-amr", "mfa,hwk")
	password := map[string]string{}
	for _, a := range s.First.Accounts {
		password[a.Email] = a.Password
	}
	try := func(email string) *testkit.Page {
		b := s.Browser()
		emergency := b.Get(b.Get("/console/").Want(401).Link("in an emergency")).Want(200)
		return emergency.Form("/console/sign-in").Submit(map[string]string{"email": email, "password": password[email]})
	}
	try("handler@staff.test").Want(401)
	try("admin@staff.test").Want(401)
	s.Run("staff", "change", "--data", s.Dir, "--email", "admin@staff.test", "--break-glass")
	try("admin@staff.test").Want(200)
	if !strings.Contains(string(s.Stderr()), "signed in by password although") {
		t.Error("the log does not say that the glass was broken")
	}
	issuer.Is(signintest.Person{Subject: "s-1", Email: "handler@staff.test", Verified: true, AMR: []string{"pwd"}})
	wantText(t, s.Browser().Get("/console/oidc").Want(403), "A second step is needed")
	issuer.Is(signintest.Person{Subject: "s-1", Email: "handler@staff.test", Verified: true, AMR: []string{"pwd", "mfa"}})
	s.Browser().Get("/console/oidc").Want(200)
}

// An issuer that is down holds up nobody but those who want to sign in there: who is signed in stays so, even over a restart.
func TestAnIssuerThatIsDown(t *testing.T) {
	s, issuer := withIssuer(t)
	issuer.Is(signintest.Person{Subject: "s-1", Email: "handler@staff.test", Verified: true})
	b := s.Browser()
	b.Get("/console/oidc").Want(200)
	issuer.Stop()
	s.Kill()
	s.Restart()
	b.Get("/console/cases").Want(200)
	wantText(t, s.Browser().Get("/console/oidc").Want(503), "Example SSO cannot be reached")
	s.Call("GET", "/api/v1/cases", s.Token("handler"), nil).Want(200)
	for _, leak := range []string{"handler@staff.test", issuer.URL, signintest.Secret} {
		if strings.Contains(string(s.Stderr()), leak) {
			t.Errorf("the log says %q", leak)
		}
	}
}
