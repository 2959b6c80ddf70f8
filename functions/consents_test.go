package functions_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/consent"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// suppressed asks as the controller's site does.
type suppressed struct {
	Suppressed bool
	Because    string
	Since      time.Time
	AskAfter   time.Time
	StopBy     time.Time
}

func (r *rig) suppressed(token, purpose, address string) suppressed {
	r.t.Helper()
	w := r.call("POST", "/api/v1/suppressions/check", token, map[string]any{"purpose": purpose, "people": [][]subject.Revealed{{{Kind: subject.Email, Value: address}}}})
	var out struct{ People []suppressed }
	if w.Code != http.StatusOK || json.Unmarshal(w.Body.Bytes(), &out) != nil || len(out.People) != 1 {
		r.t.Fatalf("asking: %d %s", w.Code, w.Body)
	}
	return out.People[0]
}

// TestAnObjectionToAdvertisingIsAppliedAtOnce: without proof and without review, and other systems hear of it (GDPR Art. 21(3)).
func TestAnObjectionToAdvertisingIsAppliedAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	site := r.staffToken(registry.Site)
	about := func(right dsar.Right, purpose string) func(*casefile.Opening) {
		return func(o *casefile.Opening) { o.Right, o.Purpose = right, purpose }
	}
	other := r.create(about(dsar.Objection, ""))
	r.step("Triage", other)
	if r.suppressed(site, consent.DirectMarketing, ada).Suppressed {
		t.Error("an objection to something else stops advertising")
	}
	c := r.create(about(dsar.Objection, consent.DirectMarketing))
	r.step("Triage", c)
	r.drain()
	got := r.suppressed(site, consent.DirectMarketing, "Ada@Example.com")
	if !got.Suppressed || got.Because != "objected" || !got.Since.Equal(c.ReceivedAt) {
		t.Errorf("got %+v", got)
	}
	if r.suppressed(site, "newsletter", ada).Suppressed || r.suppressed(site, consent.DirectMarketing, bob).Suppressed {
		t.Error("more than was asked for")
	}
	if r.count(c, "consent_recorded") != 1 {
		t.Error("no evidence")
	}
	heard := 0
	for _, e := range r.events {
		if e.Type == events.ConsentChanged && e.CaseID == c.ID {
			heard++
		}
	}
	if heard != 1 {
		t.Errorf("%d events", heard)
	}
	r.step("Triage", c) // a step that runs again says nothing twice
	if r.count(c, "consent_recorded") != 1 {
		t.Error("said twice")
	}
}

// TestAWithdrawalCountsOnceItIsProvedWhoAsks, and an opt-out at once; California has twelve months pass before somebody is asked again.
func TestAWithdrawalCountsOnceItIsProvedWhoAsks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	site := r.staffToken(registry.Site)
	c := r.create(func(o *casefile.Opening) { o.Right, o.Purpose = dsar.WithdrawConsent, "newsletter" })
	r.step("Triage", c)
	if r.suppressed(site, "newsletter", ada).Suppressed {
		t.Error("anybody can withdraw for anybody")
	}
	r.change(c, func(f *casefile.File) error {
		f.Case.Verification.VerifiedAt, f.Case.Phase = r.now, dsar.PhaseLocate
		return f.Case.Become(dsar.InProgress)
	})
	r.step("OpenTasks", c, func(in map[string]any) { in["phase"] = "locate" })
	if got := r.suppressed(site, "newsletter", ada); !got.Suppressed || got.Because != "withdrawn" {
		t.Errorf("got %+v", got)
	}
	ca := r.create(func(o *casefile.Opening) {
		o.Right, o.Country = dsar.OptOut, "US"
		o.Person.Region = redact.NewText("California")
	})
	r.step("Triage", ca)
	got := r.suppressed(site, consent.SaleOrSharing, ada)
	if !got.Suppressed || got.AskAfter.Before(r.now.AddDate(1, 0, 0)) || got.AskAfter.After(r.now.AddDate(1, 0, 2)) {
		t.Errorf("got %+v", got)
	}
}

// TestASignalCountsWhereTheLawHeedsIt (11 CCR 7025).
func TestASignalCountsWhereTheLawHeedsIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	site := r.staffToken(registry.Site)
	send := func(address, country, region string) {
		who, err := subject.New(subject.Email, address)
		r.ok(err)
		c := r.create(func(o *casefile.Opening) {
			o.Country, o.Signal = country, "gpc"
			o.Person.Email, o.Person.Region = who, redact.NewText(region)
		})
		r.step("Triage", c)
	}
	send(ada, "US", "CA")
	send(bob, "DE", "")
	if !r.suppressed(site, consent.SaleOrSharing, ada).Suppressed || r.suppressed(site, consent.SaleOrSharing, bob).Suppressed {
		t.Error("the signal counts elsewhere, or not in California")
	}
}

// TestTheSiteKeepsTheLedger: it says what people agreed to, reads it back, and sees nothing else.
func TestTheSiteKeepsTheLedger(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	site := r.staffToken(registry.Site)
	who := []subject.Revealed{{Kind: subject.Email, Value: ada}}
	said := func(in map[string]any, want int) {
		r.t.Helper()
		in["identifiers"] = who
		if w := r.call("POST", "/api/v1/consents", site, in); w.Code != want {
			r.t.Errorf("%v: %d %s", in, w.Code, w.Body)
		}
	}
	said(map[string]any{"state": "given", "purpose": "newsletter", "notice": "privacy-2027-01", "channel": "web", "how": "double_opt_in", "country": "DE"}, http.StatusCreated)
	said(map[string]any{"state": "given", "purpose": "newsletter", "channel": "web"}, http.StatusBadRequest) // to what?
	said(map[string]any{"state": "withdrawn", "purpose": "newsletter", "channel": "app", "country": "US", "region": "RI"}, http.StatusCreated)
	w := r.call("POST", "/api/v1/consents/query", site, map[string]any{"identifiers": who})
	var out struct {
		Entries  []consent.Entry
		Standing map[string]consent.Entry
	}
	if w.Code != http.StatusOK || json.Unmarshal(w.Body.Bytes(), &out) != nil || len(out.Entries) != 2 || out.Entries[0].How != "double_opt_in" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	// Rhode Island has processing stop within 15 days of the withdrawal.
	if got := out.Standing["newsletter"]; got.State != consent.Withdrawn || got.StopBy.Sub(r.now) < 14*24*time.Hour || got.StopBy.Sub(r.now) > 17*24*time.Hour {
		t.Errorf("got %+v", got)
	}
	for _, path := range []string{"/api/v1/cases", "/api/v1/systems", "/api/v1/audit", "/api/v1/nonconformities"} {
		if w := r.call("GET", path, site, nil); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	auditor := r.staffToken(registry.Auditor)
	if w := r.call("POST", "/api/v1/consents/query", auditor, map[string]any{"identifiers": who}); w.Code != http.StatusForbidden {
		t.Errorf("an auditor: %d", w.Code)
	}
	if w := r.call("POST", "/api/v1/suppressions/check", site, map[string]any{"purpose": "x", "people": [][]subject.Revealed{{}}}); w.Code != http.StatusBadRequest {
		t.Errorf("nobody: %d", w.Code)
	}
}

// TestARestrictionIsLiftedOnlyAfterThePersonWasTold (GDPR Art. 18(3)).
func TestARestrictionIsLiftedOnlyAfterThePersonWasTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create(func(o *casefile.Opening) { o.Right = dsar.Restriction })
	r.step("Triage", c)
	r.change(c, func(f *casefile.File) error {
		f.Case.Verification.VerifiedAt, f.Case.Answered = r.now, true
		f.Case.Status, f.Case.Phase, f.Case.ClosedAt = dsar.Fulfilled, dsar.PhaseClose, r.now
		return nil
	})
	token := r.staffToken(registry.Approver)
	at := "/api/v1/cases/" + c.ID + "/lifting"
	try := func(path string, in map[string]string, want int) {
		r.t.Helper()
		if w := r.call("POST", path, token, in); w.Code != want {
			t.Errorf("%s %v: %d %s, want %d", path, in, w.Code, w.Body, want)
		}
	}
	how := map[string]string{"reason": "The flag in the shop was taken away."}
	try(at+"/done", how, http.StatusConflict) // nobody was told
	try(at, map[string]string{"from": r.now.Format(time.DateOnly), "reason": "The address is right."}, http.StatusBadRequest)
	try(at, map[string]string{"from": r.now.AddDate(0, 0, 7).Format(time.DateOnly)}, http.StatusBadRequest)
	try(at, map[string]string{"from": r.now.AddDate(0, 0, 7).Format(time.DateOnly), "reason": "The address is right."}, http.StatusAccepted)
	try(at+"/done", how, http.StatusConflict) // the letter has not left
	r.drain()
	try(at+"/done", how, http.StatusConflict) // the day has not come
	r.now = r.now.AddDate(0, 0, 8)
	try(at+"/done", map[string]string{}, http.StatusBadRequest)
	try(at+"/done", how, http.StatusOK)
	try(at+"/done", how, http.StatusConflict)
	if r.count(c, "restriction_lift_announced") != 1 || r.count(c, "restriction_lifted") != 1 {
		t.Error("no evidence")
	}
	if w := r.call("POST", at, r.staffToken(registry.Handler), map[string]string{"from": "2028-01-01", "reason": "x"}); w.Code != http.StatusForbidden {
		t.Errorf("a handler: %d", w.Code)
	}
}
