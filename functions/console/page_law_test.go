package console_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// largestLaw keeps a page of a law with its stylesheet under the 50,000 bytes that every page may weigh.
const largestLaw = 30_000

// TestEveryLawHasAPage: each law that is built in can be read, with everything it says and a year of its working days.
func TestEveryLawHasAPage(t *testing.T) {
	r := newRig(t)
	_, cookie, _ := r.staff(home, registry.Auditor)
	list := r.want(r.page(cookie, "GET", "/console/law", nil), 200).body
	for _, p := range r.h.Packs.Packs() {
		if !strings.Contains(list, `href="/console/law/`+string(p.ID)+`"`) {
			t.Errorf("the list does not lead to %s", p.ID)
		}
		body := r.want(r.page(cookie, "GET", "/console/law/"+string(p.ID)+"?year=2026", nil), 200).body
		if len(body) >= largestLaw {
			t.Errorf("the page of %s has %d bytes", p.ID, len(body))
		}
		for _, s := range p.Sources {
			if !strings.Contains(unescape(body), s.Cite) {
				t.Errorf("%s: the page does not name %q", p.ID, s.Cite)
			}
		}
		for _, text := range append([]string{p.Law, string(p.Version), p.Response.Default.Basis, p.Roll.Basis, p.Verification.Standard, p.Retention.Basis}, p.Notes...) {
			if !strings.Contains(unescape(body), text) {
				t.Errorf("%s: the page does not say %q", p.ID, text)
			}
		}
	}
	r.want(r.page(cookie, "GET", "/console/law/nowhere", nil), 404)
}

func unescape(s string) string {
	return strings.NewReplacer("&amp;", "&", "&#39;", "'", "&#34;", `"`, "&lt;", "<", "&gt;", ">", "&#43;", "+").Replace(s)
}

func TestLawsAreFiltered(t *testing.T) {
	r := newRig(t)
	_, cookie, _ := r.staff(home, registry.Handler)
	for query, want := range map[string]struct{ has, lacks string }{
		"?q=GDPR":                {"/console/law/uk", "/console/law/us-ca"},
		"?q=calif":               {"/console/law/us-ca", "/console/law/eu"},
		"?trust=draft":           {"/console/law/eu", "/console/law/sg"},
		"?trust=checked":         {"/console/law/sg", "/console/law/eu"},
		"?state=later":           {"/console/law/us-al", "/console/law/eu"},
		"?state=in_force":        {"/console/law/eu", "/console/law/us-al"},
		"?q=no+such+law+anyware": {"No law fits", "/console/law/eu"},
		"?state=nonsense":        {"/console/law/eu", "No law fits"},
	} {
		body := r.want(r.page(cookie, "GET", "/console/law"+query, nil), 200).body
		if !strings.Contains(body, want.has) || strings.Contains(body, want.lacks+`"`) {
			t.Errorf("%s: want %s and not %s", query, want.has, want.lacks)
		}
	}
}

// TestWhatIf asks of a law by when a request would have to be answered: the place of the controller decides which days are holidays.
func TestWhatIf(t *testing.T) {
	r := newRig(t)
	_, cookie, _ := r.staff(home, registry.Handler)
	for _, c := range []struct{ path, want string }{
		{"eu?right=access&received=2027-02-26&place=DE-BE", "Due by the end of Tuesday 30 March 2027"},
		{"eu?right=access&received=2027-02-26&place=FR", "Due by the end of Friday 26 March 2027"},
		{"eu?right=access&received=2027-02-26&place=", "Due by the end of Friday 26 March 2027"},
		{"eu?right=access&received=2026-11-30&place=&extended=yes", "Due by the end of Monday 1 March 2027"},
		{"us-ca?right=opt_out&received=2026-11-21&place=US-CA", "Due by the end of Tuesday 15 December 2026"},
		{"us-ca?right=opt_out&received=2026-11-21&place=US-CA&extended=yes", `href="#extended"`},
		{"us-ca?right=restriction&received=2026-11-21&place=US-CA", "does not know the right"},
		{"ch?right=access&received=2026-11-23&place=CH&extended=yes", `href="#until"`},
		{"ch?right=access&received=2026-11-23&place=CH&extended=yes&until=2027-01-31", "Due by the end of Sunday 31 January 2027"},
		{"ch?right=access&received=2026-11-23&place=CH&extended=yes&until=soon", `href="#until"`},
		{"eu?right=access&received=tomorrow&place=", `href="#received"`},
	} {
		if body := r.want(r.page(cookie, "GET", "/console/law/"+c.path, nil), 200).body; !strings.Contains(body, c.want) {
			t.Errorf("%s: the page does not say %q", c.path, c.want)
		}
	}
	// The seat of the tenant is where the form starts, and its calendar is the one that is shown.
	seated := must[registry.Tenant](t)(r.h.Registry.Tenant(t.Context(), home))
	seated.Country = "NZ"
	if err := r.h.Registry.PutTenant(t.Context(), seated); err != nil {
		t.Fatal(err)
	}
	body := r.want(r.page(cookie, "GET", "/console/law/nz?year=2027", nil), 200).body
	for _, want := range []string{`<option value="NZ" selected>New Zealand`, "Matariki", "Friday 25 December 2026 to Friday 15 January 2027: closed", "Working days of 2027"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if body := r.want(r.page(cookie, "GET", "/console/law/nz?year=2040", nil), 200).body; !strings.Contains(body, "not listed yet") {
		t.Error("the page does not say that the holidays of 2040 are not known")
	}
}

// TestConfirmingADraft: who answers for a draft is asked for by name, once, and only for the version that was read.
func TestConfirmingADraft(t *testing.T) {
	r := newRig(t)
	_, cookie, token := r.staff(home, registry.Approver, registry.Auditor)
	_, handler, _ := r.staff(home, registry.Handler)
	eu := must[policy.Pack](t)(r.h.Packs.Pack("eu"))
	const page = "/console/law/eu"
	if body := r.want(r.page(cookie, "GET", page, nil), 200).body; !strings.Contains(body, page+"/confirm") || !strings.Contains(unescape(body), eu.Conflicts[0]) {
		t.Error("the page of a draft does not say why it is one, or does not lead to its confirmation")
	}
	if body := r.want(r.page(handler, "GET", page, nil), 200).body; strings.Contains(body, page+"/confirm") {
		t.Error("a handler is led to a confirmation she may not give")
	}
	form := url.Values{"version": {string(eu.Version)}, "name": {""}, "reason": {"Read on 3 December."}}
	if body := r.want(r.page(cookie, "POST", page+"/confirm", form), 400).body; !strings.Contains(body, `href="#name"`) || !strings.Contains(body, "Read on 3 December.") {
		t.Error("the form does not say what is missing, or forgets what was written")
	}
	form.Set("name", "Ada Marlow, data protection officer")
	stale := url.Values{"version": {"eu@sha256:0000000000000000"}, "name": form["name"], "reason": form["reason"]}
	r.want(r.page(cookie, "POST", page+"/confirm", stale), 409)
	r.want(r.page(cookie, "POST", page+"/confirm", form), 303)
	body := r.want(r.page(cookie, "GET", page, nil), 200).body
	if !strings.Contains(body, "Ada Marlow, data protection officer confirmed it on") || strings.Contains(body, page+"/confirm") {
		t.Error("the page does not say who confirmed the law")
	}
	r.want(r.page(cookie, "POST", page+"/confirm", form), 409)
	r.want(r.page(cookie, "GET", "/console/law/sg/confirm", nil), 409) // no draft
	if kinds := strings.Join(r.audit(token), " "); strings.Count(kinds, "law_confirmed") != 1 {
		t.Errorf("audit: %s", kinds)
	}
	if list := r.want(r.page(cookie, "GET", "/console/law?trust=confirmed", nil), 200).body; !strings.Contains(list, page) {
		t.Error("the list does not find the law that was confirmed")
	}
}
