package console

import (
	"context"
	"net/http"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/erasureledger"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Restores compares systems with the erasure ledger.
type Restores interface {
	// Check compares a part of the ledger with a registered system and, with apply, erases again what came back.
	Check(ctx context.Context, tenant, system string, apply bool, by, cursor string) (erasureledger.Report, error)
}

// maxCursor bounds what a caller sends to go on with a list.
const maxCursor = 2000

func (h *Handler) apiRestoreCheck(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.compareRestored(w, r, c, act{Kind: restoreChecked}, false)
}

func (h *Handler) apiRestoreApply(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.compareRestored(w, r, c, act{Kind: restoreApplied}, true)
}

// compareRestored answers with what one part of the ledger has to say about the system. Each part is an act of its own: a
// repeated erasure is audited before it happens, and proved in the tenant's journal after.
func (h *Handler) compareRestored(w http.ResponseWriter, r *http.Request, c *caller, a act, apply bool) error {
	var in struct {
		Cursor string `json:"cursor"`
	}
	if r.ContentLength != 0 {
		if err := web.ReadJSON(w, r, &in); err != nil {
			return err
		}
	}
	if len(in.Cursor) > maxCursor {
		return fault.InvalidField("/cursor", "this is no cursor of an answer before")
	}
	a.Target = r.PathValue("name")
	if _, err := h.Registry.System(r.Context(), c.tenant.Name, a.Target); err != nil {
		return err
	}
	if err := h.record(r.Context(), c, a); err != nil {
		return err
	}
	found, err := h.Restores.Check(r.Context(), c.tenant.Name, a.Target, apply, c.actor(), in.Cursor)
	if err != nil {
		return err
	}
	ans, err := newReply(http.StatusOK, found)
	if err != nil {
		return err
	}
	extra, err := h.remember(c, ans)
	if err != nil {
		return err
	}
	if len(extra) > 0 {
		if err := h.Cases.Table().Transact(r.Context(), extra...); err != nil {
			return err
		}
	}
	ans.write(w)
	return nil
}
