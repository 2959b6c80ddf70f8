package portal

import (
	"net/http"

	"github.com/habeas-dsar/habeas/functions/internal/consents"
	"github.com/habeas-dsar/habeas/functions/internal/intake"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/consent"
)

// signal returns the opt-out signal of the browser, empty when it sends none (Global Privacy Control, W3C: only the value 1 counts).
func signal(r *http.Request) string {
	if r.Header.Get("Sec-GPC") == "1" {
		return consents.GPC
	}
	return ""
}

// signalled adds to a request the signal that came with it.
func signalled(r *http.Request, in intake.Request) intake.Request {
	in.Signal = signal(r)
	return in
}

// apiSignal says which opt-out signal this browser sends and what it is taken for (11 CCR 7025(c)(6)). It knows nobody: what is written
// down for a person follows from her requests, and from what the controller's own site reports about her.
func (h *Handler) apiSignal(w http.ResponseWriter, r *http.Request) error {
	var heeded []string
	for _, p := range h.Packs.Packs() {
		if consents.Heeds(consents.GPC, p) {
			heeded = append(heeded, string(p.ID))
		}
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"gpc": signal(r) == consents.GPC, "purpose": consent.SaleOrSharing, "heededUnder": heeded})
	return nil
}
