package console

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// maxUses bounds the open cases that are read to find out which of them ask a system.
const maxUses = 500

// caseUse is an open case that still waits for a system.
type caseUse struct {
	ID        string      `json:"id"`
	Reference string      `json:"reference"`
	Status    dsar.Status `json:"status"`
	DueAt     time.Time   `json:"dueAt,omitzero"`
}

// systemUse says what removing a system leaves open. Complete is false when there were more open cases than are looked at.
type systemUse struct {
	Name     string    `json:"name"`
	Cases    []caseUse `json:"cases"`
	Complete bool      `json:"complete"`
}

// useOf finds the open cases that have not finished with a system: those that are about to ask it, and those whose task there
// has not ended.
func (h *Handler) useOf(ctx context.Context, tenant, name string) (systemUse, error) {
	use := systemUse{Name: name, Cases: []caseUse{}, Complete: true}
	read := map[string]bool{}
	for _, status := range dsar.Statuses() {
		if status.Final() {
			continue
		}
		lines, err := h.Cases.Seek(ctx, casefile.Seek{Tenant: tenant, Status: status, Limit: maxUses})
		if err != nil {
			return use, err
		}
		for _, l := range lines {
			if read[l.CaseID] {
				continue // the index may show a case under two statuses for a while
			}
			if len(read) == maxUses {
				use.Complete = false
				return use, nil
			}
			read[l.CaseID] = true
			f, err := h.Cases.Load(ctx, tenant, l.CaseID)
			if fault.Has(err, fault.NotFound) {
				continue
			}
			if err != nil {
				return use, err
			}
			if c := f.Case; !c.Status.Final() && asks(f, name) {
				use.Cases = append(use.Cases, caseUse{c.ID, c.Reference, c.Status, c.Due.At})
			}
		}
	}
	return use, nil
}

func asks(f *casefile.File, system string) bool {
	return slices.Contains(f.Case.Opening, system) ||
		slices.ContainsFunc(f.Tasks, func(t *casefile.Task) bool { return t.System == system && t.Status != casefile.TaskDone })
}

func (h *Handler) apiSystemCases(w http.ResponseWriter, r *http.Request, c *caller) error {
	name := r.PathValue("name")
	if _, err := h.Registry.System(r.Context(), c.tenant.Name, name); err != nil {
		return err
	}
	use, err := h.useOf(r.Context(), c.tenant.Name, name)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, use)
	return nil
}

// apiDeleteSystem removes a system and answers which open cases still waited for it: their tasks there stay open until a
// person decides on them.
func (h *Handler) apiDeleteSystem(w http.ResponseWriter, r *http.Request, c *caller) error {
	name := r.PathValue("name")
	if _, err := h.Registry.System(r.Context(), c.tenant.Name, name); err != nil {
		return err
	}
	use, err := h.useOf(r.Context(), c.tenant.Name, name)
	if err != nil {
		return err
	}
	if err := h.record(r.Context(), c, act{Kind: systemGone, Target: name}); err != nil {
		return err
	}
	if err := h.Registry.DeleteSystem(r.Context(), c.tenant.Name, name); err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, use)
	return nil
}
