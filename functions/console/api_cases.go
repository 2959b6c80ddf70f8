package console

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/habeas-dsar/habeas/functions/internal/handovers"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func (h *Handler) apiCases(w http.ResponseWriter, r *http.Request, c *caller) error {
	q, err := readQuery(r.URL.Query(), c.zone)
	if err != nil {
		return err
	}
	list, next, err := h.cases(r.Context(), c, q)
	if err != nil {
		return err
	}
	rows := make([]caseRow, 0, len(list))
	for _, one := range list {
		rows = append(rows, rowOf(one))
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"cases": rows, "next": next})
	return nil
}

func (h *Handler) apiIntake(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in noted
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	ans, err := h.intake(r.Context(), c, in)
	if err != nil {
		return err
	}
	ans.write(w)
	return nil
}

// load reads the case of the path.
func (h *Handler) load(r *http.Request, c *caller) (*casefile.File, error) {
	id, err := caseID(r)
	if err != nil {
		return nil, err
	}
	f, err := h.Cases.Load(r.Context(), c.tenant.Name, id)
	if err != nil {
		return nil, h.gone(r, c, err)
	}
	return f, nil
}

func (h *Handler) apiCase(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, err := h.load(r, c)
	if fault.Has(err, fault.NotFound) && h.apiDisposed(w, r, c) {
		return nil
	}
	if err != nil {
		return err
	}
	wanted := r.URL.Query().Get("reveal") != "false"
	shown, err := h.reveal(r.Context(), c, f.Case.ID, wanted)
	if err != nil {
		return err
	}
	v, err := h.view(r.Context(), f, shown)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, v)
	return nil
}

func sortEntries(list []entryView) {
	slices.SortStableFunc(list, func(a, b entryView) int {
		if d := a.At.Compare(b.At); d != 0 {
			return d
		}
		if a.Chain == b.Chain {
			return int(a.Seq - b.Seq)
		}
		return strings.Compare(a.Chain, b.Chain)
	})
}

// apiTimeline pages through the evidence, oldest first. Evidence only grows at its end, so the number of the entry is a
// cursor that stays true.
func (h *Handler) apiTimeline(w http.ResponseWriter, r *http.Request, c *caller) error {
	var bad web.Fields
	limit, from := readLimit(r.URL.Query(), &bad), 0
	if s := r.URL.Query().Get("cursor"); s != "" {
		var err error
		if from, err = strconv.Atoi(s); err != nil || from < 0 {
			bad.Add("/cursor", "this cursor belongs to another list")
		}
	}
	if err := bad.Err(); err != nil {
		return err
	}
	one, err := h.opened(r, c)
	if err != nil {
		return err
	}
	list, err := h.entries(r.Context(), c.tenant.Name, one.ID)
	if err != nil {
		return err
	}
	from = min(from, len(list))
	to, next := min(from+limit, len(list)), ""
	if to < len(list) {
		next = strconv.Itoa(to)
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"entries": list[from:to], "next": next})
	return nil
}

func (h *Handler) apiEvidence(w http.ResponseWriter, r *http.Request, c *caller) error {
	one, err := h.opened(r, c)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := h.Cases.WriteBundle(r.Context(), &b, c.tenant.Name, one.ID); err != nil {
		return fmt.Errorf("exporting evidence: %w", err)
	}
	if err := h.record(r.Context(), c, act{Kind: evidenceRead, CaseID: one.ID}); err != nil {
		return err
	}
	return h.HandOvers.File(w, r, handovers.File{
		Tenant: c.tenant.Name, CaseID: one.ID, By: c.actor(), Name: "evidence-" + one.Reference + ".zip", Body: b.Bytes(),
	})
}
