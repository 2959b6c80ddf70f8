package local

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/habeas-dsar/habeas/shared/table"
)

// operations adds what operators read: health, readiness and metrics.
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
}
