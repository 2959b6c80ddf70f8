// Package schemas serves the JSON Schemas that an installation publishes: of the documents it writes and reads, and of what the
// kinds of systems take. Editors and integrators validate against them; they are the same for everybody.
package schemas

import (
	"context"
	"net/http"
	"strings"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions/internal/systems"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/disclosure"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// Serve answers GET /schemas/{name}. kinds lists the kinds of systems; it is asked only for what is a kind's.
func Serve(kinds func(ctx context.Context) ([]systems.Kind, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		schema, err := find(r.Context(), r.PathValue("name"), kinds)
		if err != nil {
			web.WriteProblem(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/schema+json")
		_, _ = w.Write(schema) // the connection may be gone
	}
}

const (
	suffix   = ".schema.json"
	settings = "settings-" // and the name of the kind: the settings of its systems
)

// find returns a schema by its file name.
func find(ctx context.Context, name string, kinds func(context.Context) ([]systems.Kind, error)) ([]byte, error) {
	if schema, ok := documents()[name]; ok {
		return schema, nil
	}
	unknown := fault.New(fault.NotFound, "there is no such schema")
	if !strings.HasSuffix(name, suffix) {
		return nil, unknown
	}
	list, err := kinds(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range list {
		if name == settings+k.Name+suffix {
			return k.Settings, nil
		}
		if schema, ok := k.Schemas[name]; ok {
			return schema, nil
		}
	}
	return nil, unknown
}

// documents returns the schemas that do not depend on the kinds.
func documents() map[string][]byte {
	return map[string][]byte{
		"bundle" + suffix: evidence.BundleSchema(), "receipt" + suffix: evidence.ReceiptSchema(), "manifest" + suffix: disclosure.ManifestSchema(),
		"habeas_meta" + suffix: connector.MetaSchema(), "event" + suffix: events.Schema, "systems" + suffix: registry.SystemsSchema(),
	}
}
