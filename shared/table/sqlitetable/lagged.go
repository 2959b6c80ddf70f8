package sqlitetable

import (
	"bytes"
	"cmp"
	"database/sql/driver"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/shared/table"
)

// partition is one ipk of the index of one table.
type partition struct {
	table table.Name
	ipk   string
}

// lagged is the index as it was a while ago: a copy in memory that follows the commits, each at least delay later, in
// their order.
type lagged struct {
	delay time.Duration

	mu      sync.Mutex
	entries map[table.Key]*table.Item
	parts   map[partition][]*table.Item // in index order
	waiting [][]table.Item              // changes of commits, oldest first
	stopped bool
}

// loadLagged starts from what the file holds.
func loadLagged(c *conn, delay time.Duration) (*lagged, error) {
	l := &lagged{delay: delay, entries: map[table.Key]*table.Item{}, parts: map[partition][]*table.Item{}}
	for _, n := range table.Names() {
		err := c.query(indexed, n, func(row []driver.Value) bool {
			l.put(itemOf(n, row))
			return true
		})
		if err != nil {
			return nil, fmt.Errorf("reading index: %w", err)
		}
	}
	return l, nil
}

// changed returns what a write left under its key, on memory of its own. An item without ipk leaves the index.
func changed(w *table.Write, version int64) table.Item {
	if w.Op == table.Delete {
		return table.Item{Key: w.Item.Key}
	}
	it := w.Item
	it.Body, it.Version, it.ExpiresAt = bytes.Clone(it.Body), version, table.StoredExpiry(it.ExpiresAt)
	return it
}

// later applies the changes of one commit after the delay. Each timer applies the oldest changes that wait, so the order is
// that of the commits however the timers fire, and none is early.
func (l *lagged) later(changes []table.Item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped || len(changes) == 0 {
		return
	}
	l.waiting = append(l.waiting, changes)
	time.AfterFunc(l.delay, l.applyOldest)
}

func (l *lagged) applyOldest() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped || len(l.waiting) == 0 {
		return
	}
	changes := l.waiting[0]
	l.waiting = l.waiting[1:]
	for i := range changes {
		l.put(changes[i])
	}
}

// stop forgets what waits. Idempotent.
func (l *lagged) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped, l.waiting = true, nil
}

func (l *lagged) put(it table.Item) {
	if old, ok := l.entries[it.Key]; ok {
		p := partition{old.Table, old.IPK}
		if i, found := slices.BinarySearchFunc(l.parts[p], old, indexOrder); found {
			l.parts[p] = slices.Delete(l.parts[p], i, i+1)
		}
		delete(l.entries, it.Key)
	}
	if it.IPK == "" {
		return
	}
	p := partition{it.Table, it.IPK}
	i, _ := slices.BinarySearchFunc(l.parts[p], &it, indexOrder)
	l.parts[p] = slices.Insert(l.parts[p], i, &it)
	l.entries[it.Key] = &it
}

// forget drops what is expired.
func (l *lagged) forget(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, it := range l.entries {
		if it.Expired(now) {
			l.put(table.Item{Key: key})
		}
	}
}

func indexOrder(a, b *table.Item) int {
	return cmp.Or(cmp.Compare(a.ISK, b.ISK), cmp.Compare(a.PK, b.PK), cmp.Compare(a.SK, b.SK))
}

// read calls add with the items of the span in the order of the query until it returns false.
func (l *lagged) read(q table.Query, r span, now time.Time, add func(*table.Item) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	part := l.parts[partition{q.Table, q.PK}]
	if q.Descending {
		part = slices.Clone(part)
		slices.Reverse(part)
	}
	for _, it := range part {
		if it.ISK < r.low || it.ISK >= r.high || it.Expired(now) || r.started && !beyond(q, r.after, it) {
			continue
		}
		own := *it
		own.Body = bytes.Clone(it.Body)
		if !add(&own) {
			return
		}
	}
}

// beyond reports whether it comes after the position in the order of the query.
func beyond(q table.Query, after table.Position, it *table.Item) bool {
	order := indexOrder(it, &table.Item{Key: table.Key{PK: after.PK, SK: after.SK}, ISK: after.ISK})
	if q.Descending {
		return order < 0
	}
	return order > 0
}
