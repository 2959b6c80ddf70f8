package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/habeas-dsar/habeas/connectors/connectortest"
	"github.com/habeas-dsar/habeas/connectors/rest/crm"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// TestMain fails when a connector or a server leaves anything running behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSuite holds the connector to the suite, over HTTP, against the CRM.
func TestSuite(t *testing.T) { connectortest.Run(t, newHarness) }

// patience is how long the connector of the suite waits for an answer.
const patience = 250 * time.Millisecond

// target is a CRM that holds what the suite seeds.
type target struct {
	dir  string
	crm  *crm.Server
	data *connector.Dataset
}

func testSecrets() map[string]redact.Text {
	m := map[string]redact.Text{}
	for _, name := range secretNames() {
		m[name] = redact.NewText("Zq7Secret-" + name)
	}
	return m
}

func newHarness(tb testing.TB) connectortest.Harness {
	server := startCRM(tb, crm.Config{Objects: crm.Contacts(), Credentials: crm.Credentials{Tokens: []string{"Zq7Secret-token"}}, PageLimit: 1000})
	h := &target{dir: tb.TempDir(), crm: server}
	f := Factory()
	f.Open = func(_ context.Context, in connector.OpenInput) (connector.Connector, error) {
		s, err := open(in, nil)
		if err != nil {
			return nil, err
		}
		s.client.timeout = patience
		return s.serving(), nil
	}
	settings := func(format string) json.RawMessage { return json.RawMessage(fmt.Sprintf(format, server.URL())) }
	return connectortest.Harness{
		Factory:  f,
		Settings: settings(`{"file": "suite.yml", "baseUrl": %q, "allowPrivate": true}`),
		BadSettings: []json.RawMessage{
			json.RawMessage(`{}`), json.RawMessage(`[]`), settings(`{"baseUrl": %q, "allowPrivate": true}`), settings(`{"file": "suite.yml", "baseUrl": %q}`),
			settings(`{"file": "nowhere.yml", "baseUrl": %q, "allowPrivate": true}`), settings(`{"file": "suite.yml", "baseUrl": %q, "allowPrivate": true, "x": 1}`),
			json.RawMessage(`{"file": "suite.yml", "baseUrl": "http://crm.example.com", "allowPrivate": true}`),
			json.RawMessage(`{"file": "suite.yml", "baseUrl": "ftp://crm.example.com"}`),
			json.RawMessage(`{"file": "suite.yml", "baseUrl": "https://user@crm.example.com"}`),
		},
		Secrets: testSecrets(),
		BaseDir: h.dir,
		Seed:    h.seed,
		Dump:    h.dump,
		Fault:   func(_ testing.TB, f connectortest.Fault) { server.SetHook(troubleOf(f)) },
		Close:   func(testing.TB) { _ = server.Close() },
		Large:   largeGraph(),
	}
}

func largeGraph() int {
	if testing.Short() {
		return 20_000
	}
	return 100_000
}

func startCRM(tb testing.TB, cfg crm.Config) *crm.Server {
	tb.Helper()
	server, err := crm.New(cfg)
	if err == nil {
		err = server.Listen(tb.Context(), "127.0.0.1:0")
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = server.Close() })
	return server
}

// seed writes the connector file that fits the data map, and fills the CRM.
func (h *target) seed(tb testing.TB, w connectortest.World) {
	tb.Helper()
	h.data = w.Dataset
	graph, err := connector.NewGraph(w.Dataset)
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.dir, "suite.yml"), []byte(suiteFile(graph)), 0o600); err != nil {
		tb.Fatal(err)
	}
	var objects []crm.Object
	for _, c := range w.Dataset.Collections {
		o := crm.Object{Name: c.Name, Key: c.KeyPaths()}
		for _, f := range c.Fields {
			o.Fields = append(o.Fields, f.Name)
			switch {
			case f.Match == connector.MatchNormalised:
				o.Phone = append(o.Phone, f.Name)
			case f.Identity == "email":
				o.Fold = append(o.Fold, f.Name) // like many APIs: wider than an exact comparison
			case f.OnRestrict != nil:
				o.Restricted = f.Name
			}
		}
		objects = append(objects, o)
	}
	h.crm.Configure(objects)
	for _, rec := range w.Records {
		r := crm.Record{}
		for _, f := range rec.Fields {
			r[f.Name] = f.Value.Reveal()
		}
		if err := h.crm.Put(rec.Collection, r); err != nil {
			tb.Fatal(err)
		}
	}
}

func (h *target) dump(testing.TB) []*connector.Record {
	var list []*connector.Record
	for _, c := range h.data.Collections {
		for _, r := range h.crm.Records(c.Name) {
			rec := &connector.Record{Collection: c.Name}
			for _, f := range c.Fields {
				v := valueOf(r[f.Name])
				rec.Fields = append(rec.Fields, connector.Field{Name: f.Name, Value: v})
				if f.PrimaryKey {
					rec.Key = append(rec.Key, v)
				}
			}
			list = append(list, rec)
		}
	}
	return list
}

// suiteFile writes a connector file for a data map: every way of paging, batches here and single values there.
func suiteFile(graph *connector.Graph) string {
	paging := []string{
		"paging: {type: cursor, next: $.next, more: $.more, size: 20}, query: {cursor: '{$cursor}', limit: '{$limit}'",
		"paging: {type: link, total: $.total, size: 20}, query: {limit: '{$limit}'",
		"paging: {type: page, total: $.total, size: 20}, query: {page: '{$page}', limit: '{$limit}'",
		"paging: {type: offset, size: 20}, query: {offset: '{$offset}', limit: '{$limit}'",
	}
	var b strings.Builder
	b.WriteString("auth: {type: bearer}\ncheck: {path: /me}\ncollections:\n")
	for i, c := range graph.Dataset().Collections {
		key := c.KeyPaths()
		path := "/objects/" + c.Name + "/{" + strings.Join(key, "},{") + "}"
		fmt.Fprintf(&b, "  %s:\n", c.Name)
		for _, call := range []struct{ name, how string }{
			{"correct", "{method: PATCH, path: '" + path + "', json: '{$changes}'}"},
			{"erase", "{method: DELETE, path: '" + path + "'}"},
			{"restrict", "{method: PUT, path: '" + path + "/restriction', json: '{$changes}'}"},
		} {
			if call.name != "restrict" || marksRestriction(c) {
				fmt.Fprintf(&b, "    %s: %s\n", call.name, call.how)
			}
		}
		fmt.Fprintf(&b, "    read:\n    - {by: [%s], path: '%s', one: true, notFound: none}\n", strings.Join(key, ", "), path)
		for j, by := range ways(graph, c) {
			if slices.Equal(by, key) {
				continue
			}
			batch, value := 1, "%[1]s: '{%[1]s}'"
			if len(by) == 1 && (i+j)%2 == 0 {
				batch, value = 100, "%[1]s: '{%[1]s...}'"
			}
			fmt.Fprintf(&b, "    - {by: [%s], path: /objects/%s, records: $.results, wider: %t, batch: %d, %s", strings.Join(by, ", "), c.Name,
				c.Field(by[0]).Identity != "", batch, paging[(i+j)%len(paging)])
			for _, f := range by {
				fmt.Fprintf(&b, ", "+value, f)
			}
			b.WriteString("}}\n")
		}
	}
	return b.String()
}

// ways returns the fields by which a collection is looked up.
func ways(graph *connector.Graph, c *connector.Collection) [][]string {
	var list [][]string
	add := func(fields []string) {
		if !slices.ContainsFunc(list, func(o []string) bool { return slices.Equal(o, fields) }) {
			list = append(list, fields)
		}
	}
	for _, e := range graph.Entries() {
		if e.Collection == c {
			add(e.Fields)
		}
	}
	for _, other := range graph.Dataset().Collections {
		for _, e := range graph.LookupsTo(other) {
			if e.From == c {
				add(e.Fields)
			}
		}
	}
	return list
}

// troubleOf makes requests fail as a fault says.
func troubleOf(f connectortest.Fault) crm.Hook {
	if f.Kind == "" {
		return nil
	}
	var mu sync.Mutex
	requests, failures := 0, 0
	return func(m crm.Moment) crm.Trouble {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case f.Kind == connectortest.DropMidPage && (m.Stage != crm.Listed || m.Records <= max(f.Row, 1)),
			f.Kind == connectortest.LostAnswer && m.Stage != crm.Changed,
			f.Kind != connectortest.DropMidPage && f.Kind != connectortest.LostAnswer && m.Stage != crm.Arrived:
			return crm.Trouble{}
		}
		if requests++; requests <= f.Skip || f.Times > 0 && failures == f.Times {
			return crm.Trouble{}
		}
		failures++
		switch f.Kind {
		case connectortest.Throttled:
			return crm.Trouble{Status: http.StatusTooManyRequests, RetryAfter: "7"}
		case connectortest.ServerError:
			return crm.Trouble{Status: http.StatusInternalServerError}
		case connectortest.Timeout:
			return crm.Trouble{Hang: true}
		case connectortest.Unauthorised:
			return crm.Trouble{Status: http.StatusUnauthorized}
		case connectortest.Malformed:
			return crm.Trouble{Body: `{"results": [{"id": 1, "email": "zq7canary.p1@exam`}
		case connectortest.DropMidPage:
			return crm.Trouble{DropAfter: max(f.Row, 1)}
		}
		return crm.Trouble{Drop: true}
	}
}
