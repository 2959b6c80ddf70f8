package console

import (
	"bytes"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/numbers"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// maxRecords bounds the requests that one record lists: an answer of a Lambda holds 6 MB.
const maxRecords = 20000

// numbersRoutes are what is counted about requests. The pages lead to the same answers as the API, for callers with a session.
func (h *Handler) numbersRoutes() []Route {
	const metrics, page = "/api/v1/metrics/requests", "/console/numbers"
	return []Route{
		h.callRoute("GET "+metrics, registry.ReadCases, h.apiMetrics),
		h.callRoute("GET "+metrics+"/records", registry.ReadCases, h.apiRecords),
		h.page("GET "+page, registry.ReadCases, h.pageNumbers),
		h.page("GET "+page+"/figures", registry.ReadCases, h.apiMetrics),
		h.page("GET "+page+"/records", registry.ReadCases, h.apiRecords),
	}
}

// metricsView is a report with its question. The fields from Counted to Table are those of the first version of this call, and count the
// same requests.
type metricsView struct {
	From  string     `json:"from,omitempty"`
	To    string     `json:"to,omitempty"`
	Law   string     `json:"law,omitempty"`
	Right dsar.Right `json:"right,omitempty"`
	numbers.Report

	Counted    int                 `json:"counted"`
	Complete   bool                `json:"complete"` // always: no request of the period is left out
	Open       int                 `json:"open"`
	Late       int                 `json:"late"`
	MedianDays *float64            `json:"medianDays,omitempty"`
	ByStatus   map[dsar.Status]int `json:"byStatus"`
	ByRight    map[dsar.Right]int  `json:"byRight"`
	Table      []metricsRow        `json:"table"`
}

type metricsRow struct {
	Right  dsar.Right  `json:"right"`
	Status dsar.Status `json:"status"`
	Count  int         `json:"count"`
}

func viewOf(q numbers.Question, r numbers.Report) metricsView {
	v := metricsView{
		Law: q.Law, Right: q.Right, Report: r, Counted: r.Total.Received, Complete: true, Open: r.Total.Open, Late: r.Total.Late,
		MedianDays: r.Total.MedianDays, ByStatus: r.ByStatus, ByRight: r.ByRight, Table: []metricsRow{},
	}
	if !q.From.IsZero() {
		v.From = q.From.String()
	}
	if !q.To.IsZero() {
		v.To = q.To.String()
	}
	for _, right := range dsar.Rights() {
		for _, status := range dsar.Statuses() {
			if n := r.Statuses[numbers.Standing{Right: right, Status: status}]; n > 0 {
				v.Table = append(v.Table, metricsRow{right, status, n})
			}
		}
	}
	return v
}

// apiMetrics answers how many requests came, what became of them and how fast, as JSON or with format=csv as a table.
func (h *Handler) apiMetrics(w http.ResponseWriter, r *http.Request, c *caller) error {
	var bad web.Fields
	q := h.readQuestion(r.URL.Query(), c, &bad)
	format := r.URL.Query().Get("format")
	if format != "" && format != "json" && format != "csv" {
		bad.Add("/format", "want json or csv")
	}
	if err := bad.Err(); err != nil {
		return err
	}
	report, err := numbers.Summarise(h.numbers(r, c, q), q)
	if err != nil {
		return err
	}
	if format != "csv" {
		web.WriteJSON(w, http.StatusOK, viewOf(q, report))
		return nil
	}
	var out bytes.Buffer
	if err := numbers.WriteLines(&out, report); err != nil {
		return err
	}
	writeCSV(w, "numbers", q, out.Bytes())
	return nil
}

// apiRecords answers the record of the requests of a period as CSV (11 CCR 7101(b)).
func (h *Handler) apiRecords(w http.ResponseWriter, r *http.Request, c *caller) error {
	var bad web.Fields
	q := h.readQuestion(r.URL.Query(), c, &bad)
	if err := bad.Err(); err != nil {
		return err
	}
	var out bytes.Buffer
	if err := numbers.WriteRecords(&out, bounded(h.numbers(r, c, q), q), q); err != nil {
		return err
	}
	writeCSV(w, "requests", q, out.Bytes())
	return nil
}

// bounded ends a walk with an error when more than maxRecords rows are asked for.
func bounded(rows iter.Seq2[numbers.Row, error], q numbers.Question) iter.Seq2[numbers.Row, error] {
	return func(yield func(numbers.Row, error) bool) {
		n := 0
		for r, err := range rows {
			if err == nil && q.Asks(r) {
				n++
			}
			if n > maxRecords {
				yield(r, fault.InvalidField("/from", "there are more than 20,000 requests in this period: ask for a shorter one"))
				return
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// numbers walks over the rows that the question may be about.
func (h *Handler) numbers(r *http.Request, c *caller, q numbers.Question) iter.Seq2[numbers.Row, error] {
	var from, to time.Time
	if !q.From.IsZero() {
		from = q.From.AddDays(-1).End(q.Zone) // the last instant before: a boundary that the question itself draws exactly
	}
	if !q.To.IsZero() {
		to = q.To.End(q.Zone).Add(time.Second)
	}
	return h.Cases.Numbers(r.Context(), c.tenant.Name, from, to)
}

// readQuestion reads the parameters from, to, law and right: days as YYYY-MM-DD in the tenant's zone, both included.
func (h *Handler) readQuestion(v url.Values, c *caller, bad *web.Fields) numbers.Question {
	q := numbers.Question{Law: v.Get("law"), Right: dsar.Right(v.Get("right")), Zone: c.zone, Now: h.Now()}
	day := func(name string) civil.Date {
		s := v.Get(name)
		if s == "" {
			return civil.Date{}
		}
		d, err := civil.Parse(s)
		if err != nil {
			bad.Add("/"+name, "want a date such as 2027-01-31")
		}
		return d
	}
	q.From, q.To = day("from"), day("to")
	if !q.From.IsZero() && !q.To.IsZero() && q.To.Before(q.From) {
		bad.Add("/to", "this is before from")
	}
	if _, err := h.Packs.Pack(policy.ID(q.Law)); q.Law != "" && err != nil {
		bad.Add("/law", "there is no such law")
	}
	if q.Right != "" && !q.Right.Valid() {
		bad.Add("/right", "there is no such right")
	}
	return q
}

// writeCSV answers a table as a file named after what it is about.
func writeCSV(w http.ResponseWriter, what string, q numbers.Question, body []byte) {
	parts := []string{what}
	for _, d := range []civil.Date{q.From, q.To} {
		if !d.IsZero() {
			parts = append(parts, d.String())
		}
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", `attachment; filename="`+strings.Join(parts, "-")+`.csv"`)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // the connection may be gone
}
