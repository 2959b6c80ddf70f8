package console

import (
	_ "embed"
	"net/http"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/evidence"
)

//go:embed openapi.yaml
var openAPI []byte

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(openAPI) // the connection may be gone
}

// auditRow is one act with the address of who did it.
type auditRow struct {
	act
	Email string `json:"email,omitempty"` // of the member of staff
}

func (h *Handler) apiAudit(w http.ResponseWriter, r *http.Request, c *caller) error {
	var bad web.Fields
	limit := readLimit(r.URL.Query(), &bad)
	if err := bad.Err(); err != nil {
		return err
	}
	list, next, err := h.acts(r.Context(), c.tenant.Name, limit, r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	names, err := h.staffNames(r)
	if err != nil {
		return err
	}
	rows := make([]auditRow, 0, len(list))
	for _, a := range list {
		rows = append(rows, auditRow{a, names[a.By]})
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"acts": rows, "next": next})
	return nil
}

// staffNames returns the addresses of the staff by evidence actor.
func (h *Handler) staffNames(r *http.Request) (map[string]string, error) {
	all, err := h.Registry.AllStaff(r.Context())
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(all))
	for _, s := range all {
		names[evidence.Staff(s.ID)] = s.Email
	}
	return names, nil
}

// maxCounted bounds the open cases of one status that a page counts.
const maxCounted = 5000
