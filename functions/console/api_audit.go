package console

import (
	_ "embed"
	"net/http"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
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

// maxCounted bounds the cases that one answer counts, newest first.
const maxCounted = 5000

// metricsView counts requests (11 CCR 7102 asks for numbers and median days).
type metricsView struct {
	Counted    int                 `json:"counted"`
	Complete   bool                `json:"complete"` // false: there are older requests that are not counted
	Open       int                 `json:"open"`
	Late       int                 `json:"late"`                 // open behind their date, or answered behind it
	MedianDays *float64            `json:"medianDays,omitempty"` // from receipt to closing, of the closed ones
	ByStatus   map[dsar.Status]int `json:"byStatus"`
	ByRight    map[dsar.Right]int  `json:"byRight"`
	Table      []metricsRow        `json:"table"`
}

type metricsRow struct {
	Right  dsar.Right  `json:"right"`
	Status dsar.Status `json:"status"`
	Count  int         `json:"count"`
}

func (h *Handler) apiMetrics(w http.ResponseWriter, r *http.Request, c *caller) error {
	lines, err := h.Cases.Seek(r.Context(), casefile.Seek{Tenant: c.tenant.Name, Descending: true, Limit: maxCounted + 1})
	if err != nil {
		return err
	}
	v := metricsView{Complete: len(lines) <= maxCounted, ByStatus: map[dsar.Status]int{}, ByRight: map[dsar.Right]int{}, Table: []metricsRow{}}
	both := map[metricsRow]int{}
	var days []float64
	for _, l := range lines[:min(len(lines), maxCounted)] {
		one, err := h.Cases.Case(r.Context(), c.tenant.Name, l.CaseID)
		if fault.Has(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		v.count(one, h.Now())
		both[metricsRow{Right: one.Right, Status: one.Status}]++
		if !one.ClosedAt.IsZero() {
			days = append(days, one.ClosedAt.Sub(one.ReceivedAt).Hours()/24)
		}
	}
	for _, right := range dsar.Rights() {
		for _, status := range dsar.Statuses() {
			if n := both[metricsRow{Right: right, Status: status}]; n > 0 {
				v.Table = append(v.Table, metricsRow{right, status, n})
			}
		}
	}
	v.MedianDays = median(days)
	web.WriteJSON(w, http.StatusOK, v)
	return nil
}

func (v *metricsView) count(one casefile.Case, now time.Time) {
	v.Counted++
	v.ByStatus[one.Status]++
	v.ByRight[one.Right]++
	end := one.ClosedAt
	if one.Open() {
		v.Open++
		end = now
	}
	if !one.Due.At.IsZero() && end.After(one.Due.At) {
		v.Late++
	}
}

func median(list []float64) *float64 {
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	m := list[len(list)/2]
	if len(list)%2 == 0 {
		m = (m + list[len(list)/2-1]) / 2
	}
	return &m
}
