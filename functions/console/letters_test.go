package console_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/registry"
)

func (r *rig) queued(c casefile.Case) []string {
	r.t.Helper()
	ms, ls, err := r.h.Cases.Letters(r.t.Context(), c.Tenant, c.ID, 100)
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for n, m := range ms {
		out = append(out, m.Kind+" to "+ls[n].To.Reveal())
	}
	return out
}

// A letter that came back waits for a person, also in a closed case, until it is sent anew or somebody leaves it at that.
func TestALetterThatCameBackWaitsForAPerson(t *testing.T) {
	r := newRig(t)
	_, cookie, token := r.staff(home, registry.Handler)
	c := r.verified(r.open(home, nil))
	r.edit(c, r.lose)
	r.edit(c, r.lose)
	r.edit(c, func(f *casefile.File) { f.Case.Status, f.Case.ClosedAt = dsar.Fulfilled, f.Now() })
	first, second := "/console/cases/"+c.ID+"/letters/1", "/console/cases/"+c.ID+"/letters/2"
	for _, page := range []string{"/console/", "/console/tasks"} {
		if body := r.want(r.page(cookie, "GET", page, nil), 200).body; !strings.Contains(body, first) || !strings.Contains(body, second) || !strings.Contains(body, "came back") {
			t.Errorf("%s does not show the letters", page)
		}
	}
	if body := r.want(r.page(cookie, "GET", "/console/cases/"+c.ID, nil), 200).body; !strings.Contains(body, first) {
		t.Error("the case leads to no letter")
	}
	if body := r.want(r.page(cookie, "GET", first, nil), 200).body; !strings.Contains(body, "The mailbox does not take it.") || strings.Contains(body, "ann@example.com") {
		t.Error("the page says not why, or to whom")
	}

	api := "/api/v1/cases/" + c.ID + "/letters/"
	r.want(r.call(token, "POST", api+"1", `{"decision":"settled"}`), 400) // it wants a reason
	r.want(r.call(token, "POST", api+"1", `{"decision":"throw_away"}`), 400)
	r.want(r.call(token, "POST", api+"0", `{"decision":"send_again"}`), 404)
	r.want(r.call(token, "POST", api+"3", `{"decision":"send_again"}`), 409)
	before := r.queued(c)
	r.want(r.call(token, "POST", api+"1", `{"decision":"send_again"}`), 200)
	r.want(r.call(token, "POST", api+"1", `{"decision":"send_again"}`), 409)
	after := r.queued(c)
	if len(after) != len(before)+1 || after[len(before)] != "message to "+r.address(c) {
		t.Errorf("letters: %q, then %q", before, after)
	}
	r.want(r.page(cookie, "POST", second, map[string][]string{"outcome": {"settled"}}), 400)
	r.want(r.page(cookie, "POST", second, map[string][]string{"outcome": {"settled"}, "reason": {"She called."}}), 303)
	if got := r.queued(c); len(got) != len(after) || len(r.one(c).Undelivered) != 0 {
		t.Errorf("letters: %q, undelivered %v", got, r.one(c).Undelivered)
	}
	for _, page := range []string{"/console/", "/console/tasks", "/console/cases/" + c.ID} {
		if strings.Contains(r.want(r.page(cookie, "GET", page, nil), 200).body, "/letters/") {
			t.Errorf("%s still shows a letter", page)
		}
	}
	if body := r.want(r.page(cookie, "GET", first, nil), 200).body; strings.Contains(body, "<form class") || !strings.Contains(body, "A message about your request") {
		t.Error("a settled letter is only shown")
	}
}

// address returns the address that the case has.
func (r *rig) address(c casefile.Case) string {
	r.t.Helper()
	f, err := r.h.Cases.Load(r.t.Context(), c.Tenant, c.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	p, err := f.Person()
	if err != nil {
		r.t.Fatal(err)
	}
	return p.Email.Value.Reveal()
}

// A code is never sent twice: a fresh one stands in for it, and for every code before it.
func TestALostCodeIsReplaced(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Handler)
	_, _, auditor := r.staff(home, registry.Auditor)
	c := r.verified(r.open(home, nil))
	r.edit(c, func(f *casefile.File) {
		for range 2 {
			if err := r.h.Desk.Issue(t.Context(), f, letters.Code); err != nil {
				t.Fatal(err)
			}
		}
		for n := range f.Case.LettersNo {
			f.Case.Undelivered = append(f.Case.Undelivered, casefile.Undelivered{N: n + 1, Kind: "code", State: mail.Bounced, Since: f.Now()})
		}
	})
	before := len(r.queued(c))
	r.want(r.call(token, "POST", "/api/v1/cases/"+c.ID+"/letters/1", `{"decision":"send_again","reason":"asked by phone"}`), 200)
	got := r.queued(c)
	if len(got) != before+1 || !strings.HasPrefix(got[before], "code_again ") || len(r.one(c).Undelivered) != 0 {
		t.Errorf("letters %q, undelivered %v", got, r.one(c).Undelivered)
	}
	if !slices.Contains(r.audit(auditor), "letter_decided") {
		t.Error("nothing is recorded")
	}
}
