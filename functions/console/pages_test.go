package console_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions/console"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/verification"
)

func cookieOf(p reply) *http.Cookie {
	for _, c := range p.Cookies() {
		if c.Name == "habeas_staff" {
			return c
		}
	}
	return nil
}

func (r *rig) email(id string) string {
	r.t.Helper()
	return must[registry.Staff](r.t)(r.h.Registry.Staff(r.t.Context(), id)).Email
}

func TestSignInAndOut(t *testing.T) {
	r := newRig(t)
	id, _, _ := r.staff("", registry.Handler, registry.Auditor)
	_, _, elsewhere := r.staff(other, registry.Auditor)
	_, _, token := r.staff(home, registry.Auditor)
	p := r.want(r.page("", "GET", "/console/cases?status=verifying", nil), 401)
	if !strings.Contains(p.body, `name="next" value="/console/cases?status=verifying"`) {
		t.Error("the sign-in page forgets where somebody wanted to go")
	}
	p = r.want(r.page("", "POST", "/console/sign-in", url.Values{"email": {strings.ToUpper(r.email(id))}, "password": {password}, "next": {"/console/cases?status=verifying"}}), 303)
	c := cookieOf(p)
	if c == nil || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge != 8*3600 {
		t.Fatalf("the cookie: %+v", c)
	}
	if p.Header.Get("Location") != "/console/cases?status=verifying" {
		t.Errorf("went on to %s", p.Header.Get("Location"))
	}
	r.want(r.page(c.Value, "GET", "/console/", nil), 200)
	p = r.want(r.page(c.Value, "POST", "/console/sign-out", url.Values{}), 303)
	if gone := cookieOf(p); gone == nil || gone.MaxAge >= 0 {
		t.Error("the cookie stays")
	}
	r.want(r.page(c.Value, "GET", "/console/", nil), 401)
	for name, tok := range map[string]string{"first tenant": token, "other tenant": elsewhere} {
		if kinds := r.audit(tok); strings.Join(kinds, " ") != "signed_out signed_in" && strings.Join(kinds, " ") != "signed_in" {
			t.Errorf("audit of the %s: %v", name, kinds)
		}
	}
	for _, next := range []string{"https://example.com/", "//example.com/", "/console/sign-out", "/\\example.com", "/t/alder/"} {
		p := r.want(r.page("", "POST", "/console/sign-in", url.Values{"email": {r.email(id)}, "password": {password}, "next": {next}}), 303)
		if p.Header.Get("Location") != "/console/" {
			t.Errorf("%s: went on to %s", next, p.Header.Get("Location"))
		}
	}
}

func TestSessionsEnd(t *testing.T) {
	r := newRig(t)
	id, cookie, token := r.staff(home, registry.Handler)
	r.now = r.now.Add(8*time.Hour - time.Second)
	r.want(r.page(cookie, "GET", "/console/", nil), 200)
	r.now = r.now.Add(time.Second)
	r.want(r.page(cookie, "GET", "/console/", nil), 401)
	r.want(r.call(token, "GET", "/api/v1/cases", ""), 200)
	// A session is no token and a token is no session.
	r.want(r.call(cookie, "GET", "/api/v1/cases", ""), 401)
	r.want(r.page(token, "GET", "/console/", nil), 401)
	if id == "" {
		t.Fatal("no id")
	}
}

func TestClosedAccountsAreOut(t *testing.T) {
	r := newRig(t)
	hash := must[string](t)(r.h.Passwords.Hash(t.Context(), redact.NewText(password)))
	m := registry.Staff{ID: dsar.NewID(), Tenant: home, Email: "gone@staff.example.com", Roles: registry.Roles(), Password: hash, Disabled: true, AddedAt: r.now}
	if err := r.h.Registry.AddStaff(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	token := must[string](t)(r.h.Sessions.NewAPI(t.Context(), m.ID, "", "old"))
	r.want(r.call(token, "GET", "/api/v1/cases", ""), 401)
	r.want(r.page("", "POST", "/console/sign-in", url.Values{"email": {m.Email}, "password": {password}}), 401)
}

func TestWrongSignInsLookAlike(t *testing.T) {
	r := newRig(t)
	id, _, token := r.staff(home, registry.Auditor)
	strip := regexp.MustCompile(`value="[^"]*@[^"]*"`)
	wrong := r.want(r.page("", "POST", "/console/sign-in", url.Values{"email": {r.email(id)}, "password": {"not the password"}}), 401)
	unknown := r.want(r.page("", "POST", "/console/sign-in", url.Values{"email": {"stranger@example.com"}, "password": {"not the password"}}), 401)
	if strip.ReplaceAllString(wrong.body, "") != strip.ReplaceAllString(unknown.body, "") {
		t.Error("the answer tells whether there is such an account")
	}
	if strings.Contains(wrong.body, "not the password") || cookieOf(wrong) != nil {
		t.Error("the answer repeats the password, or sets a cookie")
	}
	r.want(r.page("", "POST", "/console/sign-in", url.Values{"email": {""}, "password": {""}}), 400)
	if kinds := r.audit(token); strings.Join(kinds, " ") != "sign_in_failed sign_in_failed" {
		t.Errorf("audit: %v", kinds)
	}
}

func TestSignInIsThrottled(t *testing.T) {
	r := newRig(t)
	r.h.Limits = console.Limits{PerAddress: []verification.Limit{{Max: 3, Per: time.Hour}}, PerNetwork: []verification.Limit{{Max: 5, Per: time.Hour}}}
	id, _, _ := r.staff(home, registry.Handler)
	try := func(email string) int {
		return r.page("", "POST", "/console/sign-in", url.Values{"email": {email}, "password": {"wrong"}}).StatusCode
	}
	mail := r.email(id)
	for n, want := range []int{401, 401, 401, 429} {
		if got := try(strings.ToUpper(mail[:n]) + mail[n:]); got != want {
			t.Errorf("try %d at one address: %d, want %d", n+1, got, want)
		}
	}
	for n, want := range []int{401, 401, 429} {
		if got := try(string(rune('a'+n)) + "@example.com"); got != want {
			t.Errorf("try %d from one network: %d, want %d", n+4, got, want)
		}
	}
	r.now = r.now.Add(61 * time.Minute)
	r.want(r.page("", "POST", "/console/sign-in", url.Values{"email": {mail}, "password": {password}}), 303)
}

// TestPagesShowWhatRolesMaySee: names, addresses and words of the person, for those who may see them only.
func TestPagesShowWhatRolesMaySee(t *testing.T) {
	r := newRig(t)
	_, approver, _ := r.staff(home, registry.Approver)
	_, auditor, token := r.staff(home, registry.Auditor)
	c, _ := r.busy(home)
	r.edit(c, func(f *casefile.File) {
		if err := f.Say(evidence.Subject, redact.NewText("the canary sings")); err != nil {
			t.Fatal(err)
		}
	})
	at := "/console/cases/" + c.ID
	seen := r.want(r.page(approver, "GET", at, nil), 200).body
	hidden := r.want(r.page(auditor, "GET", at, nil), 200).body
	for _, s := range []string{canary, "Ada Canary", "Canary details", "the canary sings"} {
		if !strings.Contains(seen, s) || strings.Contains(hidden, s) {
			t.Errorf("%q: seen by approver %v, by auditor %v", s, strings.Contains(seen, s), strings.Contains(hidden, s))
		}
	}
	for _, s := range []string{"/extend", "/withdraw", "/response", "/messages"} {
		if strings.Contains(hidden, at+s) {
			t.Errorf("the auditor is offered %s", s)
		}
	}
	if !strings.Contains(hidden, at+"/evidence") {
		t.Error("the auditor is not offered the evidence")
	}
	r.want(r.page(approver, "GET", at+"/package/2", nil), 404)
	p := r.want(r.page(approver, "GET", at+"/package/1", nil), 200)
	if p.body != packageBytes || p.Header.Get("Content-Type") != "application/zip" || !strings.Contains(p.Header.Get("Content-Disposition"), "data.zip") {
		t.Errorf("the package: %q %v", p.body, p.Header)
	}
	if kinds := r.audit(token); strings.Join(kinds, " ") != "package_read personal_data_revealed" {
		t.Errorf("audit: %v", kinds)
	}
}

func TestFormsTellWhatIsWrong(t *testing.T) {
	r := newRig(t)
	_, cookie, _ := r.staff(home, registry.Roles()...)
	c, task := r.busy(home)
	at := "/console/cases/" + c.ID
	for _, f := range []struct {
		path string
		form url.Values
		want int
		says string
	}{
		{at + "/messages", url.Values{"text": {" "}}, 400, `href="#text"`},
		{at + "/messages", url.Values{"text": {strings.Repeat("x", 4001)}}, 400, `href="#text"`},
		{at + "/extend", url.Values{"reason": {"because"}}, 400, `href="#ground"`},
		{at + "/withdraw", url.Values{}, 400, `href="#reason"`},
		{at + "/response", url.Values{"decision": {"refuse"}, "hash": {c.ResponseHash()}}, 400, `href="#reason"`},
		{at + "/response", url.Values{"decision": {"approve"}, "hash": {"stale"}}, 409, ""},
		{at + "/operator", url.Values{"outcome": {"skip"}}, 400, ""},
		{"/console/tasks/" + c.ID + "/" + task, url.Values{}, 400, `href="#outcome"`},
		{"/console/tasks/" + c.ID + "/" + task, url.Values{"outcome": {"not_done"}}, 400, `href="#reason"`},
		{"/console/tasks/" + c.ID + "/" + task, url.Values{"outcome": {"identify"}, "reason": {"x"}}, 400, `href="#identifier"`},
		{"/console/tasks/" + c.ID + "/" + task, url.Values{"outcome": {"identify"}, "kind": {"email"}, "identifier": {"none"}, "reason": {"x"}}, 400, `href="#identifier"`},
		{"/console/tasks/" + c.ID + "/" + dsar.NewID(), url.Values{"outcome": {"retry"}}, 404, ""},
	} {
		p := r.page(cookie, "POST", f.path, f.form)
		if p.StatusCode != f.want || !strings.Contains(p.body, f.says) || !strings.Contains(p.body, "</html>") {
			t.Errorf("%s %v: %d, want %d with %s", f.path, f.form, p.StatusCode, f.want, f.says)
		}
	}
	if got := r.one(c); got.UpdatedAt != c.UpdatedAt {
		t.Error("a wrong form changed the case")
	}
	for _, q := range []string{"?dueBefore=soon", "?status=lost", "?right=none"} {
		if p := r.page(cookie, "GET", "/console/cases"+q, nil); p.StatusCode != http.StatusBadRequest || !strings.Contains(p.body, "</html>") {
			t.Errorf("%s: %d", q, p.StatusCode)
		}
	}
	r.want(r.page(cookie, "GET", "/console/cases?cursor=x", nil), 400)
}

func TestNoticesAndTenantGoAlong(t *testing.T) {
	r := newRig(t)
	_, cookie, _ := r.staff("", registry.Handler)
	c, _ := r.busy(other)
	at := "/console/cases/" + c.ID
	r.want(r.page(cookie, "GET", at, nil), 404) // the first tenant has no such case
	p := r.want(r.page(cookie, "GET", at+"?tenant="+other, nil), 200)
	action := regexp.MustCompile(`action="([^"]*messages[^"]*)"`).FindStringSubmatch(p.body)
	if action == nil {
		t.Fatal("no form for a message")
	}
	once := regexp.MustCompile(`name="once" value="([^"]*)"`).FindStringSubmatch(p.body)
	form := url.Values{"text": {"Hello"}, "once": {once[1]}}
	p = r.want(r.page(cookie, "POST", action[1], form), 303)
	next := p.Header.Get("Location")
	if !strings.Contains(r.want(r.page(cookie, "GET", next, nil), 200).body, `role="status"`) {
		t.Error("no notice")
	}
	r.now = r.now.Add(time.Second)
	if again := r.want(r.page(cookie, "POST", action[1], form), 303); again.Header.Get("Location") != next {
		t.Error("the second press of the button went elsewhere")
	}
	if got := r.one(c); got.LettersNo != 1 {
		t.Errorf("%d letters after pressing twice", got.LettersNo)
	}
	p = r.want(r.page(cookie, "GET", at+"?tenant="+other+"&done=%3Cb%3E", nil), 200)
	if strings.Contains(p.body, `role="status"`) {
		t.Error("a notice from the address is shown")
	}
}

// TestSameKeyAtTheSameTime: of several calls with one key that race, one acts and all get its answer.
func TestSameKeyAtTheSameTime(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Handler)
	c := r.verified(r.open(home, nil))
	var wg sync.WaitGroup
	codes := make([]int, 6)
	for n := range codes {
		wg.Go(func() {
			req := httptest.NewRequestWithContext(context.Background(), "POST", "/api/v1/cases/"+c.ID+"/messages", strings.NewReader(`{"text":"Hello"}`))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Idempotency-Key", "same")
			w := httptest.NewRecorder()
			r.mux.ServeHTTP(w, req)
			codes[n] = w.Code
		})
	}
	wg.Wait()
	for _, code := range codes {
		if code != 201 {
			t.Errorf("codes: %v", codes)
			break
		}
	}
	if got := r.one(c); got.LettersNo != 1 {
		t.Errorf("%d letters", got.LettersNo)
	}
}
