package oidcsignin_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/signin"
	"github.com/habeas-dsar/habeas/shared/signin/oidcsignin"
	"github.com/habeas-dsar/habeas/shared/signin/signintest"
)

const back = "https://privacy.example.com/console/oidc/callback"

// rig is a client and its issuer, each with a clock.
type rig struct {
	t       *testing.T
	issuer  *signintest.Issuer
	client  *oidcsignin.Client
	now     time.Time    // of the client
	machine atomic.Int64 // nanoseconds that the machine's clock is ahead
}

func newRig(t *testing.T, change func(*oidcsignin.Options)) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)}
	then := r.now
	r.issuer = signintest.New(t, func() time.Time { return then })
	r.issuer.Is(signintest.Person{Subject: "s-1", Email: "kim@staff.example.com", Verified: true})
	o := oidcsignin.Options{
		Issuer: r.issuer.URL, Client: signintest.Client, Secret: func() (redact.Text, error) { return redact.NewText(signintest.Secret), nil },
		Now: func() time.Time { return r.now }, Machine: func() time.Time { return time.Now().Add(time.Duration(r.machine.Load())) },
	}
	if change != nil {
		change(&o)
	}
	var err error
	if r.client, err = oidcsignin.New(o); err != nil {
		t.Fatal(err)
	}
	return r
}

func newAttempt() signin.Attempt {
	return signin.Attempt{State: redact.NewText("state-1"), Browser: signin.NewBrowser()}
}

// code takes the browser to the issuer and brings the code back.
func (r *rig) code(a signin.Attempt) string {
	r.t.Helper()
	to, err := r.client.Begin(r.t.Context(), a, back)
	if err != nil {
		r.t.Fatal(err)
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := browser.Get(to)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = res.Body.Close()
	at, err := res.Location()
	if err != nil || !strings.HasPrefix(at.String(), back+"?") || at.Query().Get("state") != a.State.Reveal() {
		r.t.Fatalf("the issuer sends the browser to %v: %v", at, err)
	}
	return at.Query().Get("code")
}

// whole signs in.
func (r *rig) whole() (signin.Identity, error) {
	r.t.Helper()
	a := newAttempt()
	return r.client.Finish(r.t.Context(), a, back, r.code(a))
}

func (r *rig) wantWhole() signin.Identity {
	r.t.Helper()
	id, err := r.whole()
	if err != nil || id.Subject.Reveal() != "s-1" || id.Issuer != r.issuer.URL {
		r.t.Fatalf("signing in: %v %v", id, err)
	}
	return id
}

func TestSigningIn(t *testing.T) {
	for name, way := range map[string]func(*signintest.Issuer){
		"by RS256":                        func(*signintest.Issuer) {},
		"by ES256":                        func(i *signintest.Issuer) { i.Sign("ES256") },
		"the client's secret in the body": func(i *signintest.Issuer) { i.InBody = true },
		"the address told apart":          func(i *signintest.Issuer) { i.Thin = true },
		"without userinfo":                func(i *signintest.Issuer) { i.NoUserInfo = true },
		"verified is a text":              func(i *signintest.Issuer) { i.Bend(func(c map[string]any) { c["email_verified"] = "true" }) },
		"for us and somebody else":        func(i *signintest.Issuer) { i.Bend(both(signintest.Client)) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			way(r.issuer)
			if id := r.wantWhole(); id.Email.Reveal() != "kim@staff.example.com" {
				t.Error("the address is not told")
			}
		})
	}
}

// both makes a token for two, with the party that asked for it.
func both(party string) func(map[string]any) {
	return func(c map[string]any) {
		c["aud"] = []string{"other", signintest.Client}
		if party != "" {
			c["azp"] = party
		}
	}
}

func TestTokensThatAreNotBelieved(t *testing.T) {
	set := func(claim string, v any) func(*signintest.Issuer) {
		return func(i *signintest.Issuer) { i.Bend(func(c map[string]any) { c[claim] = v }) }
	}
	without := func(claim string) func(*signintest.Issuer) {
		return func(i *signintest.Issuer) { i.Bend(func(c map[string]any) { delete(c, claim) }) }
	}
	sign := func(alg string) func(*signintest.Issuer) { return func(i *signintest.Issuer) { i.Sign(alg) } }
	start := time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)
	for name, lie := range map[string]func(*signintest.Issuer){
		"another nonce":              set("nonce", "another"),
		"no nonce":                   without("nonce"),
		"another audience":           set("aud", "other"),
		"no audience":                without("aud"),
		"another party":              func(i *signintest.Issuer) { i.Bend(both("other")) },
		"two and no party":           func(i *signintest.Issuer) { i.Bend(both("")) },
		"another issuer":             set("iss", "https://sso.example.org"),
		"no issuer":                  without("iss"),
		"expired":                    set("exp", start.Add(-61*time.Second).Unix()),
		"without an end":             without("exp"),
		"not yet valid":              set("nbf", start.Add(time.Hour).Unix()),
		"nobody":                     set("sub", ""),
		"no subject":                 without("sub"),
		"a subject too long":         set("sub", strings.Repeat("s", 256)),
		"a subject that is a number": set("sub", 7),
		"no signature":               sign("none"),
		"the public key as a secret": sign("HS256"),
		"RS512":                      sign("RS512"),
		"a stranger's key":           sign("stranger"),
		"no token":                   tokenOf(`{"access_token":"x","token_type":"Bearer"}`),
		"not a token":                tokenOf(`{"access_token":"x","token_type":"Bearer","id_token":"x.y.z"}`),
		"a number":                   tokenOf(`{"access_token":"x","token_type":"Bearer","id_token":7}`),
		"an empty one":               tokenOf(`{"access_token":"x","token_type":"Bearer","id_token":""}`),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.wantWhole() // it is the lie that is refused
			lie(r.issuer)
			_, err := r.whole()
			if !fault.Has(err, fault.Unauthenticated) {
				t.Fatalf("got %v", err)
			}
			r.quotesNothing(err)
		})
	}
}

func tokenOf(body string) func(*signintest.Issuer) {
	return func(i *signintest.Issuer) {
		i.Answer(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/token" {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(body))
			return true
		})
	}
}

// quotesNothing fails when an error tells what an issuer sent, or where it is.
func (r *rig) quotesNothing(err error) {
	r.t.Helper()
	for _, s := range []string{"kim@", "s-1", "sso.example", "state-1", r.issuer.URL, strings.TrimPrefix(r.issuer.URL, "http://")} {
		if strings.Contains(err.Error(), s) {
			r.t.Errorf("the error quotes %q: %v", s, err)
		}
	}
}

func TestClocksMayDifferALittle(t *testing.T) {
	r := newRig(t, nil)
	r.now = r.now.Add(5*time.Minute + oidcsignin.Leeway)
	r.wantWhole()
	r.now = r.now.Add(time.Second)
	if _, err := r.whole(); !fault.Has(err, fault.Unauthenticated) {
		t.Errorf("a second later: %v", err)
	}
}

func TestACodeIsWorthNothingElsewhere(t *testing.T) {
	r := newRig(t, nil)
	a := newAttempt()
	code := r.code(a)
	if _, err := r.client.Finish(t.Context(), newAttempt(), back, code); !fault.Has(err, fault.Unauthenticated) {
		t.Errorf("with the secret of another browser: %v", err)
	}
	code = r.code(a)
	if _, err := r.client.Finish(t.Context(), a, "https://other.example.com/console/oidc/callback", code); !fault.Has(err, fault.Unauthenticated) {
		t.Errorf("at another address: %v", err)
	}
	code = r.code(a)
	if _, err := r.client.Finish(t.Context(), a, back, code); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]string{"again": code, "none": "", "made up": "made up", "endless": strings.Repeat("c", 9<<10)} {
		_, err := r.client.Finish(t.Context(), a, back, c)
		if !fault.Has(err, fault.Unauthenticated) {
			t.Errorf("a code %s: %v", name, err)
		}
		r.quotesNothing(err)
	}
}

func TestAddressesThatNobodyVouchesFor(t *testing.T) {
	for name, p := range map[string]signintest.Person{
		"not verified": {Subject: "s-1", Email: "kim@staff.example.com", Verified: false},
		"not said":     {Subject: "s-1", Email: "kim@staff.example.com"},
		"a text":       {Subject: "s-1", Email: "kim@staff.example.com", Verified: "yes"},
		"a number":     {Subject: "s-1", Email: "kim@staff.example.com", Verified: 1},
		"no address":   {Subject: "s-1", Verified: true},
	} {
		r := newRig(t, nil)
		r.issuer.NoUserInfo = true
		r.issuer.Is(p)
		if id := r.wantWhole(); !id.Email.IsZero() {
			t.Errorf("%s: an address all the same", name)
		}
	}
	r := newRig(t, nil)
	r.issuer.Thin = true
	r.issuer.Answer(func(w http.ResponseWriter, req *http.Request) bool {
		if req.URL.Path != "/userinfo" {
			return false
		}
		_, _ = w.Write([]byte(`{"sub":"s-2","email":"kim@staff.example.com","email_verified":true}`))
		return true
	})
	if _, err := r.whole(); !fault.Has(err, fault.Unauthenticated) {
		t.Errorf("userinfo of somebody else: %v", err)
	}
}

func TestWaysOfSigningInThatCount(t *testing.T) {
	strict := func(o *oidcsignin.Options) { o.ACR, o.AMR = []string{"urn:loa:3", "gold"}, []string{"mfa", "hwk"} }
	for name, tc := range map[string]struct {
		p  signintest.Person
		ok bool
	}{
		"neither":               {signintest.Person{}, false},
		"a password":            {signintest.Person{AMR: []string{"pwd"}, ACR: "urn:loa:1"}, false},
		"a second step":         {signintest.Person{AMR: []string{"pwd", "mfa"}}, true},
		"a text":                {signintest.Person{AMR: "hwk"}, true},
		"a level":               {signintest.Person{ACR: "gold"}, true},
		"the name of the other": {signintest.Person{ACR: "mfa", AMR: []string{"gold"}}, false},
		"a number":              {signintest.Person{AMR: 7}, false},
	} {
		r := newRig(t, strict)
		tc.p.Subject = "s-1"
		r.issuer.Is(tc.p)
		if _, err := r.whole(); (err == nil) != tc.ok || err != nil && !fault.Has(err, fault.Forbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	to, err := newRig(t, strict).client.Begin(t.Context(), newAttempt(), back)
	if err != nil || !strings.Contains(to, "acr_values="+url.QueryEscape("urn:loa:3 gold")) {
		t.Errorf("asks for %s %v", to, err)
	}
}

func TestKeysChange(t *testing.T) {
	r := newRig(t, nil)
	r.wantWhole()
	r.wantWhole()
	if n := r.issuer.Asked("/keys") + r.issuer.Asked("/.well-known/openid-configuration"); n != 2 {
		t.Errorf("asked %d times for what is known", n)
	}
	r.issuer.Rotate()
	r.wantWhole()
	r.machine.Add(int64(oidcsignin.Fresh))
	r.wantWhole()
	if n := r.issuer.Asked("/.well-known/openid-configuration"); n != 2 {
		t.Errorf("discovery was read %d times", n)
	}
}

func TestOurClientIsRefused(t *testing.T) {
	for name, change := range map[string]func(*oidcsignin.Options){
		"a wrong secret": func(o *oidcsignin.Options) {
			o.Secret = func() (redact.Text, error) { return redact.NewText("wrong"), nil }
		},
		"no secret": func(o *oidcsignin.Options) { o.Secret = nil },
		"a secret that is gone": func(o *oidcsignin.Options) {
			o.Secret = func() (redact.Text, error) { return redact.Text{}, fault.New(fault.Misconfigured, "gone") }
		},
	} {
		r := newRig(t, change)
		if _, err := r.whole(); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnIssuerThatFails(t *testing.T) {
	says := func(path string, status int, body string) func(*signintest.Issuer) {
		return func(i *signintest.Issuer) {
			i.Answer(func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == path {
					w.WriteHeader(status)
					_, _ = w.Write([]byte(body))
				}
				return r.URL.Path == path
			})
		}
	}
	const known, token, keys = "/.well-known/openid-configuration", "/token", "/keys"
	long := `"` + strings.Repeat("kim@staff.example.com", 60_000) + `"`
	doc := func(more string) string {
		return `{"issuer":"ISSUER","authorization_endpoint":"ISSUER/authorize","token_endpoint":"ISSUER/token","jwks_uri":"ISSUER/keys"` + more + `}`
	}
	for name, tc := range map[string]struct {
		fail func(*signintest.Issuer)
		want fault.Class
	}{
		"down":            {(*signintest.Issuer).Stop, fault.Unavailable},
		"broken":          {says(known, 500, "kim@staff.example.com"), fault.Unavailable},
		"busy":            {says(known, 429, ""), fault.Unavailable},
		"somebody else":   {says(known, 404, "kim@staff.example.com"), fault.Misconfigured},
		"a page":          {says(known, 200, "<html>"), fault.Misconfigured},
		"endless":         {says(known, 200, long), fault.Misconfigured},
		"sends elsewhere": {func(i *signintest.Issuer) { moved(i, doc("")) }, fault.Misconfigured},
		"of another name": {says(known, 200, `{"issuer":"https://sso.example.org"}`), fault.Misconfigured},
		"without keys": {func(i *signintest.Issuer) {
			says(known, 200, strings.ReplaceAll(strings.Replace(doc(""), "ISSUER/keys", "", 1), "ISSUER", i.URL))(i)
		}, fault.Misconfigured},
		"keys in the open": {func(i *signintest.Issuer) {
			says(known, 200, strings.ReplaceAll(strings.Replace(doc(""), "ISSUER/keys", "http://sso.example.org/keys", 1), "ISSUER", i.URL))(i)
		}, fault.Misconfigured},
		"people in the open": {func(i *signintest.Issuer) {
			says(known, 200, strings.ReplaceAll(doc(`,"userinfo_endpoint":"http://sso.example.org/u"`), "ISSUER", i.URL))(i)
		}, fault.Misconfigured},
		"no tokens":              {says(token, 503, ""), fault.Unavailable},
		"tokens that are a page": {says(token, 200, "kim@staff.example.com"), fault.Misconfigured},
		"a complaint about us":   {says(token, 400, `{"error":"invalid_request","error_description":"kim@staff.example.com"}`), fault.Misconfigured},
		"no keys":                {says(keys, 503, ""), fault.Unavailable},
		"keys that are a page":   {says(keys, 200, "kim@staff.example.com"), fault.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			a := newAttempt()
			code := r.code(a) // from before the trouble, and nothing of it is remembered
			r.machine.Add(int64(oidcsignin.Fresh))
			tc.fail(r.issuer)
			_, err := r.client.Finish(t.Context(), a, back, code)
			if !fault.Has(err, tc.want) {
				t.Fatalf("finishing: %v", err)
			}
			r.quotesNothing(err)
		})
	}
}

// moved sends to another address for discovery, where a document lies that would do.
func moved(i *signintest.Issuer, doc string) {
	i.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case "/elsewhere":
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(strings.ReplaceAll(doc, "ISSUER", i.URL)))
		default:
			return false
		}
		return true
	})
}

// A slow issuer holds up nobody longer than the caller is willing to wait, or than a request may take.
func TestASlowIssuer(t *testing.T) {
	r := newRig(t, nil)
	a := newAttempt()
	code := r.code(a)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	r.issuer.Answer(func(_ http.ResponseWriter, req *http.Request) bool {
		select {
		case <-release:
		case <-req.Context().Done():
		}
		return true
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := r.client.Finish(ctx, a, back, code); !fault.Has(err, fault.Unavailable) {
		t.Errorf("a caller who does not wait: %v", err)
	}
	start := time.Now()
	if _, err := r.client.Finish(t.Context(), a, back, code); !fault.Has(err, fault.Unavailable) || time.Since(start) > 10*time.Second {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
}

func TestSettingsThatCannotBeRight(t *testing.T) {
	for _, issuer := range []string{
		"", "sso.example.com", "http://sso.example.com", "http://192.0.2.1/", "ftp://127.0.0.1/", "https://", "https:///x", "https://u:p@sso.example.com",
		"https://sso.example.com/?tenant=1", "https://sso.example.com/#x", "http://127.0.0.1.example.com", "http://localhost.example.com", "https:sso.example.com", "://",
	} {
		if _, err := oidcsignin.New(oidcsignin.Options{Issuer: issuer, Client: "c"}); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("%q: %v", issuer, err)
		}
	}
	for _, issuer := range []string{"https://sso.example.com", "https://sso.example.com/realms/x/", "http://127.0.0.1:8080/realms/x", "http://localhost:8080", "http://[::1]:8080"} {
		if c, err := oidcsignin.New(oidcsignin.Options{Issuer: issuer, Client: "c"}); err != nil || c.ID() != issuer {
			t.Errorf("%q: %v", issuer, err)
		}
		if _, err := oidcsignin.New(oidcsignin.Options{Issuer: issuer}); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("without a client: %v", err)
		}
		if _, err := oidcsignin.New(oidcsignin.Options{Issuer: issuer, Client: "c", AMR: []string{""}}); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("a way without a name: %v", err)
		}
	}
}

func TestLeaving(t *testing.T) {
	r := newRig(t, nil)
	to, err := url.Parse(r.client.Leave(t.Context(), "https://privacy.example.com/console/sign-in"))
	if err != nil || !strings.HasPrefix(to.String(), r.issuer.URL+"/leave?") {
		t.Fatalf("leaves by %v", to)
	}
	for name, want := range map[string]string{
		"client_id": signintest.Client, "post_logout_redirect_uri": "https://privacy.example.com/console/sign-in", "logout_uri": "https://privacy.example.com/console/sign-in",
	} {
		if got := to.Query().Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	r = newRig(t, nil)
	r.issuer.NoLeave = true
	if to := r.client.Leave(t.Context(), back); to != "" {
		t.Errorf("leaves by %s", to)
	}
	r.issuer.Stop()
	r.machine.Add(int64(oidcsignin.Fresh))
	if to := r.client.Leave(t.Context(), back); to != "" {
		t.Errorf("leaves an issuer that is down by %s", to)
	}
}

func TestPlace(t *testing.T) {
	if p, err := (oidcsignin.Settings{}).Place(nil, nil); p != nil || err != nil {
		t.Errorf("without an issuer: %v %v", p, err)
	}
	if _, err := (oidcsignin.Settings{Issuer: "http://sso.example.com", Client: "c"}).Place(nil, nil); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("an issuer in the open: %v", err)
	}
	p, err := oidcsignin.Settings{Issuer: "https://sso.example.com:8443/realms/x", Client: "c"}.Place(nil, nil)
	if err != nil || p.Name != "sso.example.com:8443" || p.Only || p.Issuer.ID() != "https://sso.example.com:8443/realms/x" {
		t.Errorf("without a name: %+v %v", p, err)
	}
	issuer := signintest.New(t, time.Now)
	issuer.Is(signintest.Person{Subject: "s-1"})
	asked := ""
	p, err = oidcsignin.Settings{Issuer: issuer.URL, Client: signintest.Client, Secret: "file:secret", Name: "Example SSO", Only: true}.Place(func(reference string) (redact.Text, error) {
		asked = reference
		return redact.NewText(signintest.Secret), nil
	}, time.Now)
	if err != nil || p.Name != "Example SSO" || !p.Only || asked != "" {
		t.Fatalf("%+v %v, asked for %q", p, err, asked)
	}
	r := &rig{t: t, issuer: issuer, client: p.Issuer.(*oidcsignin.Client)}
	if r.wantWhole(); asked != "file:secret" {
		t.Errorf("asked for %q", asked)
	}
}
