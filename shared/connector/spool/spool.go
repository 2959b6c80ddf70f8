package spool

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Sealer seals and opens small documents of one case. *keys.CaseKeys implements it.
type Sealer interface {
	SealDoc(label string, plain []byte) []byte
	OpenDoc(label string, sealed []byte) (redact.Bytes, error)
}

const (
	inlineBytes = 64 << 10 // a set up to this size is saved inside the list
	mergeRuns   = 8        // a set with so many runs gets one instead
	maxList     = 64 << 20 // a sealed list is never larger
)

// Spool implements connector.Spool for one turn of one task. Not safe for concurrent use.
type Spool struct {
	store   blobs.Store
	sealer  Sealer
	prefix  string
	turn    int
	budget  int
	written int // runs written in this turn
	sets    map[string]*set
	// last is the set used last: callers ask for the same few names again and again.
	lastName string
	last     *set
}

type set struct {
	mem  memset
	runs []*run
	size int // memory counted for mem
}

// New returns an empty spool for a task's first turn. prefix is where its objects go, without a slash at the end; budget is
// the memory in bytes beyond which sets become runs.
func New(store blobs.Store, sealer Sealer, prefix string, turn, budget int) *Spool {
	return &Spool{store: store, sealer: sealer, prefix: prefix, turn: turn, budget: budget, sets: map[string]*set{}}
}

// saved is the content of a list.
type saved struct {
	Sets []savedSet `json:"sets"`
}

type savedSet struct {
	Name   string   `json:"name"`
	Inline [][]byte `json:"inline,omitempty"`
	Runs   []*run   `json:"runs,omitempty"`
}

// Open returns the spool as Save left it for this turn.
func Open(ctx context.Context, store blobs.Store, sealer Sealer, prefix string, turn, budget int) (*Spool, error) {
	s := New(store, sealer, prefix, turn, budget)
	name := s.list(turn)
	rc, info, err := store.Open(ctx, name, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the spool: %w", err)
	}
	defer rc.Close()
	if info.Bytes > maxList {
		return nil, errDamaged
	}
	sealed, err := io.ReadAll(io.LimitReader(rc, maxList))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reading the spool")
	}
	plain, err := sealer.OpenDoc(name, sealed)
	if err != nil {
		return nil, fmt.Errorf("opening the spool: %w", err)
	}
	var list saved
	if err := json.Unmarshal(plain.Reveal(), &list); err != nil {
		return nil, errDamaged
	}
	for _, l := range list.Sets {
		st := s.set(l.Name)
		st.runs = l.Runs
		for _, r := range st.runs {
			r.cached = -1
		}
		for _, key := range l.Inline {
			st.mem.add(key)
		}
	}
	return s, nil
}

func (s *Spool) list(turn int) string { return s.prefix + "/" + strconv.Itoa(turn) + ".list" }

// Save writes what the spool holds for the next turn. The spool stays usable.
func (s *Spool) Save(ctx context.Context) error {
	var list saved
	inline := 0
	for _, name := range slices.Sorted(maps.Keys(s.sets)) {
		st := s.sets[name]
		if st.len() == 0 {
			continue
		}
		if size := len(st.mem.arena); size > inlineBytes || inline+size > 4*inlineBytes {
			if err := s.spill(ctx, st); err != nil {
				return err
			}
		}
		l := savedSet{Name: name, Runs: st.runs}
		for _, off := range st.mem.offs {
			l.Inline = append(l.Inline, st.mem.key(off))
		}
		inline += len(st.mem.arena)
		list.Sets = append(list.Sets, l)
	}
	plain, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("writing the spool: %w", err)
	}
	name := s.list(s.turn + 1)
	if _, err := s.store.Put(ctx, name, bytes.NewReader(s.sealer.SealDoc(name, plain))); err != nil {
		return fmt.Errorf("writing the spool: %w", err)
	}
	return nil
}

// Wrote reports whether this turn has put anything into the object store.
func (s *Spool) Wrote() bool { return s.written > 0 }

// Clear removes everything a task's spools have written.
func Clear(ctx context.Context, store blobs.Store, prefix string) error {
	for {
		page, err := store.List(ctx, prefix+"/", "", 0)
		if err != nil {
			return fmt.Errorf("listing the spool: %w", err)
		}
		for _, o := range page.Objects {
			if err := store.Delete(ctx, o.Name); err != nil {
				return fmt.Errorf("clearing the spool: %w", err)
			}
		}
		if page.Next == "" || len(page.Objects) == 0 {
			return nil
		}
	}
}

// Format implements fmt.Formatter: the mask, never a key.
func (s *Spool) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redact.Mask)) }

func (s *Spool) set(name string) *set {
	if s.last != nil && s.lastName == name {
		return s.last
	}
	st := s.sets[name]
	if st == nil {
		st = &set{}
		s.sets[name] = st
	}
	s.lastName, s.last = name, st
	return st
}

func (st *set) len() int64 {
	n := int64(len(st.mem.offs))
	for _, r := range st.runs {
		n += r.Keys
	}
	return n
}

// Add implements connector.Spool.
func (s *Spool) Add(ctx context.Context, name string, key []byte) (bool, error) {
	st := s.set(name)
	if found, err := s.inRuns(ctx, st, key); found || err != nil {
		return false, err
	}
	if !st.mem.add(key) {
		return false, nil
	}
	if now := st.mem.bytes(); now != st.size {
		st.size = now
		return true, s.keepBudget(ctx)
	}
	return true, nil
}

// Has implements connector.Spool.
func (s *Spool) Has(ctx context.Context, name string, key []byte) (bool, error) {
	st := s.sets[name]
	if st == nil {
		return false, nil
	}
	if st.mem.has(key) {
		return true, nil
	}
	return s.inRuns(ctx, st, key)
}

func (s *Spool) inRuns(ctx context.Context, st *set, key []byte) (bool, error) {
	for _, r := range st.runs {
		if found, err := s.inRun(ctx, r, key); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// Len implements connector.Spool.
func (s *Spool) Len(name string) int64 {
	if st := s.sets[name]; st != nil {
		return st.len()
	}
	return 0
}

// Drop implements connector.Spool. Objects stay until Clear: an earlier turn's list may still name them.
func (s *Spool) Drop(name string) {
	delete(s.sets, name)
	s.last = nil
}

// keepBudget turns the largest set in memory into a run until the sets fit.
func (s *Spool) keepBudget(ctx context.Context) error {
	for {
		total := 0
		var largest *set
		for _, st := range s.sets {
			total += st.size
			if largest == nil || st.size > largest.size {
				largest = st
			}
		}
		if total <= s.budget || largest == nil || len(largest.mem.offs) == 0 {
			return nil
		}
		if err := s.spill(ctx, largest); err != nil {
			return err
		}
	}
}

func (s *Spool) spill(ctx context.Context, st *set) error {
	if len(st.mem.offs) == 0 {
		return nil
	}
	r, err := s.writeRun(ctx, st.scanMem(nil), int64(len(st.mem.offs)))
	if err != nil {
		return err
	}
	st.runs, st.mem, st.size = append(st.runs, r), memset{}, 0
	if len(st.runs) < mergeRuns {
		return nil
	}
	merged, err := s.writeRun(ctx, s.scan(ctx, st, nil), st.len())
	if err != nil {
		return err
	}
	st.runs = []*run{merged}
	return nil
}

func (st *set) scanMem(after []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		st.mem.sort()
		for _, off := range st.mem.offs[st.mem.from(after):] {
			if !yield(st.mem.key(off), nil) {
				return
			}
		}
	}
}

// Scan implements connector.Spool.
func (s *Spool) Scan(ctx context.Context, name string, after []byte) iter.Seq2[[]byte, error] {
	st := s.sets[name]
	if st == nil {
		return func(func([]byte, error) bool) {}
	}
	return s.scan(ctx, st, after)
}

// scan merges the memory and the runs of a set. They share no key.
func (s *Spool) scan(ctx context.Context, st *set, after []byte) iter.Seq2[[]byte, error] {
	if len(st.runs) == 0 {
		return st.scanMem(after)
	}
	return func(yield func([]byte, error) bool) {
		sources := []iter.Seq2[[]byte, error]{st.scanMem(after)}
		for _, r := range st.runs {
			sources = append(sources, s.scanRun(ctx, r, after))
		}
		merge(sources, yield)
	}
}

type head struct {
	key  []byte
	next func() ([]byte, error, bool)
}

// merge yields the keys of ascending sources in ascending order.
func merge(sources []iter.Seq2[[]byte, error], yield func([]byte, error) bool) {
	var heads []*head
	for _, src := range sources {
		next, stop := iter.Pull2(src)
		defer stop()
		h := &head{next: next}
		if ok, err := h.advance(); err != nil {
			yield(nil, err)
			return
		} else if ok {
			heads = append(heads, h)
		}
	}
	for len(heads) > 0 {
		least := 0
		for i := range heads {
			if bytes.Compare(heads[i].key, heads[least].key) < 0 {
				least = i
			}
		}
		if !yield(heads[least].key, nil) {
			return
		}
		ok, err := heads[least].advance()
		if err != nil {
			yield(nil, err)
			return
		}
		if !ok {
			heads = slices.Delete(heads, least, least+1)
		}
	}
}

func (h *head) advance() (bool, error) {
	key, err, ok := h.next()
	if !ok || err != nil {
		return false, err
	}
	h.key = key
	return true, nil
}
