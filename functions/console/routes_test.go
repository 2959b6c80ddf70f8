package console_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/functions/console"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// visit is how the walk uses one route: what it sends and what somebody who may use it gets. Bodies may name {hash}.
type visit struct {
	body string // JSON for the API, a form for pages
	want int
}

var visits = map[string]visit{
	"POST /api/v1/cases/{id}/questions":                     {`{"kind":"identity","code":"several_people","text":"Which account is yours?"}`, 201},
	"POST /api/v1/cases/{id}/questions/{question}/answer":   {`{"text":"By phone"}`, 200},
	"POST /api/v1/cases/{id}/questions/{question}/drop":     {`{"reason":"found it"}`, 200},
	"POST /api/v1/cases/{id}/questions/{question}/payment":  {`{}`, 409}, // it is no fee
	"POST /api/v1/cases/{id}/claims":                        {`{"kind":"refuse","ground":"other","text":"It would harm somebody else."}`, 202},
	"POST /api/v1/cases/{id}/claims/{claim}/warning":        {"", 202},
	"POST /api/v1/cases/{id}/claims/{claim}/decision":       {`{"decision":"approve"}`, 200},
	"GET /api/v1/claims":                                    {"", 200},
	"POST /api/v1/cases/{id}/appeals":                       {`{"kind":"complaint","text":"Too slow."}`, 201},
	"POST /api/v1/cases/{id}/appeals/{sub}/decision":        {`{"outcome":"upheld","reason":"It was in time."}`, 200},
	"POST /api/v1/cases/{id}/appeals/{sub}/extension":       {`{"reason":"complex"}`, 409}, // no appeal
	"POST /api/v1/cases/{id}/appeals/{sub}/acknowledgement": {"", 200},
	"GET /api/v1/appeals":                                   {"", 200},
	"POST /api/v1/cases/{id}/short-answer":                  {`{"text":"Yes."}`, 409}, // the law asks for none
	"POST /api/v1/cases/{id}/grant":                         {"", 409},                // one date for decision and execution
	"GET /console/cases/{id}/ask":                           {"", 200},
	"POST /console/cases/{id}/ask":                          {"kind=identity&doubt=several_people&text=Which+account%3F", 303},
	"GET /console/cases/{id}/questions/{question}":          {"", 200},
	"POST /console/cases/{id}/questions/{question}":         {"decision=drop&text=found", 303},
	"GET /console/cases/{id}/claim":                         {"", 200},
	"POST /console/cases/{id}/claim":                        {"kind=refuse&ground=other&text=It+would+harm+somebody.", 303},
	"GET /console/cases/{id}/claims/{claim}":                {"", 200},
	"POST /console/cases/{id}/claims/{claim}":               {"decision=warn", 303},
	"GET /console/cases/{id}/bring":                         {"", 200},
	"POST /console/cases/{id}/bring":                        {"kind=complaint&text=Too+slow.", 303},
	"GET /console/cases/{id}/appeals/{sub}":                 {"", 200},
	"POST /console/cases/{id}/appeals/{sub}":                {"decision=acknowledge", 303},
	"GET /console/cases/{id}/short-answer":                  {"", 409},
	"POST /console/cases/{id}/short-answer":                 {"reason=Yes.", 409},
	"GET /console/cases/{id}/grant":                         {"", 409},
	"POST /console/cases/{id}/grant":                        {"", 409},
	"GET /console/appeals":                                  {"", 200},
	"GET /api/v1/cases":                                     {"", 200},
	"POST /api/v1/cases":                                    {`{"right":"access","email":"ben@example.com"}`, 201},
	"GET /api/v1/cases/{id}":                                {"", 200},
	"GET /api/v1/cases/{id}/timeline":                       {"", 200},
	"POST /api/v1/cases/{id}/verification":                  {`{"method":"in_person","reason":"She stood here"}`, 409}, // it is proved already
	"POST /api/v1/cases/{id}/mandate":                       {`{"decision":"approve","reason":"A court order"}`, 409},  // she asks herself
	"POST /api/v1/cases/{id}/identity-document":             {`{"reason":"Two accounts"}`, 202},
	"GET /api/v1/cases/{id}/identity-document":              {"", 404},
	"POST /api/v1/cases/{id}/identity-document/decision":    {`{"accepted":true,"method":"x","reason":"y"}`, 409},
	"GET /console/cases/{id}/proof":                         {"", 200},
	"POST /console/cases/{id}/proof":                        {"act=vouch&method=in_person&reason=x", 409},
	"GET /console/cases/{id}/identity-document":             {"", 404},
	"GET /api/v1/cases/{id}/evidence":                       {"", 200},
	"GET /api/v1/cases/{id}/plan":                           {"", 200},
	"GET /api/v1/cases/{id}/certificate":                    {"", 404},                                                                        // only of a case that was disposed of
	"POST /api/v1/cases/{id}/plan/decision":                 {`{"decision":"edit","hash":"x","reason":"tax","edits":{"growthLimit":9}}`, 409}, // no plan of an access request waits
	"POST /api/v1/cases/{id}/pause":                         {`{"reason":"asking"}`, 202},
	"POST /api/v1/cases/{id}/resume":                        {`{}`, 409}, // it is not paused
	"POST /api/v1/cases/{id}/proceed-without":               {`{"system":"archive","reason":"moved"}`, 202},
	"POST /api/v1/cases/{id}/plan/samples":                  {`{"system":"shop","collection":"customers","reason":"checking"}`, 404}, // nothing is changed by an access
	"GET /api/v1/holds/{id}":                                {"", 404},                                                               // the id is that of a case
	"GET /console/cases/{id}/plan":                          {"", 200},
	"POST /console/cases/{id}/plan":                         {"decision=approve&hash=x", 409},
	"POST /console/cases/{id}/plan/edit":                    {"hash=x&growthLimit=9&why=tax", 409},
	"GET /console/cases/{id}/plan/samples":                  {"", 404},
	"POST /console/cases/{id}/plan/samples":                 {"system=shop&collection=customers&reason=checking", 404},
	"GET /console/cases/{id}/pause":                         {"", 200},
	"POST /console/cases/{id}/pause":                        {"reason=asking", 303},
	"GET /console/cases/{id}/resume":                        {"", 409},
	"POST /console/cases/{id}/resume":                       {"", 409},
	"GET /console/cases/{id}/proceed-without":               {"", 200},
	"POST /console/cases/{id}/proceed-without":              {"system=archive&reason=moved", 303},
	"GET /console/holds":                                    {"", 200},
	"GET /console/place-hold":                               {"", 200},
	"POST /console/place-hold":                              {"scope=system&system=shop&reason=audit", 303},
	"GET /console/holds/{id}":                               {"", 404},
	"POST /console/holds/{id}":                              {"", 404},
	"GET /console/holds/{id}/release":                       {"", 404},
	"POST /console/holds/{id}/release":                      {"", 404},
	"GET /api/v1/holds":                                     {"", 200},
	"POST /api/v1/holds":                                    {`{"scope":"system","system":"shop","reason":"audit"}`, 201},
	"DELETE /api/v1/holds/{id}":                             {"", 404}, // the id is that of a case
	"POST /api/v1/cases/{id}/response/decision":             {`{"decision":"approve","hash":"{hash}"}`, 200},
	"POST /api/v1/cases/{id}/extension":                     {`{"reason":"complexity"}`, 200},
	"GET /console/exemptions":                               {"", 200},
	"GET /console/cases/{id}/exemptions":                    {"", 200},
	"GET /console/cases/{id}/law":                           {"", 200},
	"POST /console/cases/{id}/law":                          {"pack=uk&reason=Leeds", 303},
	"POST /console/cases/{id}/exemptions":                   {"target=shop&decision=lift&reason=x", 409},
	"GET /api/v1/exemptions":                                {"", 200},
	"GET /api/v1/cases/{id}/exemptions":                     {"", 200},
	"POST /api/v1/cases/{id}/exemptions/review":             {`{"system":"shop","decision":"lift","reason":"ten years"}`, 409},
	"POST /api/v1/cases/{id}/law":                           {`{"pack":"uk","reason":"She lives in Leeds."}`, 200},
	"POST /api/v1/cases/{id}/withdrawal":                    {`{"reason":"by phone"}`, 202},
	"POST /api/v1/cases/{id}/messages":                      {`{"text":"Hello"}`, 201},
	"POST /api/v1/cases/{id}/notes":                         {`{"text":"Hello"}`, 201},
	"POST /api/v1/cases/{id}/operator":                      {`{"next":"assemble"}`, 202},
	"POST /api/v1/cases/{id}/letters/{letter}":              {`{"decision":"settled","reason":"told by phone"}`, 200},
	"GET /api/v1/tasks":                                     {"", 200},
	"POST /api/v1/tasks/{id}/outcome":                       {`{"outcome":"not_done","reason":"gone"}`, 200},
	"GET /api/v1/systems":                                   {"", 200},
	"GET /api/v1/systems/{name}":                            {"", 200},
	"PUT /api/v1/systems/{name}":                            {`{"kind":"sqlite","settings":{"path":"x.db"}}`, 200},
	"DELETE /api/v1/systems/{name}":                         {"", 200},
	"GET /api/v1/systems/{name}/cases":                      {"", 200},
	"POST /api/v1/systems/{name}/check":                     {"", 200},
	"POST /api/v1/systems/{name}/restore-check":             {`{}`, 200},
	"POST /api/v1/systems/{name}/restore-apply":             {`{}`, 200},
	"GET /api/v1/recipients":                                {"", 200},
	"GET /api/v1/recipients/{name}":                         {"", 200},
	"PUT /api/v1/recipients/{name}":                         {`{"title":"Parcels"}`, 200},
	"GET /api/v1/notices":                                   {"", 200},
	"POST /api/v1/cases/{id}/notices/{recipient}/decision":  {`{"decision":"retry"}`, 200},
	"GET /api/v1/metrics/requests":                          {"", 200},
	"GET /api/v1/metrics/requests/records":                  {"", 200},
	"GET /api/v1/wording":                                   {"", 200},
	"GET /api/v1/wording/{language}/{key}":                  {"", 404}, // there is no such language
	"PUT /api/v1/wording/{language}/{key}":                  {`{"text":{"other":"Regards"}}`, 404},
	"GET /api/v1/packs":                                     {"", 200},
	"GET /api/v1/packs/{id}":                                {"", 404}, // the id is that of a case
	"POST /api/v1/packs/{id}/confirmation":                  {`{"version":"ar@sha256:0123456789abcdef","name":"Ada","reason":"read"}`, 404},
	"GET /console/law":                                      {"", 200},
	"GET /console/law/{law}":                                {"", 200},
	"GET /console/law/{law}/confirm":                        {"", 200},
	"POST /console/law/{law}/confirm":                       {"version=eu%40sha256%3A0&name=Jo+Park&reason=read", 409}, // not the version of today
	"GET /console/numbers":                                  {"", 200},
	"GET /console/numbers/figures":                          {"", 200},
	"GET /console/numbers/records":                          {"", 200},
	"GET /api/v1/authority-requests":                        {"", 200},
	"POST /api/v1/authority-requests":                       {`{"authority":"Tax Office","country":"DE","kind":"binding","legalBasis":"AO s. 93","scope":"Orders of 2025"}`, 201},
	"GET /api/v1/authority-requests/register":               {"", 200},
	"GET /api/v1/authority-requests/{id}":                   {"", 404}, // the id is that of a case
	"POST /api/v1/authority-requests/{id}/review":           {`{"decision":"reject","reason":"forged"}`, 404},
	"POST /api/v1/authority-requests/{id}/disclosure":       {`{"what":"orders","records":2}`, 404},
	"POST /api/v1/authority-requests/{id}/closure":          {`{"note":"rejected"}`, 404},
	"GET /console/authority-requests":                       {"", 200},
	"GET /console/authority-requests/register":              {"", 200},
	"GET /console/authority-requests/{id}":                  {"", 404},
	"POST /console/authority-requests/{id}":                 {"", 404},
	"POST /console/authority-requests/{id}/review":          {"decision=reject&reason=forged", 404},
	"POST /console/authority-requests/{id}/disclosure":      {"what=orders&records=2", 404},
	"POST /console/authority-requests/{id}/closure":         {"note=rejected", 404},
	"GET /console/take-authority-request":                   {"", 200},
	"POST /console/take-authority-request":                  {"authority=Tax+Office&country=de&kind=binding&legalBasis=AO+s.+93&scope=Orders", 303},
	"GET /console/late":                                     {"", 200},
	"GET /console/cases/{id}/late":                          {"", 404}, // its answer was not late
	"POST /console/cases/{id}/late":                         {"cause=busy&action=more+people", 409},
	"GET /api/v1/nonconformities":                           {"", 200},
	"POST /api/v1/cases/{id}/nonconformity":                 {`{"cause":"busy","action":"more people"}`, 409},
	"GET /console/cases/{id}/lift":                          {"", 409}, // an access restricts nothing
	"POST /console/cases/{id}/lift":                         {"from=2030-01-01&reason=right", 409},
	"POST /api/v1/cases/{id}/lifting":                       {`{"from":"2030-01-01","reason":"right"}`, 409},
	"POST /api/v1/cases/{id}/lifting/done":                  {`{"reason":"by hand"}`, 409},
	"POST /api/v1/consents":                                 {`{"identifiers":[{"kind":"email","value":"ben@example.com"}],"state":"objected","purpose":"direct_marketing","channel":"phone"}`, 201},
	"POST /api/v1/consents/query":                           {`{"identifiers":[{"kind":"email","value":"ben@example.com"}]}`, 200},
	"POST /api/v1/suppressions/check":                       {`{"purpose":"newsletter","people":[[{"kind":"email","value":"ben@example.com"}]]}`, 200},
	"GET /api/v1/audit":                                     {"", 200},
	"GET /api/v1/log/checkpoint":                            {"", 200},
	"GET /api/v1/log/consistency":                           {"", 200},
	"GET /console/{$}":                                      {"", 200},
	"GET /console/cases":                                    {"", 200},
	"GET /console/cases/{id}":                               {"", 200},
	"POST /console/cases/{id}/messages":                     {"text=Hello", 303},
	"GET /console/cases/{id}/response":                      {"", 200},
	"POST /console/cases/{id}/response":                     {"decision=approve&hash={hash}", 303},
	"GET /console/cases/{id}/package/{volume}":              {"", 200},
	"GET /console/cases/{id}/extend":                        {"", 200},
	"POST /console/cases/{id}/extend":                       {"ground=complexity", 303},
	"GET /console/cases/{id}/withdraw":                      {"", 200},
	"POST /console/cases/{id}/withdraw":                     {"reason=by+phone", 303},
	"GET /console/cases/{id}/letters/{letter}":              {"", 200},
	"POST /console/cases/{id}/letters/{letter}":             {"outcome=send_again", 303},
	"GET /console/cases/{id}/operator":                      {"", 200},
	"POST /console/cases/{id}/operator":                     {"outcome=retry", 303},
	"GET /console/cases/{id}/evidence":                      {"", 200},
	"GET /console/cases/{id}/notices/{recipient}":           {"", 200},
	"POST /console/cases/{id}/notices/{recipient}":          {"decision=retry", 303},
	"GET /console/recipients":                               {"", 200},
	"GET /console/recipients/{name}":                        {"", 200},
	"POST /console/recipients/{name}":                       {"title=Parcels", 303},
	"GET /console/add-recipient":                            {"", 200},
	"POST /console/add-recipient":                           {"name=agency&title=", 400},
	"GET /console/tasks":                                    {"", 200},
	"GET /console/tasks/{id}/{task}":                        {"", 200},
	"POST /console/tasks/{id}/{task}":                       {"outcome=not_done&reason=gone", 303},
	"GET /console/systems":                                  {"", 200},
	"GET /console/systems/{name}":                           {"", 200},
	"POST /console/systems/{name}/check":                    {"", 200},
}

// aim fills a pattern with the case, its task and the names that the rig registers.
func aim(pattern string, c casefile.Case, task string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	id, name := c.ID, "shop"
	if strings.HasPrefix(path, "/api/v1/tasks") {
		id = task
	}
	if strings.Contains(path, "recipients") {
		name = "parcels"
	}
	return method, strings.NewReplacer("{question}", "q1", "{claim}", "c1", "{sub}", "s01", "{id}", id, "{task}", task, "{name}", name, "{volume}", "1", "{letter}", "1", "{recipient}", "parcels", "{law}", "eu", "{$}", "").Replace(path)
}

func (r *rig) visit(route console.Route, v visit, c casefile.Case, task, query, cookie, token string) reply {
	r.t.Helper()
	method, path := aim(route.Pattern, c, task)
	body := strings.ReplaceAll(v.body, "{hash}", c.ResponseHash())
	if strings.HasPrefix(path, "/api/") {
		return r.call(token, method, path+query, body)
	}
	var form url.Values
	if method == http.MethodPost {
		form, _ = url.ParseQuery(body)
	}
	return r.page(cookie, method, path+query, form)
}

// TestWhoMayUseWhat walks every route as every role, as staff of another tenant, for another tenant, and without a session.
func TestWhoMayUseWhat(t *testing.T) {
	r := newRig(t)
	type person struct{ cookie, token string }
	people := map[registry.Role]person{}
	for _, role := range registry.Roles() {
		_, cookie, token := r.staff(home, role)
		people[role] = person{cookie, token}
	}
	_, foreignCookie, foreignToken := r.staff(other, registry.Roles()...)
	r.sealed(home)
	for _, route := range r.h.Routes() {
		if route.Open {
			continue
		}
		v, known := visits[route.Pattern]
		if !known {
			t.Errorf("%s is not walked", route.Pattern)
			continue
		}
		t.Run(route.Pattern, func(t *testing.T) {
			r.t = t
			busy := func() (casefile.Case, string) {
				c, task := r.busy(home)
				if strings.Contains(route.Pattern, "{letter}") {
					r.edit(c, r.lose)
				}
				if strings.Contains(route.Pattern, "{recipient}") {
					r.edit(c, r.untold)
				}
				r.dutiful(c, route.Pattern)
				return r.one(c), task
			}
			c, task := busy()
			expect := func(who string, p reply, want int) {
				t.Helper()
				if p.StatusCode != want {
					t.Errorf("%s: got %d, want %d: %.300s", who, p.StatusCode, want, p.body)
				}
			}
			before := r.one(c)
			expect("nobody", r.visit(route, v, c, task, "", "", ""), 401)
			expect("a made-up session", r.visit(route, v, c, task, "", "made-up", "made-up"), 401)
			// The first tenant of foreign staff is the other one: a case of this one does not exist there.
			if strings.Contains(route.Pattern, "{id}") {
				expect("staff of another tenant", r.visit(route, v, c, task, "", foreignCookie, foreignToken), 404)
			}
			expect("staff of another tenant who names this one", r.visit(route, v, c, task, "?tenant="+home, foreignCookie, foreignToken), 404)
			for _, role := range registry.Roles() {
				p := people[role]
				expect(string(role)+" for another tenant", r.visit(route, v, c, task, "?tenant="+other, p.cookie, p.token), 404)
				expect(string(role)+" for an unknown tenant", r.visit(route, v, c, task, "?tenant=nowhere", p.cookie, p.token), 404)
				if route.Permission != "" && !slices.Contains(registry.Permissions(role), route.Permission) {
					expect(string(role)+" without permission", r.visit(route, v, c, task, "", p.cookie, p.token), 403)
				}
			}
			if after := r.one(c); after.Head != before.Head || after.UpdatedAt != before.UpdatedAt {
				t.Error("a refused call left a trace in the case")
			}
			for _, role := range registry.Roles() {
				if slices.Contains(registry.Permissions(role), route.Permission) {
					r.system(home, "shop")
					c, task := busy()
					expect(string(role), r.visit(route, v, c, task, "", people[role].cookie, people[role].token), v.want)
				}
			}
		})
	}
	r.t = t
	for pattern := range visits {
		if !slices.ContainsFunc(r.h.Routes(), func(x console.Route) bool { return x.Pattern == pattern }) {
			t.Errorf("%s is walked and not served", pattern)
		}
	}
}

// TestOpenRoutes: what serves everybody shows nothing of anybody.
func TestOpenRoutes(t *testing.T) {
	r := newRig(t)
	c, _ := r.busy(home)
	for _, path := range []string{"/console/sign-in", "/console/elsewhere", "/console/cases/" + c.ID + "/elsewhere", "/api/v1/elsewhere", "/api/v1/", "/api/v1/cases/" + c.ID + "/elsewhere"} {
		p := r.page("", http.MethodGet, path, nil)
		want := http.StatusNotFound
		if path == "/console/sign-in" {
			want = http.StatusOK
		}
		if p.StatusCode != want || strings.Contains(p.body, c.Reference) {
			t.Errorf("%s: %d", path, p.StatusCode)
		}
	}
	r.want(r.page("", http.MethodPost, "/console/sign-out", url.Values{}), http.StatusSeeOther)
}
