package synthetic

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver that writes the databases

	sqlconn "github.com/habeas-dsar/habeas/connectors/sql"
	"github.com/habeas-dsar/habeas/shared/connector"
)

// The two people of a world.
const (
	sought = iota
	stranger
	people
)

// World is a set of systems whose data maps may refer to each other.
type World struct {
	systems []*system
	classes classes
}

// system is one database made from one data map.
type system struct {
	data   *connector.Dataset // as declared
	whole  *connector.Dataset // with the keys that the tables have
	graph  *connector.Graph
	db     *sql.DB
	dir    string
	opened connector.Connector
}

// New makes a database for every data map and opens a connector on each.
func New(t testing.TB, maps ...*connector.Dataset) *World {
	t.Helper()
	w := &World{classes: tie(maps)}
	for _, d := range maps {
		d = relational(d)
		w.systems = append(w.systems, &system{data: d, whole: complete(d), dir: t.TempDir()})
	}
	for _, s := range w.systems {
		var others, declared []*connector.Dataset
		for _, o := range w.systems {
			if o != s {
				others, declared = append(others, o.whole), append(declared, o.data)
			}
		}
		var err error
		if s.graph, err = connector.NewGraph(s.whole, others...); err != nil {
			t.Fatalf("%s: %v", s.data.Key, err)
		}
		w.create(t, s)
		s.opened, err = sqlconn.SQLite().Open(t.Context(), connector.OpenInput{
			Settings: json.RawMessage(`{"path":"world.db"}`), Dataset: s.data, Others: declared, BaseDir: s.dir, Now: time.Now,
		})
		if err != nil {
			t.Fatalf("opening %s: %v", s.data.Key, err)
		}
		t.Cleanup(func() { _ = s.opened.Close() })
	}
	return w
}

// relational returns the data map with object ids as texts: SQLite has no such type, and its connector says so.
func relational(d *connector.Dataset) *connector.Dataset {
	d = d.Clone()
	for _, c := range d.Collections {
		for f := range c.All {
			if f.Type == connector.DataObjectID {
				f.Type = connector.DataString
			}
		}
	}
	return d
}

// complete returns the data map with a primary key wherever none is declared: every plain column together.
func complete(d *connector.Dataset) *connector.Dataset {
	whole := d.Clone()
	for _, c := range whole.Collections {
		if len(c.Key()) > 0 {
			continue
		}
		for _, f := range c.Fields {
			f.PrimaryKey = plain(f)
		}
	}
	return whole
}

// plain reports whether the field is a column with one value.
func plain(f *connector.DataField) bool {
	return len(f.Fields) == 0 && !f.Array && f.Type != connector.DataObject
}

// create makes the tables of a system and fills them.
func (w *World) create(t testing.TB, s *system) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(s.dir, "world.db"))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	s.db = db
	for _, c := range s.whole.Collections {
		if c.Skip {
			continue
		}
		s.exec(t, w.table(s, c))
		for person := range people {
			for _, row := range w.rows(s, c, person) {
				s.exec(t, fmt.Sprintf("INSERT INTO %s VALUES (?%s)", quote(c.Name), strings.Repeat(",?", len(row)-1)), row...)
			}
		}
	}
}

func (s *system) exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	if _, err := s.db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// table returns the statement that makes the table of a collection.
func (w *World) table(s *system, c *connector.Collection) string {
	var parts, key []string
	for _, f := range c.Fields {
		parts = append(parts, quote(f.Name)+" "+w.columnType(s.data.Key, c, f))
		if f.PrimaryKey {
			key = append(key, quote(f.Name))
		}
	}
	parts = append(parts, "PRIMARY KEY ("+strings.Join(key, ",")+")")
	for _, e := range s.graph.Edges(c) {
		to := e.To.Collection
		if !e.Lookup || len(e.Fields) > 1 || c.Field(e.Fields[0]) == nil || !plain(c.Field(e.Fields[0])) || strings.Contains(e.Fields[0], ".") ||
			slices.Contains(c.EraseAfter, s.data.Key+"."+to.Name) {
			continue // no foreign key of SQL, or one that the order of erasure contradicts
		}
		parts = append(parts, fmt.Sprintf("FOREIGN KEY (%s) REFERENCES %s (%s)", quote(e.Fields[0]), quote(to.Name), quote(e.To.Fields[0])))
	}
	return fmt.Sprintf("CREATE TABLE %s (%s)", quote(c.Name), strings.Join(parts, ", "))
}

func (w *World) columnType(dataset string, c *connector.Collection, f *connector.DataField) string {
	switch {
	case !plain(f):
		return "TEXT"
	case f.Type == connector.DataInteger, f.Type == "" && w.classes.of(dataset, c, f).integer:
		return "INTEGER"
	case f.Type == connector.DataFloat:
		return "REAL"
	case f.Type == connector.DataBoolean:
		return "BOOLEAN"
	}
	return "TEXT"
}
