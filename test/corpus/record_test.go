package corpus

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/connectors/memory"
	definitions "github.com/habeas-dsar/habeas/infra/workflow"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/test/testkit"
)

var update = flag.String("update", "", "a new version to record, such as v2; one that is there is never written again")

// The invented person, and what is known of them.
const (
	tenant   = "alder"
	customer = "c-1"
	address  = "ada.example@example.com"
	named    = "Ada Quillfeather-Example"
)

const dataMap = `dataset:
  - fides_key: shop
    collections:
      - name: customer
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true, identity: customer_id}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: name, data_categories: [user.name]}
`

// person puts the person into the system.
func (h *house) person() {
	text := func(field, v string) connector.Field { return connector.Field{Name: field, Value: connector.Text(v)} }
	h.system.Put(&connector.Record{
		Collection: "customer", Key: connector.Key{connector.Text(customer)},
		Fields: []connector.Field{text("id", customer), text("email", address), text("name", named)},
	})
}

// record tells the stories with the code of today, and returns what was noted.
func record(t *testing.T, dir string) []entry {
	t.Helper()
	h := newHouse(t, dir, start, nil)
	h.run()
	h.person()
	h.ok(h.set.Registry.PutTenant(t.Context(), registry.Tenant{
		Name: tenant, Title: "Alder", Controller: "Alder Ltd, 1 Example Street", Contact: "privacy@example.com",
		From: "Alder <privacy@example.com>", Zone: "Europe/Berlin", Locale: "en", Policy: registry.Policy{ReviewAlways: true},
	}))
	_, problems, err := h.set.Systems.Apply(t.Context(), registry.System{
		Tenant: tenant, Name: "shop", Title: "The shop", Kind: memory.Kind, Dataset: dataMap, Rights: []dsar.Right{dsar.Access, dsar.Erasure},
		Autopilot: true, Recipients: []string{"parcels"},
	})
	if err != nil || len(problems) > 0 {
		t.Fatalf("registering the system: %v %v", err, problems)
	}
	h.ok(h.set.Registry.PutRecipient(t.Context(), registry.Recipient{Tenant: tenant, Name: "parcels", Title: "Parcel service", Email: "privacy@parcels.test"}))
	id := dsar.NewID()
	h.ok(h.set.Registry.AddStaff(t.Context(), registry.Staff{ID: id, Tenant: tenant, Email: "approver@staff.test", Roles: []registry.Role{registry.Handler, registry.Approver}, AddedAt: start}))
	staff, err := h.set.Sessions.NewAPI(t.Context(), id, tenant, "corpus")
	h.ok(err)

	c := h.ask("access", staff)
	h.request("POST", "/api/v1/cases/"+c+"/response/decision", staff, fmt.Sprintf(`{"decision":"approve","hash":%q}`, h.responseHash(c)), nil)
	h.closed(c)
	h.report(c)

	h.breaks(true)
	b := h.ask("access", staff)
	h.request("POST", "/api/v1/cases/"+b+"/proceed-without", staff, `{"system":"shop","reason":"It is being moved."}`, nil)
	h.closed(b)
	h.breaks(false)

	e := h.ask("erasure", staff)
	var plan struct{ Hash string }
	h.request("GET", "/api/v1/cases/"+e+"/plan", staff, "", &plan)
	h.request("POST", "/api/v1/cases/"+e+"/plan/decision", staff, fmt.Sprintf(`{"decision":"approve","hash":%q}`, plan.Hash), nil)
	h.ok(h.engine.AdvanceTo(t.Context(), h.clock, start.Add(26*time.Hour)))
	h.settle()
	h.closed(e)
	h.clockwork()
	h.executions()
	if h.holds() {
		t.Fatal("nothing was erased")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]entry, 0, len(h.journal))
	for _, e := range h.journal {
		all = append(all, *e)
	}
	return all
}

// ask makes a request of the person and proves who asks; it returns the id of the case.
func (h *house) ask(right, staff string) string {
	h.t.Helper()
	var asked struct{ Reference string }
	h.request("POST", "/t/"+tenant+"/api/v1/requests", "", fmt.Sprintf(`{"right":%q,"email":%q,"country":"DE"}`, right, address), &asked)
	var verified struct{ Session string }
	at := "/t/" + tenant + "/api/v1/requests/" + asked.Reference
	h.request("POST", at+"/verification", "", fmt.Sprintf(`{"code":%q}`, h.code()), &verified)
	h.request("GET", at, verified.Session, "", nil)
	var list struct {
		Cases []struct{ ID, Reference string }
	}
	h.request("GET", "/api/v1/cases", staff, "", &list)
	for _, c := range list.Cases {
		if c.Reference == asked.Reference {
			h.clockwork()
			return c.ID
		}
	}
	h.t.Fatalf("the case is not in the list: %+v", list)
	return ""
}

func (h *house) responseHash(id string) string {
	h.t.Helper()
	c, err := h.set.Cases.Case(h.t.Context(), tenant, id)
	h.ok(err)
	return c.ResponseHash()
}

func (h *house) closed(id string) {
	h.t.Helper()
	c, err := h.set.Cases.Case(h.t.Context(), tenant, id)
	h.ok(err)
	if !c.Status.Final() {
		h.t.Fatalf("the case is %s in %s", c.Status, c.Phase)
	}
}

// report hands over what SES says of the first letter of the case, as the rules of the inventory pass it on.
func (h *house) report(id string) {
	h.t.Helper()
	letters, _, err := h.set.Cases.Letters(h.t.Context(), tenant, id, 10)
	h.ok(err)
	raw, err := json.Marshal(map[string]any{"id": "r-1", "source": "aws.ses", "detail": map[string]any{
		"eventType": "Bounce", "bounce": map[string]string{"bounceType": "Permanent", "bounceSubType": "General"},
		"mail": map[string]any{"tags": map[string][]string{
			"habeas_tenant": {tenant}, "habeas_message": {base64.RawURLEncoding.EncodeToString([]byte(letters[0].MessageID))},
		}},
	}})
	h.ok(err)
	_, err = h.call(ofQueue, "ReceiveReport", raw, func() (json.RawMessage, error) { return nil, h.set.Hooks.SES(h.t.Context(), raw) })
	h.ok(err)
	h.settle()
}

// executions notes what every execution was started with, those of tasks too, which the machine of the case started.
func (h *house) executions() {
	h.t.Helper()
	for cursor := ""; ; {
		page, next, err := h.engine.List(h.t.Context(), "", cursor, 100)
		h.ok(err)
		for _, x := range page {
			h.note(&entry{Kind: ofExecution, Name: x.Machine, Input: x.Input})
		}
		if cursor = next; cursor == "" {
			return
		}
	}
}

// versions returns the folders of versions, oldest first.
func versions(t *testing.T) []string {
	t.Helper()
	var all []string
	for n := 1; ; n++ {
		name := fmt.Sprintf("v%d", n)
		if _, err := os.Stat(filepath.Join(name, "journal.jsonl")); err != nil {
			if len(all) == 0 && *update == "" {
				t.Fatal("there is no version")
			}
			return all
		}
		all = append(all, name)
	}
}

// TestNothingShippedIsMissing records the stories with the code of today. What is sent, answered or stored in another shape than in
// the newest version is shipped with it, so it needs a version of its own. The old ones stay: what they hold is out there.
func TestNothingShippedIsMissing(t *testing.T) {
	dir := t.TempDir()
	if err := filekeys.Create(filepath.Join(dir, "key")); err != nil {
		t.Fatal(err)
	}
	now := record(t, dir)
	all := versions(t)
	if *update != "" {
		if want := fmt.Sprintf("v%d", len(all)+1); *update != want {
			t.Fatalf("the next version is %s; one that is there is never written again", want)
		}
		if err := os.Mkdir(*update, 0o750); err != nil {
			t.Fatal(err)
		}
		writeJournal(t, filepath.Join(*update, "journal.jsonl"), now)
		if err := os.CopyFS(*update, onlyKey(dir)); err != nil {
			t.Fatal(err)
		}
		return
	}
	before, after := shapes(readJournal(t, filepath.Join(all[len(all)-1], "journal.jsonl"))), shapes(now)
	for what, described := range before {
		if d := differences(described, after[what]); d != "" {
			t.Errorf("%s has changed its shape since %s. Keep that folder as it is, and record the next version beside it; README.md says how. (-%s +now)\n%s",
				what, all[len(all)-1], all[len(all)-1], d)
		}
	}
	for what, described := range after {
		if before[what] == nil {
			t.Errorf("%s is not in %s. Keep that folder as it is, and record the next version beside it; README.md says how.\n%s",
				what, all[len(all)-1], differences(nil, described))
		}
	}
}

// TestEveryFunctionIsToldOf: what a machine calls is in the newest version, or it is known why not.
func TestEveryFunctionIsToldOf(t *testing.T) {
	untold := map[string]string{
		"NeedsOperator": "is called when nothing else is known; its payload is that of every step, and the class of a fault",
		"AwaitSystem":   "waits for systems that answer later, which the system of the stories does not; its payload is that of AskPerson",
	}
	all := versions(t)
	told := map[string]bool{}
	for _, e := range readJournal(t, filepath.Join(all[len(all)-1], "journal.jsonl")) {
		if e.Kind == ofStep || e.Kind == ofExecution {
			told[e.Name] = true
		}
	}
	for _, name := range append(definitions.Functions(), "RunTask", "case", "task", "notify") {
		if told[name] == (untold[name] != "") {
			t.Errorf("%s: told %t, and the reason is %q", name, told[name], untold[name])
		}
	}
}

// TestNobodyIsInTheCorpus: who asks is in what they type and nowhere else in the clear. What they type is an address on example.com.
func TestNobodyIsInTheCorpus(t *testing.T) {
	canaries := []testkit.Canary{{Name: "the address", Value: address}, {Name: "the name", Value: named}}
	for _, v := range versions(t) {
		looked := 0
		for n, e := range readJournal(t, filepath.Join(v, "journal.jsonl")) {
			if e.Kind == ofHTTP {
				continue
			}
			where := fmt.Sprintf("%s, entry %d", v, n+1)
			for _, w := range e.Writes {
				looked++
				for _, part := range []string{w.PK, w.SK, w.IPK, w.ISK, string(w.Body)} {
					for _, f := range testkit.Find(where, []byte(part), canaries) {
						t.Error(f)
					}
				}
			}
			for name, raw := range e.Objects {
				for _, f := range testkit.Find(where, append([]byte(name+"\n"), raw...), canaries) {
					t.Error(f)
				}
			}
			for _, f := range testkit.Find(where, append(append([]byte{}, e.Input...), e.Output...), canaries) {
				t.Error(f)
			}
		}
		if looked < 100 {
			t.Errorf("%s has %d rows: the search proves little", v, looked)
		}
	}
}
