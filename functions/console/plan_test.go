package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/hold"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// fakeLists has as many lines of each count as the reference says.
type fakeLists struct{}

func (fakeLists) List(_ context.Context, _ engine.Keys, ref engine.PlanRef) iter.Seq2[connector.Change, error] {
	return func(yield func(connector.Change, error) bool) {
		for _, n := range ref.Counts {
			for i := range n.Records {
				c := connector.Change{Collection: n.Collection, Action: n.Action, Key: connector.Key{connector.Text(fmt.Sprintf("%s-%d", n.Collection, i))}}
				if n.Action == connector.ActMask {
					c.Fields = []connector.Field{{Name: "email", Value: connector.Text("masked-value")}, {Name: "phone"}}
				}
				if !yield(c, nil) {
					return
				}
			}
		}
	}
}

// planned is an erasure whose plan waits: one customer is masked, 40 orders are deleted and one invoice stays.
func (r *rig) planned(tenant string) casefile.Case {
	r.t.Helper()
	c := r.verified(r.open(tenant, func(o *casefile.Opening) { o.Right = dsar.Erasure }))
	r.edit(c, func(f *casefile.File) {
		ref := engine.PlanRef{Name: "x", Parts: 1, Hash: "ab", Counts: []engine.PlanCount{
			{Collection: "customers", Action: connector.ActMask, Records: 1},
			{Collection: "orders", Action: connector.ActDelete, Records: 40},
			{Collection: "invoices", Action: connector.ActKeep, Records: 1, Because: "exemption", Reason: "Invoices are kept ten years."},
		}}
		f.Case.Planning = 2
		old := f.AddTask("shop", dsar.Erase)
		old.Because, old.Note = casefile.Drifted, "12 records came on top"
		old.Done(dsar.NotDone, f.Now())
		dry := f.AddTask("shop", dsar.DryRun)
		dry.Planning, dry.List = 2, must[json.RawMessage](r.t)(json.Marshal(ref))
		dry.Done(dsar.Found, f.Now())
		f.AddTask("shop", dsar.Erase).Planning = 2
		p := plan.Plan{PreparedBy: evidence.System, GrowthLimit: plan.DefaultGrowthLimit}
		s := plan.System{Name: "shop", Action: dsar.Erase, By: plan.Machine}
		for _, n := range ref.Counts {
			s.Collections = append(s.Collections, plan.Collection{Name: n.Collection, Action: string(n.Action), Records: int64(n.Records), Because: string(n.Because), Reason: n.Reason})
		}
		p.Systems = []plan.System{s, {Name: "archive", Action: dsar.Erase, By: plan.Owner}}
		if err := p.Seal(); err != nil {
			r.t.Fatal(err)
		}
		f.Case.Plan, f.Case.GraceDays = &p, 7
		f.Case.Status, f.Case.Phase = dsar.AwaitingReview, dsar.PhaseReviewPlan
	})
	return r.one(c)
}

func contains(t *testing.T, where, body string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(body, w) {
			t.Errorf("%s does not say %q", where, w)
		}
	}
}

func TestThePlanPageSaysWhatHappensAndWhoMayDecide(t *testing.T) {
	r := newRig(t)
	_, approver, token := r.staff(home, registry.Approver)
	_, handler, _ := r.staff(home, registry.Handler)
	c := r.planned(home)
	at := "/console/cases/" + c.ID
	body := r.want(r.page(approver, http.MethodGet, at+"/plan", nil), http.StatusOK).body
	contains(t, "the plan", body, "Approve and erase 41 records", "12 records came on top", "Invoices are kept ten years.", "plan number 2", "7 days to call it off", "by the owner of the system")
	contains(t, "the case", r.want(r.page(approver, http.MethodGet, at, nil), http.StatusOK).body, "It would change 41 records", at+"/plan")
	body = r.want(r.page(handler, http.MethodGet, at+"/plan", nil), http.StatusOK).body
	contains(t, "the plan for a handler", body, "Approving and refusing is for approvers", "Change the plan and check it again")
	if strings.Contains(body, "Approve and erase") {
		t.Error("a handler is offered to approve")
	}

	v := r.want(r.call(token, http.MethodGet, "/api/v1/cases/"+c.ID+"/plan", ""), http.StatusOK).json(t)
	if v["waiting"] != true || v["changes"] != 41.0 || v["planning"] != 2.0 || v["graceDays"] != 7.0 || len(v["drifted"].([]any)) != 1 {
		t.Errorf("the plan by API: %v", v)
	}

	form := url.Values{"hash": {c.Plan.Hash}, "exempt": {"shop:orders"}, "citation": {""}, "why": {""}, "growthLimit": {"900"}}
	body = r.want(r.page(approver, http.MethodPost, at+"/plan/edit", form), http.StatusBadRequest).body
	contains(t, "the form", body, "Cite the law that the exemption rests on", "Say why the plan changes", `value="shop:orders" selected`)
	form.Set("citation", "GDPR Art. 17(3)(e)")
	form.Set("why", "A claim is pending.")
	form.Set("growthLimit", "9")
	r.want(r.page(approver, http.MethodPost, at+"/plan/edit", form), http.StatusSeeOther)
	got := r.one(c)
	if len(got.Exemptions) != 1 || got.Exemptions[0].Collection != "orders" || got.GrowthLimit != 9 || len(got.Replan) == 0 {
		t.Errorf("the case after the edit: %v %d %v", got.Exemptions, got.GrowthLimit, got.Replan)
	}
	contains(t, "an edited plan", r.want(r.page(approver, http.MethodGet, at+"/plan", nil), http.StatusOK).body, "This plan is being made anew")

	r.edit(c, func(f *casefile.File) { f.Case.Replan, f.Case.PlanDecision = nil, nil })
	body = r.want(r.page(approver, http.MethodGet, at+"/plan", nil), http.StatusOK).body
	contains(t, "a plan for whoever edited it", body, "You prepared or changed this plan", "Take an exemption of this case back")
	if strings.Contains(body, "Approve and erase") {
		t.Error("whoever edited the plan is offered to approve it")
	}
	_, second, _ := r.staff(home, registry.Approver)
	form = url.Values{"hash": {r.one(c).Plan.Hash}, "decision": {"refuse"}}
	r.want(r.page(second, http.MethodPost, at+"/plan", form), http.StatusBadRequest)
	form.Set("decision", "approve")
	if to := r.want(r.page(second, http.MethodPost, at+"/plan", form), http.StatusSeeOther).Header.Get("Location"); !strings.Contains(to, "plan_approved") {
		t.Errorf("goes on to %s", to)
	}
	if got := r.one(c); !got.PlanApproved() {
		t.Error("the plan is not approved")
	}
}

func TestSamplesAreShownForAReasonAndRecorded(t *testing.T) {
	r := newRig(t)
	_, cookie, token := r.staff(home, registry.Approver)
	_, _, auditor := r.staff(home, registry.Auditor)
	c := r.planned(home)
	at := "/api/v1/cases/" + c.ID + "/plan/samples"
	r.want(r.call(token, http.MethodPost, at, `{"system":"shop","collection":"orders","reason":" "}`), http.StatusBadRequest)
	r.want(r.call(token, http.MethodPost, at, `{"system":"shop","collection":"nowhere","reason":"checking"}`), http.StatusNotFound)
	if slices.Contains(r.audit(auditor), "samples_shown") || r.one(c).Head != c.Head {
		t.Error("a refused look left a trace")
	}
	v := r.want(r.call(token, http.MethodPost, at, `{"system":"shop","collection":"orders","reason":"checking the canary"}`, "Idempotency-Key", "k1"), http.StatusOK).json(t)
	if list := v["samples"].([]any); len(list) != 20 || v["more"] != true {
		t.Errorf("%d samples, more %v", len(list), v["more"])
	}
	if !slices.Contains(r.audit(auditor), "samples_shown") {
		t.Error("the look is not in the audit")
	}
	notes := must[[]casefile.ReadMessage](t)(r.h.Cases.Notes(t.Context(), home, c.ID, 10))
	if len(notes) != 1 || !strings.Contains(notes[0].Text.Reveal(), "checking the canary") {
		t.Errorf("%d notes", len(notes))
	}
	page := "/console/cases/" + c.ID + "/plan/samples"
	contains(t, "the question", r.want(r.page(cookie, http.MethodGet, page+"?system=shop&collection=customers", nil), http.StatusOK).body, "Up to 20 records are shown")
	form := url.Values{"system": {"shop"}, "collection": {"customers"}}
	contains(t, "the form", r.want(r.page(cookie, http.MethodPost, page, form), http.StatusBadRequest).body, "Say why")
	form.Set("reason", "checking")
	contains(t, "the samples", r.want(r.page(cookie, http.MethodPost, page, form), http.StatusOK).body, "customers-0", "masked-value", "empty")
}

func TestAPausedCaseSaysSo(t *testing.T) {
	r := newRig(t)
	_, cookie, token := r.staff(home, registry.Approver)
	c := r.planned(home)
	at := "/console/cases/" + c.ID
	contains(t, "the question", r.want(r.page(cookie, http.MethodGet, at+"/pause", nil), http.StatusOK).body, "Work stops before the next batch")
	r.want(r.page(cookie, http.MethodPost, at+"/pause", url.Values{}), http.StatusBadRequest)
	r.want(r.page(cookie, http.MethodPost, at+"/pause", url.Values{"reason": {"We ask the court."}}), http.StatusSeeOther)
	contains(t, "the case", r.want(r.page(cookie, http.MethodGet, at, nil), http.StatusOK).body, "This case is paused", at+"/resume", ">paused<")
	contains(t, "the plan", r.want(r.page(cookie, http.MethodGet, at+"/plan", nil), http.StatusOK).body, "takes effect when somebody goes on")
	contains(t, "the list", r.want(r.page(cookie, http.MethodGet, "/console/cases", nil), http.StatusOK).body, ">paused<")
	contains(t, "the first page", r.want(r.page(cookie, http.MethodGet, "/console/", nil), http.StatusOK).body, ">paused<")
	if v := r.call(token, http.MethodGet, "/api/v1/cases/"+c.ID, "").json(t); v["paused"] != true {
		t.Error("the API does not say that the case is paused")
	}
	r.want(r.page(cookie, http.MethodGet, at+"/resume", nil), http.StatusOK)
	r.want(r.page(cookie, http.MethodPost, at+"/resume", url.Values{}), http.StatusSeeOther)
	if r.one(c).Paused != nil {
		t.Error("the case is still paused")
	}
	r.want(r.page(cookie, http.MethodPost, at+"/proceed-without", url.Values{"reason": {"gone"}}), http.StatusBadRequest)
	contains(t, "the question", r.want(r.page(cookie, http.MethodGet, at+"/proceed-without", nil), http.StatusOK).body, "Web shop")
	r.want(r.page(cookie, http.MethodPost, at+"/proceed-without", url.Values{"system": {"shop"}, "reason": {"It moves."}}), http.StatusSeeOther)
	if got := r.one(c); len(got.Supplement) != 1 {
		t.Error("no supplement follows")
	}
}

func TestHoldsArePlacedShownAndReleased(t *testing.T) {
	r := newRig(t)
	_, cookie, token := r.staff(home, registry.Approver)
	_, _, auditor := r.staff(home, registry.Auditor)
	c := r.planned(home)
	bad := url.Values{"scope": {"subject"}, "kind": {"email"}, "reason": {"court"}}
	contains(t, "the form", r.want(r.page(cookie, http.MethodPost, "/console/place-hold", bad), http.StatusBadRequest).body, "identifier")
	bad = url.Values{"scope": {"case"}, "case": {"2F8KW-00QRD"}, "reason": {"court"}}
	r.want(r.page(cookie, http.MethodPost, "/console/place-hold", bad), http.StatusBadRequest)
	good := url.Values{"scope": {"subject"}, "kind": {"email"}, "identifier": {canary}, "system": {"shop"}, "collection": {"orders"}, "keys": {"17\n 18 \n"}, "reason": {"The canary case."}, "reviewBy": {"2026-12-31"}}
	to := r.want(r.page(cookie, http.MethodPost, "/console/place-hold", good), http.StatusSeeOther).Header.Get("Location")
	at, _, _ := strings.Cut(to, "?")
	id := at[strings.LastIndex(at, "/")+1:]
	list := r.want(r.page(cookie, http.MethodGet, "/console/holds", nil), http.StatusOK).body
	contains(t, "the list", list, "review overdue", "The review of 1 hold is overdue", at)
	one := r.want(r.page(cookie, http.MethodGet, at, nil), http.StatusOK).body
	if strings.Contains(list+one, canary) || strings.Contains(one, "The canary case.") {
		t.Error("whom the hold is about is shown without a look that is recorded")
	}
	contains(t, "the hold in the open", r.want(r.page(cookie, http.MethodPost, at, url.Values{}), http.StatusOK).body, canary, "17, 18", "The canary case.")
	if !slices.Contains(r.audit(auditor), "hold_revealed") {
		t.Error("the look is not in the audit")
	}
	v := r.want(r.call(auditor, http.MethodGet, "/api/v1/holds/"+id+"?reveal=true", ""), http.StatusOK).json(t)
	if v["details"] != nil {
		t.Error("an auditor sees whom a hold is about")
	}
	if v = r.want(r.call(token, http.MethodGet, "/api/v1/holds/"+id+"?reveal=true", ""), http.StatusOK).json(t); v["details"] == nil {
		t.Error("an approver does not see whom a hold is about")
	}

	r.edit(c, func(f *casefile.File) {
		f.Act("shop").Held = []string{id}
		f.With(hold.Kept(home, id, c.ID))
	})
	contains(t, "the hold", r.want(r.page(cookie, http.MethodGet, at, nil), http.StatusOK).body, c.Reference)
	contains(t, "the plan", r.want(r.page(cookie, http.MethodGet, "/console/cases/"+c.ID+"/plan", nil), http.StatusOK).body, at)
	contains(t, "the question", r.want(r.page(cookie, http.MethodGet, at+"/release", nil), http.StatusOK).body, "What it kept in 1 case is planned again")
	r.want(r.page(cookie, http.MethodPost, at+"/release", url.Values{}), http.StatusSeeOther)
	if got := r.one(c); !slices.Contains(got.Replan, "shop") {
		t.Error("what the hold kept is not planned again")
	}
	r.want(r.page(cookie, http.MethodGet, at+"/release", nil), http.StatusConflict)
}

// TestAReleaseIsNotLostOnACaseWhoseAnswerIsOnItsWay: it is neither planned now nor forgotten.
func TestAReleaseIsNotLostOnACaseWhoseAnswerIsOnItsWay(t *testing.T) {
	r := newRig(t)
	_, _, token := r.staff(home, registry.Approver)
	c := r.planned(home)
	one := must[hold.Hold](t)(r.h.Holds.Place(t.Context(), hold.Hold{Tenant: home, Scope: hold.System, System: "shop"}, hold.Details{Reason: redact.NewText("audit")}))
	r.edit(c, func(f *casefile.File) {
		f.Act("shop").Held, f.Case.Answered = []string{one.ID}, true
		f.With(hold.Kept(home, one.ID, c.ID))
	})
	r.want(r.call(token, http.MethodDelete, "/api/v1/holds/"+one.ID, ""), http.StatusNoContent)
	if left := must[[]string](t)(r.h.Holds.Cases(t.Context(), home, one.ID, 5)); len(left) != 1 {
		t.Error("the case is forgotten before it can be reopened")
	}
	if list := must[[]hold.Released](t)(r.h.Holds.Releases(t.Context(), 5)); len(list) != 1 {
		t.Error("the clockwork does not know of the release")
	}
}

func TestTasksAfterAChangeHaveWords(t *testing.T) {
	r := newRig(t)
	_, cookie, _ := r.staff(home, registry.Approver)
	for why, want := range map[string]string{"verify": "Check a change that did not hold", "conflict": "Decide on a system that keeps changing"} {
		c := r.planned(home)
		var id string
		r.edit(c, func(f *casefile.File) {
			t := f.AddTask("shop", dsar.VerifyAfter)
			t.Ask(why, "Two records are there again.", f.Now(), casefile.AnswersForVerification)
			id = t.ID
		})
		at := "/console/tasks/" + c.ID + "/" + id
		contains(t, why, r.want(r.page(cookie, http.MethodGet, at, nil), http.StatusOK).body, want, "Plan this system again", "Two records are there again.")
		r.want(r.page(cookie, http.MethodPost, at, url.Values{"outcome": {"replan"}}), http.StatusSeeOther)
	}
	c := r.planned(home)
	var id string
	r.edit(c, func(f *casefile.File) {
		f.Case.Right = dsar.Restriction
		t := f.AddTask("archive", dsar.Restrict)
		t.Ask("manual", "Do it by hand.", f.Now(), casefile.AnswersForHandwork)
		id = t.ID
	})
	at := "/console/tasks/" + c.ID + "/" + id
	contains(t, "a restriction", r.want(r.page(cookie, http.MethodGet, at, nil), http.StatusOK).body, "write down how that is enforced", canary)
	r.want(r.page(cookie, http.MethodPost, at, url.Values{"outcome": {"done"}}), http.StatusBadRequest)
	r.want(r.page(cookie, http.MethodPost, at, url.Values{"outcome": {"done"}, "reason": {"A note in the file."}}), http.StatusSeeOther)
}
