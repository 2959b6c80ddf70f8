package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// probeEvery is how long the answer to MixedCase counts: the probe reads the whole column, and people are found by its answer.
const probeEvery = time.Minute

// mixedCase remembers which columns hold texts that are not in lower case.
type mixedCase struct {
	mu    sync.Mutex
	known map[string]probed // by collection and path
}

type probed struct {
	at    time.Time
	mixed bool
}

var errFound = errors.New("found")

// MixedCase implements walk.Folder: whether a column holds addresses that an ordinary index would not find by their lower-case
// form. A column that compares letter case aside by itself, and one whose index does, costs nothing.
func (s *System) MixedCase(ctx context.Context, c *connector.Collection, path string) (bool, error) {
	t := s.served.Load().tables[c.Name]
	if t == nil {
		return false, nil // the lookup says what is wrong
	}
	col, nested := t.column(path)
	if col == nil || nested || col.field.Array {
		return false, nil // values inside others are compared one by one
	}
	if t.folding[strings.ToLower(col.live.name)] {
		return true, nil
	}
	now := time.Now() // how long ago the column was read, whatever the clock of the installation says
	key := c.Name + "\x00" + path
	s.cases.mu.Lock()
	p, ok := s.cases.known[key]
	s.cases.mu.Unlock()
	if ok && now.Sub(p.at) < probeEvery {
		return p.mixed, nil
	}
	mixed, err := s.probe(ctx, t, col)
	if err = s.dialect.classify(err, "reading a column"); err != nil {
		if c := fault.ClassOf(err); c == fault.Unavailable || c == fault.Throttled {
			return false, err
		}
		return false, nil // the column is no text, or not there: the lookup says what is wrong
	}
	s.cases.mu.Lock()
	defer s.cases.mu.Unlock()
	if s.cases.known == nil {
		s.cases.known = map[string]probed{}
	}
	s.cases.known[key] = probed{now, mixed}
	return mixed, nil
}

// probe looks for one value that is not in lower case.
func (s *System) probe(ctx context.Context, t *table, col *column) (mixed bool, err error) {
	op := col.operand()
	q := newQuery(s.dialect.writer(), 0)
	q.add("SELECT 1 FROM ", t.from, " WHERE ", op.text, " <> lower(", op.text, ") LIMIT 1")
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err = s.readers.with(ctx, func(ses *session) error {
		err := ses.query(ctx, q.text.String(), nil, func([]driver.Value) error { return errFound })
		if errors.Is(err, errFound) {
			mixed, err = true, nil
		}
		return err
	})
	return mixed, err
}
