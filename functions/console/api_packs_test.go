package console_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// packAnswer is what the API says of a law.
type packAnswer struct {
	ID           policy.ID      `json:"id"`
	Version      policy.Version `json:"version"`
	Draft        bool           `json:"draft"`
	InScope      bool           `json:"inScope"`
	Confirmation *struct{ Name, Staff, Reason string }
	Pack         map[string]any `json:"pack"`
}

func (r *rig) law(token, id string) packAnswer {
	r.t.Helper()
	var p packAnswer
	if err := json.Unmarshal([]byte(r.want(r.call(token, "GET", "/api/v1/packs/"+id, ""), 200).body), &p); err != nil {
		r.t.Fatal(err)
	}
	return p
}

// An auditor reads the laws; an approver answers for one that is a draft, once, and for the version she read.
func TestConfirmingALaw(t *testing.T) {
	r := newRig(t)
	_, _, auditor := r.staff(home, registry.Auditor)
	approverID, _, approver := r.staff(home, registry.Approver)
	var list struct {
		Packs      []packAnswer `json:"packs"`
		Production bool         `json:"production"`
	}
	if err := json.Unmarshal([]byte(r.want(r.call(auditor, "GET", "/api/v1/packs", ""), 200).body), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Packs) != len(r.h.Packs.Index()) || list.Production {
		t.Errorf("%d laws are listed, production %v", len(list.Packs), list.Production)
	}
	ar := r.law(auditor, "ar")
	if !ar.Draft || !ar.InScope || ar.Confirmation != nil || ar.Pack["law"] != "Ley 25.326 de Protección de los Datos Personales" {
		t.Fatalf("got %+v", ar)
	}
	const path = "/api/v1/packs/ar/confirmation"
	body := `{"version":"` + string(ar.Version) + `","name":"Ada Example","reason":"Read by counsel."}`
	r.want(r.call(auditor, "POST", path, body), 403)
	r.want(r.call(approver, "POST", path, strings.Replace(body, string(ar.Version), "ar@sha256:0123456789abcdef", 1)), 409)
	r.want(r.call(approver, "POST", path, strings.Replace(body, "Ada Example", " ", 1)), 400)
	first := r.want(r.call(approver, "POST", path, body, "Idempotency-Key", "k1"), 201)
	if again := r.want(r.call(approver, "POST", path, body, "Idempotency-Key", "k1"), 201); again.body != first.body {
		t.Error("a repeated call got another answer")
	}
	r.want(r.call(approver, "POST", path, body), 409)
	if got := r.law(auditor, "ar").Confirmation; got == nil || got.Name != "Ada Example" || got.Staff != approverID || got.Reason != "Read by counsel." {
		t.Errorf("got %+v", got)
	}
	n := 0
	for e, err := range evidence.Read(t.Context(), r.h.Cases.Table(), home, evidence.Laws) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind != "law_confirmed" || e.Actor != evidence.Staff(approverID) {
			t.Errorf("got %+v", e)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d entries in the journal, want 1", n)
	}
	audit := r.want(r.call(auditor, "GET", "/api/v1/audit", ""), 200)
	if !strings.Contains(audit.body, "law_confirmed") {
		t.Error("the audit does not tell of the confirmation")
	}
}

func TestWhatNeedsNoConfirmation(t *testing.T) {
	r := newRig(t)
	_, _, admin := r.staff(home, registry.Admin)
	sure := r.law(admin, "ch")
	if sure.Draft {
		t.Fatal("the law is a draft")
	}
	r.want(r.call(admin, "POST", "/api/v1/packs/ch/confirmation", `{"version":"`+string(sure.Version)+`","name":"Ada Example","reason":"Read."}`), 409)
	r.want(r.call(admin, "GET", "/api/v1/packs/xx", ""), 404)
	r.want(r.call(admin, "POST", "/api/v1/packs/xx/confirmation", `{"version":"xx@sha256:0123456789abcdef","name":"Ada Example","reason":"Read."}`), 404)
}

// In production nobody puts a case under a law that is a draft and not confirmed, not even by hand.
func TestNoCaseIsPutUnderAnUnconfirmedLaw(t *testing.T) {
	r := newRig(t)
	_, _, approver := r.staff(home, registry.Approver)
	c := r.verified(r.open(home, nil))
	tenant, err := r.h.Registry.Tenant(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	tenant.Production = true
	if err := r.h.Registry.PutTenant(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	at, body := "/api/v1/cases/"+c.ID+"/law", `{"pack":"ar","reason":"She lives in Rosario."}`
	r.want(r.call(approver, "POST", at, body), 409)
	if got := r.one(c); got.Law.Pack == "ar" {
		t.Error("the case is under a law that nobody confirmed")
	}
	ar := r.law(approver, "ar")
	r.want(r.call(approver, "POST", "/api/v1/packs/ar/confirmation", `{"version":"`+string(ar.Version)+`","name":"Ada Example","reason":"Read by counsel."}`), 201)
	r.want(r.call(approver, "POST", at, body), 200)
	if got := r.one(c); got.Law.Pack != "ar" {
		t.Errorf("the case is under %s", got.Law.Pack)
	}
}
