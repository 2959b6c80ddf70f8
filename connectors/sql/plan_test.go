package sql

import (
	"context"
	stdsql "database/sql"
	"database/sql/driver"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/shared/connector/walk"
	"github.com/habeas-dsar/habeas/test/bench/shop"
)

// TestLookupsUseIndexes asks SQLite how it runs the statements of every way into the benchmark's shop: with one value and
// with several, on the first page and behind a row. None of them reads a table from end to end, and none sorts whole rows.
func TestLookupsUseIndexes(t *testing.T) {
	dir := t.TempDir()
	db, err := stdsql.Open("sqlite", filepath.Join(dir, "target.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), shop.Schema()); err != nil {
		t.Fatal(err)
	}
	if err := shop.Generate(t.Context(), db, 500); err != nil {
		t.Fatal(err)
	}
	loaded, err := datamap.Load([]byte(shop.Dataset()))
	if err != nil {
		t.Fatal(err)
	}
	c, err := openSQLite(t.Context(), connector.OpenInput{Settings: json.RawMessage(`{"path":"target.db"}`), Dataset: loaded.Datasets[0], BaseDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	s := c.(*System)
	defer s.Close()
	for _, e := range s.served.Load().graph.Entries() {
		if e.Collection.Name == "product" || e.Collection.Name == "report" {
			continue // a few dozen rows, of one value: the statistics rightly prefer the table
		}
		for _, values := range []int{1, 3, 100} {
			tuple := make([]connector.Value, len(e.Fields))
			for i := range tuple {
				tuple[i] = connector.Text("7")
			}
			l := walk.Lookup{Collection: e.Collection, Fields: e.Fields, Match: connector.MatchExact, Limit: 1000}
			for range values {
				l.Values = append(l.Values, tuple)
			}
			for _, after := range [][]driver.Value{nil, {int64(5)}} {
				for _, step := range s.explain(t, l, after) {
					if strings.HasPrefix(step, "SCAN t") && !strings.Contains(step, "COVERING INDEX") || strings.Contains(step, "AUTOMATIC") {
						t.Errorf("%s by %v with %d values: %s", e.Collection.Name, e.Fields, values, step)
					}
				}
			}
		}
	}
}

func (s *System) explain(t *testing.T, l walk.Lookup, after []driver.Value) (steps []string) {
	t.Helper()
	tab := s.served.Load().tables[l.Collection.Name]
	f, err := tab.finder(l)
	if err != nil {
		t.Fatal(err)
	}
	err = s.readers.with(context.Background(), func(ses *session) error {
		p := page{system: s, session: ses, table: tab, finder: f, limit: l.Limit, after: after}
		q := p.statement()
		return ses.query(context.Background(), "EXPLAIN QUERY PLAN "+q.text.String(), q.args, func(row []driver.Value) error {
			steps = append(steps, text(row[3]))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return steps
}
