package console_test

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/registry"
)

const authorityAPI = "/api/v1/authority-requests"

// ask takes in a request of the canary's tax office and returns its id; more are further fields.
func (r *rig) ask(token, kind, more string) string {
	r.t.Helper()
	body := `{"authority":"Canary Tax Office","country":"DE","kind":"` + kind + `","legalBasis":"Canary s. 93","scope":"Orders of Ada Canary"` + more + `}`
	return r.want(r.call(token, "POST", authorityAPI, body), 201).json(r.t)["id"].(string)
}

func TestAnAuthorityIsAnsweredAfterTwoPeopleLooked(t *testing.T) {
	r := newRig(t)
	first, _, token := r.staff(home, registry.Handler, registry.Approver)
	second, _, approver := r.staff(home, registry.Approver)
	_, _, auditor := r.staff(home, registry.Auditor)
	id := r.ask(token, "binding", `,"dueOn":"2027-02-01"`)
	at := authorityAPI + "/" + id
	r.want(r.call(token, "POST", at+"/disclosure", `{"what":"Two orders.","records":2}`), 409)
	r.want(r.call(token, "POST", at+"/review", `{"decision":"approve","reason":"It is genuine."}`), 403)
	r.want(r.call(approver, "POST", at+"/review", `{"decision":"approve","reason":" "}`), 400)
	r.want(r.call(approver, "POST", at+"/review", `{"decision":"narrow","reason":"Canary orders only."}`), 200)
	r.want(r.call(token, "POST", at+"/disclosure", `{"what":"Two orders of Ada Canary.","records":2}`), 200)
	r.want(r.call(token, "POST", at+"/closure", `{"note":"No need."}`), 400)
	r.want(r.call(token, "POST", at+"/closure", `{"whom":"subject","toldAt":"2027-01-04"}`), 200)
	r.want(r.call(token, "POST", at+"/closure", `{"whom":"subject","toldAt":"2027-01-04"}`), 409)
	v := r.want(r.call(auditor, "GET", at+"?reveal=true", ""), 200)
	if one := v.json(t); one["state"] != "closed" || one["receivedBy"] != staffOf(first) || one["words"] != nil || strings.Contains(v.body, "Canary") {
		t.Errorf("somebody without reveal_data sees %s", v.body)
	}
	if v := r.want(r.call(token, "GET", at, ""), 200); strings.Contains(v.body, "Canary") {
		t.Errorf("the words came unasked: %s", v.body)
	}
	words := r.want(r.call(approver, "GET", at+"?reveal=true", ""), 200).json(t)["words"].(map[string]any)
	if words["authority"] != "Canary Tax Office" || words["reason"] != "Canary orders only." || words["what"] != "Two orders of Ada Canary." {
		t.Errorf("words: %v", words)
	}
	audit := r.want(r.call(auditor, "GET", "/api/v1/audit", ""), 200).body
	for _, want := range []string{"authority_request_received", "authority_request_reviewed", "authority_data_disclosed", "authority_request_closed", "authority_request_revealed", staffOf(second)} {
		if !strings.Contains(audit, want) {
			t.Errorf("the audit has no %s", want)
		}
	}
	n := 0
	for e, err := range evidence.Read(t.Context(), r.h.Cases.Table(), home, evidence.Authorities) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; strings.Contains(string(e.Facts), "Canary") {
			t.Errorf("%s has a sealed word", e.Kind)
		}
	}
	if n != 4 {
		t.Errorf("%d entries of evidence", n)
	}
}

func TestARequestThatBindsNobodyIsRejected(t *testing.T) {
	r := newRig(t)
	_, cookie, token := r.staff(home, registry.Handler)
	_, approverCookie, approver := r.staff(home, registry.Approver)
	id := r.ask(token, "voluntary", "")
	at, page := authorityAPI+"/"+id, "/console/authority-requests/"+id
	r.want(r.call(approver, "POST", at+"/review", `{"decision":"approve","reason":"They asked kindly."}`), 409)
	if p := r.want(r.page(approverCookie, http.MethodGet, page, nil), 200); !strings.Contains(p.body, "It is rejected unless you say why") {
		t.Error("the reviewer is not told that it is rejected by default")
	}
	form := url.Values{"decision": {"approve"}, "reason": {"They asked kindly."}}
	r.want(r.page(approverCookie, http.MethodPost, page+"/review", form), 400)
	form.Set("citation", "Canary s. 24")
	p := r.want(r.page(approverCookie, http.MethodPost, page+"/review", form), 200)
	if !strings.Contains(p.body, "You take it upon you") || r.want(r.call(token, "GET", at, ""), 200).json(t)["state"] != "received" {
		t.Error("the review counts before it is confirmed")
	}
	form.Set("confirmed", "yes")
	form.Set("decision", "reject")
	r.want(r.page(approverCookie, http.MethodPost, page+"/review", form), 303)
	r.want(r.page(cookie, http.MethodPost, page+"/disclosure", url.Values{"what": {"All"}, "records": {"1"}}), 409)
	r.want(r.page(cookie, http.MethodPost, page+"/closure", url.Values{}), 400)
	r.want(r.page(cookie, http.MethodPost, page+"/closure", url.Values{"note": {"It was rejected."}}), 303)
}

func TestAnAuthorityIsAnsweredByPages(t *testing.T) {
	r := newRig(t)
	_, cookie, _ := r.staff(home, registry.Handler)
	_, approver, _ := r.staff(home, registry.Approver)
	const take = "/console/take-authority-request"
	if p := r.want(r.page(cookie, http.MethodGet, "/console/holds", nil), 200); !strings.Contains(p.body, "/console/authority-requests") {
		t.Error("the holds do not lead to the register")
	}
	form := url.Values{"authority": {"Canary Court"}, "country": {"fr"}, "kind": {"binding"}, "legalBasis": {"Canary Art. 60"}, "scope": {"Ada Canary"}, "gag": {"yes"}, "dueOn": {"soon"}}
	r.want(r.page(cookie, http.MethodPost, take, form), 400)
	form.Set("dueOn", "2027-01-20")
	if p := r.want(r.page(cookie, http.MethodPost, take, form), 400); !strings.Contains(p.body, `id="gagBasis-error"`) {
		t.Error("a gag without a citation")
	}
	form.Set("gagBasis", "Canary Art. 11")
	p := r.want(r.page(cookie, http.MethodPost, take, form), 303)
	page, _, _ := strings.Cut(p.Header.Get("Location"), "?")
	if p := r.want(r.page(cookie, http.MethodGet, page, nil), 200); !strings.Contains(p.body, "Somebody else has to review it") || strings.Contains(p.body, "/review") || strings.Contains(p.body, "Canary") {
		t.Error("whoever took it in is not told that somebody else reviews it")
	}
	r.want(r.page(approver, http.MethodPost, page+"/review", url.Values{"decision": {"approve"}, "reason": {"It is in force."}, "confirmed": {"yes"}}), 303)
	r.want(r.page(cookie, http.MethodPost, page+"/disclosure", url.Values{"what": {"Orders"}, "records": {"many"}}), 400)
	r.want(r.page(cookie, http.MethodPost, page+"/disclosure", url.Values{"what": {"Orders of Ada Canary"}, "records": {"3"}}), 303)
	r.want(r.page(cookie, http.MethodPost, page+"/closure", url.Values{"whom": {"subject"}, "toldAt": {"2027-01-04"}}), 400)
	r.want(r.page(cookie, http.MethodPost, page+"/closure", url.Values{}), 303)
	if p := r.want(r.page(approver, http.MethodPost, page, nil), 200); !strings.Contains(p.body, "Canary Art. 11") || !strings.Contains(p.body, "Orders of Ada Canary") {
		t.Error("an approver does not see the words")
	}
	if p := r.want(r.page(cookie, http.MethodGet, "/console/authority-requests", nil), 200); !strings.Contains(p.body, "France") || strings.Contains(p.body, "Canary") {
		t.Error("the list")
	}
	rows, err := csv.NewReader(strings.NewReader(r.want(r.page(cookie, http.MethodGet, "/console/authority-requests/register", nil), 200).body)).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if got := strings.Join(rows[1][1:], ","); got != "2027-01-04,2027-01-20,binding,FR,true,true,closed,approve,2027-01-04,2027-01-04,3,,,2027-01-04" {
		t.Errorf("the register has %s", got)
	}
}

func TestTheSameCallTakesInOneRequest(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Handler)
	body := `{"authority":"Tax Office","country":"DE","kind":"voluntary","scope":"Orders"}`
	a := r.want(r.call(token, "POST", authorityAPI, body, "Idempotency-Key", "k1"), 201)
	b := r.want(r.call(token, "POST", authorityAPI, body, "Idempotency-Key", "k1"), 201)
	if a.body != b.body {
		t.Errorf("%s, then %s", a.body, b.body)
	}
	list := r.want(r.call(token, "GET", authorityAPI+"?state=received", ""), 200).json(t)["requests"].([]any)
	if len(list) != 1 {
		t.Errorf("%d requests", len(list))
	}
	r.want(r.call(token, "GET", authorityAPI+"?state=lost", ""), 400)
	if list := r.want(r.call(token, "GET", authorityAPI+"?state=closed", ""), 200).json(t)["requests"].([]any); len(list) != 0 {
		t.Errorf("%d closed requests", len(list))
	}
}
