package console_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/erasureledger"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// fakeRestores finds three records that came back, and erases them when it is told to.
type fakeRestores struct{}

func (fakeRestores) Check(_ context.Context, _, _ string, apply bool, by, cursor string) (erasureledger.Report, error) {
	at := time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)
	rep := erasureledger.Report{Entries: 1, Back: 3, Left: 3, Next: cursor, Cases: []erasureledger.CaseFind{{
		Reference: "HB-7", CaseID: "case-7", ErasedAt: at, Until: at.AddDate(0, 3, 0), Collections: []engine.Remains{{Collection: "orders", Erased: 5, Back: 3}},
	}}}
	if apply && by != "" {
		rep.Left, rep.Cases[0].Collections[0].Replayed = 0, 3
	}
	return rep, nil
}

func TestRestoredSystemIsComparedAndRepaired(t *testing.T) {
	r := newRig(t)
	_, _, admin := r.staff(home, registry.Admin)
	approverID, _, approver := r.staff(home, registry.Approver)
	const path = "/api/v1/systems/shop/"
	p := r.call(admin, http.MethodPost, path+"restore-check", `{"cursor":"more"}`)
	if p.StatusCode != http.StatusOK || !strings.Contains(p.body, `"left":3`) || !strings.Contains(p.body, `"next":"more"`) {
		t.Fatalf("check: %d %s", p.StatusCode, p.body)
	}
	if p := r.call(admin, http.MethodPost, path+"restore-apply", `{}`); p.StatusCode != http.StatusForbidden {
		t.Fatalf("somebody who decides no case repeats erasures: %d", p.StatusCode)
	}
	p = r.call(approver, http.MethodPost, path+"restore-apply", `{}`)
	if p.StatusCode != http.StatusOK || !strings.Contains(p.body, `"left":0`) || !strings.Contains(p.body, `"replayed":3`) {
		t.Fatalf("apply: %d %s", p.StatusCode, p.body)
	}
	if p := r.call(admin, http.MethodPost, "/api/v1/systems/elsewhere/restore-check", `{}`); p.StatusCode != http.StatusNotFound {
		t.Fatalf("an unknown system: %d", p.StatusCode)
	}
	_, _, auditor := r.staff(home, registry.Auditor)
	p = r.call(auditor, http.MethodGet, "/api/v1/audit", "")
	if !strings.Contains(p.body, `"erasures_repeated"`) || !strings.Contains(p.body, "staff:"+approverID) || !strings.Contains(p.body, `"restore_checked"`) {
		t.Fatalf("the audit does not say who: %s", p.body)
	}
}
