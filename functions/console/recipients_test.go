package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/registry"
)

func TestRecipientsAreRegisteredWithHowTheyAreTold(t *testing.T) {
	r := newRig(t)
	_, cookie, token := r.staff(home, registry.Admin)
	at := "/api/v1/recipients/agency"
	for body, pointer := range map[string]string{
		`{"title":""}`: "/title",
		`{"title":"A","webhook":"https://agency.test/hook"}`:                                         "/secret",
		`{"title":"A","webhook":"http://agency.test/hook","secret":"env:AGENCY"}`:                    "/webhook",
		`{"title":"A","webhook":"https://agency.test/hook","secret":"whsec_c2VjcmV0"}`:               "/secret",
		`{"title":"A","identifiers":["E-Mail"]}`:                                                     "/identifiers",
		`{"title":"A","name":"other"}`:                                                               "/name",
		`{"title":"A","email":"nobody"}`:                                                             "/email",
		`{"title":"A","country":"Germany"}`:                                                          "/country",
		`{"title":"A","webhook":"https://user:pass@agency.test/","secret":"env:AGENCY","email":"x"}`: "/email",
	} {
		if p := r.want(r.call(token, "PUT", at, body), 400); !strings.Contains(p.body, `"pointer":"`+pointer+`"`) {
			t.Errorf("%s: %s", body, p.body)
		}
	}
	body := `{"name":"agency","title":"Mail agency","webhook":"https://agency.test/hook","secret":"env:AGENCY","allowPrivate":true,"identifiers":["email","customer_id"]}`
	r.want(r.call(token, "PUT", at, body), 200)
	if got := r.want(r.call(token, "GET", at, ""), 200).body; got != body {
		t.Errorf("got %s", got)
	}
	form := url.Values{"title": {"The mail agency"}, "email": {"privacy@agency.test"}, "identifiers": {"email, phone"}}
	r.want(r.page(cookie, "POST", "/console/recipients/agency", form), 303)
	if got := r.want(r.page(cookie, "GET", "/console/recipients/agency", nil), 200).body; !strings.Contains(got, "The mail agency") || !strings.Contains(got, "email, phone") || strings.Contains(got, "agency.test/hook") {
		t.Error("the form does not show what was saved")
	}
	r.want(r.page(cookie, "POST", "/console/recipients/nobody", form), 404)
	fresh := url.Values{"name": {"agency"}, "title": {"Another"}}
	if got := r.want(r.page(cookie, "POST", "/console/add-recipient", fresh), 400).body; !strings.Contains(got, "There is a recipient of this name already") {
		t.Error("a new recipient takes the place of another")
	}
	fresh.Set("name", "tax")
	r.want(r.page(cookie, "POST", "/console/add-recipient", fresh), 303)
	if got := r.want(r.page(cookie, "GET", "/console/recipients", nil), 200).body; !strings.Contains(got, "Another") || !strings.Contains(got, "no way is registered") {
		t.Error("the list does not show it")
	}
}

func (r *rig) noticeOf(c casefile.Case) *casefile.Notice {
	r.t.Helper()
	f := must[*casefile.File](r.t)(r.h.Cases.Load(r.t.Context(), c.Tenant, c.ID))
	return must[*casefile.Notice](r.t)(f.NoticeTo(r.t.Context(), "parcels"))
}

func TestARecipientThatWasNotToldWaitsForAPerson(t *testing.T) {
	r := newRig(t)
	_, handlerCookie, handler := r.staff(home, registry.Handler)
	_, approverCookie, approver := r.staff(home, registry.Approver)
	_, _, auditor := r.staff(home, registry.Auditor)
	c, _ := r.busy(home)
	r.edit(c, r.untold)
	at := "/console/cases/" + c.ID + "/notices/parcels"
	for _, page := range []string{"/console/", "/console/tasks", "/console/cases/" + c.ID} {
		if body := r.want(r.page(handlerCookie, "GET", page, nil), 200).body; !strings.Contains(body, at) {
			t.Errorf("%s does not lead to the notice", page)
		}
	}
	var list struct {
		Notices []struct{ CaseID, Reference, Recipient, Status, Fault string }
		Next    string
	}
	if err := json.Unmarshal([]byte(r.want(r.call(handler, "GET", "/api/v1/notices", ""), 200).body), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Notices) != 1 || list.Notices[0].Reference != c.Reference || list.Notices[0].Recipient != "parcels" || list.Notices[0].Status != "failed" || list.Notices[0].Fault != "unavailable" {
		t.Errorf("%+v", list)
	}
	if body := r.want(r.page(handlerCookie, "GET", at, nil), 200).body; !strings.Contains(body, "It did not answer") || strings.Contains(body, `value="impossible"`) {
		t.Error("a handler may send it again and excuse nothing")
	}
	if body := r.want(r.page(approverCookie, "GET", at, nil), 200).body; !strings.Contains(body, `value="impossible"`) {
		t.Error("an approver may excuse it")
	}
	api := "/api/v1/cases/" + c.ID + "/notices/parcels/decision"
	r.want(r.call(handler, "POST", api, `{"decision":"impossible","reason":"dissolved"}`), 403)
	r.want(r.call(auditor, "POST", api, `{"decision":"retry"}`), 403)
	r.want(r.call(approver, "POST", api, `{"decision":"impossible"}`), 400)
	r.want(r.call(approver, "POST", api, `{"decision":"forget"}`), 400)
	r.want(r.call(approver, "POST", "/api/v1/cases/"+c.ID+"/notices/nobody/decision", `{"decision":"retry"}`), 404)
	if got := r.noticeOf(c).Status; got != casefile.NoticeFailed {
		t.Fatalf("%s", got)
	}
	r.want(r.page(handlerCookie, "POST", at, url.Values{"decision": {"retry"}}), 303)
	if got := r.noticeOf(c); got.Status != casefile.NoticeOpen || got.Run != 2 {
		t.Fatalf("%+v", got)
	}
	if got := r.want(r.page(approverCookie, "POST", at, url.Values{"decision": {"disproportionate"}}), 400).body; !strings.Contains(got, "Say why") {
		t.Error("an exception without a reason")
	}
	r.want(r.call(approver, "POST", api, `{"decision":"disproportionate","reason":"It kept one parcel number for a day."}`), 200)
	r.want(r.call(approver, "POST", api, `{"decision":"retry"}`), 409)
	if got := r.want(r.call(approver, "GET", "/api/v1/notices", ""), 200).body; !strings.Contains(got, `"notices":[]`) {
		t.Errorf("%s", got)
	}
	view := r.want(r.call(approver, "GET", "/api/v1/cases/"+c.ID+"?reveal=true", ""), 200).body
	for _, want := range []string{`"informed":"disproportionate"`, `"status":"waived"`, `"decision":"disproportionate"`} {
		if !strings.Contains(view, want) {
			t.Errorf("the case lacks %s", want)
		}
	}
	if body := r.want(r.page(approverCookie, "GET", at, nil), 200).body; !strings.Contains(body, "one parcel number") {
		t.Error("the reason is not shown")
	}
}

// The second pair of eyes: whoever prepared the plan does not excuse the notices that follow from it.
func TestWhoPreparedThePlanExcusesNoNotice(t *testing.T) {
	r := newRig(t)
	staff, _, token := r.staff(home, registry.Approver)
	by, _, second := r.staff(home, registry.Approver)
	c, _ := r.busy(home)
	r.edit(c, r.untold)
	r.edit(c, func(f *casefile.File) { f.Case.Plan.PreparedBy = "staff:" + staff })
	api := "/api/v1/cases/" + c.ID + "/notices/parcels/decision"
	r.want(r.call(token, "POST", api, `{"decision":"impossible","reason":"dissolved"}`), http.StatusForbidden)
	r.want(r.call(second, "POST", api, `{"decision":"impossible","reason":"dissolved"}`), http.StatusOK)
	if got := r.noticeOf(c); got.Waiver == nil || got.Waiver.By != "staff:"+by {
		t.Errorf("%+v", got.Waiver)
	}
}
