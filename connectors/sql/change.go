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

// change runs do inside one writing transaction.
func (s *System) change(ctx context.Context, do func(context.Context, *session) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := s.writers.with(ctx, func(ses *session) error {
		if _, err := ses.exec(ctx, s.dialect.writer().spelling().begin, nil); err != nil {
			return err
		}
		if err := do(ctx, ses); err != nil {
			return err // the connection is closed after an error, and what it had begun is undone
		}
		_, err := ses.exec(ctx, "COMMIT", nil)
		return err
	})
	return s.dialect.classify(err, "changing a table")
}

// batchTable returns the table of a batch, which is of one collection and one action.
func (s *System) batchTable(batch []connector.Change) (*table, error) {
	for i := range batch {
		if batch[i].Collection != batch[0].Collection || batch[i].Action != batch[0].Action {
			return nil, fault.New(fault.Internal, "a batch of changes is of more than one collection or action")
		}
	}
	served := s.served.Load()
	if why := served.unserved[batch[0].Collection]; why != "" {
		return nil, fault.New(fault.Misconfigured, batch[0].Collection+" cannot be changed: "+why)
	}
	t := served.tables[batch[0].Collection]
	switch {
	case t == nil:
		return nil, fault.New(fault.Invalid, "a change names a collection that is not in the data map")
	case t.live.readable && changing(batch[0].Action):
		return nil, fault.New(fault.Misconfigured, batch[0].Collection+" is a "+t.live.kind+" and cannot be changed")
	}
	return t, nil
}

func changing(a connector.ChangeAction) bool { return a != connector.ActKeep }

// apply carries out a batch in one transaction: all of it or, with an error, nothing.
func (s *System) apply(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	t, err := s.batchTable(batch)
	if err != nil {
		return nil, err
	}
	effects := make([]connector.Effect, len(batch))
	err = s.change(ctx, func(ctx context.Context, ses *session) error {
		b := batchRun{dialect: s.dialect, session: ses, table: t.narrowed(batch), batch: batch}
		if err := b.read(ctx, s.dialect.writer().spelling().locked); err != nil {
			return err
		}
		var todo []int
		for i := range batch {
			if effects[i] = batch[i].Settle(b.rows[i]); effects[i] == connector.EffectNot {
				todo, effects[i] = append(todo, i), connector.EffectDone
			}
		}
		if len(todo) == 0 {
			return nil
		}
		if batch[0].Action == connector.ActDelete {
			return b.delete(ctx, todo)
		}
		return b.update(ctx, todo)
	})
	if err != nil {
		return nil, err
	}
	return effects, nil
}

func (s *System) verify(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	t, err := s.batchTable(batch)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	effects := make([]connector.Effect, len(batch))
	err = s.readers.with(ctx, func(ses *session) error {
		b := batchRun{dialect: s.dialect, session: ses, table: t.narrowed(batch), batch: batch}
		if err := b.read(ctx, ""); err != nil {
			return err
		}
		for i := range batch {
			effects[i] = batch[i].Compare(b.rows[i])
		}
		return nil
	})
	if err != nil {
		return nil, s.dialect.classify(err, "reading planned rows")
	}
	return effects, nil
}

// batchRun is the work on one batch.
type batchRun struct {
	dialect dialect
	session *session
	table   *table
	batch   []connector.Change
	rows    []*connector.Record // as they are now, in the order of the batch; nil = gone
	keys    [][]driver.Value    // as they are stored; empty = gone
}

// read reads the rows of the batch. The fixed filter does not count here: a row that was planned is looked at wherever it is.
func (b *batchRun) read(ctx context.Context, locked string) error {
	b.rows, b.keys = make([]*connector.Record, len(b.batch)), make([][]driver.Value, len(b.batch))
	at := make(map[string][]int, len(b.batch))
	exact := make([]bool, len(b.batch))
	var tuples [][]driver.Value
	for i := range b.batch {
		forms, err := b.table.keyTuples(b.batch[i].Key)
		if err != nil {
			return err
		}
		// A column without a type may hold 42 and "42", each the key of a row: only the planned type will do.
		exact[i] = len(forms) > 1
		tuples = append(tuples, forms...)
		k := keyText(b.batch[i].Key)
		at[k] = append(at[k], i)
	}
	q := newQuery(b.dialect.writer(), len(tuples)*len(b.table.key))
	q.add("SELECT ", b.table.selected, " FROM ", b.table.from, " WHERE ")
	q.keysAmong(b.table.keyExprs, tuples)
	q.add(locked)
	d := newDecoder(b.table)
	return b.session.query(ctx, q.text.String(), q.args, func(row []driver.Value) error {
		rec := d.decode(row)
		for _, i := range at[keyText(rec.Key)] {
			if exact[i] && !b.batch[i].Key.Equal(rec.Key) {
				continue
			}
			if b.rows[i] != nil {
				return fault.New(fault.Invalid, "two rows of "+b.table.collection.Name+" have one key")
			}
			b.rows[i] = rec.Clone()
			for _, k := range b.table.key {
				b.keys[i] = append(b.keys[i], row[k])
			}
		}
		return nil
	})
}

// keyText tells keys apart as connector.SameValue does, whatever the types of their parts.
func keyText(key connector.Key) string {
	parts := make([]connector.Value, len(key))
	for i, v := range key {
		if !v.IsNull() {
			parts[i] = connector.Text(v.RevealText())
		}
	}
	return string(connector.AppendKey(nil, parts))
}

func (b *batchRun) keysOf(todo []int) [][]driver.Value {
	keys := make([][]driver.Value, len(todo))
	for n, i := range todo {
		keys[n] = b.keys[i]
	}
	return keys
}

// delete removes rows, unless rows of other tables still refer to them: those would be left pointing at nothing.
func (b *batchRun) delete(ctx context.Context, todo []int) error {
	for _, ref := range b.table.live.incoming {
		if ref.enforced && ref.cascades == "" {
			continue // the database refuses by itself
		}
		if !ref.enforced && slices.Contains(ref.family, b.table.live.id) {
			continue // a tree goes batch by batch; what points at a row already gone is part of it or somebody's answer to it
		}
		if err := b.unreferenced(ctx, ref, todo); err != nil {
			return err
		}
	}
	q := newQuery(b.dialect.writer(), len(todo)*len(b.table.key))
	q.add("DELETE FROM ", b.table.from, " WHERE ")
	q.keysAmong(b.table.keyExprs, b.keysOf(todo))
	return b.exec(ctx, q, len(todo))
}

func (b *batchRun) unreferenced(ctx context.Context, ref liveReference, todo []int) error {
	w := b.dialect.writer()
	q := newQuery(w, len(todo)*len(b.table.key))
	q.add("SELECT 1 FROM ", fullName(w, ref.schema, ref.table), " AS r JOIN ", b.table.from, " ON ")
	for i := range ref.from {
		if i > 0 {
			q.add(" AND ")
		}
		q.add("r.", w.quote(ref.from[i]), " = ", alias, w.quote(ref.to[i]))
	}
	q.add(" WHERE ")
	q.keysAmong(b.table.keyExprs, b.keysOf(todo))
	if slices.Contains(ref.family, b.table.live.id) { // rows of the batch may refer to each other
		q.add(" AND (")
		q.keysAmong(b.table.keysAs(w, "r."), b.keysOf(todo))
		q.add(") IS NOT TRUE")
	}
	q.add(" LIMIT 1")
	return b.session.query(ctx, q.text.String(), q.args, func([]driver.Value) error {
		return fault.New(fault.Misconfigured, "rows of the table "+ref.table+" still refer to rows of "+b.table.collection.Name+
			": erase or detach them first, or let the data map mask instead of delete")
	})
}

// update sets fields: in one statement per set of columns where tuples can be put into a statement as a table, otherwise one
// for all rows that get the same values.
func (b *batchRun) update(ctx context.Context, todo []int) error {
	if w, ok := b.dialect.writer().(tabler); ok {
		return b.updateByTable(ctx, w, todo)
	}
	for len(todo) > 0 {
		first := &b.batch[todo[0]]
		var same, rest []int
		for _, i := range todo {
			if !b.nested(first) && equalFields(first.Fields, b.batch[i].Fields) {
				same = append(same, i)
			} else {
				rest = append(rest, i)
			}
		}
		if len(same) == 0 {
			same, rest = todo[:1], todo[1:]
		}
		if err := b.set(ctx, same); err != nil {
			return err
		}
		todo = rest
	}
	return nil
}

func equalFields(a, b []connector.Field) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func (b *batchRun) nested(c *connector.Change) bool {
	for _, f := range c.Fields {
		if _, nested := b.table.column(f.Name); nested {
			return true
		}
	}
	return false
}

func (b *batchRun) set(ctx context.Context, rows []int) error {
	ch := &b.batch[rows[0]]
	values, err := b.assignments(ch, b.rows[rows[0]])
	if err != nil || len(values) == 0 {
		return err
	}
	q := newQuery(b.dialect.writer(), len(rows)*len(b.table.key)+len(values))
	q.add("UPDATE ", b.table.from, " SET ")
	for i, v := range values {
		if i > 0 {
			q.add(", ")
		}
		q.add(v.column.target, " = ")
		stored, _ := v.column.codec.stored(v.value)
		q.bind(stored)
	}
	q.add(" WHERE ")
	q.keysAmong(b.table.keyExprs, b.keysOf(rows))
	return b.exec(ctx, q, len(rows))
}

// updateByTable sets every row's own values, for all rows at once that have the same columns to set.
func (b *batchRun) updateByTable(ctx context.Context, w tabler, todo []int) error {
	groups := map[string][]int{}
	values := map[int][]assignment{}
	var order []string
	for _, i := range todo {
		list, err := b.assignments(&b.batch[i], b.rows[i])
		if err != nil {
			return err
		}
		if len(list) == 0 {
			continue
		}
		shape := []string{strconv.FormatBool(hasNull(b.keys[i]))}
		for _, a := range list {
			shape = append(shape, a.column.target)
		}
		group := strings.Join(shape, "\x00")
		if groups[group] == nil {
			order = append(order, group)
		}
		groups[group], values[i] = append(groups[group], i), list
	}
	for _, group := range order {
		rows := groups[group]
		q := newQuery(b.dialect.writer(), 0)
		b.setFromTable(q, w, rows, values)
		if err := b.exec(ctx, q, len(rows)); err != nil {
			return err
		}
	}
	return nil
}

func (b *batchRun) setFromTable(q *query, w tabler, rows []int, values map[int][]assignment) {
	width := len(b.table.key)
	q.add("UPDATE ", b.table.from, " SET ")
	for n, a := range values[rows[0]] {
		if n > 0 {
			q.add(", ")
		}
		q.add(a.column.target, " = u.column", strconv.Itoa(width+n+1), "::", a.column.live.assigned)
	}
	tuples := make([][]driver.Value, len(rows))
	for n, i := range rows {
		tuples[n] = slices.Clone(b.keys[i])
		for _, a := range values[i] {
			stored, _ := a.column.codec.stored(a.value)
			tuples[n] = append(tuples[n], stored)
		}
	}
	q.add(" FROM ")
	w.tuples(q, len(tuples[0]), tuples)
	equal := " = "
	if hasNull(b.keys[rows[0]]) {
		equal = q.w.spelling().same
	}
	for n, k := range b.table.keyExprs {
		q.add([]string{" WHERE ", " AND "}[min(n, 1)], k.text, equal, "u.column", strconv.Itoa(n+1), "::", k.cast)
	}
}

type assignment struct {
	column *column
	value  connector.Value
}

// assignments returns the columns to set. Fields inside nested values become one new value of their column.
func (b *batchRun) assignments(ch *connector.Change, rec *connector.Record) ([]assignment, error) {
	var list []assignment
	for _, f := range ch.Fields {
		c, nested := b.table.column(f.Name)
		if c == nil || c.live.generated || c.field.PrimaryKey {
			return nil, fault.New(fault.Invalid, "a change names a field that cannot be set")
		}
		value := f.Value
		if nested {
			if !setNested(rec, c.field.Name, f) {
				continue // nothing there any more
			}
			value, _ = rec.Get(c.field.Name)
		}
		done := false
		for i := range list {
			if list[i].column == c {
				list[i].value, done = value, true
			}
		}
		if !done {
			list = append(list, assignment{c, value})
		}
	}
	return list, nil
}

// exec runs a change and refuses one that touched more or fewer rows than meant: a trigger or a second row of the same key.
func (b *batchRun) exec(ctx context.Context, q *query, want int) error {
	n, err := b.session.exec(ctx, q.text.String(), q.args)
	if err != nil {
		return err
	}
	if n != int64(want) {
		return fault.New(fault.Internal, "a change would have touched other rows than planned, and was undone")
	}
	return nil
}
