package functions_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/hold"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// staffToken registers a member of staff and returns a token for the API.
func (r *rig) staffToken(roles ...registry.Role) string {
	r.t.Helper()
	id := dsar.NewID()
	r.ok(r.set.Registry.AddStaff(r.t.Context(), registry.Staff{ID: id, Tenant: tenant, Email: id[24:] + "@staff.example.com", Roles: roles, AddedAt: r.now}))
	token, err := r.set.Sessions.NewAPI(r.t.Context(), id, tenant, "test")
	r.ok(err)
	return token
}

// web makes a request as a browser or a client would.
func (r *rig) web(method, path, token string, form url.Values) *httptest.ResponseRecorder {
	r.t.Helper()
	mux := http.NewServeMux()
	r.set.Register(mux)
	req := httptest.NewRequestWithContext(r.t.Context(), method, path, strings.NewReader(form.Encode()))
	req.RemoteAddr = "198.51.100.7:4711"
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, req)
	return w
}

// retainedUnder closes an erasure that a hold kept everything of.
func (r *rig) retainedUnder() (casefile.Case, hold.Hold) {
	r.t.Helper()
	r.register("shop", func(s *registry.System) { s.Rights = changing })
	r.person("c-1", ada, "Ada")
	h, err := r.set.Holds.Place(r.t.Context(), hold.Hold{Tenant: tenant, Scope: hold.Subject, PlacedBy: "staff:01"},
		hold.Details{Identifier: identifier(r.t, ada), Reason: redact.NewText("lawsuit")})
	r.ok(err)
	c := r.opened(dsar.Erasure)
	r.stops(c, "Closed")
	if !r.holds("c-1") {
		r.t.Fatal("the hold kept nothing")
	}
	return c, h
}

func TestAHoldReleasedThroughTheAPILetsTheErasureGoOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, h := r.retainedUnder()
	approver := r.staffToken(registry.Approver)
	if w := r.web(http.MethodDelete, "/api/v1/holds/"+h.ID, r.staffToken(registry.Handler), nil); w.Code != http.StatusForbidden || !r.one(c).Status.Final() {
		t.Fatalf("a handler releases a hold: %d", w.Code)
	}
	if w := r.web(http.MethodDelete, "/api/v1/holds/"+h.ID, approver, nil); w.Code != http.StatusNoContent {
		t.Fatalf("releasing: %d %s", w.Code, w.Body)
	}
	r.drain()
	r.stops(c, "ReviewPlan")
	if w := r.web(http.MethodGet, "/api/v1/cases/"+c.ID+"/plan", approver, nil); !strings.Contains(w.Body.String(), `"waiting":true`) || !strings.Contains(w.Body.String(), `"planning":2`) {
		t.Errorf("the plan: %d %s", w.Code, w.Body)
	}
	r.approve(c)
	r.stops(c, "Closed")
	if r.holds("c-1") {
		t.Error("what the hold kept is still there")
	}
}

// TestTheClockworkTakesUpWhatAReleaseDidNotComeTo: the call that released the hold ended before it took anything up.
func TestTheClockworkTakesUpWhatAReleaseDidNotComeTo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, h := r.retainedUnder()
	_, err := r.set.Holds.Release(t.Context(), tenant, h.ID, "staff:01")
	r.ok(err)
	_, err = r.set.Sweep(t.Context())
	r.ok(err)
	r.drain()
	if got := r.one(c); got.Status.Final() || !slices.Contains(got.Replan, "shop") {
		t.Fatalf("after the sweep the case is %s", got.Status)
	}
	list, err := r.set.Holds.Releases(t.Context(), 10)
	r.ok(err)
	if len(list) != 1 {
		t.Errorf("%d releases are looked at, want 1 while batches may still end", len(list))
	}
	r.now = r.now.Add(25 * time.Hour)
	_, err = r.set.Sweep(t.Context())
	r.ok(err)
	if list, err = r.set.Holds.Releases(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("a day later %d releases are looked at, %v", len(list), err)
	}
}

var cancelLink = regexp.MustCompile(`/t/[^\s]+/cancel\?k=[0-9a-f]{64}`)

func TestTheLinkOfTheGraceLetterCallsTheErasureOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop", func(s *registry.System) { s.Rights = changing })
	tn, err := r.set.Registry.Tenant(t.Context(), tenant)
	r.ok(err)
	tn.Policy.GraceDays = 3
	r.ok(r.set.Registry.PutTenant(t.Context(), tn))
	r.person("c-1", ada, "Ada")
	c := r.opened(dsar.Erasure)
	r.stops(c, "ReviewPlan")
	r.approve(c)
	r.stops(c, "ReviewPlan")
	link := cancelLink.FindString(r.text(c, "grace"))
	if link == "" {
		t.Fatal("the letter has no link")
	}
	if w := r.web(http.MethodGet, link, "", nil); w.Code != http.StatusOK || r.one(c).Withdrawal != nil {
		t.Fatalf("looking at the link: %d", w.Code)
	}
	path, query, _ := strings.Cut(link, "?k=")
	if w := r.web(http.MethodPost, path, "", url.Values{"k": {query}}); w.Code != http.StatusOK {
		t.Fatalf("calling off: %d", w.Code)
	}
	r.drain()
	r.stops(c, "Closed")
	if !r.holds("c-1") || r.one(c).Status != dsar.Withdrawn {
		t.Errorf("the case is %s", r.one(c).Status)
	}
}
