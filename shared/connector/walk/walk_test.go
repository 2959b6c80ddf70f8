package walk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/enginetest"
	"github.com/habeas-dsar/habeas/shared/connector/spool"
	"github.com/habeas-dsar/habeas/shared/connector/walk"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// rows is a source over a slice: it looks at every record, which is slow and cannot be wrong.
type rows []*connector.Record

func (r rows) Rows(_ context.Context, l walk.Lookup, yield func(*connector.Record) error) (more bool, err error) {
	var page []*connector.Record
	for _, rec := range r {
		if rec.Collection == l.Collection.Name && matches(rec, l) &&
			(l.After == nil || bytes.Compare(connector.AppendKey(nil, rec.Key), connector.AppendKey(nil, l.After)) > 0) {
			page = append(page, rec)
		}
	}
	slices.SortFunc(page, func(a, b *connector.Record) int {
		return bytes.Compare(connector.AppendKey(nil, a.Key), connector.AppendKey(nil, b.Key))
	})
	if len(page) > l.Limit {
		page, more = page[:l.Limit], true
	}
	for _, rec := range page {
		if err := yield(rec); err != nil {
			return false, err
		}
	}
	return more, nil
}

func matches(rec *connector.Record, l walk.Lookup) bool {
	return slices.ContainsFunc(l.Values, func(tuple []connector.Value) bool {
		for i, f := range l.Fields {
			if !slices.ContainsFunc(rec.AppendValues(nil, f), func(v connector.Value) bool { return !v.IsNull() && connector.SameValue(v, tuple[i]) }) {
				return false
			}
		}
		return true
	})
}

func field(name string, change ...func(*connector.DataField)) *connector.DataField {
	f := &connector.DataField{Name: name, Path: name}
	for _, c := range change {
		c(f)
	}
	return f
}

func key(f *connector.DataField)   { f.PrimaryKey = true }
func email(f *connector.DataField) { f.Identity = subject.Email }

func ref(collection, name string, d connector.Direction) func(*connector.DataField) {
	return func(f *connector.DataField) {
		f.References = append(f.References, connector.Reference{Dataset: "d", Collection: collection, Field: name, Direction: d, Self: true})
	}
}

func record(collection string, k int, values ...connector.Field) *connector.Record {
	return &connector.Record{
		Collection: collection, Key: connector.Key{connector.Int(int64(k))},
		Fields: append([]connector.Field{{Name: "id", Value: connector.Int(int64(k))}}, values...),
	}
}

func graph(t rapid.TB, collections ...*connector.Collection) *connector.Graph {
	g, err := connector.NewGraph(&connector.Dataset{Key: "d", Collections: collections})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

var ada = subject.Identifier{Kind: subject.Email, Value: redact.NewText("ada@example.com")}

// collector takes records and is full after every budget of them.
type collector struct {
	got    []string
	lines  []string
	budget int
	n      int
}

func (c *collector) Put(_ context.Context, rec *connector.Record) error {
	c.got = append(c.got, name(rec))
	c.lines = append(c.lines, string(rec.AppendJSON(nil)))
	c.n++
	return nil
}

func (c *collector) Full() bool { return c.n >= c.budget }

func name(rec *connector.Record) string { return rec.Collection + "/" + rec.Key[0].RevealText() }

// access calls until finished, with a fresh spool read from the store before every call.
func access(t rapid.TB, w *walk.Walker, c *collector, ids ...subject.Identifier) connector.Progress {
	kit := enginetest.NewStore()
	seal := plainSealer{}
	sp := spool.New(kit, seal, "spool/a/b/c", 0, 1<<10)
	call := connector.Call{Identifiers: ids, Records: c, Request: once}
	for turn := 1; turn < 10_000; turn++ {
		c.n = 0
		call.Spool = sp
		p, err := w.Access(context.Background(), call)
		if err != nil {
			t.Fatal(err)
		}
		if p.Finished {
			return p
		}
		call.Cursor = p.Cursor
		if err := sp.Save(context.Background()); err != nil {
			t.Fatal(err)
		}
		if sp, err = spool.Open(context.Background(), kit, seal, "spool/a/b/c", turn, 1<<10); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the walk does not end")
	return connector.Progress{}
}

func once(ctx context.Context, do func(context.Context) error) error { return do(ctx) }

// plainSealer seals nothing: what these tests look at is not what lies in the store.
type plainSealer struct{}

func (plainSealer) SealDoc(_ string, plain []byte) []byte { return slices.Clone(plain) }

func (plainSealer) OpenDoc(_ string, sealed []byte) (redact.Bytes, error) {
	return redact.NewBytes(sealed), nil
}

// TestWalkFindsTheClosure: whatever the graph, the page, the batch and the budget, a walk gives exactly the records that
// references lead to, each once.
func TestWalkFindsTheClosure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		directions := rapid.SampledFrom([]connector.Direction{connector.DirectionBoth, connector.DirectionFrom, connector.DirectionTo})
		names := []string{"a", "b", "c"}
		var collections []*connector.Collection
		targets := map[string]string{}
		dirs := map[string]connector.Direction{}
		for _, n := range names {
			targets[n], dirs[n] = rapid.SampledFrom(names).Draw(t, "target"), directions.Draw(t, "direction")
			c := &connector.Collection{Name: n, Fields: []*connector.DataField{field("id", key), field("link", ref(targets[n], "id", dirs[n]))}}
			if n == "a" {
				c.Fields = append(c.Fields, field("email", email))
			}
			collections = append(collections, c)
		}
		var data rows
		for _, n := range names {
			for i := range rapid.IntRange(0, 12).Draw(t, "rows") {
				link := connector.Null()
				if l := rapid.IntRange(-1, 12).Draw(t, "link"); l >= 0 {
					link = connector.Int(int64(l))
				}
				rec := record(n, i, connector.Field{Name: "link", Value: link})
				if n == "a" {
					mail := rapid.SampledFrom([]string{"ada@example.com", "bob@example.com"}).Draw(t, "mail")
					rec.Fields = append(rec.Fields, connector.Field{Name: "email", Value: connector.Text(mail)})
				}
				data = append(data, rec)
			}
		}
		limits := connector.Limits{PageRecords: rapid.IntRange(1, 5).Draw(t, "page"), BatchKeys: rapid.IntRange(1, 4).Draw(t, "batch")}
		c := &collector{budget: rapid.IntRange(1, 8).Draw(t, "budget")}
		access(t, walk.New(graph(t, collections...), data, limits), c, ada)
		want := closure(data, targets, dirs)
		slices.Sort(c.got)
		if !slices.Equal(c.got, want) {
			t.Fatalf("the walk gave\n%v\nwant\n%v", c.got, want)
		}
	})
}

// closure is the same by brute force.
func closure(data rows, targets map[string]string, dirs map[string]connector.Direction) []string {
	in := map[string]bool{}
	for _, rec := range data {
		if mail, _ := rec.Get("email"); mail == connector.Text("ada@example.com") {
			in[name(rec)] = true
		}
	}
	for grown := true; grown; {
		grown = false
		for _, x := range data {
			link, _ := x.Get("link")
			for _, y := range data {
				if link.IsNull() || y.Collection != targets[x.Collection] || !y.Key[0].IsNull() && y.Key[0] != link {
					continue
				}
				d := dirs[x.Collection]
				if d != connector.DirectionFrom && in[name(x)] && !in[name(y)] {
					in[name(y)], grown = true, true
				}
				if d != connector.DirectionTo && in[name(y)] && !in[name(x)] {
					in[name(x)], grown = true, true
				}
			}
		}
	}
	var list []string
	for n := range in {
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}

// fixed answers every lookup alike.
type fixed func(l walk.Lookup, yield func(*connector.Record) error) (bool, error)

func (f fixed) Rows(_ context.Context, l walk.Lookup, yield func(*connector.Record) error) (bool, error) {
	return f(l, yield)
}

func TestSourcesThatCannotBeRightAreErrors(t *testing.T) {
	g := graph(t, &connector.Collection{Name: "a", Fields: []*connector.DataField{field("id", key), field("email", email)}})
	row := record("a", 1, connector.Field{Name: "email", Value: connector.Text("ada@example.com")})
	for name, source := range map[string]fixed{
		"more and no rows": func(walk.Lookup, func(*connector.Record) error) (bool, error) { return true, nil },
		"the same page for ever": func(_ walk.Lookup, yield func(*connector.Record) error) (bool, error) {
			return true, yield(row)
		},
		"no key": func(_ walk.Lookup, yield func(*connector.Record) error) (bool, error) {
			return false, yield(&connector.Record{Collection: "a", Fields: row.Fields})
		},
		"a null key": func(_ walk.Lookup, yield func(*connector.Record) error) (bool, error) {
			return false, yield(&connector.Record{Collection: "a", Key: connector.Key{connector.Null()}, Fields: row.Fields})
		},
		"another collection": func(_ walk.Lookup, yield func(*connector.Record) error) (bool, error) {
			return false, yield(&connector.Record{Collection: "z", Key: row.Key, Fields: row.Fields})
		},
		"more rows than asked for": func(l walk.Lookup, yield func(*connector.Record) error) (bool, error) {
			for i := range l.Limit + 1 {
				if err := yield(record("a", i, row.Fields[1])); err != nil {
					return false, err
				}
			}
			return false, nil
		},
	} {
		w := walk.New(g, source, connector.Limits{PageRecords: 3})
		call := connector.Call{
			Identifiers: []subject.Identifier{ada}, Records: &collector{budget: 1 << 20}, Request: once,
			Spool: spool.New(enginetest.NewStore(), plainSealer{}, "spool/a/b/c", 0, 1<<20),
		}
		if p, err := w.Access(t.Context(), call); err == nil || p.Finished {
			t.Errorf("%s: finished %v, %v; want an error", name, p.Finished, err)
		}
	}
}

func TestSinkFailureIsNotRepeated(t *testing.T) {
	g := graph(t, &connector.Collection{Name: "a", Fields: []*connector.DataField{field("id", key), field("email", email)}})
	data := rows{record("a", 1, connector.Field{Name: "email", Value: connector.Text("ada@example.com")})}
	sink := &failing{}
	call := connector.Call{
		Identifiers: []subject.Identifier{ada}, Records: sink,
		Request: func(ctx context.Context, do func(context.Context) error) error {
			return errors.Join(do(ctx), do(ctx)) // a retry would find the row seen, and lose it
		},
		Spool: spool.New(enginetest.NewStore(), plainSealer{}, "spool/a/b/c", 0, 1<<20),
	}
	p, err := walk.New(g, data, connector.Limits{}).Access(t.Context(), call)
	if !fault.Has(err, fault.Unavailable) || p.Cursor != "" || p.Finished {
		t.Errorf("progress %+v, %v; want the sink's error and no progress", p, err)
	}
}

type failing struct{}

func (*failing) Put(context.Context, *connector.Record) error {
	return fault.New(fault.Unavailable, "the disk is full")
}
func (*failing) Full() bool { return false }

func TestForeignCursorsAreRefused(t *testing.T) {
	g := graph(t, &connector.Collection{Name: "a", Fields: []*connector.DataField{field("id", key), field("email", email)}})
	for _, cursor := range []string{"x", `{"entry":99}`, `{"entry":-1}`, `{"pass":-1}`, `[]`} {
		call := connector.Call{Identifiers: []subject.Identifier{ada}, Cursor: connector.Cursor(cursor), Records: &collector{budget: 1}, Request: once}
		if _, err := walk.New(g, rows{}, connector.Limits{}).Access(t.Context(), call); !fault.Has(err, fault.Invalid) {
			t.Errorf("cursor %s: %v, want invalid", cursor, err)
		}
	}
}

func TestArraysShowOnlyWhatWasAskedFor(t *testing.T) {
	for _, all := range []bool{false, true} {
		g := graph(t, &connector.Collection{Name: "list", Fields: []*connector.DataField{
			field("id", key), field("members", email, func(f *connector.DataField) { f.Array, f.ReturnAll = true, all }),
		}})
		data := rows{record("list", 1, connector.Field{Name: "members", Value: connector.JSON([]byte(`["bob@example.com","ada@example.com"]`))})}
		c := &collector{budget: 10}
		access(t, walk.New(g, data, connector.Limits{}), c, ada)
		if len(c.lines) != 1 || strings.Contains(c.lines[0], "bob@") != all {
			t.Errorf("return_all_elements %v: disclosed %v", all, c.lines)
		}
	}
}

func TestValuesTravelBetweenSystems(t *testing.T) {
	shop := &connector.Dataset{Key: "shop", Collections: []*connector.Collection{
		{Name: "customer", Fields: []*connector.DataField{field("id", key), field("email", email)}},
	}}
	crm := &connector.Dataset{Key: "crm", Collections: []*connector.Collection{
		{Name: "note", Fields: []*connector.DataField{field("id", key), field("customer", func(f *connector.DataField) {
			f.References = []connector.Reference{{Dataset: "shop", Collection: "customer", Field: "id", Direction: connector.DirectionFrom}}
		})}},
	}}
	gs, err1 := connector.NewGraph(shop, crm)
	gc, err2 := connector.NewGraph(crm, shop)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	customers := rows{record("customer", 42, connector.Field{Name: "email", Value: connector.Text("ada@example.com")})}
	located, err := walk.New(gs, customers, connector.Limits{}).Locate(t.Context(), connector.Query{Proven: []subject.Identifier{ada}})
	if err != nil || len(located.Identifiers) != 1 || located.Identifiers[0].Kind != connector.ReferenceKind("shop", "customer", "id") {
		t.Fatalf("located %+v, %v", located, err)
	}
	notes := rows{record("note", 1, connector.Field{Name: "customer", Value: connector.Int(42)}), record("note", 2, connector.Field{Name: "customer", Value: connector.Int(43)})}
	c := &collector{budget: 10}
	access(t, walk.New(gc, notes, connector.Limits{}), c, append(located.Identifiers, ada)...)
	if fmt.Sprint(c.got) != "[note/1]" {
		t.Errorf("the other system gives %v, want note/1", c.got)
	}
}
