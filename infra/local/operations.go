package local

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/habeas-dsar/habeas/connectors/rest"
	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/disclosure"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/table"
)

// operations adds what operators and integrators read: health, readiness, metrics and the published schemas.
func (a *App) operations(mux *http.ServeMux) {
	text := func(status int, s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(s + "\n")) // the connection may be gone
		}
	}
	mux.HandleFunc("GET /healthz", text(http.StatusOK, "ok"))
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if _, err := a.table.Query(r.Context(), table.Query{Table: table.Registry, PK: "TENANTS", Limit: 1}); err != nil {
			text(http.StatusServiceUnavailable, "records are not reachable")(w, r)
			return
		}
		text(http.StatusOK, "ready")(w, r)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{}))
	for name, schema := range a.schemas() {
		mux.HandleFunc("GET /schemas/"+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/schema+json")
			_, _ = w.Write(schema) // the connection may be gone
		})
	}
}

// schemas returns every published JSON Schema by file name.
func (a *App) schemas() map[string][]byte {
	out := map[string][]byte{
		"bundle.schema.json": evidence.BundleSchema(), "receipt.schema.json": evidence.ReceiptSchema(), "manifest.schema.json": disclosure.ManifestSchema(),
		"habeas_meta.schema.json": connector.MetaSchema(), "event.schema.json": events.Schema, "systems.schema.json": registry.SystemsSchema(),
		"connector.schema.json": rest.FileSchema(),
	}
	for _, f := range a.Systems.Kinds() {
		out["settings-"+f.Kind+".schema.json"] = f.SettingsSchema
	}
	return out
}
