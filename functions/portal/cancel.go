package portal

import (
	"context"
	"crypto/subtle"
	"net/http"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// errNoCancel is what a link that calls off nothing answers: it does not tell an unknown reference from a wrong key or one that
// comes too late.
var errNoCancel = fault.New(fault.NotFound, "this link calls nothing off")

// cancellable holds a case to the key of the link in the letter about its grace.
func (h *Handler) cancellable(ctx context.Context, f *casefile.File, key string) error {
	if !f.Case.Cancellable(h.Cases.Now()) {
		return errNoCancel
	}
	want, err := f.CancelKey(ctx)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(want), []byte(key)) != 1 {
		return errNoCancel
	}
	return nil
}

// cancelling returns the case that the link of a request calls off.
func (h *Handler) cancelling(r *http.Request) (*casefile.File, error) {
	if err := h.countTry(r.Context(), r.PathValue("tenant"), web.ClientAddress(r)); err != nil {
		return nil, err
	}
	id, err := h.find(r.Context(), r.PathValue("tenant"), r.PathValue("reference"))
	if err != nil {
		return nil, err
	}
	f, err := h.Cases.Load(r.Context(), r.PathValue("tenant"), id)
	if err != nil {
		return nil, err
	}
	return f, h.cancellable(r.Context(), f, r.FormValue("k"))
}

// askCancel shows what the link does. It changes nothing: mail scanners and previews look at links too.
func (h *Handler) askCancel(w http.ResponseWriter, r *http.Request) error {
	start := time.Now()
	f, err := h.cancelling(r)
	web.Pace(r.Context(), start, pace)
	if fault.Has(err, fault.NotFound) {
		return h.gone(w, r, pages.GoneCancel)
	}
	if err != nil {
		return err
	}
	fr, err := h.frame(r)
	if err != nil {
		return err
	}
	w.Header().Set("Referrer-Policy", "no-referrer") // the key stands in the address
	return h.Pages.PortalCancel(w, pages.PortalCancel{
		Frame: fr, Reference: f.Case.Reference, Until: f.Case.GraceUntil.In(fr.Now.Location()),
		Form: pages.Form{Action: requestPath(r, f.Case.Reference) + "/cancel", Hidden: []pages.Hidden{{Name: "k", Value: r.FormValue("k")}}},
	})
}

// takeCancel withdraws the request for the person. The key of the letter is proof enough for that: it went to the proven address
// alone, and what it does can be asked for anew.
func (h *Handler) takeCancel(w http.ResponseWriter, r *http.Request) error {
	start := time.Now()
	f, err := h.cancelling(r)
	if err == nil {
		err = step.Change(r.Context(), h.Cases, f.Case.Tenant, f.Case.ID, func(ctx context.Context, f *casefile.File) error {
			if err := h.cancellable(ctx, f, r.FormValue("k")); err != nil {
				return err
			}
			return f.Withdraw(evidence.Subject, redact.Text{})
		})
	}
	web.Pace(r.Context(), start, pace)
	if fault.Has(err, fault.NotFound) {
		return h.gone(w, r, pages.GoneCancel)
	}
	if err != nil {
		return err
	}
	fr, err := h.frame(r)
	if err != nil {
		return err
	}
	return h.Pages.PortalWithdrawn(w, pages.PortalWithdrawn{Frame: fr, Reference: f.Case.Reference, StartURL: fr.HomeURL})
}
