package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// An auditor reads the numbers of a year as a page, and takes them along as files with nothing but the session.
func TestNumbersOfAYearAsAPage(t *testing.T) {
	r := newRig(t)
	_, cookie, _ := r.staff(home, registry.Auditor)
	old := r.verified(r.open(home, func(o *casefile.Opening) { o.ReceivedAt = r.now.AddDate(-2, 0, 0) }))
	r.edit(old, func(f *casefile.File) { f.Case.Status, f.Case.ClosedAt = dsar.Fulfilled, f.Now() })
	r.open(home, func(o *casefile.Opening) { o.Right = dsar.Erasure })
	r.open(other, nil)

	page := r.want(r.page(cookie, "GET", "/console/numbers", nil), 200)
	for _, want := range []string{"Numbers of 2027", "<svg", "/console/numbers?year=2025", "year=2026", "By law and right", "No law chosen yet"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page of this year does not say %q", want)
		}
	}
	if strings.Contains(page.body, "2024") || strings.Contains(page.body, old.Reference) {
		t.Error("the page goes back beyond the first request, or names requests")
	}
	then := r.want(r.page(cookie, "GET", "/console/numbers?year=2025", nil), 200)
	if !strings.Contains(then.body, "Numbers of 2025") || !strings.Contains(then.body, "European Union") {
		t.Error("the page of another year")
	}
	if r.want(r.page(cookie, "GET", "/console/numbers?year=1999", nil), 200); !strings.Contains(page.body, "Numbers of 2027") {
		t.Error("a year nobody can choose shows this one")
	}
	for name, want := range map[string]struct{ path, kind, body string }{
		"JSON":   {"/console/numbers/figures?from=2025-01-01&to=2025-12-31", "application/json", `"received":1`},
		"CSV":    {"/console/numbers/figures?from=2025-01-01&to=2025-12-31&format=csv", "text/csv", "eu,access,1,1,"},
		"record": {"/console/numbers/records?from=2025-01-01&to=2025-12-31", "text/csv", old.Reference},
	} {
		if !strings.Contains(then.body, strings.ReplaceAll(urlOf(want.path), "&", "&amp;")) {
			t.Errorf("%s: the page has no link to %s", name, want.path)
		}
		file := r.want(r.page(cookie, "GET", want.path, nil), 200)
		if !strings.HasPrefix(file.Header.Get("Content-Type"), want.kind) || !strings.Contains(file.body, want.body) {
			t.Errorf("%s: %s, %s", name, file.Header.Get("Content-Type"), file.body)
		}
	}
}

// urlOf writes an address with its parameters in the order of their names, as links have them.
func urlOf(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	u.RawQuery = u.Query().Encode()
	return u.String()
}

func TestNumbersWithoutARequest(t *testing.T) {
	r := newRig(t)
	_, cookie, token := r.staff(home, registry.Handler)
	if page := r.want(r.page(cookie, "GET", "/console/numbers", nil), 200); !strings.Contains(page.body, "No request was received in this year.") {
		t.Error("the page does not say that nothing came")
	}
	v := r.want(r.call(token, http.MethodGet, "/api/v1/metrics/requests", ""), 200).json(t)
	if v["counted"] != 0.0 || v["published"] != nil {
		t.Errorf("got %v", v)
	}
}

// A request that was answered early in the year and one past its date are told apart.
func TestNumbersCountWhatIsLate(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Auditor)
	late := r.verified(r.open(home, func(o *casefile.Opening) { o.ReceivedAt = r.now.Add(-90 * 24 * time.Hour) }))
	if !late.Due.At.Before(r.now) {
		t.Fatal("the request is not late")
	}
	v := r.want(r.call(token, http.MethodGet, "/api/v1/metrics/requests", ""), 200).json(t)
	if v["late"] != 1.0 || v["open"] != 1.0 {
		t.Errorf("got %v", v)
	}
	r.edit(late, func(f *casefile.File) {
		f.Case.Due.At = f.Now().Add(time.Hour) // the date moved
	})
	if v := r.want(r.call(token, http.MethodGet, "/api/v1/metrics/requests", ""), 200).json(t); v["late"] != 0.0 {
		t.Errorf("after the date moved: %v", v)
	}
}
