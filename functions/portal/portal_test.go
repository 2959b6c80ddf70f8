package portal_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// bodies are good bodies of the routes that take one.
var bodies = map[string]string{
	"POST /t/{tenant}/request":                                                 form("step", "right", "right", "access"),
	"POST /t/{tenant}/find":                                                    form("reference", "7K3QX-9M2DA"),
	"POST /t/{tenant}/requests/{reference}/code":                               form("code", "00000000"),
	"POST /t/{tenant}/requests/{reference}/confirm":                            form("s", "AAAAAAAAAAAAAAAAAAAAAAAAAA"),
	"POST /t/{tenant}/requests/{reference}/messages":                           form("text", "Hello"),
	"POST /t/{tenant}/download/{token}":                                        form("volume", "1"),
	"POST /t/{tenant}/api/v1/requests":                                         `{"right":"access","email":"new@example.com"}`,
	"POST /t/{tenant}/api/v1/requests/{reference}/verification":                `{"code":"00000000"}`,
	"POST /t/{tenant}/api/v1/requests/{reference}/messages":                    `{"text":"Hello"}`,
	"POST /t/{tenant}/requests/{reference}/complaint":                          form("text", "Too slow."),
	"POST /t/{tenant}/requests/{reference}/appeal":                             form("text", "I did not."),
	"POST /t/{tenant}/requests/{reference}/questions/{question}":               form("text", "The older one."),
	"POST /t/{tenant}/api/v1/requests/{reference}/complaint":                   `{"text":"Too slow."}`,
	"POST /t/{tenant}/api/v1/requests/{reference}/appeal":                      `{"text":"I did not."}`,
	"POST /t/{tenant}/api/v1/requests/{reference}/questions/{question}/answer": `{"text":"The older one."}`,
	"POST /t/{tenant}/requests/{reference}/prove":                              form("detail", "90210"),
	"POST /t/{tenant}/api/v1/requests/{reference}/proof":                       `{"cannot":true}`,
}

// open routes with what a stranger gets who names an existing request.
var open = map[string]int{
	"GET /t/{tenant}/{$}": 200, "GET /t/{tenant}/api/v1/signal": 200, "GET /t/{tenant}/request": 200, "POST /t/{tenant}/request": 200, "GET /t/{tenant}/find": 200, "POST /t/{tenant}/find": 303,
	"POST /t/{tenant}/signout": 303, "GET /t/{tenant}/requests/{reference}/sent": 200, "GET /t/{tenant}/requests/{reference}/return": 200,
	"POST /t/{tenant}/requests/{reference}/resend": 303, "GET /t/{tenant}/requests/{reference}/code": 200, "POST /t/{tenant}/requests/{reference}/code": 401,
	"GET /t/{tenant}/requests/{reference}/confirm": 410, "POST /t/{tenant}/requests/{reference}/confirm": 410,
	"GET /t/{tenant}/requests/{reference}/cancel": 410, "POST /t/{tenant}/requests/{reference}/cancel": 410,
	"GET /t/{tenant}/download/{token}": 410, "POST /t/{tenant}/download/{token}": 410,
	"POST /t/{tenant}/api/v1/requests": 202, "POST /t/{tenant}/api/v1/requests/{reference}/verification": 401, "POST /t/{tenant}/api/v1/requests/{reference}/code": 202,
	"/t/{tenant}/": 404, "/t/{tenant}/api/": 404,
}

// own routes with what the owner of an answered request gets.
var own = map[string]int{
	"GET /t/{tenant}/requests/{reference}": 200, "GET /t/{tenant}/requests/{reference}/withdraw": 200, "POST /t/{tenant}/requests/{reference}/withdraw": 409,
	"POST /t/{tenant}/requests/{reference}/messages": 200, "GET /t/{tenant}/requests/{reference}/evidence": 200,
	"GET /t/{tenant}/requests/{reference}/download": 303, "POST /t/{tenant}/requests/{reference}/download": 303,
	"GET /t/{tenant}/api/v1/requests/{reference}": 200, "POST /t/{tenant}/api/v1/requests/{reference}/withdrawal": 409,
	"POST /t/{tenant}/api/v1/requests/{reference}/messages": 201, "POST /t/{tenant}/api/v1/requests/{reference}/package": 200,
	"GET /t/{tenant}/api/v1/requests/{reference}/evidence":      200,
	"GET /t/{tenant}/requests/{reference}/questions/{question}": 404, "POST /t/{tenant}/requests/{reference}/questions/{question}": 404,
	"GET /t/{tenant}/requests/{reference}/appeal": 409, "POST /t/{tenant}/requests/{reference}/appeal": 409, "POST /t/{tenant}/api/v1/requests/{reference}/appeal": 409,
	"GET /t/{tenant}/requests/{reference}/complaint": 200, "POST /t/{tenant}/requests/{reference}/complaint": 200,
	"POST /t/{tenant}/api/v1/requests/{reference}/complaint":                   409, // there is one already, by the page
	"POST /t/{tenant}/api/v1/requests/{reference}/questions/{question}/answer": 404, "POST /t/{tenant}/api/v1/requests/{reference}/questions/{question}/accept": 404,
	"GET /t/{tenant}/requests/{reference}/prove": 303, "POST /t/{tenant}/requests/{reference}/prove": 303, "POST /t/{tenant}/api/v1/requests/{reference}/proof": 409,
}

// reach fills a pattern in.
func reach(pattern, tenant, reference, token string) call {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		method, path = "GET", pattern+"nowhere"
	}
	path = strings.NewReplacer("{tenant}", tenant, "{reference}", reference, "{token}", token, "{question}", "q1", "{$}", "").Replace(path)
	return call{method: method, path: path, body: bodies[pattern]}
}

func TestEveryRouteForEveryCaller(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine, another, elsewhere := r.open(home, ada), r.open(home, "bob@example.com"), r.open(other, ada)
	owner := r.signIn(mine)
	r.answered(mine, 1)
	callers := map[string]string{
		"nobody": "", "owner": "", "another request": r.session(another, time.Hour), "another tenant": r.session(elsewhere, time.Hour),
		"expired": r.session(mine, -time.Second), "garbage": "\"};--", "a link of a download": func() string {
			d := r.download(mine, owner)
			return d[strings.LastIndex(d, "/")+1:]
		}(),
	}
	seen := 0
	for _, route := range r.set.Portal.Routes() {
		want, isOpen := open[route.Pattern]
		if !isOpen {
			want = own[route.Pattern]
		}
		if want == 0 || route.Session == isOpen {
			t.Errorf("%s is in no table of this test", route.Pattern)
			continue
		}
		seen++
		for who, token := range callers {
			status := want
			if route.Session && who != "owner" {
				status = 401
			}
			c := reach(route.Pattern, home, mine.Reference, "no-such-link")
			before := r.stored(mine)
			if who == "owner" {
				token = r.session(mine, time.Hour) // one of them signs out
			}
			c.cookie, c.bearer = token, token
			if who == "garbage" {
				c.cookie, c.header = "", http.Header{"Cookie": {"habeas_request=" + token}}
			}
			a := r.send(c)
			if a.StatusCode != status {
				t.Errorf("%s for %s: %d, want %d: %.200s", route.Pattern, who, a.StatusCode, status, a.body)
			}
			if status == 401 && route.Session && r.stored(mine) != before {
				t.Errorf("%s for %s changed the case", route.Pattern, who)
			}
			isAPI := strings.Contains(route.Pattern, "/api/")
			if mime := a.Header.Get("Content-Type"); status >= 400 && (strings.HasPrefix(mime, "application/problem+json") != isAPI) {
				t.Errorf("%s for %s answers %d as %s", route.Pattern, who, status, mime)
			}
			if a.Header.Get("Content-Security-Policy") == "" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s lacks the headers of every answer", route.Pattern)
			}
		}
		a := r.send(reach(route.Pattern, "nobodys", mine.Reference, "x"))
		if a.StatusCode != http.StatusNotFound {
			t.Errorf("%s of an unknown tenant: %d", route.Pattern, a.StatusCode)
		}
	}
	if seen != len(open)+len(own) {
		t.Errorf("%d routes, and %d in the tables", seen, len(open)+len(own))
	}
}

// A session opens its own request under its own reference only, however the reference is typed.
func TestASessionIsBoundToItsReference(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine, another := r.open(home, ada), r.open(home, "bob@example.com")
	token := r.signIn(mine)
	for path, want := range map[string]int{
		api(mine): 200, strings.ToLower(api(mine)): 200, api(another): 401, "/t/" + home + "/api/v1/requests/nonsense": 401,
		"/t/" + other + "/api/v1/requests/" + mine.Reference: 401,
	} {
		if a := r.send(call{method: "GET", path: path, bearer: token}); a.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, a.StatusCode, want)
		}
	}
	r.now = r.now.Add(30 * time.Minute)
	r.want(r.send(call{method: "GET", path: api(mine), bearer: token}), 401)
}

func TestLookingChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.open(home, ada)
	_, secret := r.mailed(c)
	looks := func(path, cookie string, want int) {
		t.Helper()
		before := r.stored(c)
		for _, method := range []string{"GET", "HEAD"} {
			r.want(r.send(call{method: method, path: path, cookie: cookie}), want)
		}
		if r.stored(c) != before {
			t.Errorf("looking at %s changed the case", path)
		}
	}
	looks(page(c)+"/confirm?s="+secret, "", 200)
	looks(page(c)+"/confirm?s=wrong", "", 410)
	looks(page(c)+"/code", "", 200)
	looks(page(c)+"/sent", "", 200)
	token := r.signIn(c)
	r.answered(c, 2)
	for _, p := range []string{"", "/withdraw", "/evidence"} {
		looks(page(c)+p, token, 200)
	}
	link := r.download(c, token)
	looks(link, token, 200)
	looks(link, "", 401)
	looks(page(c)+"/download", token, 303)
	if r.one(c).Package.Downloads != 0 {
		t.Error("looking counts as a download")
	}
}

func TestTheMailedLinkIsConfirmedOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.open(home, ada)
	_, secret := r.mailed(c)
	a := r.want(r.send(call{method: "POST", path: page(c) + "/confirm", body: form("s", secret)}), 303)
	if a.Header.Get("Location") != page(c) {
		t.Errorf("leads to %s", a.Header.Get("Location"))
	}
	cookies := a.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies", len(cookies))
	}
	k := cookies[0]
	if !k.HttpOnly || !k.Secure || k.SameSite != http.SameSiteLaxMode || k.Path != "/t/"+home+"/" || k.MaxAge != 1800 || k.Domain != "" {
		t.Errorf("the cookie is %+v", k)
	}
	r.want(r.send(call{method: "GET", path: page(c), cookie: k.Value}), 200)
	r.want(r.send(call{method: "POST", path: page(c) + "/confirm", body: form("s", secret)}), 410)
	a = r.want(r.send(call{method: "POST", path: "/t/" + home + "/signout", cookie: k.Value}), 303)
	if k := a.Cookies()[0]; k.MaxAge >= 0 || k.Value != "" {
		t.Errorf("after signing out the cookie is %+v", k)
	}
	r.want(r.send(call{method: "GET", path: page(c), cookie: k.Value}), 401)
}

// twins are answers to the same thing done to a request and to a reference that never was.
func (r *rig) twins(what string, known casefile.Case, c func(reference string) call) {
	r.t.Helper()
	const ghost = "00000-00000"
	one, two := r.send(c(known.Reference)), r.send(c(ghost))
	head := func(a answer) string {
		h := a.Header.Clone()
		return strings.ReplaceAll(fmt.Sprint(a.StatusCode, h), ghost, known.Reference)
	}
	if head(one) != head(two) {
		r.t.Errorf("%s: a request answers %s, nothing %s", what, head(one), head(two))
	}
	if body := strings.ReplaceAll(two.body, ghost, known.Reference); body != one.body {
		r.t.Errorf("%s: a request answers\n%s\nnothing\n%s", what, one.body, body)
	}
}

func TestAStrangerLearnsNothingAboutReferences(t *testing.T) {
	t.Parallel()
	limits := verification.DefaultLimits()
	limits.TriesPerIP = []verification.Limit{{Max: 1000, Per: time.Hour}}
	limits.CodesPerIP = limits.TriesPerIP
	r := newRig(t, func(p *functions.Ports) { p.Limits = limits })
	c := r.open(home, ada)
	at := "/t/" + home
	for n := range 7 { // beyond the lock, which nobody but the owner is told
		r.twins(fmt.Sprintf("wrong code %d by API", n+1), c, func(ref string) call {
			return call{method: "POST", path: at + "/api/v1/requests/" + ref + "/verification", body: `{"code":"00000000"}`}
		})
		r.twins(fmt.Sprintf("wrong code %d by page", n+1), c, func(ref string) call {
			return call{method: "POST", path: at + "/requests/" + ref + "/code", body: form("code", "00000000")}
		})
	}
	if r.letters(c) != 2 {
		t.Errorf("%d letters, want the code and the notice of the lock", r.letters(c))
	}
	for n := range 4 { // beyond the limit
		r.twins(fmt.Sprintf("code %d asked for by API", n+1), c, func(ref string) call {
			return call{method: "POST", path: at + "/api/v1/requests/" + ref + "/code"}
		})
		r.twins(fmt.Sprintf("code %d asked for by page", n+1), c, func(ref string) call {
			return call{method: "POST", path: at + "/requests/" + ref + "/resend"}
		})
	}
	if n := r.letters(c); n != 4 {
		t.Errorf("%d letters, want two codes more", n)
	}
	for _, p := range []string{"/sent", "/return", "/code", "/confirm?s=AAAA", "/confirm"} {
		r.twins(p, c, func(ref string) call { return call{method: "GET", path: at + "/requests/" + ref + p} })
	}
	r.twins("a wrong link", c, func(ref string) call {
		return call{method: "POST", path: at + "/requests/" + ref + "/confirm", body: form("s", "AAAA")}
	})
	for _, p := range []string{"", "/withdraw", "/evidence"} {
		r.twins("page"+p, c, func(ref string) call { return call{method: "GET", path: at + "/requests/" + ref + p} })
		r.twins("call"+p, c, func(ref string) call { return call{method: "GET", path: at + "/api/v1/requests/" + ref + p} })
	}
}

// Requests of one address share its limit; nobody is told that an address had enough.
func TestAnAddressIsNotBombedThroughManyRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(p *functions.Ports) { p.Limits = verification.DefaultLimits() })
	var all []casefile.Case
	for range 4 {
		all = append(all, r.open(home, ada))
	}
	sent := 0
	for _, c := range all {
		r.want(r.send(call{method: "POST", path: api(c) + "/code"}), 202)
		sent += r.letters(c) - 1
	}
	if sent != 3 {
		t.Errorf("%d codes were sent again, want 3 in ten minutes", sent)
	}
}

func TestDownloads(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.open(home, ada)
	token := r.signIn(c)
	r.want(r.send(call{method: "POST", path: api(c) + "/package", bearer: token}), 404) // not yet
	r.answered(c, 2)
	link := r.download(c, token)
	get := func(body, bearer string, want int) answer {
		t.Helper()
		return r.want(r.send(call{method: "POST", path: link, body: body, bearer: bearer}), want)
	}
	before := r.letters(c)
	get(`{"volume":1}`, "", 401)
	get(form("volume", "1"), r.session(r.open(home, "bob@example.com"), time.Hour), 401)
	if n := r.letters(c); n != before+2 || r.one(c).Package.Downloads != 0 {
		t.Errorf("%d codes for two strangers, %d downloads", n-before, r.one(c).Package.Downloads)
	}
	for body, want := range map[string]int{`{"volume":0}`: 400, `{"volume":3}`: 400, `{"volume":"x"}`: 400, `{"volume":1.5}`: 400, `{"part":1}`: 400, form("volume", "two"): 400} {
		get(body, token, want)
	}
	a := get(`{"volume":2}`, token, 200)
	if a.body != "volume 2" || a.Header.Get("Content-Type") != "application/zip" || a.Header.Get("Content-Length") != "8" || a.Header.Get("Cache-Control") != "no-store" ||
		a.Header.Get("Content-Disposition") != "attachment; filename=answer.zip" {
		t.Errorf("volume 2 is %q with %v", a.body, a.Header)
	}
	get(`{"volume":2}`, token, 410)
	if a := get(form(), token, 200); a.body != "volume 1" {
		t.Errorf("without a number: %q", a.body)
	}
	get(form("volume", "1"), token, 410)
	if n := r.one(c).Package.Downloads; n != 2 {
		t.Errorf("%d downloads", n)
	}
	link = strings.Replace(r.download(c, token), "/t/"+home, "/t/"+other, 1)
	get(form(), token, 410)
	link = r.download(c, token)
	r.now = r.now.Add(session.DownloadLife)
	get(form(), token, 410)
	r.want(r.send(call{method: "POST", path: api(c) + "/package", bearer: token}), 401) // the code was entered too long ago
	r.want(r.send(call{method: "POST", path: page(c) + "/download", cookie: token}), 401)
	r.now = r.one(c).Package.ExpiresAt
	r.want(r.send(call{method: "POST", path: api(c) + "/package", bearer: r.session(c, time.Hour)}), 404)
}

func TestTheAnswerOfAJoinedRequestIsThatOfTheOther(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	older, younger := r.open(home, ada), r.open(home, ada)
	r.answered(older, 1)
	r.change(younger, func(f *casefile.File) error {
		f.Case.MergedInto, f.Case.Verification.VerifiedAt = older.ID, r.now
		return nil
	})
	token := r.session(younger, time.Hour)
	var v struct {
		JoinedTo string
		Package  *struct{ Ready bool }
	}
	r.ok(json.Unmarshal([]byte(r.want(r.send(call{method: "GET", path: api(younger), bearer: token}), 200).body), &v))
	if v.JoinedTo != older.Reference || v.Package == nil {
		t.Errorf("the status is %+v", v)
	}
	if a := r.want(r.send(call{method: "POST", path: r.download(younger, token), bearer: token}), 200); a.body != "volume 1" {
		t.Errorf("the download is %q", a.body)
	}
	r.want(r.send(call{method: "GET", path: api(older), bearer: token}), 401)
}

func TestTheStatusTellsWhyInWords(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.open(home, ada)
	token := r.signIn(c)
	r.change(c, func(f *casefile.File) error {
		task := f.AddTask("shop", dsar.ReadOut)
		task.Ask("failed", "What now?", f.Now(), casefile.AnswersForFailure)
		if err := f.DecideTask(task, evidence.Staff("01"), "not_done", redact.NewText("The archive burnt down.")); err != nil {
			return err
		}
		task.Done(dsar.NotDone, f.Now())
		f.Case.Status, f.Case.Phase, f.Case.Package = dsar.AwaitingReview, dsar.PhaseReviewResponse, &casefile.Package{}
		if err := f.DecideResponse(evidence.Staff("02"), casefile.Refuse, f.Case.ResponseHash(), redact.NewText("It would harm somebody else.")); err != nil {
			return err
		}
		return f.DecideResponse(evidence.Staff("03"), casefile.Refuse, f.Case.ResponseHash(), redact.Text{})
	})
	a := r.want(r.send(call{method: "GET", path: api(c), bearer: token}), 200)
	if !strings.Contains(a.body, "The archive burnt down.") {
		t.Errorf("the status is %s", a.body)
	}
	a = r.want(r.send(call{method: "GET", path: page(c), cookie: token}), 200)
	if !strings.Contains(a.body, "It would harm somebody else.") {
		t.Error("the page does not give the reason of the refusal")
	}
}

func TestWithdrawalAndMessages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.open(home, ada)
	token := r.signIn(c)
	for body, want := range map[string]int{`{"text":"Hello"}`: 201, `{"text":""}`: 400, `{}`: 400, `{"text":"` + strings.Repeat("x", 4001) + `"}`: 400, `{"words":"x"}`: 400} {
		r.want(r.send(call{method: "POST", path: api(c) + "/messages", bearer: token, body: body}), want)
	}
	a := r.want(r.send(call{method: "POST", path: page(c) + "/messages", cookie: token, body: form("text", strings.Repeat("y", 4001))}), 400)
	if !strings.Contains(a.body, strings.Repeat("y", 4001)) {
		t.Error("a text that was too long is lost")
	}
	r.want(r.send(call{method: "POST", path: api(c) + "/withdrawal", bearer: token, body: `{"reason":"` + strings.Repeat("x", 4001) + `"}`}), 400)
	if r.one(c).Withdrawal != nil {
		t.Fatal("withdrawn with a reason that was refused")
	}
	for range 2 {
		r.want(r.send(call{method: "POST", path: api(c) + "/withdrawal", bearer: token, body: `{"reason":"I found it myself."}`}), 202)
	}
	if r.one(c).Withdrawal == nil {
		t.Fatal("not withdrawn")
	}
	messages, err := r.set.Cases.Messages(t.Context(), home, c.ID, 10)
	r.ok(err)
	var said []string
	for _, m := range messages {
		said = append(said, m.Text.Reveal())
	}
	if !slices.Equal(said, []string{"Hello", "I found it myself."}) {
		t.Errorf("said %q", said)
	}
}

func TestMethodsAndPlaces(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.open(home, ada)
	for _, tc := range []struct {
		method, path string
		want         int
		allow        string
	}{
		{"DELETE", "/t/" + home + "/", 405, "GET, HEAD"},
		{"PUT", "/t/" + home + "/request", 405, "GET, HEAD, POST"},
		{"GET", page(c) + "/resend", 405, "POST"},
		{"POST", page(c) + "/evidence", 405, "GET, HEAD"},
		{"GET", "/t/" + home + "/api/v1/requests", 405, "POST"},
		{"PATCH", api(c), 405, "GET, HEAD"},
		{"GET", api(c) + "/withdrawal", 405, "POST"},
		{"GET", "/t/" + home + "/nowhere", 404, ""},
		{"POST", "/t/" + home + "/nowhere", 404, ""},
		{"GET", "/t/" + home + "/api/v2/requests", 404, ""},
		{"GET", "/t/" + home + "/api", 307, ""},
		{"GET", "/t/", 404, ""},
		{"GET", "/t/" + home, 307, ""},
		{"GET", "/t/" + strings.ToUpper(home) + "/", 404, ""},
		{"GET", "/t/" + home + "/requests/not-one/code", 404, ""},
	} {
		a := r.send(call{method: tc.method, path: tc.path})
		if a.StatusCode != tc.want || a.Header.Get("Allow") != tc.allow {
			t.Errorf("%s %s: %d, allowed %q", tc.method, tc.path, a.StatusCode, a.Header.Get("Allow"))
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	big := strings.Repeat("x", web.MaxBody)
	r.want(r.send(call{method: "POST", path: "/t/" + home + "/api/v1/requests", body: `{"email":"` + big + `"}`}), 400)
	a := r.send(call{method: "POST", path: "/t/" + home + "/request", body: form("step", "check", "send", "1", "right", "access", "email", ada, "details", big)})
	if a.StatusCode >= 500 || a.StatusCode == http.StatusSeeOther {
		t.Errorf("a form that is too long: %d", a.StatusCode)
	}
	if ids, err := r.set.Cases.ByIdentifier(t.Context(), home, mustEmail(t, ada), 10); err != nil || len(ids) != 0 {
		t.Errorf("%d requests were opened: %v", len(ids), err)
	}
}

func TestOtherSitesCannotActForThePerson(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.open(home, ada)
	token := r.signIn(c)
	for name, h := range map[string]http.Header{
		"cross-site": {"Sec-Fetch-Site": {"cross-site"}}, "another origin": {"Origin": {"https://evil.example.com"}}, "no origin": {"Origin": {"null"}},
	} {
		if a := r.send(call{method: "POST", path: page(c) + "/withdraw", cookie: token, body: form(), header: h}); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	if r.one(c).Withdrawal != nil {
		t.Error("withdrawn by another site")
	}
}
