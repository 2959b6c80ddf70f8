package schemas_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/functions/internal/schemas"
	"github.com/habeas-dsar/habeas/functions/internal/systems"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func get(t *testing.T, kinds func(context.Context) ([]systems.Kind, error), name string) (int, string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /schemas/{name}", schemas.Serve(kinds))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/schemas/"+name, nil))
	return w.Code, w.Body.String()
}

// TestWhatIsServed: documents and what belongs to kinds, and nothing else.
func TestWhatIsServed(t *testing.T) {
	kinds := func(context.Context) ([]systems.Kind, error) {
		return []systems.Kind{
			{Name: "rest", Settings: json.RawMessage(`{"title":"settings of rest"}`), Schemas: map[string]json.RawMessage{"connector.schema.json": json.RawMessage(`{"title":"files"}`)}},
			{Name: "sqlite", Settings: json.RawMessage(`{"title":"settings of sqlite"}`)},
		}, nil
	}
	for name, want := range map[string]string{
		"settings-sqlite.schema.json": "settings of sqlite", "settings-rest.schema.json": "settings of rest", "connector.schema.json": "files",
		"event.schema.json": "schema", "manifest.schema.json": "schema", "bundle.schema.json": "schema", "receipt.schema.json": "schema",
		"systems.schema.json": "schema", "habeas_meta.schema.json": "schema",
	} {
		status, body := get(t, kinds, name)
		if status != http.StatusOK || !json.Valid([]byte(body)) || !strings.Contains(body, want) {
			t.Errorf("%s: %d %.100s", name, status, body)
		}
	}
	for _, name := range []string{"settings-oracle.schema.json", "settings-sqlite", "event", "..%2fkey", "settings-.schema.json"} {
		if status, body := get(t, kinds, name); status != http.StatusNotFound {
			t.Errorf("%s: %d %.100s", name, status, body)
		}
	}
}

// TestDocumentsNeedNobody: who cannot say what kinds there are still publishes what does not depend on them.
func TestDocumentsNeedNobody(t *testing.T) {
	down := func(context.Context) ([]systems.Kind, error) { return nil, fault.New(fault.Throttled, "busy") }
	if status, _ := get(t, down, "event.schema.json"); status != http.StatusOK {
		t.Errorf("a document: %d", status)
	}
	if status, _ := get(t, down, "settings-sqlite.schema.json"); status != http.StatusTooManyRequests {
		t.Errorf("settings of a kind: %d, want 429", status)
	}
	if status, _ := get(t, down, "elsewhere"); status != http.StatusNotFound {
		t.Errorf("what is no schema: %d", status)
	}
}
