package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// Who may do what at the staff API. Nobody else may.
var (
	readers   = []string{"admin", "handler", "approver", "auditor"}
	handlers  = []string{"handler", "approver"}
	approvers = []string{"approver"}
	auditing  = []string{"handler", "approver", "auditor"}
	admins    = []string{"admin"}
)

// Every call of the staff API by everybody: strangers, data subjects, each role, and staff of another tenant.
func TestEveryCallByEverybody(t *testing.T) {
	s := site(t)
	staff(s).autopilot("shop", false)
	waiting := s.Ask("lumen", "access", testkit.NoOrders).Verify()
	waiting.WantStatus("awaiting_review")
	asked := s.Ask("lumen", "opt_out", testkit.NoOrders).Verify() // people carry it out
	asked.WantStatus("awaiting_person")
	id, task := staff(s).find(waiting.Reference).ID, ""
	for _, x := range staff(s).tasks() {
		task = x.ID
	}
	foreign := addStaff(t, s, "riverside", "admin,handler,approver,auditor")
	s.Settle() // seals, so that there is a log to read
	one := "/cases/" + id
	for _, c := range []struct {
		method, path string
		roles        []string
	}{
		{"GET", "/cases", readers},
		{"POST", "/cases", handlers},
		{"GET", one, readers},
		{"GET", one + "/timeline", auditing},
		{"GET", one + "/evidence", auditing},
		{"GET", one + "/plan", readers},
		{"POST", one + "/plan/decision", handlers}, // who may edit; approving is for approvers
		{"POST", one + "/plan/samples", handlers},
		{"POST", one + "/pause", handlers},
		{"POST", one + "/resume", handlers},
		{"POST", one + "/proceed-without", handlers},
		{"POST", one + "/response/decision", approvers},
		{"POST", one + "/extension", handlers},
		{"POST", one + "/withdrawal", handlers},
		{"POST", one + "/messages", handlers},
		{"POST", one + "/notes", handlers},
		{"POST", one + "/operator", handlers},
		{"GET", "/holds", readers},
		{"POST", "/holds", approvers},
		{"DELETE", "/holds/none", approvers},
		{"GET", "/notices", readers},
		{"POST", "/systems/none/restore-check", admins},
		{"POST", "/systems/none/restore-apply", approvers},
		{"GET", "/tasks", readers},
		{"POST", "/tasks/" + task + "/outcome", handlers},
		{"GET", "/systems", readers},
		{"GET", "/systems/shop", readers},
		{"PUT", "/systems/shop", admins},
		{"DELETE", "/systems/none", admins},
		{"POST", "/systems/none/check", admins},
		{"GET", "/recipients", readers},
		{"GET", "/recipients/parcelline", readers},
		{"PUT", "/recipients/parcelline", admins},
		{"GET", "/metrics/requests", readers},
		{"GET", "/audit", auditing},
		{"GET", "/log/checkpoint", auditing},
		{"GET", "/log/consistency", auditing},
	} {
		call := func(token string) *testkit.Answer {
			var body any
			if c.method != "GET" {
				body = map[string]any{"nonsense": true} // refused as input by whoever may call at all
			}
			return s.Call(c.method, "/api/v1"+c.path+"?tenant=lumen", token, body)
		}
		for who, token := range map[string]string{"nobody": "", "a guess": strings.Repeat("A", 43), "a data subject": waiting.Session, "half a token": s.Token("admin")[:20]} {
			if a := call(token); a.Status != http.StatusUnauthorized {
				t.Errorf("%s %s: %s gets %d", c.method, c.path, who, a.Status)
			}
		}
		for _, role := range readers {
			a := call(s.Token(role))
			switch allowed := slices.Contains(c.roles, role); {
			case !allowed && a.Status != http.StatusForbidden:
				t.Errorf("%s %s: %s gets %d, want 403", c.method, c.path, role, a.Status)
			case allowed && (a.Status == 401 || a.Status == 403 || a.Status >= 500):
				t.Errorf("%s %s: %s may do this and gets %d", c.method, c.path, role, a.Status)
			case allowed && c.method == "GET" && a.Status != 200 && !strings.HasSuffix(c.path, "/plan"):
				t.Errorf("%s %s: %s gets %d: %.200s", c.method, c.path, role, a.Status, a.Body)
			}
		}
		if a := call(foreign); a.Status != http.StatusForbidden && a.Status != http.StatusNotFound {
			t.Errorf("%s %s: staff of another tenant gets %d: %.200s", c.method, c.path, a.Status, a.Body)
		}
		// Without naming a tenant they are at their own, where this case and this task are unknown.
		if strings.Contains(c.path, id) || strings.Contains(c.path, task) {
			if a := s.Call(c.method, "/api/v1"+c.path, foreign, nil); a.Status < 400 || strings.Contains(string(a.Body), waiting.Reference) {
				t.Errorf("%s %s: staff of another tenant gets %d: %.200s", c.method, c.path, a.Status, a.Body)
			}
		}
	}
	waiting.WantStatus("awaiting_review")
	asked.WantStatus("awaiting_person")
	if got := staff(s).find(waiting.Reference); got.ID != id {
		t.Error("the case is another one")
	}
}

// addStaff adds an account with the command, as an operator does beside the running server, and returns its token.
func addStaff(t *testing.T, s *testkit.Site, tenant, roles string) string {
	t.Helper()
	out := s.Run(append([]string{"staff", "add", "--email", "keeper@riverside.test", "--roles", roles, "--tenant", tenant, "--token", "walk", "--json"}, s.Records()...)...)
	var added struct{ ID, Password, Token string }
	if err := json.Unmarshal(out, &added); err != nil || added.Token == "" || added.ID == "" || added.Password == "" {
		t.Fatalf("staff add prints %s: %v", out, err)
	}
	return added.Token
}

// One data subject's session opens no other request, and no page tells that another one exists.
func TestSessionsOpenTheirOwnRequestOnly(t *testing.T) {
	s := site(t)
	mine := s.Ask("lumen", "access", testkit.NoOrders).Verify()
	other := s.Ask("lumen", "access", testkit.Typical).Verify()
	for _, c := range [][2]string{{"GET", ""}, {"POST", "/package"}, {"POST", "/messages"}, {"POST", "/withdrawal"}, {"GET", "/evidence"}} {
		a := s.Call(c[0], other.Path(c[1]), mine.Session, map[string]string{"text": "x"})
		b := s.Call(c[0], testkit.API("lumen")+"/AAAAA-AAAAA"+c[1], mine.Session, map[string]string{"text": "x"})
		if a.Status != 401 || string(a.Body) != string(b.Body) {
			t.Errorf("%s %s of another request: %d %s; of none: %d %s", c[0], c[1], a.Status, a.Body, b.Status, b.Body)
		}
	}
	link := other.Link()
	if a := s.Call("POST", link, mine.Session, map[string]int{"volume": 1}); a.Status == 200 {
		t.Error("one person's session fetched another one's package")
	}
	other.Follow(link, 1).Want(200)
	if st := other.Status(); st.Status != "fulfilled" || len(st.Messages) != 0 {
		t.Errorf("the other request was changed: %+v", st)
	}
}
