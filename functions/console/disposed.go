package console

import (
	"net/http"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// opened reads the open part of the case of the path, which outlives its content.
func (h *Handler) opened(r *http.Request, c *caller) (casefile.Case, error) {
	id, err := caseID(r)
	if err != nil {
		return casefile.Case{}, err
	}
	return h.Cases.Case(r.Context(), c.tenant.Name, id)
}

// gone explains that a case cannot be read because it was disposed of; otherwise it returns err.
func (h *Handler) gone(r *http.Request, c *caller, err error) error {
	if !fault.Has(err, fault.NotFound) {
		return err
	}
	one, oerr := h.opened(r, c)
	if oerr != nil || one.Disposal.At.IsZero() {
		return err
	}
	return fault.New(fault.NotFound, "this case is closed and was disposed of on "+one.Disposal.At.In(c.zone).Format("2 January 2006")+"; its evidence and its certificate stay")
}

// apiDisposed answers for a case that was disposed of with what outlived it; ok is false when it was not.
func (h *Handler) apiDisposed(w http.ResponseWriter, r *http.Request, c *caller) (ok bool) {
	one, err := h.opened(r, c)
	if err != nil || one.Disposal.At.IsZero() {
		return false
	}
	web.WriteJSON(w, http.StatusOK, rowOf(one))
	return true
}

// certificateView is a certificate with the entry of the evidence that proves it.
type certificateView struct {
	casefile.Certificate
	Entry entryView `json:"entry"`
}

func (h *Handler) apiCertificate(w http.ResponseWriter, r *http.Request, c *caller) error {
	one, err := h.opened(r, c)
	if err != nil {
		return err
	}
	cert, e, err := h.Cases.Disposed(r.Context(), c.tenant.Name, one.ID)
	if err != nil {
		return err
	}
	if err := h.record(r.Context(), c, act{Kind: evidenceRead, CaseID: one.ID, Detail: "certificate"}); err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, certificateView{cert, entryView{e.At, e.Kind, e.Actor, e.Chain, e.Seq, e.Hash, e.Facts}})
	return nil
}
