package sql

import (
	"context"
	"database/sql/driver"
	"slices"
	"strconv"
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// page reads one page of a lookup.
type page struct {
	system  *System
	session *session
	table   *table
	finder  *finder
	limit   int
	after   []driver.Value // position of the row to go on behind; nil = from the first
}

// start finds the position of the row behind which the page begins. When that row is gone the page begins at the first:
// the walk knows the rows it has seen, so repeating some loses nothing, whereas guessing might.
func (p *page) start(ctx context.Context, after connector.Key) error {
	if after == nil {
		return nil
	}
	t := p.table
	if len(after) != len(t.key) {
		return fault.New(fault.Internal, "a page is to begin behind a key of another table")
	}
	key, err := t.keyTuples(after)
	if err != nil {
		return err
	}
	if t.byKey != nil && len(key) == 1 && !hasNull(key[0]) {
		for _, part := range t.byKey {
			p.after = append(p.after, key[0][part])
		}
		return nil
	}
	q := newQuery(p.system.dialect.writer(), len(key[0]))
	q.add("SELECT ")
	for i, e := range t.position {
		if i > 0 {
			q.add(",")
		}
		q.add(q.w.spelling().plain, e)
	}
	q.add(" FROM ", t.from, " WHERE ")
	q.keysAmong(t.keyExprs, key)
	return p.session.query(ctx, q.text.String(), q.args, func(row []driver.Value) error {
		p.after = append(p.after[:0], row...)
		return nil
	})
}

// keyTuples returns a key in every form in which it may be stored.
func (t *table) keyTuples(key connector.Key) ([][]driver.Value, error) {
	columns := make([]*column, len(t.key))
	for i, k := range t.key {
		columns[i] = &t.columns[k]
	}
	if len(key) != len(columns) {
		return nil, fault.New(fault.Invalid, "a key has another number of parts than the primary key of its table")
	}
	tuples := appendTuples(nil, columns, key)
	if len(tuples) == 0 {
		return nil, fault.New(fault.Invalid, "a key cannot be one of its table")
	}
	return tuples, nil
}

// read yields rows until the page is full or nothing is left. Rows that the database let through and that do not match are
// left out; so that a page never is empty while there are more, it reads on until one does.
func (p *page) read(ctx context.Context, yield func(*connector.Record) error) (more bool, err error) {
	for {
		read, given := 0, 0
		var last []driver.Value
		var doubtful []connector.Key
		var before connector.Key
		q := p.statement()
		d := newDecoder(p.table)
		err := p.session.query(ctx, q.text.String(), q.args, func(row []driver.Value) error {
			read++
			if p.finder.check != nil && read <= p.limit {
				last = append(last[:0], row[len(p.table.columns):]...)
			}
			rec := d.decode(row)
			if p.table.live.readable && before.Equal(rec.Key) {
				return fault.New(fault.Invalid, "two rows of "+p.table.collection.Name+" have the same key: the declared primary key does not tell them apart")
			}
			before = append(before[:0], rec.Key...)
			if read > p.limit || p.finder.check != nil && !p.finder.check(rec) {
				return nil
			}
			given++
			if slices.ContainsFunc(rec.Key, connector.Value.IsNull) {
				doubtful = append(doubtful, slices.Clone(rec.Key))
			}
			return yield(rec)
		})
		if err == nil {
			err = p.distinct(ctx, doubtful)
		}
		switch {
		case err != nil:
			return false, err
		case read < p.limit:
			return false, nil
		case given > 0:
			return true, nil
		}
		p.after = append(p.after[:0], last...)
	}
}

// distinct refuses rows whose key is null in part and not the only one of its kind: unique indexes let several of them be.
func (p *page) distinct(ctx context.Context, keys []connector.Key) error {
	for _, key := range keys {
		tuple, err := p.table.keyTuples(key)
		if err != nil {
			return err
		}
		q := newQuery(p.system.dialect.writer(), len(tuple[0]))
		q.add("SELECT count(*) FROM ", p.table.from, " WHERE ")
		q.keysAmong(p.table.keyExprs, tuple)
		err = p.session.query(ctx, q.text.String(), q.args, func(row []driver.Value) error {
			if number(row[0]) > 1 {
				return fault.New(fault.Invalid, "two rows of "+p.table.collection.Name+" have the same key, null in part: they cannot be told apart")
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// statement writes the query of the page. Where an index gives the rows in the order of their position, it is read straight.
// Otherwise the positions of one page are found first: the database sorts positions alone, and does all of its searching in
// the first step, which can be interrupted.
func (p *page) statement() *query {
	t, f := p.table, p.finder
	q := newQuery(p.system.dialect.writer(), len(f.tuples)*len(f.columns))
	q.add("SELECT ", t.selected)
	if f.check != nil {
		for _, e := range t.position {
			q.add(",", q.w.spelling().plain, e)
		}
	}
	q.add(" FROM ", t.from, " WHERE ")
	if f.flat || q.w.spelling().ordered {
		f.write(q)
		t.filter(q)
		p.behind(q)
		p.order(q)
		p.bound(q)
		return q
	}
	q.list(t.position).add(" IN (SELECT ")
	p.expressions(q)
	q.add(" FROM ", t.from, " WHERE ")
	f.write(q)
	t.filter(q)
	p.behind(q)
	p.order(q)
	p.bound(q)
	q.add(")")
	p.order(q)
	return q
}

func (p *page) expressions(q *query) { q.add(strings.Join(p.table.position, ",")) }

func (p *page) order(q *query) {
	q.add(" ORDER BY ")
	p.expressions(q)
}

// bound writes the limit as a number: SQLite plans a statement anew whenever a bound limit changes.
// Of a view one more row is read, to see whether its key is another one.
func (p *page) bound(q *query) {
	n := p.limit
	if p.table.live.readable {
		n++
	}
	q.add(" LIMIT ", strconv.Itoa(n))
}

func (p *page) behind(q *query) {
	if p.after == nil {
		return
	}
	q.add(" AND ").list(p.table.position).add(" > ")
	if len(p.after) > 1 {
		q.add("(")
	}
	for i, v := range p.after {
		if i > 0 {
			q.add(",")
		}
		q.bind(v)
	}
	if len(p.after) > 1 {
		q.add(")")
	}
}

// filter adds the fixed filter of the collection.
func (t *table) filter(q *query) {
	for _, w := range t.collection.Where {
		c, _ := t.column(w.Field)
		var tuples [][]driver.Value
		for _, v := range w.Values {
			tuples = appendTuples(tuples, []*column{c}, []connector.Value{v})
		}
		q.add(" AND ")
		q.keysAmong([]operand{c.operand()}, tuples)
	}
}

// decoder turns rows into records. The record is the same one each time.
type decoder struct {
	table  *table
	rec    connector.Record
	fields []connector.Field
}

func newDecoder(t *table) *decoder {
	return &decoder{
		table: t, fields: make([]connector.Field, len(t.columns)),
		rec: connector.Record{Collection: t.collection.Name, Key: make(connector.Key, len(t.key))},
	}
}

func (d *decoder) decode(row []driver.Value) *connector.Record {
	for i := range d.table.columns {
		c := &d.table.columns[i]
		d.fields[i] = connector.Field{Name: c.field.Name, Value: c.codec.decode(row[i])}
	}
	// Whoever had the record before may have changed it.
	d.rec.Fields = d.fields
	for i, at := range d.table.key {
		d.rec.Key[i] = d.rec.Fields[at].Value
	}
	return &d.rec
}
