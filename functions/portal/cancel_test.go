package portal_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/table"
)

// inGrace makes an erasure whose plan is approved and that can still be called off, and returns the key of its link.
func (r *rig) inGrace(c casefile.Case) (key string) {
	r.t.Helper()
	r.change(c, func(f *casefile.File) error {
		f.Case.Right, f.Case.Status, f.Case.Phase, f.Case.GraceDays = dsar.Erasure, dsar.InProgress, dsar.PhaseReviewPlan, 7
		p := plan.Plan{PreparedBy: evidence.System, Systems: []plan.System{{Name: "shop", Action: dsar.Erase, By: plan.Machine}}}
		if err := p.Seal(); err != nil {
			return err
		}
		f.Case.Plan, f.Case.PlanDecision = &p, &casefile.Decision{Decision: casefile.Approve, By: "staff:1", Hash: p.Hash, At: f.Now()}
		f.Case.GraceUntil = f.Now().AddDate(0, 0, 7)
		var err error
		key, err = f.CancelKey(r.t.Context())
		return err
	})
	return key
}

func TestTheLinkOfTheGraceCallsAnErasureOff(t *testing.T) {
	r := newRig(t)
	c := r.open(home, "ann@example.com")
	session := r.signIn(c)
	key := r.inGrace(c)
	at := page(c) + "/cancel"
	for name, path := range map[string]string{
		"no key": at, "a wrong key": at + "?k=" + strings.Repeat("0", len(key)), "an unknown reference": "/t/" + home + "/requests/7K3QX-9M2DA/cancel?k=" + key,
		"another tenant": strings.Replace(at, "/"+home+"/", "/"+other+"/", 1) + "?k=" + key,
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if a := r.send(call{method: method, path: path}); a.StatusCode != http.StatusGone && a.StatusCode != http.StatusNotFound {
				t.Errorf("%s, %s: %d", name, method, a.StatusCode)
			}
		}
	}
	a := r.want(r.send(call{method: http.MethodGet, path: at + "?k=" + key}), http.StatusOK)
	if !strings.Contains(a.body, "Stop it, and keep my data") || r.one(c).Withdrawal != nil {
		t.Error("looking at the link does not ask, or changes the case")
	}
	if a := r.want(r.send(call{method: http.MethodGet, path: page(c), cookie: session}), http.StatusOK); !strings.Contains(a.body, "You can still stop it until") {
		t.Error("the request does not say that it can be called off")
	}
	r.want(r.send(call{method: http.MethodPost, path: at, body: form("k", key)}), http.StatusOK)
	if w := r.one(c).Withdrawal; w == nil || w.By != evidence.Subject {
		t.Errorf("withdrawn: %v", w)
	}
	r.want(r.send(call{method: http.MethodPost, path: at, body: form("k", key)}), http.StatusGone)
}

func TestTheLinkOfTheGraceEndsWithIt(t *testing.T) {
	r := newRig(t)
	c := r.open(home, "ann@example.com")
	r.signIn(c)
	key := r.inGrace(c)
	r.change(c, func(f *casefile.File) error { f.Case.GraceUntil = f.Now(); return nil })
	r.want(r.send(call{method: http.MethodPost, path: page(c) + "/cancel", body: form("k", key)}), http.StatusGone)
	if r.one(c).Withdrawal != nil {
		t.Error("a link that came too late withdrew the request")
	}
}

func TestAStatementOfDisagreementIsKept(t *testing.T) {
	r := newRig(t)
	c := r.open(home, "ann@example.com")
	session := r.signIn(c)
	statement := `{"text":"The street is wrong.","statement":true}`
	r.want(r.send(call{method: http.MethodPost, path: api(c) + "/messages", body: statement, bearer: session}), http.StatusConflict)
	r.change(c, func(f *casefile.File) error {
		f.Case.Right, f.Case.Status, f.Case.ClosedAt = dsar.Correction, dsar.Refused, f.Now()
		return nil
	})
	a := r.want(r.send(call{method: http.MethodGet, path: page(c), cookie: session}), http.StatusOK)
	if !strings.Contains(a.body, "Leave the statement") {
		t.Error("a refused correction offers no statement")
	}
	r.want(r.send(call{method: http.MethodPost, path: page(c) + "/messages", cookie: session, body: form("kind", "statement", "statement", " ")}), http.StatusBadRequest)
	r.want(r.send(call{method: http.MethodPost, path: page(c) + "/messages", cookie: session, body: form("kind", "statement", "statement", "The name is wrong.")}), http.StatusOK)
	r.want(r.send(call{method: http.MethodPost, path: api(c) + "/messages", body: statement, bearer: session}), http.StatusCreated)
	rows, err := r.table.Query(t.Context(), table.Query{Table: table.Cases, PK: "T#" + c.Tenant + "#C#" + c.ID})
	r.ok(err)
	for _, it := range rows.Items {
		if strings.Contains(string(it.Body), "is wrong") {
			t.Errorf("%s holds a statement in the open", it.SK)
		}
	}
	var kinds []string
	for e, err := range evidence.Read(t.Context(), r.table, c.Tenant, c.ID) {
		r.ok(err)
		kinds = append(kinds, e.Kind)
	}
	if n := strings.Count(strings.Join(kinds, " "), "disagreement_stated"); n != 2 {
		t.Errorf("%d statements in the evidence, want 2", n)
	}
	a = r.want(r.send(call{method: http.MethodGet, path: page(c), cookie: session}), http.StatusOK)
	if strings.Count(a.body, "Statement of disagreement") != 2 {
		t.Error("the request does not show the statements")
	}
}
