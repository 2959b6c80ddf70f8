package receivehook

import (
	"crypto/ecdsa"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/functions/internal/webhook"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/session"
)

// maxBody bounds a callback.
const maxBody = 1 << 20

// Handler serves the callbacks. A kind whose settings are missing has no route.
type Handler struct {
	Cases    *casefile.Store
	Sessions *session.Store // remembers what was counted
	Log      *slog.Logger
	SendGrid *ecdsa.PublicKey // of the signed event webhook; nil = mail does not go through SendGrid

	Recipients *Recipients // of notices
}

// Register adds the routes to a mux.
func (h *Handler) Register(mux *http.ServeMux) {
	mux.HandleFunc("POST "+webhook.SystemPath, h.serve(h.system))
	if h.SendGrid != nil {
		mux.HandleFunc("POST /hooks/sendgrid", h.serve(h.sendGrid))
	}
	if h.Recipients != nil {
		h.registerRecipients(mux)
	}
}

// serve gives the whole body to a callback and answers 204, or the problem.
func (h *Handler) serve(take func(r *http.Request, body []byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok && tooLong != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		if err != nil {
			err = fault.New(fault.Invalid, "the body cannot be read")
		} else {
			err = take(r, body)
		}
		if err != nil {
			if fault.RuleFor(fault.ClassOf(err)).Status >= http.StatusInternalServerError {
				web.Log(r.Context(), h.Log, "callback failed", err)
			}
			web.WriteProblem(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
