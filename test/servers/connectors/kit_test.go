package connectors

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/connectors/sql"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/shared/connector/enginetest"
	"github.com/habeas-dsar/habeas/shared/connector/spool"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/test/servers/postgres"
)

const ann = "ann@example.com"

// system is a connector over a database of its own.
type system struct {
	*sql.System
	db *postgres.Database
}

// account is who connects how; zero fields are those of the database's owner and server.
type account struct {
	user, password string
	port           int
	settings       string // more settings, each with a comma before it
}

func readDataset(tb testing.TB, yaml string) *connector.Dataset {
	tb.Helper()
	loaded, err := datamap.Load([]byte(yaml))
	if err != nil {
		tb.Fatalf("reading the data map: %v", err)
	}
	return loaded.Datasets[0]
}

func tryOpen(tb testing.TB, d *postgres.Database, yaml string, a account) (*sql.System, error) {
	tb.Helper()
	if a.user == "" {
		a.user, a.password = d.User, d.Password
	}
	if a.port == 0 {
		a.port = d.Server.Port
	}
	c, err := sql.Postgres().Open(tb.Context(), connector.OpenInput{
		Settings: json.RawMessage(fmt.Sprintf(`{"host":"127.0.0.1","port":%d,"database":%q,"user":%q%s}`, a.port, d.Name, a.user, a.settings)),
		Secrets:  map[string]redact.Text{"password": redact.NewText(a.password)}, Dataset: readDataset(tb, yaml), Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c.(*sql.System), nil
}

func openAs(tb testing.TB, d *postgres.Database, yaml string, a account) system {
	tb.Helper()
	s, err := tryOpen(tb, d, yaml, a)
	if err != nil {
		tb.Fatalf("opening: %v", err)
	}
	return system{s, d}
}

func newSystem(tb testing.TB, yaml string, statements ...string) system {
	tb.Helper()
	d := server.CreateDatabase(tb)
	d.Exec(tb, statements...)
	return openAs(tb, d, yaml, account{})
}

// collector is a sink that keeps everything.
type collector[T any] struct {
	items []T
	copy  func(T) T
}

func (c *collector[T]) Put(_ context.Context, item T) error {
	c.items = append(c.items, c.copy(item))
	return nil
}

func (*collector[T]) Full() bool { return false }

func once(ctx context.Context, request func(context.Context) error) error { return request(ctx) }

func newSpool(tb testing.TB) connector.Spool {
	tb.Helper()
	return spool.New(enginetest.NewStore(), enginetest.NewKeys(tb), "spool", 1, 8<<20)
}

func mail(tb testing.TB, address string) []subject.Identifier {
	tb.Helper()
	id, err := subject.New(subject.Email, address)
	if err != nil {
		tb.Fatal(err)
	}
	return []subject.Identifier{id}
}

func (s system) tryAccess(ctx context.Context, tb testing.TB, address string) ([]*connector.Record, connector.Progress, error) {
	tb.Helper()
	sink := &collector[*connector.Record]{copy: (*connector.Record).Clone}
	p, err := s.Access(ctx, connector.Call{Identifiers: mail(tb, address), Spool: newSpool(tb), Records: sink, Request: once})
	return sink.items, p, err
}

func (s system) access(tb testing.TB, address string) ([]*connector.Record, connector.Progress) {
	tb.Helper()
	records, p, err := s.tryAccess(tb.Context(), tb, address)
	if err != nil || !p.Finished {
		tb.Fatalf("access: finished %v, %v", p.Finished, err)
	}
	return records, p
}

// lines writes records as JSON lines with their collection, sorted.
func lines(records []*connector.Record) []string {
	var list []string
	for _, r := range records {
		list = append(list, r.Collection+" "+string(r.AppendJSON(nil)))
	}
	slices.Sort(list)
	return list
}

func (s system) plan(tb testing.TB, address string) []connector.Change {
	tb.Helper()
	return s.changes(tb, s.PlanErasure, connector.Call{Identifiers: mail(tb, address)})
}

func (s system) changes(tb testing.TB, plan func(context.Context, connector.Call) (connector.Progress, error), call connector.Call) []connector.Change {
	tb.Helper()
	sink := &collector[connector.Change]{copy: func(c connector.Change) connector.Change {
		c.Key = slices.Clone(c.Key)
		return c
	}}
	call.Spool, call.Changes, call.Request = newSpool(tb), sink, once
	p, err := plan(tb.Context(), call)
	if err != nil || !p.Finished {
		tb.Fatalf("planning: finished %v, %v", p.Finished, err)
	}
	slices.SortStableFunc(sink.items, func(a, b connector.Change) int { return a.Rank - b.Rank })
	return sink.items
}

// counts says how many changes of each collection and action a plan has.
func counts(plan []connector.Change) string {
	n := map[string]int{}
	var names []string
	for _, c := range plan {
		name := c.Collection + " " + string(c.Action)
		if n[name]++; n[name] == 1 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, n[name])
	}
	return strings.Join(names, ", ")
}

// batches cuts a plan into runs of one collection and action.
func batches(plan []connector.Change) [][]connector.Change {
	var list [][]connector.Change
	for _, c := range plan {
		n := len(list)
		if n == 0 || list[n-1][0].Collection != c.Collection || list[n-1][0].Action != c.Action {
			list = append(list, nil)
			n++
		}
		list[n-1] = append(list[n-1], c)
	}
	return list
}

// erase applies a plan and verifies that every change is in its end state, and that a new plan has nothing left but what is
// kept.
func (s system) erase(tb testing.TB, address string) {
	tb.Helper()
	for _, b := range batches(s.plan(tb, address)) {
		effects, err := s.ApplyErasure(tb.Context(), b)
		if err != nil {
			tb.Fatalf("erasing %s: %v", b[0].Collection, err)
		}
		verified, err := s.VerifyErasure(tb.Context(), b)
		if err != nil {
			tb.Fatalf("verifying %s: %v", b[0].Collection, err)
		}
		for i := range b {
			if verified[i] != connector.EffectDone || b[i].Action != connector.ActKeep && effects[i] != connector.EffectDone {
				tb.Errorf("%v: applied %d, verified %d", b[i], effects[i], verified[i])
			}
		}
	}
	for _, c := range s.plan(tb, address) {
		if c.Action != connector.ActKeep {
			tb.Errorf("after the erasure there is still something to do: %v", c)
		}
	}
}

func (s system) problems(tb testing.TB) []connector.Problem {
	tb.Helper()
	h, err := s.Check(tb.Context())
	if err != nil || !h.Reachable {
		tb.Fatalf("checking: %v", err)
	}
	return h.Problems
}

// wantProblem looks for a problem of a collection and field, with a line and some words.
func wantProblem(tb testing.TB, list []connector.Problem, collection, field, words string) {
	tb.Helper()
	if !slices.ContainsFunc(list, func(p connector.Problem) bool {
		return p.Collection == collection && p.Field == field && p.Line > 0 && strings.Contains(p.Text, words)
	}) {
		tb.Errorf("no problem of %s.%s says %q: %+v", collection, field, words, list)
	}
}

func wantClass(tb testing.TB, err error, want fault.Class) {
	tb.Helper()
	if fault.ClassOf(err) != want {
		tb.Errorf("class %q, want %q: %v", fault.ClassOf(err), want, err)
	}
}

func outcomeOf(p connector.Progress, collection string) connector.CollectionResult {
	for _, c := range p.Collections {
		if c.Collection == collection {
			return c
		}
	}
	return connector.CollectionResult{}
}

// collection writes a collection of a data map. meta is its habeas_meta or empty.
func collection(name, meta string, fields ...string) string {
	yaml := "      - name: '" + name + "'\n"
	if meta != "" {
		yaml += "        habeas_meta: " + meta + "\n"
	}
	return yaml + "        fields:\n          - " + strings.Join(fields, "\n          - ") + "\n"
}

func dataMap(collections ...string) string {
	return "dataset:\n  - fides_key: d\n    collections:\n" + strings.Join(collections, "")
}

const (
	idField    = `{name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}`
	emailField = `{name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}`
)

func personal(name string) string { return "{name: " + name + ", data_categories: [user.content]}" }

func erased(name, rule string) string {
	return "{name: " + name + ", data_categories: [user.content], habeas_meta: {on_erase: \"" + rule + "\"}}"
}

// refers is a field that the rows of a parent lead to.
func refers(name, parent string) string {
	return "{name: " + name + ", data_categories: [system.operations], fides_meta: {references: [{dataset: d, field: " + parent + ", direction: from}]}}"
}

func port(d *postgres.Database) string { return fmt.Sprint(d.Server.Port) }
