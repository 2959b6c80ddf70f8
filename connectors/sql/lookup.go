package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/walk"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Rows implements walk.Source. A page is one statement, and a second one finds the position of the row it goes on from
// where that is not the key itself.
func (s *System) Rows(ctx context.Context, l walk.Lookup, yield func(*connector.Record) error) (more bool, err error) {
	served := s.served.Load()
	if why := served.unserved[l.Collection.Name]; why != "" {
		return false, &walk.Unserved{Note: why}
	}
	t := served.tables[l.Collection.Name]
	if t == nil {
		return false, fault.New(fault.Internal, "a lookup names a collection that is not in the data map")
	}
	f, err := t.finder(l)
	if err != nil || f.nothing {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	// An error of yield must come back as it is, an error of the database classified.
	var own error
	err = s.readers.with(ctx, func(ses *session) error {
		p := page{system: s, session: ses, table: t, finder: f, limit: max(l.Limit, 1)}
		if err := p.start(ctx, l.After); err != nil {
			return err
		}
		more, err = p.read(ctx, func(rec *connector.Record) error {
			own = yield(rec)
			return own
		})
		return err
	})
	if own != nil {
		return false, own
	}
	err = s.dialect.classify(err, "reading a table")
	if _, gone := errors.AsType[*missing](err); gone {
		return false, &walk.Unserved{Note: err.Error()}
	}
	return more, err
}

// finder is what rows of a lookup have in common.
type finder struct {
	columns []operand // compared exactly by the database
	tuples  [][]driver.Value
	rough   []roughly // compared by the database as far as it can
	flat    bool      // an index finds the rows in the order of their position
	nothing bool      // no value can be in the columns
	check   func(*connector.Record) bool
}

type roughly struct {
	column  operand
	texts   []string
	how     comparison
	indexed bool
}

func (t *table) finder(l walk.Lookup) (*finder, error) {
	columns := make([]*column, len(l.Fields))
	exact := true
	for i, path := range l.Fields {
		c, nested := t.column(path)
		if c == nil {
			return nil, fault.New(fault.Internal, "a lookup names a field that is not in the data map")
		}
		columns[i] = c
		exact = exact && !nested && !c.field.Array
	}
	switch {
	case !exact:
		return t.nestedFinder(l, columns), nil
	case l.Match == connector.MatchCasefold || l.Match == connector.MatchNormalised:
		return t.looseFinder(l, columns[0]), nil
	}
	f := &finder{}
	var names []string
	for _, c := range columns {
		f.columns, names = append(f.columns, c.operand()), append(names, c.live.name)
	}
	for _, v := range l.Values {
		f.tuples = appendTuples(f.tuples, columns, v)
	}
	f.nothing = len(f.tuples) == 0
	plain := len(t.collection.Where) == 0 && !slices.ContainsFunc(f.tuples, hasNull)
	f.flat = plain && (sameNames(names, t.live.position) || len(f.tuples) == 1 && t.live.exactIndex(names))
	return f, nil
}

// appendTuples appends the tuple in every form in which its values may be stored.
func appendTuples(tuples [][]driver.Value, columns []*column, values []connector.Value) [][]driver.Value {
	forms := [][]driver.Value{nil}
	for i, c := range columns {
		var alternatives []driver.Value
		if values[i].IsNull() {
			alternatives = []driver.Value{nil}
		} else {
			alternatives = c.codec.sought(values[i])
		}
		if len(alternatives) == 1 {
			for j := range forms {
				forms[j] = append(forms[j], alternatives[0])
			}
			continue
		}
		var next [][]driver.Value
		for _, f := range forms {
			for _, a := range alternatives {
				next = append(next, append(slices.Clone(f), a))
			}
		}
		forms = next
	}
	return append(tuples, forms...)
}

// nestedFinder finds rows by values inside nested ones: the database narrows down, we decide.
func (t *table) nestedFinder(l walk.Lookup, columns []*column) *finder {
	f := &finder{nothing: len(l.Values) == 0}
	for i, c := range columns {
		texts := make([]string, len(l.Values))
		for j, v := range l.Values {
			texts[j] = v[i].RevealText()
		}
		f.rough = append(f.rough, roughly{column: c.operand(), texts: texts, how: byElement})
	}
	f.check = func(rec *connector.Record) bool {
		held := make([][]connector.Value, len(l.Fields))
		for i, path := range l.Fields {
			held[i] = rec.AppendValues(nil, path)
		}
		return slices.ContainsFunc(l.Values, func(want []connector.Value) bool { return holds(held, want) })
	}
	return f
}

// holds reports whether a row has a tuple. Fields with several values each give their pairs by position, a single value
// goes with every one of the others.
func holds(held [][]connector.Value, want []connector.Value) bool {
	n := 1
	for _, h := range held {
		if len(h) == 0 || len(h) > 1 && n > 1 && len(h) != n {
			return false
		}
		n = max(n, len(h))
	}
	for row := range n {
		all := true
		for i, h := range held {
			all = all && connector.SameValue(h[min(row, len(h)-1)], want[i])
		}
		if all {
			return true
		}
	}
	return false
}

// looseFinder finds rows by an identity that is compared otherwise than the column does.
func (t *table) looseFinder(l walk.Lookup, c *column) *finder {
	kind, how := c.field.Identity, byFolding
	if l.Match == connector.MatchNormalised {
		switch kind {
		case subject.Email:
			how = byMail
		case subject.Phone:
			how = byPhone
		default: // the normal form of every other kind is the value itself
			l.Match = connector.MatchExact
			f, _ := t.finder(l)
			return f
		}
	}
	var texts []string
	for _, v := range l.Values {
		s := v[0].RevealText()
		if how != byFolding {
			s = subject.Identifier{Kind: kind, Value: redact.NewText(s)}.Normalise().Value.Reveal()
		}
		if s != "" {
			texts = append(texts, s)
		}
	}
	f := &finder{nothing: len(texts) == 0, rough: []roughly{{column: c.operand(), texts: texts, how: how, indexed: t.folding[strings.ToLower(c.live.name)]}}}
	f.check = func(rec *connector.Record) bool {
		found, _ := rec.Get(c.field.Name)
		return slices.ContainsFunc(l.Values, func(v []connector.Value) bool { return l.Match.Same(kind, found, v[0]) })
	}
	return f
}

// write adds the condition to a statement.
func (f *finder) write(q *query) {
	if f.columns != nil {
		q.keysAmong(f.columns, f.tuples)
	}
	for i, r := range f.rough {
		if i > 0 {
			q.add(" AND ")
		}
		q.w.roughly(q, r.column, r.texts, r.how, r.indexed)
	}
}
