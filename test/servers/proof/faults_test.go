package proof

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/connectors/rest/crm"
	"github.com/habeas-dsar/habeas/connectors/rest/examples"
	"github.com/habeas-dsar/habeas/test/servers/postbox"
	"github.com/habeas-dsar/habeas/test/servers/toxic"
	"github.com/habeas-dsar/habeas/test/testkit"
)

// newCRM starts a CRM that knows n people as the store does: a contact each, with a ticket and a note.
func newCRM(t *testing.T, n int) *crm.Server {
	t.Helper()
	c, err := crm.New(crm.Config{Credentials: crm.Credentials{Tokens: []string{"token of the CRM"}}, JobTime: time.Millisecond})
	if err == nil {
		err = c.Listen(t.Context(), "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for i := 1; i <= n; i++ {
		for object, r := range map[string]crm.Record{
			"contacts": {"id": i, "email": email(i), "name": fmt.Sprintf("Person Number %d", i), "phone": fmt.Sprintf("+4477009%05d", i), "restricted": false},
			"tickets":  {"id": i, "contact_id": i, "subject": "A question", "message": "Where is it?", "status": "open"},
			"notes":    {"id": i, "ticket_id": i, "text": "Called back."},
		} {
			if err := c.Put(object, r); err != nil {
				t.Fatal(err)
			}
		}
	}
	return c
}

// registerCRM adds a CRM as a system, reached at an address: its own or a proxy's.
func registerCRM(s *testkit.Site, addr string) {
	s.Helper()
	s.Staff(tenant, "admin", "PUT", "/systems/crm", map[string]any{
		"title": "The CRM", "kind": "rest", "dataset": string(examples.Dataset()), "autopilot": true,
		"settings": map[string]any{"file": s.Save("crm.connector.yml", examples.ConnectorFile()), "baseUrl": "http://" + addr + "/api/v1", "allowPrivate": true},
		"secrets":  map[string]string{"token": "file:" + s.Save("crm.token", []byte("token of the CRM"))},
	}).Want(201)
}

func addrOf(t *testing.T, c *crm.Server) string {
	t.Helper()
	u, err := url.Parse(c.URL())
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// wantCRM fails the test unless the CRM of n people holds exactly what is left after the rights were fulfilled.
func wantCRM(t *testing.T, c *crm.Server, n int, rights map[int]string) {
	t.Helper()
	want := map[string][]string{}
	got := map[string][]string{}
	for i := 1; i <= n; i++ {
		if rights[i] == "erasure" {
			continue
		}
		name := fmt.Sprintf("Person Number %d", i)
		if rights[i] == "correction" {
			name = corrected(i)
		}
		want["contacts"] = append(want["contacts"], fmt.Sprintf("%d %s %s %v", i, email(i), name, rights[i] == "restriction"))
		want["tickets"] = append(want["tickets"], fmt.Sprintf("%d %d A question Where is it?", i, i))
		want["notes"] = append(want["notes"], fmt.Sprintf("%d %d Called back.", i, i))
	}
	for object, fields := range map[string][]string{
		"contacts": {"id", "email", "name", "restricted"}, "tickets": {"id", "contact_id", "subject", "message"}, "notes": {"id", "ticket_id", "text"},
	} {
		for _, r := range c.Records(object) {
			line := ""
			for i, f := range fields {
				if i > 0 {
					line += " "
				}
				line += fmt.Sprint(r[f])
			}
			got[object] = append(got[object], line)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the CRM is not what it should be (-want +got):\n%.3000s", d)
	}
}

// outage is how long each fault lasts: in real time, so that calls run into it, and on the clock, so that tries are made.
const outage = 1500 * time.Millisecond

// TestFaultsOfTheNetworkLoseNothing lets every fault befall database, CRM and mail server, together and one after the other,
// while people ask. Nobody helps: whatever waits goes on by itself once the network is whole again.
func TestFaultsOfTheNetworkLoseNothing(t *testing.T) {
	const households, both = 24, 16
	box := postbox.Start(t)
	mailProxy := toxic.Before(t, box.Addr)
	s := site(t, testkit.Args("--smtp", mailProxy.Addr()))
	d := newStore(t, newServer(t), households)
	c := newCRM(t, 2*households)
	databaseProxy := toxic.Before(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(d.Server.Port)))
	crmProxy := toxic.Before(t, addrOf(t, c))
	d.register(s, databaseProxy.Port)
	registerCRM(s, crmProxy.Addr())
	r := begin(t, s, d, box.Post, mixed(households, both), 900*time.Millisecond)
	proxies := map[string]*toxic.Proxy{"database": databaseProxy, "CRM": crmProxy, "mail": mailProxy}
	for _, f := range toxic.Faults() {
		for _, which := range [][]string{{"database"}, {"CRM"}, {"mail"}, {"database", "CRM", "mail"}} {
			for _, name := range which {
				proxies[name].Break(f)
			}
			time.Sleep(outage)
			for _, name := range which {
				proxies[name].Heal()
			}
			time.Sleep(outage / 3)
		}
	}
	r.end(2 * time.Minute)
	wantCRM(t, c, 2*households, r.asked)
}
