package functions_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// TestTheTeamIsWarnedInTime follows a request that nobody works on: events at half and three quarters, a mail at nine tenths, and when
// the date has passed a mail to everybody who decides, and an entry in the register of late answers that only an account closes.
func TestTheTeamIsWarnedInTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	decider := registry.Staff{Email: "decider@example.com", Roles: []registry.Role{registry.Approver}}
	auditor := registry.Staff{Email: "auditor@example.com", Roles: []registry.Role{registry.Auditor}}
	for _, s := range []registry.Staff{decider, auditor} {
		s.ID = dsar.NewID()
		r.ok(r.set.Registry.AddStaff(t.Context(), s))
	}
	c := r.create()
	r.step("Triage", c)
	r.change(c, func(f *casefile.File) error {
		f.Case.Verification.VerifiedAt, f.Case.Phase = r.now, dsar.PhaseReviewResponse
		f.Case.Status = dsar.AwaitingReview
		return nil
	})
	due, start := r.one(c).Due.At, r.one(c).ReceivedAt
	at := func(percent int) {
		r.now = start.Add(due.Sub(start) * time.Duration(percent) / 100).Truncate(time.Second).Add(time.Second)
		r.change(c, func(f *casefile.File) error { f.Case.NextDue, f.Case.Restarts = r.now, 0; return nil })
		r.sweep(0)
		r.drain()
	}
	told := func(kind letters.Kind) (to []string) {
		_, all, err := r.set.Cases.Letters(t.Context(), tenant, c.ID, 100)
		r.ok(err)
		for _, l := range all {
			if l.Kind == string(kind) {
				to = append(to, l.To.Reveal())
			}
		}
		return to
	}
	for _, percent := range []int{40, 50, 60, 76} {
		at(percent)
	}
	if n := r.count(c, "deadline_near"); n != 2 || len(told(letters.TeamReminder)) != 0 {
		t.Errorf("%d warnings and %v before nine tenths", n, told(letters.TeamReminder))
	}
	at(91)
	at(95)
	if got := told(letters.TeamReminder); len(got) != 1 || got[0] != "privacy@example.com" {
		t.Errorf("reminded: %v", got)
	}
	at(101)
	at(110)
	if got := told(letters.TeamOverdue); strings.Join(got, " ") != "privacy@example.com decider@example.com" {
		t.Errorf("told that it is late: %v", got)
	}
	if l := r.one(c).Late; l == nil || l.Cause != casefile.CauseApproval || !l.Since.Equal(due) || r.count(c, "nonconformity_opened") != 1 {
		t.Errorf("in the register: %+v", l)
	}
	soon, late := 0, 0
	for _, e := range r.events {
		switch e.Type {
		case events.CaseDueSoon:
			soon++
		case events.CaseOverdue:
			late++
		}
	}
	if soon != 3 || late != 1 {
		t.Errorf("%d events before and %d after the date", soon, late)
	}
	r.accounts(c)
}

// accounts settles the late answer through the API.
func (r *rig) accounts(c casefile.Case) {
	r.t.Helper()
	token := r.staffToken(registry.Handler)
	account := map[string]string{"cause": "Nobody looked.", "action": "Two people look at what is due."}
	settle := func(in map[string]string, want int) {
		r.t.Helper()
		if w := r.call("POST", "/api/v1/cases/"+c.ID+"/nonconformity", token, in); w.Code != want {
			r.t.Errorf("accounting for it: %d %s, want %d", w.Code, w.Body, want)
		}
	}
	listed := func(query string, want bool) {
		r.t.Helper()
		w := r.call("GET", "/api/v1/nonconformities"+query, token, nil)
		if w.Code != http.StatusOK || strings.Contains(w.Body.String(), c.Reference) != want {
			r.t.Errorf("the register%s: %d %s", query, w.Code, w.Body)
		}
	}
	settle(account, http.StatusConflict) // it is to be answered first
	listed("", true)
	r.change(c, func(f *casefile.File) error { f.Case.Answered = true; return nil })
	settle(map[string]string{"cause": "Nobody looked."}, http.StatusBadRequest)
	settle(account, http.StatusOK)
	settle(account, http.StatusConflict)
	listed("", false)
	listed("?settled=true", true)
}

// call makes a call of the API.
func (r *rig) call(method, path, token string, in any) *httptest.ResponseRecorder {
	r.t.Helper()
	mux := http.NewServeMux()
	r.set.Register(mux)
	raw, err := json.Marshal(in)
	r.ok(err)
	req := httptest.NewRequestWithContext(r.t.Context(), method, path, bytes.NewReader(raw))
	req.RemoteAddr = "198.51.100.7:4711"
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, req)
	return w
}
