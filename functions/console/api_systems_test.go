package console_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// longMap is YAML of at least n bytes in which every line needs escaping in JSON.
func longMap(n int) string {
	const line = "      - {name: \"\\x66ield\", description: \"\\x74ext\"}\n"
	return "dataset:\n" + strings.Repeat(line, n/len(line)+1)
}

func putBody(t *testing.T, dataset string) string {
	t.Helper()
	raw, err := json.Marshal(map[string]any{
		"kind": "sqlite", "dataset": dataset, "rights": []string{"access"}, "recipients": []string{"kite"}, "backupHorizon": "P90D",
		"exemptions": []map[string]any{{"citation": "AO § 147", "reason": "Bills are kept for ten years.", "reviewBy": "2030-01-31"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestASystemThatWasReadCanBeSentBack(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Admin)
	r.want(r.call(token, "PUT", "/api/v1/systems/ledger", putBody(t, "dataset: []")), 201)
	read := r.want(r.call(token, "GET", "/api/v1/systems/ledger", ""), 200)
	v := read.json(t)
	if list, ok := v["warnings"].([]any); !ok || len(list) != 1 || list[0].(map[string]any)["line"] != 3.0 {
		t.Errorf("warnings of the data map: %v", v["warnings"])
	}
	r.want(r.call(token, "PUT", "/api/v1/systems/ledger", read.body), 200)
	if again := r.want(r.call(token, "GET", "/api/v1/systems/ledger", ""), 200); again.body != read.body {
		t.Errorf("sent back as it was read, it is another system:\n%s\n%s", read.body, again.body)
	}
	// What registration found out is never taken from a caller.
	v["identifiers"], v["problem"], v["collections"] = []string{"passport"}, "made up", []string{"made_up"}
	forged, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if p := r.want(r.call(token, "PUT", "/api/v1/systems/ledger", string(forged)), 200); strings.Contains(p.body, "passport") || strings.Contains(p.body, "made") {
		t.Errorf("a caller wrote what registration finds out: %s", p.body)
	}
}

func TestADryRunStoresNothing(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Admin)
	v := r.want(r.call(token, "PUT", "/api/v1/systems/ledger?dryRun=true", `{"kind":"sqlite"}`), 200).json(t)
	if rights, ok := v["rights"].([]any); !ok || len(rights) == 0 {
		t.Errorf("a dry run does not say what would be registered: %v", v)
	}
	r.want(r.call(token, "GET", "/api/v1/systems/ledger", ""), 404)
	_, _, auditor := r.staff(home, registry.Auditor)
	if kinds := r.audit(auditor); len(kinds) != 0 {
		t.Errorf("audit of a dry run: %v", kinds)
	}
	r.h.Systems.(*fakeSystems).problems = []connector.Problem{{Collection: "orders", Line: 7, Text: "the database has no table of this name"}}
	if p := r.want(r.call(token, "PUT", "/api/v1/systems/ledger?dryRun=true", `{"kind":"sqlite"}`), 400); !strings.Contains(p.body, "line 7 of the data map") {
		t.Errorf("problems of a dry run: %s", p.body)
	}
}

func TestLongDataMapsAreTaken(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Admin)
	long := longMap(3 << 20)
	r.want(r.call(token, "PUT", "/api/v1/systems/ledger", putBody(t, long)), 201)
	if got := r.want(r.call(token, "GET", "/api/v1/systems/ledger", ""), 200).json(t)["dataset"]; got != long {
		t.Error("a long data map does not come back as it was sent")
	}
	r.want(r.call(token, "PUT", "/api/v1/systems/ledger", putBody(t, longMap(registry.MaxDataset))), 400)
	r.want(r.call(token, "PUT", "/api/v1/systems/ledger", putBody(t, longMap(3*registry.MaxDataset))), 400)
	// Other calls keep their small bound.
	r.want(r.call(token, "PUT", "/api/v1/recipients/kite", `{"title":"`+strings.Repeat("x", 65<<10)+`"}`), 400)
}

func TestRemovingASystemNamesTheCasesThatWaitForIt(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Admin)
	r.want(r.call(token, "PUT", "/api/v1/systems/ledger", putBody(t, "")), 201)
	waiting, done := r.open(home, nil), r.open(home, nil)
	for id, status := range map[string]casefile.TaskStatus{waiting.ID: casefile.TaskOpen, done.ID: casefile.TaskDone} {
		f, err := r.h.Cases.Load(t.Context(), home, id)
		if err != nil {
			t.Fatal(err)
		}
		task := f.AddTask("ledger", dsar.Locate)
		task.Status = status
		if err := r.h.Cases.Commit(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	before := r.want(r.call(token, "GET", "/api/v1/systems/ledger/cases", ""), 200)
	gone := r.want(r.call(token, "DELETE", "/api/v1/systems/ledger", ""), 200)
	if before.body != gone.body {
		t.Errorf("before %s, removed %s", before.body, gone.body)
	}
	v := gone.json(t)
	list := v["cases"].([]any)
	if len(list) != 1 || v["complete"] != true || list[0].(map[string]any)["reference"] != waiting.Reference {
		t.Errorf("cases that wait for it: %s", gone.body)
	}
	r.want(r.call(token, "GET", "/api/v1/systems/ledger/cases", ""), 404)
}

func TestATableThatIsGoneIsNamed(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Admin)
	r.want(r.call(token, "PUT", "/api/v1/systems/ledger", putBody(t, "")), 201)
	r.h.Systems.(*fakeSystems).checkErr = &connector.InvalidDataset{Problems: []connector.Problem{{Collection: "orders", Line: 7, Text: "the database has no table of this name"}}}
	v := r.want(r.call(token, "POST", "/api/v1/systems/ledger/check", ""), 200).json(t)
	if v["ready"] != false || v["reachable"] != true || v["problems"].([]any)[0].(map[string]any)["collection"] != "orders" {
		t.Errorf("the test says %v", v)
	}
}
