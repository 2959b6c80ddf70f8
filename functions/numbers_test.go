package functions_test

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/numbers"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// fromCalifornia opens a request of somebody who lives in California and takes it through triage.
func (r *rig) fromCalifornia(right dsar.Right) casefile.Case {
	r.t.Helper()
	c := r.create(func(o *casefile.Opening) {
		o.Right, o.Country, o.ReceivedAt = right, "US", r.now
		o.Person.Region = redact.NewText("California")
	})
	r.next("Triage", c, step.Proceed)
	r.next("Acknowledge", c, step.Proceed)
	return c
}

// after lets so many days go by and closes the case as it is left.
func (r *rig) after(days int, c casefile.Case, do func(f *casefile.File) error) {
	r.t.Helper()
	r.now = c.ReceivedAt.AddDate(0, 0, days)
	r.change(c, do)
	r.next("CloseCase", c, step.Proceed)
}

// answers is a case whose answer leaves, with one task that ended so.
func answers(action dsar.Action, o dsar.Outcome, because string) func(f *casefile.File) error {
	return func(f *casefile.File) error {
		f.Case.Status, f.Case.Answered = dsar.InProgress, true
		task := f.AddTask("shop", action)
		task.Because = because
		task.Done(o, f.Now())
		return nil
	}
}

// A year of requests: some are granted, one in part, some denied, one withdrawn, one never verified, one is still open and late. What the
// API counts is what happened, for each law by itself, and it is the same when nothing is left of the cases but their rows.
func TestNumbersTellWhatHappened(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	words := redact.NewText("We need it for a lawsuit.")
	start := r.now
	each := func(right dsar.Right, days int, do func(f *casefile.File) error) casefile.Case {
		r.now = start
		c := r.fromCalifornia(right)
		r.after(days, c, do)
		return c
	}
	each(dsar.Erasure, 4, answers(dsar.Erase, dsar.Erased, ""))
	each(dsar.Erasure, 10, answers(dsar.Erase, dsar.Erased, ""))
	part := each(dsar.Erasure, 50, func(f *casefile.File) error { // past its 45 days
		if err := f.NoteLate(); err != nil {
			return err
		}
		if err := answers(dsar.Erase, dsar.Erased, "")(f); err != nil {
			return err
		}
		kept := f.AddTask("ledger", dsar.Erase)
		kept.Because = string(dsar.Exemption)
		kept.Done(dsar.Retained, f.Now())
		f.Case.Exemptions = []casefile.Exemption{{System: "ledger", Citation: "Civ. Code 1798.105(d)(8)"}}
		return nil
	})
	each(dsar.Erasure, 20, func(f *casefile.File) error {
		f.Case.Status, f.Case.Phase, f.Case.Package = dsar.AwaitingReview, dsar.PhaseReviewResponse, &casefile.Package{}
		ground := casefile.Ground{Code: "exemption:legal_claims", Citation: "Civ. Code 1798.145(a)"}
		if err := f.RefuseResponse("staff:01", f.Case.ResponseHash(), ground, words); err != nil {
			return err
		}
		return f.RefuseResponse("staff:02", f.Case.ResponseHash(), ground, words)
	})
	each(dsar.Erasure, 6, func(f *casefile.File) error { return f.Withdraw(evidence.Subject, words) })
	each(dsar.Access, 30, func(f *casefile.File) error { f.Case.Verification.Expired = true; return nil })
	r.now = start.AddDate(-1, 0, 0)
	r.after(3, r.fromCalifornia(dsar.Access), answers(dsar.ReadOut, dsar.Found, "")) // of the year before
	r.now = start
	r.next("Triage", r.create(), step.Proceed) // of the European Union, open

	r.now = start.AddDate(0, 3, 0)
	got := r.figures("?from=2027-01-01&to=2027-12-31")
	days := func(n float64) *float64 { return &n }
	erasures := numbers.Count{
		Received: 5, Complied: 2, InPart: 1, Denied: 1, Withdrawn: 1, Late: 1, Answered: 4, MeanDays: days(21), MedianDays: days(15),
		Bases: map[numbers.Basis]int{numbers.Exempt: 2},
	}
	want := []numbers.Line{
		{Law: "eu", Right: dsar.Access, Count: numbers.Count{Received: 1, Open: 1, Late: 1, Bases: map[numbers.Basis]int{}}},
		{Law: "us-ca", Right: dsar.Access, Count: numbers.Count{Received: 1, Unverified: 1, Bases: map[numbers.Basis]int{numbers.NotVerifiable: 1}}},
		{Law: "us-ca", Right: dsar.Erasure, Count: erasures},
	}
	if diff := cmp.Diff(want, got.Lines); diff != "" {
		t.Error(diff)
	}
	if got.Total.Received != 7 || got.Counted != 7 || got.Open != 1 || got.Late != 2 {
		t.Errorf("in all: %+v", got)
	}
	if p := got.Published; len(p) != 5 || p[0].Received != 5 || p[0].Complied != 3 || p[0].Denied != 1 || p[2].Denied != 1 || *p[0].MedianDays != 15 {
		t.Errorf("to be published: %+v", p)
	}
	if got := r.figures("?law=us-ca&right=access"); got.Total.Received != 2 || got.Total.Complied != 1 {
		t.Errorf("of one right, over all years: %+v", got.Total)
	}

	r.drain()
	r.now = start.AddDate(4, 0, 0)
	for range 2 { // what was worked with, then the rest
		r.dispose()
	}
	if r.one(part).Disposal.At.IsZero() {
		t.Fatal("nothing was disposed of")
	}
	later := r.figures("?from=2027-01-01&to=2027-12-31")
	if diff := cmp.Diff(got.Lines, later.Lines); diff != "" {
		t.Errorf("after the disposal: %s", diff)
	}
	record := r.record("?from=2027-01-01&to=2027-12-31&law=us-ca&right=erasure")
	if len(record) != 6 || record[3][8] != "complied_in_part" || record[3][10] != "exemption (Civ. Code 1798.105(d)(8))" || record[3][11] != "true" {
		t.Errorf("the record: %v", record)
	}
}

// figures asks the API as an auditor.
func (r *rig) figures(query string) (out struct {
	numbers.Report
	Counted, Open, Late int
},
) {
	r.t.Helper()
	w := r.web(http.MethodGet, "/api/v1/metrics/requests"+query, r.staffToken(registry.Auditor), nil)
	if w.Code != http.StatusOK {
		r.t.Fatalf("%d: %s", w.Code, w.Body)
	}
	r.ok(json.Unmarshal(w.Body.Bytes(), &out))
	return out
}

func (r *rig) record(query string) [][]string {
	r.t.Helper()
	w := r.web(http.MethodGet, "/api/v1/metrics/requests/records"+query, r.staffToken(registry.Auditor), nil)
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") {
		r.t.Fatalf("%d: %s", w.Code, w.Body)
	}
	lines, err := csv.NewReader(w.Body).ReadAll()
	r.ok(err)
	return lines
}

// The boundaries of a period are days of the tenant's zone, and what cannot be asked is refused.
func TestNumbersOfAPeriod(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.now = time.Date(2027, 1, 31, 22, 59, 0, 0, time.UTC) // 23:59 in Berlin
	r.create()
	r.now = time.Date(2027, 1, 31, 23, 0, 0, 0, time.UTC) // 00:00 of February
	r.create()
	for query, want := range map[string]int{
		"?from=2027-01-01&to=2027-01-31": 1, "?from=2027-02-01&to=2027-02-28": 1, "?from=2027-01-31&to=2027-02-01": 2, "": 2,
		"?from=2027-02-01": 1, "?to=2027-01-31": 1, "?from=2027-03-01": 0, "?right=erasure": 0, "?law=us-ca": 0,
	} {
		if got := r.figures(query); got.Total.Received != want {
			t.Errorf("%q: %d, want %d", query, got.Total.Received, want)
		}
	}
	for _, query := range []string{"?from=yesterday", "?from=2027-02-01&to=2027-01-01", "?law=atlantis", "?right=forget", "?format=pdf"} {
		if w := r.web(http.MethodGet, "/api/v1/metrics/requests"+query, r.staffToken(registry.Auditor), nil); w.Code != http.StatusBadRequest {
			t.Errorf("%q: %d", query, w.Code)
		}
	}
	table := r.web(http.MethodGet, "/api/v1/metrics/requests?from=2027-01-01&to=2027-12-31&format=csv", r.staffToken(registry.Auditor), nil)
	if !strings.HasPrefix(table.Body.String(), "law,right,received,") || !strings.Contains(table.Header().Get("Content-Disposition"), "numbers-2027-01-01-2027-12-31.csv") {
		t.Errorf("as CSV: %v, %s", table.Header(), table.Body)
	}
}
