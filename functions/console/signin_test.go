package console_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions/console"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/signin"
	"github.com/habeas-dsar/habeas/shared/signin/oidcsignin"
	"github.com/habeas-dsar/habeas/shared/signin/signintest"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/verification"
)

const attemptCookie = "__Host-habeas_sign_in"

// elsewhere is a rig whose staff sign in at an issuer.
type elsewhere struct {
	*rig
	issuer *signintest.Issuer
}

func newElsewhere(t *testing.T, change func(*oidcsignin.Options)) *elsewhere {
	t.Helper()
	e := &elsewhere{rig: newRig(t)}
	now := func() time.Time { return e.now }
	e.issuer = signintest.New(t, now)
	o := oidcsignin.Options{
		Issuer: e.issuer.URL, Client: signintest.Client, Secret: func() (redact.Text, error) { return redact.NewText(signintest.Secret), nil },
		Now: now, Machine: time.Now,
	}
	if change != nil {
		change(&o)
	}
	e.h.SignIn = &signin.Place{Issuer: must[*oidcsignin.Client](t)(oidcsignin.New(o)), Name: "Example SSO"}
	return e
}

// person has the issuer sign in the member of staff from now on.
func (e *elsewhere) person(id, subject string) {
	e.t.Helper()
	e.issuer.Is(signintest.Person{Subject: subject, Email: e.email(id), Verified: true})
}

// visit asks for a page with cookies.
func (e *elsewhere) visit(path string, cookies ...*http.Cookie) reply {
	e.t.Helper()
	req := httptest.NewRequestWithContext(e.t.Context(), http.MethodGet, path, nil)
	for _, c := range cookies {
		if c != nil {
			req.AddCookie(c)
		}
	}
	return e.do(req)
}

func cookieNamed(p reply, name string) *http.Cookie {
	for _, c := range p.Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// leave begins at the console and signs in at the issuer; it returns the cookie and the address at which the browser comes back.
func (e *elsewhere) leave(path string) (*http.Cookie, string) {
	e.t.Helper()
	p := e.want(e.visit(path), 303)
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := browser.Get(p.Header.Get("Location"))
	if err != nil {
		e.t.Fatal(err)
	}
	_ = res.Body.Close()
	back, ok := strings.CutPrefix(res.Header.Get("Location"), "https://privacy.example.com")
	if !ok || !strings.HasPrefix(back, console.Callback+"?") {
		e.t.Fatalf("the issuer answers %d and sends the browser to %s", res.StatusCode, back)
	}
	return cookieNamed(p, attemptCookie), back
}

// whole signs in.
func (e *elsewhere) whole(path string) reply {
	e.t.Helper()
	cookie, back := e.leave(path)
	return e.visit(back, cookie)
}

// refused fails unless the answer is a page with the status that says so, and signs nobody in.
func (e *elsewhere) refused(p reply, status int, says string) {
	e.t.Helper()
	e.want(p, status)
	if !strings.Contains(p.body, says) || !strings.Contains(p.body, "You are not signed in") || !strings.Contains(p.body, "</html>") || cookieOf(p) != nil {
		e.t.Errorf("the page does not say %q, or signs in: %.900s", says, p.body)
	}
}

// acts returns what the audit of the first tenant says, newest first, as kind:detail:by.
func (e *elsewhere) acts(token string) []string {
	e.t.Helper()
	var list struct {
		Acts []struct{ Kind, Detail, By string }
	}
	if err := json.Unmarshal([]byte(e.want(e.call(token, "GET", "/api/v1/audit", ""), 200).body), &list); err != nil {
		e.t.Fatal(err)
	}
	var out []string
	for _, a := range list.Acts {
		out = append(out, a.Kind+":"+a.Detail+":"+a.By)
	}
	return out
}

func TestSigningInElsewhere(t *testing.T) {
	e := newElsewhere(t, nil)
	id, _, token := e.staff(home, registry.Auditor)
	e.person(id, "s-1")
	p := e.want(e.page("", "GET", "/console/cases?status=verifying", nil), 401)
	to := "/console/oidc?" + url.Values{"next": {"/console/cases?status=verifying"}}.Encode()
	if !strings.Contains(p.body, `href="`+to+`"`) || !strings.Contains(p.body, "Sign in with Example SSO") || !strings.Contains(p.body, `name="password"`) {
		t.Fatalf("the sign-in page: %s", p.body)
	}
	cookie, back := e.leave(to)
	if cookie == nil || !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != 600 {
		t.Fatalf("the cookie of the attempt: %+v", cookie)
	}
	p = e.want(e.visit(back, cookie), 303)
	c := cookieOf(p)
	if c == nil || !c.HttpOnly || !c.Secure || p.Header.Get("Location") != "/console/cases?status=verifying" {
		t.Fatalf("went on to %s with %+v", p.Header.Get("Location"), c)
	}
	if gone := cookieNamed(p, attemptCookie); gone == nil || gone.MaxAge >= 0 || !gone.Secure || gone.Path != "/" {
		t.Errorf("the cookie of the attempt stays: %+v", gone)
	}
	e.want(e.page(c.Value, "GET", "/console/", nil), 200)
	if got := must[registry.Staff](t)(e.h.Registry.StaffBySubject(t.Context(), e.issuer.URL, redact.NewText("s-1"))); got.ID != id {
		t.Error("the account is not tied to the member of staff")
	}
	by := "staff:" + id
	e.now = e.now.Add(time.Second)
	if p = e.whole("/console/oidc"); p.Header.Get("Location") != "/console/" {
		t.Errorf("the second time went on to %s", p.Header.Get("Location"))
	}
	want := []string{"signed_in:oidc:" + by, "signed_in:oidc:" + by, "staff_tied::" + by}
	got := e.acts(token)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("audit: %v", got)
	}
	// Loading the address again shows no error to somebody who is signed in.
	if again := e.visit(back, cookie, c); again.StatusCode != http.StatusSeeOther || again.Header.Get("Location") != "/console/" || cookieOf(again) != nil {
		t.Errorf("loaded again: %d", again.StatusCode)
	}
	e.refused(e.visit(back, cookie), 400, "cannot be finished")
}

// The issuer's name for somebody counts from the first time on, not the address, which may be given to somebody else.
func TestAnAccountStaysWithItsPerson(t *testing.T) {
	e := newElsewhere(t, nil)
	kim, _, token := e.staff(home, registry.Auditor)
	lee, _, _ := e.staff(home, registry.Handler)
	e.person(kim, "s-1")
	e.want(e.whole("/console/oidc"), 303)
	e.issuer.Is(signintest.Person{Subject: "s-1", Email: "renamed@staff.example.com"})
	e.want(e.whole("/console/oidc"), 303)
	e.person(lee, "s-1")
	e.now = e.now.Add(time.Second)
	e.want(e.whole("/console/oidc"), 303)
	if got := e.acts(token)[0]; got != "signed_in:oidc:staff:"+kim {
		t.Errorf("the address decided: %s", got)
	}
	e.person(kim, "s-2")
	e.now = e.now.Add(time.Second)
	p := e.whole("/console/oidc")
	e.refused(p, 403, "another account")
	if got := e.acts(token)[0]; got != "sign_in_failed:oidc_taken:staff:"+kim || !strings.Contains(p.body, "<code>s-2</code>") {
		t.Errorf("audit: %s", got)
	}
	if err := e.h.Registry.UntieStaff(t.Context(), kim); err != nil {
		t.Fatal(err)
	}
	e.want(e.whole("/console/oidc"), 303)
	e.person(lee, "s-1") // free again
	e.want(e.whole("/console/oidc"), 303)
}

func TestWhoIsNotSignedIn(t *testing.T) {
	e := newElsewhere(t, func(o *oidcsignin.Options) { o.AMR = []string{"mfa"} })
	id, _, token := e.staff(home, registry.Auditor)
	closed, _, _ := e.staff(home, registry.Handler)
	tied, _, _ := e.staff(home, registry.Handler)
	gone, _, _ := e.staff(home, registry.Handler)
	strong := func(p signintest.Person) { p.AMR = []string{"pwd", "mfa"}; e.issuer.Is(p) }
	for subject, who := range map[string]string{"s-tied": tied, "s-gone": gone} {
		strong(signintest.Person{Subject: subject, Email: e.email(who), Verified: true})
		e.want(e.whole("/console/oidc"), 303)
	}
	for _, who := range []string{closed, tied} {
		if err := e.h.Registry.ChangeStaff(t.Context(), who, func(m *registry.Staff) { m.Disabled = true }); err != nil {
			t.Fatal(err)
		}
	}
	address := e.email(gone)
	e.remove(gone, address)
	mail := e.email(id)
	for _, tc := range []struct {
		name   string
		p      signintest.Person
		says   string
		detail string
	}{
		{"a stranger", signintest.Person{Subject: "s-9", Email: "stranger@example.com", Verified: true}, "no account here", "oidc_unknown:unknown"},
		{"somebody removed", signintest.Person{Subject: "s-gone", Email: address, Verified: true}, "no account here", "oidc_unknown:unknown"},
		{"an address nobody vouches for", signintest.Person{Subject: "s-9", Email: mail, Verified: false}, "which account is yours", "oidc_unverified:unknown"},
		{"an address nobody speaks of", signintest.Person{Subject: "s-9", Email: mail}, "which account is yours", "oidc_unverified:unknown"},
		{"no address", signintest.Person{Subject: "s-9", Verified: true}, "which account is yours", "oidc_unverified:unknown"},
		{"closed before", signintest.Person{Subject: "s-9", Email: e.email(closed), Verified: true}, "is closed", "oidc_closed:staff:" + closed},
		{"closed since", signintest.Person{Subject: "s-tied", Email: e.email(tied), Verified: true}, "is closed", "oidc_closed:staff:" + tied},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e.t = t
			strong(tc.p)
			e.now = e.now.Add(time.Second)
			p := e.whole("/console/oidc")
			e.refused(p, 403, tc.says)
			if got := e.acts(token)[0]; got != "sign_in_failed:"+tc.detail {
				t.Errorf("audit: %s", got)
			}
			if strings.Contains(p.body, "@") {
				t.Error("the page repeats an address")
			}
		})
	}
	e.t = t
	e.issuer.Is(signintest.Person{Subject: "s-1", Email: mail, Verified: true, AMR: []string{"pwd"}})
	e.refused(e.whole("/console/oidc"), 403, "second step")
	for _, who := range []string{id, closed} {
		if m := must[registry.Staff](t)(e.h.Registry.Staff(t.Context(), who)); m.Subject != "" {
			t.Error("somebody without a second step, or with a closed account, was tied to one at the issuer")
		}
	}
}

// remove takes a member of staff out of the records, with the address.
func (r *rig) remove(id, address string) {
	r.t.Helper()
	found := false
	for _, pk := range []string{"STAFF", "STAFFMAIL"} {
		page, err := r.h.Cases.Table().Query(r.t.Context(), table.Query{Table: table.Registry, PK: pk})
		if err != nil {
			r.t.Fatal(err)
		}
		for _, it := range page.Items {
			if it.SK != id && string(it.Body) != id {
				continue
			}
			found = true
			w := table.Write{Op: table.Delete, If: table.AnyVersion, Item: table.Item{Key: it.Key}}
			if err := r.h.Cases.Table().Transact(r.t.Context(), w); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	if !found {
		r.t.Fatalf("nobody to remove for an address of %d characters", len(address))
	}
}

func TestComingBackWrongly(t *testing.T) {
	e := newElsewhere(t, nil)
	id, _, _ := e.staff(home, registry.Handler)
	e.person(id, "s-1")
	stale := func(name string, p reply) {
		t.Helper()
		if p.StatusCode != http.StatusBadRequest || !strings.Contains(p.body, "cannot be finished") || cookieOf(p) != nil {
			t.Errorf("%s: %d", name, p.StatusCode)
		}
	}
	cookie, back := e.leave("/console/oidc")
	others, _ := e.leave("/console/oidc")
	stale("without a cookie", e.visit(back))
	stale("with the cookie of another browser", e.visit(back, others))
	stale("with an empty cookie", e.visit(back, &http.Cookie{Name: attemptCookie, Value: "."}))
	stale("with the cookie under another name", e.visit(back, &http.Cookie{Name: "habeas_sign_in", Value: cookie.Value}))
	u, _ := url.Parse(back)
	q := u.Query()
	for _, state := range []string{"", "made up", q.Get("state") + "x", strings.Repeat("s", 4000)} {
		other := url.Values{"state": {state}, "code": {q.Get("code")}}
		stale("with another state", e.visit(console.Callback+"?"+other.Encode(), cookie))
	}
	stale("with nothing", e.visit(console.Callback))
	// None of these has spoilt it for the browser that began.
	e.want(e.visit(back, cookie), 303)
	stale("again", e.visit(back, cookie))

	cookie, back = e.leave("/console/oidc")
	e.now = e.now.Add(signin.Life)
	stale("after ten minutes", e.visit(back, cookie))

	cookie, back = e.leave("/console/oidc")
	u, _ = url.Parse(back)
	with := func(change func(url.Values)) string {
		q := u.Query()
		change(q)
		return console.Callback + "?" + q.Encode()
	}
	e.refused(e.visit(with(func(q url.Values) { q.Set("iss", "https://sso.example.org") }), cookie), 401, "could not be checked")
	cookie, back = e.leave("/console/oidc")
	u, _ = url.Parse(back)
	p := e.visit(with(func(q url.Values) {
		q.Del("code")
		q.Set("error", "access_denied")
		q.Set("error_description", "<b>CANARY</b>")
	}), cookie)
	e.refused(p, 403, "You were not signed in")
	if strings.Contains(p.body, "CANARY") {
		t.Error("the page repeats what the address says")
	}
	cookie, back = e.leave("/console/oidc")
	u, _ = url.Parse(back)
	e.refused(e.visit(with(func(q url.Values) { q.Set("code", "made up") }), cookie), 401, "could not be checked")
	stale("an attempt that failed", e.visit(back, cookie))
}

func TestOnlyLocalPagesAreGoneOnTo(t *testing.T) {
	e := newElsewhere(t, nil)
	id, _, _ := e.staff(home, registry.Handler)
	e.person(id, "s-1")
	for _, next := range []string{"https://example.com/", "//example.com/", "/console/sign-out", "/console/oidc", "/console/oidc/callback?state=x", "/\\example.com", "/t/alder/", "/console/\r\nX: y", "javascript:alert(1)"} {
		p := e.whole("/console/oidc?" + url.Values{"next": {next}}.Encode())
		if p.StatusCode != http.StatusSeeOther || p.Header.Get("Location") != "/console/" {
			t.Errorf("%q: %d, went on to %s", next, p.StatusCode, p.Header.Get("Location"))
		}
	}
	cookie, back := e.leave("/console/oidc")
	cookie.Value, _, _ = strings.Cut(cookie.Value, ".")
	cookie.Value += ".aHR0cHM6Ly9leGFtcGxlLmNvbS8" // https://example.com/
	if p := e.visit(back, cookie); p.Header.Get("Location") != "/console/" {
		t.Errorf("a cookie that was changed: %d, went on to %s", p.StatusCode, p.Header.Get("Location"))
	}
}

func TestAnIssuerInTrouble(t *testing.T) {
	e := newElsewhere(t, nil)
	id, _, token := e.staff(home, registry.Auditor)
	e.person(id, "s-1")
	cookie, back := e.leave("/console/oidc")
	e.issuer.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	e.refused(e.visit(back, cookie), 503, "cannot be reached")
	e.issuer.Answer(nil)
	e.issuer.Sign("none")
	e.refused(e.whole("/console/oidc"), 401, "could not be checked")
	e.issuer.Sign("RS256")
	cookie, back = e.leave("/console/oidc")
	e.issuer.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":"invalid_client"}`))
		}
		return r.URL.Path == "/token"
	})
	e.refused(e.visit(back, cookie), 502, "not set up correctly")
	e.issuer.Answer(nil)
	e.want(e.whole("/console/oidc"), 303)

	down := newElsewhere(t, nil)
	down.issuer.Stop()
	p := down.visit("/console/oidc")
	down.refused(p, 503, "cannot be reached")
	if cookieNamed(p, attemptCookie) != nil {
		t.Error("an attempt that never left has a cookie")
	}
	for _, a := range e.acts(token) {
		if strings.HasPrefix(a, "sign_in_failed") {
			t.Errorf("the trouble of the issuer is somebody's failure: %s", a)
		}
	}
}

func TestPasswordsAreTurnedOff(t *testing.T) {
	e := newElsewhere(t, nil)
	e.h.SignIn.Only = true
	id, _, token := e.staff(home, registry.Auditor)
	admin, _, _ := e.staff(home, registry.Admin)
	try := func(id string) reply {
		return e.page("", "POST", "/console/sign-in", url.Values{"email": {e.email(id)}, "password": {password}})
	}
	p := e.want(e.visit("/console/sign-in"), 200)
	if strings.Contains(p.body, `name="password"`) || !strings.Contains(p.body, "/console/sign-in?way=password") || !strings.Contains(p.body, `href="/console/oidc"`) {
		t.Errorf("the sign-in page: %s", p.body)
	}
	p = e.want(e.visit("/console/sign-in?way=password"), 200)
	if !strings.Contains(p.body, `name="password"`) || !strings.Contains(p.body, "Each use is recorded") {
		t.Errorf("the page for an emergency: %s", p.body)
	}
	wrong := e.want(e.page("", "POST", "/console/sign-in", url.Values{"email": {e.email(id)}, "password": {"wrong"}}), 401)
	right := e.want(try(id), 401)
	if wrong.body != right.body {
		t.Error("the answer tells that the password was right")
	}
	e.want(try(admin), 401)
	if err := e.h.Registry.ChangeStaff(t.Context(), admin, func(m *registry.Staff) { m.BreakGlass = true }); err != nil {
		t.Fatal(err)
	}
	e.now = e.now.Add(time.Second)
	e.want(try(admin), 303)
	if got := e.acts(token)[0]; got != "signed_in:break_glass:staff:"+admin {
		t.Errorf("audit: %s", got)
	}
	// A mark on somebody who is no administrator is worth nothing.
	m := registry.Staff{ID: dsar.NewID(), Email: "glass@staff.example.com", Roles: []registry.Role{registry.Approver}, BreakGlass: true, Password: must[registry.Staff](t)(e.h.Registry.Staff(t.Context(), id)).Password}
	if err := e.h.Registry.AddStaff(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	e.want(try(m.ID), 401)
	e.person(id, "s-1")
	e.want(e.whole("/console/oidc"), 303)
}

func TestSigningOutElsewhere(t *testing.T) {
	e := newElsewhere(t, nil)
	id, cookie, _ := e.staff(home, registry.Handler)
	e.person(id, "s-1")
	out := func(c string) reply { return e.page(c, "POST", "/console/sign-out", url.Values{}) }
	e.want(out(cookie), 303) // a session by password
	c := cookieOf(e.want(e.whole("/console/oidc"), 303))
	p := e.want(out(c.Value), 200)
	if !strings.Contains(p.body, "You are signed out of Habeas") || !strings.Contains(p.body, `href="`+e.issuer.URL+`/leave?client_id=habeas&amp;`) || cookieOf(p).MaxAge >= 0 {
		t.Errorf("signed out: %s", p.body)
	}
	e.want(e.page(c.Value, "GET", "/console/", nil), 401)
	if _, err := e.h.Sessions.Get(t.Context(), session.Staff, c.Value); err == nil {
		t.Error("the session goes on")
	}
	e = newElsewhere(t, nil)
	id, _, _ = e.staff(home, registry.Handler)
	e.issuer.NoLeave = true
	e.person(id, "s-1")
	c = cookieOf(e.want(e.whole("/console/oidc"), 303))
	if p := e.want(out(c.Value), 200); strings.Contains(p.body, "as well") || !strings.Contains(p.body, "You are signed out") {
		t.Errorf("offers what the issuer does not have: %s", p.body)
	}
}

func TestStartsAreLimited(t *testing.T) {
	e := newElsewhere(t, nil)
	e.h.Limits.Starts = []verification.Limit{{Max: 3, Per: time.Hour}}
	for n := range 5 {
		want := 303
		if n >= 3 {
			want = 429
		}
		if p := e.visit("/console/oidc"); p.StatusCode != want {
			t.Errorf("start %d: %d, want %d", n+1, p.StatusCode, want)
		}
	}
}

// Another site can neither begin a sign-in by a picture nor find one where there is none.
func TestWhereThereIsNoSignInElsewhere(t *testing.T) {
	e := newElsewhere(t, nil)
	for _, path := range []string{"/console/oidc", console.Callback + "?state=x&code=y"} {
		for dest, want := range map[string]int{"image": 403, "iframe": 403, "empty": 403} {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			req.Header.Set("Sec-Fetch-Dest", dest)
			if p := e.do(req); p.StatusCode != want {
				t.Errorf("%s as %s: %d", path, dest, p.StatusCode)
			}
		}
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/console/oidc", nil)
	req.Header.Set("Sec-Fetch-Dest", "document")
	e.want(e.do(req), 303)
	r := newRig(t)
	for _, path := range []string{"/console/oidc", console.Callback + "?state=x&code=y"} {
		r.want(r.page("", "GET", path, nil), 404)
	}
	if p := r.want(r.page("", "GET", "/console/sign-in?way=password", nil), 200); strings.Contains(p.body, "oidc") || strings.Contains(p.body, "emergency") {
		t.Error("offers a sign-in that is not there")
	}
}

// A copy of the records neither finishes a sign-in nor says where somebody wanted to go.
func TestTheRowOfAnAttempt(t *testing.T) {
	e := newElsewhere(t, nil)
	p := e.want(e.visit("/console/oidc?next="+url.QueryEscape("/console/cases?q=canary@example.com")), 303)
	to, _ := url.Parse(p.Header.Get("Location"))
	cookie := cookieNamed(p, attemptCookie)
	g := must[session.Grant](t)(e.h.Sessions.Get(t.Context(), session.SignIn, to.Query().Get("state")))
	row := must[[]byte](t)(json.Marshal(g))
	browser, _, _ := strings.Cut(cookie.Value, ".")
	for _, s := range []string{"canary", browser, to.Query().Get("nonce"), to.Query().Get("code_challenge"), to.Query().Get("state")} {
		if s == "" || strings.Contains(string(row), s) {
			t.Errorf("the row holds %q", s)
		}
	}
	if to.Query().Get("scope") != "openid email" || strings.Contains(p.Header.Get("Location"), "canary") {
		t.Errorf("the issuer is asked %s", to.RawQuery)
	}
}
