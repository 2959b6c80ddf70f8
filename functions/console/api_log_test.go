package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// sealed makes a case and puts its head into the log of the tenant.
func (r *rig) sealed(tenant string) casefile.Case {
	r.t.Helper()
	c, _ := r.busy(tenant)
	n, _, err := r.h.Cases.Seal(r.t.Context(), tenant, []casefile.Unsealed{{Tenant: tenant, CaseID: c.ID}}, casefile.Patience{})
	if err != nil || n != 1 {
		r.t.Fatalf("%d cases sealed: %v", n, err)
	}
	return c
}

// TestLogOverTheAPI: what an auditor keeps and asks for later fits together, and is that of his tenant.
func TestLogOverTheAPI(t *testing.T) {
	r := newRig(t)
	_, _, auditor := r.staff(home, registry.Auditor)
	for _, path := range []string{"/api/v1/log/checkpoint", "/api/v1/log/consistency"} {
		r.want(r.call(auditor, http.MethodGet, path, ""), 404)
	}
	read := func(path string, into any) {
		t.Helper()
		if err := json.Unmarshal([]byte(r.want(r.call(auditor, http.MethodGet, path, ""), 200).body), into); err != nil {
			t.Fatal(err)
		}
	}
	checkpoint := func() evidence.Checkpoint {
		t.Helper()
		var answer struct {
			Key, Checkpoint string
			Tree            evidence.TreeHead
		}
		read("/api/v1/log/checkpoint", &answer)
		c, err := evidence.OpenCheckpoint(answer.Checkpoint, answer.Key)
		if err != nil || c.Tenant != home || answer.Tree != (evidence.TreeHead{Size: c.Size, Root: c.Root}) {
			t.Fatalf("%+v: %v", answer, err)
		}
		return c
	}
	r.sealed(other)
	r.sealed(home)
	old := checkpoint()
	r.sealed(home)
	r.sealed(home)
	newest := checkpoint()
	if old.Size != 1 || newest.Size != 3 {
		t.Fatalf("%d and %d leaves", old.Size, newest.Size)
	}
	for _, query := range []string{"", "?from=1", "?from=1&to=3"} {
		var p evidence.Consistency
		read("/api/v1/log/consistency"+query, &p)
		if err := tlog.CheckTree(p.Proof, newest.Size, newest.Root, old.Size, old.Root); err != nil || p.Tenant != home {
			t.Errorf("%q: %v", query, err)
		}
	}
	for query, field := range map[string]string{"from=x": "/from", "from=0": "/from", "from=-1": "/from", "from=4": "/from", "to=x": "/to", "to=4": "/to", "from=3&to=2": "/to"} {
		p := r.want(r.call(auditor, http.MethodGet, "/api/v1/log/consistency?"+query, ""), 400)
		var problem struct{ Errors []struct{ Pointer string } }
		if json.Unmarshal([]byte(p.body), &problem) != nil || len(problem.Errors) != 1 || problem.Errors[0].Pointer != field {
			t.Errorf("%s: %s", query, fmt.Sprintf("%.300s", p.body))
		}
	}
}
