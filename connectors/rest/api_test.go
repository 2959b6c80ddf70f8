package rest

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/shared/connector/enginetest"
	"github.com/habeas-dsar/habeas/shared/connector/spool"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// callbackServer takes callbacks.
func callbackServer(t *testing.T, reported chan<- struct{}) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			reported <- struct{}{}
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/callback/secret"
}

// things is a data map with one collection, found by email or owner, and with a key.
const things = `
dataset:
  - fides_key: d
    name: d
    collections:
      - name: things
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true, data_type: integer}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email, data_type: string}}
          - {name: words, data_categories: [user.content], fides_meta: {data_type: string}}
          - {name: tags, data_categories: [user.content], fides_meta: {data_type: "string[]"}}
`

// thingsFile is a connector file for it; reads by email are given, the rest is put behind.
func thingsFile(byEmail, more string) string {
	return "auth: {type: none}\ncheck: {path: /me}\ncollections:\n  things:\n    read:\n      - " + byEmail +
		"\n      - {by: [id], path: '/things/{id}', one: true, notFound: none}\n" + more
}

const pagedByCursor = "{by: [email], path: /things, query: {email: '{email}', after: '{$cursor}'}, records: $.items, paging: {type: cursor, next: $.next, size: 2}}"

func openWith(t testing.TB, yaml, baseURL string, change func(*connector.OpenInput)) (*System, error) {
	t.Helper()
	return openResolving(t, yaml, baseURL, nil, change)
}

func openResolving(t testing.TB, yaml, baseURL string, resolver *net.Resolver, change func(*connector.OpenInput)) (*System, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "c.yml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := datamap.Load([]byte(things))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(settings{File: "c.yml", BaseURL: baseURL, AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	in := connector.OpenInput{Settings: raw, Secrets: testSecrets(), Dataset: loaded.Datasets[0], BaseDir: dir, Now: time.Now}
	if change != nil {
		change(&in)
	}
	s, err := open(in, resolver)
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	return s, err
}

// opened opens a connector to a handler.
func opened(t *testing.T, yaml string, h http.Handler) *System {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	s, err := openWith(t, yaml, srv.URL, nil)
	if err != nil {
		t.Fatalf("opening: %v", err)
	}
	return s
}

// counter is a sink that counts.
type counter struct{ n int }

func (c *counter) Put(context.Context, *connector.Record) error { c.n++; return nil }
func (c *counter) Full() bool                                   { return false }

func once(ctx context.Context, request func(context.Context) error) error { return request(ctx) }

func newSpool(t testing.TB) connector.Spool {
	t.Helper()
	return spool.New(enginetest.NewStore(), enginetest.NewKeys(t), "spool", 1, 8<<20)
}

func mail(t testing.TB, address string) []subject.Identifier {
	t.Helper()
	id, err := subject.New(subject.Email, address)
	if err != nil {
		t.Fatal(err)
	}
	return []subject.Identifier{id}
}
