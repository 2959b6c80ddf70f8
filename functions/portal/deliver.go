package portal

import (
	"context"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/handovers"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/handover"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// deliver hands over one volume past the process. The first call uses the link up for the volume and has its object made; the same
// call again finds the delivery, until its address was given out, which happens once. A caller of the API is sent to the
// address (303), a browser gets a page that leads there: a form of ours may not end at another origin (form-action).
func (h *Handler) deliver(w http.ResponseWriter, r *http.Request) error {
	n, err := volumeNumber(w, r)
	if err != nil {
		return err
	}
	d, err := h.delivery(r, n)
	var g session.Grant
	switch {
	case err == nil:
		g = session.Grant{Tenant: d.Tenant, CaseID: d.CaseID}
	case fault.Has(err, fault.NotFound):
		g, err = h.download(r)
	}
	if fault.Has(err, fault.Unauthenticated) {
		return h.gone(w, r, pages.GoneUsed)
	}
	if err != nil {
		return err
	}
	if held, err := h.holds(r, g); err != nil || !held {
		if err != nil {
			return err
		}
		return h.askProof(w, r, g)
	}
	if d.ID == "" {
		d, err = h.begin(r, g, n)
	}
	if err == nil {
		d, err = h.HandOvers.Prepare(r.Context(), d)
	}
	if err == nil {
		err = h.answerDelivery(w, r, d)
	}
	if fault.Has(err, fault.NotFound) {
		return h.gone(w, r, pages.GoneUsed)
	}
	return err
}

// delivery returns the delivery of a volume through the link of the path; fault.NotFound when it was never asked for, or is over.
func (h *Handler) delivery(r *http.Request, n int) (handover.Record, error) {
	d, err := h.HandOvers.Records.Get(r.Context(), handover.IDOf(r.PathValue("token"), n))
	if err == nil && d.Tenant != r.PathValue("tenant") {
		return handover.Record{}, fault.New(fault.NotFound, "this link belongs elsewhere")
	}
	return d, err
}

// begin uses the link up for volume n and records the delivery.
func (h *Handler) begin(r *http.Request, g session.Grant, n int) (handover.Record, error) {
	ctx := r.Context()
	f, err := h.Cases.Load(ctx, g.Tenant, g.CaseID)
	if err != nil {
		return handover.Record{}, err
	}
	p, _, err := h.packageOf(ctx, f)
	if err != nil {
		return handover.Record{}, err
	}
	if n < 1 || n > len(p.Volumes) {
		return handover.Record{}, fault.InvalidField("/volume", "there is no such volume")
	}
	if len(h.Limits.TriesPerIP) > 0 {
		count := session.Count{Key: "handovers#" + g.Tenant + "#" + g.CaseID, Limits: deliveryLimits(len(p.Volumes))}
		if err := h.Sessions.Allow(ctx, count); err != nil {
			return handover.Record{}, err
		}
	}
	id := handover.IDOf(r.PathValue("token"), n)
	write, err := h.HandOvers.Records.Write(h.HandOvers.Delivery(id, &f.Case, n, p.Volumes[n-1], evidence.Subject))
	if err != nil {
		return handover.Record{}, err
	}
	if err := h.Sessions.UseVolume(ctx, g, n, write); err != nil {
		return handover.Record{}, err
	}
	return h.HandOvers.Records.Get(ctx, id)
}

// deliveryLimits bound how often the volumes of a request are laid out: each time costs as much as the volume is large.
func deliveryLimits(volumes int) []verification.Limit {
	return []verification.Limit{{Max: 10 * volumes, Per: time.Hour}, {Max: 30 * volumes, Per: 24 * time.Hour}}
}

// answerDelivery answers with the address, once, or says that it is not ready.
func (h *Handler) answerDelivery(w http.ResponseWriter, r *http.Request, d handover.Record) error {
	w.Header().Set("Cache-Control", "no-store")
	if d.State == handover.Waiting {
		if !isCall(r) {
			http.Redirect(w, r, r.URL.Path+"?volume="+strconv.Itoa(d.Volume), http.StatusSeeOther)
			return nil
		}
		w.Header().Set("Retry-After", strconv.Itoa(int(handovers.Refresh.Seconds())))
		web.WriteJSON(w, http.StatusAccepted, map[string]any{"volume": d.Volume, "next": "repeat"})
		return nil
	}
	a, err := h.give(r.Context(), d)
	if err != nil {
		return err
	}
	if isCall(r) {
		http.Redirect(w, r, a.URL.Reveal(), http.StatusSeeOther) // to the person it is for
		return nil
	}
	fr, c, err := h.deliveryFrame(r, d)
	if err != nil {
		return err
	}
	return h.Pages.PortalHandedOver(w, pages.PortalHandedOver{
		Frame: fr, Reference: c.Reference, Number: d.Volume, Of: volumesOf(c), Bytes: d.Bytes, URL: a.URL.Reveal(),
		ExpiresAt: fr.Now.Add(blobs.MaxAddressLife), RequestURL: requestPath(r, c.Reference),
	})
}

// give gives out the address of a delivery. That it was is in the case's evidence before anybody has it.
func (h *Handler) give(ctx context.Context, d handover.Record) (blobs.Address, error) {
	a, err := h.HandOvers.Address(ctx, d)
	if err != nil {
		return a, err
	}
	err = step.Change(ctx, h.Cases, d.Tenant, d.CaseID, func(ctx context.Context, f *casefile.File) error {
		given, err := h.HandOvers.Give(ctx, d.ID)
		if err != nil {
			return err
		}
		f.With(given)
		if p := f.Case.Download(); p != nil {
			p.Downloads++
		}
		return f.Entry("package_downloaded", evidence.Subject, map[string]any{
			"volume": d.Volume, "sha256": d.SHA256, "addressUntil": f.Now().Add(blobs.MaxAddressLife).UTC(),
		})
	})
	return a, err
}

// lookAtDelivery shows how far a delivery is: looking changes nothing, and gives out no address. done is false when there is none.
func (h *Handler) lookAtDelivery(w http.ResponseWriter, r *http.Request, n int) (done bool, err error) {
	d, err := h.delivery(r, n)
	if fault.Has(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	held, err := h.holds(r, session.Grant{Tenant: d.Tenant, CaseID: d.CaseID})
	if err != nil {
		return true, err
	}
	fr, c, err := h.deliveryFrame(r, d)
	if err != nil {
		return true, err
	}
	if !held {
		return true, h.sessionEndedOf(w, r, c.Reference)
	}
	w.Header().Set("Cache-Control", "no-store")
	again := pages.Form{Action: r.URL.Path, Hidden: []pages.Hidden{{Name: "volume", Value: strconv.Itoa(n)}}}
	switch d.State {
	case handover.Waiting:
		m := pages.PortalPreparing{
			Frame: fr, Reference: c.Reference, Number: n, Of: volumesOf(c), Bytes: d.Bytes, RequestURL: requestPath(r, c.Reference),
			Refresh: pages.Refresh{Seconds: int(handovers.Refresh.Seconds()), URL: r.URL.Path + "?" + url.Values{"volume": {strconv.Itoa(n)}}.Encode()},
		}
		if h.Cases.Now().Sub(d.AskedAt) >= handovers.Patience {
			m.Retry = again
		}
		return true, h.Pages.PortalPreparing(w, m)
	case handover.Ready:
		m := pages.PortalDownload{
			Frame: fr, Form: pages.Form{Action: r.URL.Path}, Reference: c.Reference, Volumes: []pages.Volume{{Number: n, Bytes: d.Bytes}},
			ExpiresAt: inZone(d.Look, fr.Now.Location()), RequestURL: requestPath(r, c.Reference),
		}
		if p := c.Download(); p != nil {
			m.Records = int(p.Records)
		}
		if c.Plan != nil {
			m.Systems = len(c.Plan.Systems)
		}
		return true, h.Pages.PortalDownload(w, m)
	default: // it was given out, or is over
		return true, h.gone(w, r, pages.GoneUsed)
	}
}

func (h *Handler) deliveryFrame(r *http.Request, d handover.Record) (pages.Frame, casefile.Case, error) {
	c, err := h.Cases.Case(r.Context(), d.Tenant, d.CaseID)
	if err != nil {
		return pages.Frame{}, c, err
	}
	fr, err := h.frame(r)
	return fr, c, err
}

func volumesOf(c casefile.Case) int {
	if p := c.Download(); p != nil {
		return len(p.Volumes)
	}
	return 1
}

// isCall reports whether a program asks: with JSON, or with the session in a header. A browser sends a form and a cookie.
func isCall(r *http.Request) bool {
	mt, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // no media type at all is a form's business
	return mt == "application/json" || web.Bearer(r) != ""
}
