package connectortest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/habeas-dsar/habeas/connectors/connectortest"
	"github.com/habeas-dsar/habeas/connectors/memory"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// recorder is a testing.TB that remembers failures instead of passing them on.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

func (r *recorder) note(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, s)
}

func (r *recorder) Helper()                      {}
func (r *recorder) Log(...any)                   {}
func (r *recorder) Logf(string, ...any)          {}
func (r *recorder) Error(args ...any)            { r.note(fmt.Sprint(args...)) }
func (r *recorder) Errorf(f string, args ...any) { r.note(fmt.Sprintf(f, args...)) }
func (r *recorder) Fail()                        { r.note("Fail") }
func (r *recorder) Fatal(args ...any)            { r.note(fmt.Sprint(args...)); runtime.Goexit() }
func (r *recorder) Fatalf(f string, args ...any) { r.note(fmt.Sprintf(f, args...)); runtime.Goexit() }
func (r *recorder) FailNow()                     { r.note("FailNow"); runtime.Goexit() }
func (r *recorder) Failed() bool                 { return len(r.failures) > 0 }
func (r *recorder) Cleanup(f func())             { r.cleanups = append(r.cleanups, f) }

// exec runs a case as the suite would and returns what it complained of.
func exec(t *testing.T, c connectortest.Case, h connectortest.Harness) []string {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.note(fmt.Sprint("panic: ", p))
			}
			for _, f := range r.cleanups {
				f()
			}
		}()
		c.Exec(r, h)
	}()
	<-done
	return r.failures
}

// sound is the reference connector by its interfaces: what the broken ones build upon.
type sound interface {
	connector.Connector
	connector.Accessor
	connector.Corrector
	connector.Eraser
	connector.Restrictor
}

// broken is a way to get a connector wrong.
type broken struct {
	name string
	// group is where the suite must notice, among other places perhaps.
	group string
	make  func(good sound, s *memory.System) connector.Connector
}

func TestBrokenConnectorsFail(t *testing.T) {
	for _, b := range brokenConnectors() {
		t.Run(b.name, func(t *testing.T) {
			noticed := 0
			for _, c := range connectortest.Cases() {
				if c.Group != b.group || c.Name == "graph with cycles" {
					continue
				}
				if failures := exec(t, c, brokenHarness(b)); len(failures) > 0 {
					noticed++
					t.Logf("%s/%s: %s", c.Group, c.Name, strings.SplitN(failures[0], "\n", 2)[0])
				}
			}
			if noticed == 0 {
				t.Errorf("no case of group %q notices", b.group)
			}
		})
	}
}

// TestSoundConnectorPassesUnderTheRecorder shows that the recorder itself makes nothing fail.
func TestSoundConnectorPassesUnderTheRecorder(t *testing.T) {
	for _, c := range connectortest.Cases() {
		if c.Name == "graph with cycles" {
			continue // passes in TestMemoryConnector, and takes its time
		}
		if failures := exec(t, c, memoryHarness(t)); len(failures) > 0 {
			t.Errorf("%s/%s: %s", c.Group, c.Name, failures[0])
		}
	}
}

func brokenHarness(b broken) connectortest.Harness {
	s := memory.NewSystem()
	h := over(s)
	open := h.Factory.Open
	h.Factory.Open = func(ctx context.Context, in connector.OpenInput) (connector.Connector, error) {
		c, err := open(ctx, in)
		if err != nil {
			return nil, err
		}
		return b.make(c.(sound), s), nil
	}
	return h
}

func brokenConnectors() []broken {
	return []broken{
		{"erases too much", "erase", func(g sound, s *memory.System) connector.Connector { return erasesTooMuch{g, s} }},
		{"deletes only the parent", "erase", func(g sound, _ *memory.System) connector.Connector { return onlyParents{g} }},
		{"says done", "erase", func(g sound, _ *memory.System) connector.Connector { return saysDone{g} }},
		{"verifies without looking", "erase", func(g sound, _ *memory.System) connector.Connector { return verifiesBlindly{g} }},
		{"skips keys that look empty", "erase", func(g sound, _ *memory.System) connector.Connector { return skipsZero{g} }},
		{"changes during the dry run", "erase", func(g sound, s *memory.System) connector.Connector { return changesInDryRun{g, s} }},
		{"fails on what is gone", "erase", func(g sound, s *memory.System) connector.Connector { return failsOnGone{g, s} }},
		{"forgets retention", "safety", func(g sound, s *memory.System) connector.Connector { return erasesTooMuch{g, s} }},
		{"ignores the owner", "safety", func(g sound, _ *memory.System) connector.Connector { return ignoresOwner{g} }},
		{"moves other people's records", "drift", func(g sound, _ *memory.System) connector.Connector { return ignoresOwner{g} }},
		{"plans less than there is", "drift", func(g sound, _ *memory.System) connector.Connector { return plansLess{g} }},
		{"drops a page", "locate", func(g sound, _ *memory.System) connector.Connector { return tampers{sound: g, keep: notEach(17)} }},
		{"takes a missing page for the end", "locate", func(g sound, _ *memory.System) connector.Connector { return tampers{sound: g, keep: firstPage} }},
		{"repeats a record", "locate", func(g sound, _ *memory.System) connector.Connector { return tampers{sound: g, keep: twice} }},
		{"gives other people's records", "locate", func(g sound, s *memory.System) connector.Connector { return tampers{sound: g, system: s, keep: once} }},
		{"ignores ambiguity", "locate", func(g sound, _ *memory.System) connector.Connector { return ignoresAmbiguity{g} }},
		{"forgets identifiers", "locate", func(g sound, _ *memory.System) connector.Connector { return forgetsIdentifiers{g} }},
		{"ignores the budget", "privacy", func(g sound, _ *memory.System) connector.Connector { return ignoresBudget{g} }},
		{"corrects other fields", "correct", func(g sound, s *memory.System) connector.Connector { return correctsMore{g, s} }},
		{"marks nothing", "restrict", func(g sound, _ *memory.System) connector.Connector { return marksNothing{g} }},
		{"ignores cancellation", "safety", func(g sound, _ *memory.System) connector.Connector { return ignoresCancel{g} }},
		{"swallows errors", "faults", func(g sound, _ *memory.System) connector.Connector { return swallowsErrors{g} }},
		{"loses what came before a fault", "faults", func(g sound, _ *memory.System) connector.Connector { return losesPage{g} }},
		{"gives errors no class", "faults", func(g sound, _ *memory.System) connector.Connector { return noClass{g} }},
		{"leaks a value in errors", "privacy", func(g sound, _ *memory.System) connector.Connector { return leaks{g} }},
		{"leaks a key in cursors", "privacy", func(g sound, _ *memory.System) connector.Connector { return leakyCursor{g} }},
		{"prints its secret", "descriptor", func(g sound, _ *memory.System) connector.Connector { return prints{g, "Zq7Secret-token"} }},
		{"declares a right it lacks", "descriptor", func(g sound, _ *memory.System) connector.Connector { return noEraser{g, g} }},
		{"takes any credentials", "descriptor", func(g sound, _ *memory.System) connector.Connector { return alwaysHealthy{g} }},
		{"closes once", "concurrency", func(g sound, _ *memory.System) connector.Connector { return &closesOnce{sound: g} }},
		{"mixes up callers", "concurrency", func(g sound, _ *memory.System) connector.Connector { return &mixesUp{sound: g} }},
	}
}

type erasesTooMuch struct {
	sound
	system *memory.System
}

func (b erasesTooMuch) ApplyErasure(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	for _, rec := range b.system.Records() {
		if rec.Collection == "invoice" {
			b.system.Delete(rec.Collection, rec.Key)
			break
		}
	}
	return b.sound.ApplyErasure(ctx, batch)
}

func allDone(batch []connector.Change) []connector.Effect {
	effects := make([]connector.Effect, len(batch))
	for i := range effects {
		effects[i] = connector.EffectDone
	}
	return effects
}

type onlyParents struct{ sound }

func (b onlyParents) ApplyErasure(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	if batch[0].Collection != "customer" {
		return allDone(batch), nil
	}
	return b.sound.ApplyErasure(ctx, batch)
}

type saysDone struct{ sound }

func (saysDone) ApplyErasure(_ context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return allDone(batch), nil
}

func (saysDone) VerifyErasure(_ context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return allDone(batch), nil
}

type verifiesBlindly struct{ sound }

func (verifiesBlindly) VerifyErasure(_ context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return allDone(batch), nil
}

type skipsZero struct{ sound }

func (b skipsZero) ApplyErasure(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	effects := allDone(batch)
	for i, c := range batch {
		if empty := c.Key[len(c.Key)-1]; empty == connector.Int(0) || empty.IsEmpty() {
			continue
		}
		one, err := b.sound.ApplyErasure(ctx, batch[i:i+1])
		if err != nil {
			return effects[:i], err
		}
		effects[i] = one[0]
	}
	return effects, nil
}

type changesInDryRun struct {
	sound
	system *memory.System
}

func (b changesInDryRun) PlanErasure(ctx context.Context, call connector.Call) (connector.Progress, error) {
	p, err := b.sound.PlanErasure(ctx, call)
	for _, rec := range b.system.Records() {
		if rec.Collection == "login" {
			b.system.Delete(rec.Collection, rec.Key)
			break
		}
	}
	return p, err
}

type failsOnGone struct {
	sound
	system *memory.System
}

func (b failsOnGone) ApplyErasure(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	effects, err := b.sound.ApplyErasure(ctx, batch)
	if slices.Contains(effects, connector.EffectAlready) {
		return nil, fault.New(fault.NotFound, "there is no such record")
	}
	return effects, err
}

type ignoresOwner struct{ sound }

func (b ignoresOwner) ApplyErasure(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	for i := range batch {
		batch[i].Via = nil
	}
	return b.sound.ApplyErasure(ctx, batch)
}

type plansLess struct{ sound }

func (b plansLess) PlanErasure(ctx context.Context, call connector.Call) (connector.Progress, error) {
	call.Changes = &firstChanges{Sink: call.Changes}
	return b.sound.PlanErasure(ctx, call)
}

type firstChanges struct {
	connector.Sink[connector.Change]
	n int
}

func (s *firstChanges) Put(ctx context.Context, c connector.Change) error {
	if s.n++; s.n > 15 {
		return nil
	}
	return s.Sink.Put(ctx, c)
}

// tampers changes what a reader gets, and lies about the counts to match.
type tampers struct {
	sound
	system *memory.System
	keep   func(n int) int // how often the n-th record of a collection is given
}

func notEach(k int) func(int) int {
	return func(n int) int {
		if n%k == 0 {
			return 0
		}
		return 1
	}
}

func firstPage(n int) int {
	if n > 20 {
		return 0
	}
	return 1
}

func twice(n int) int {
	if n == 1 {
		return 2
	}
	return 1
}

func once(int) int { return 1 }

func (b tampers) Access(ctx context.Context, call connector.Call) (connector.Progress, error) {
	sink := &tampering{Sink: call.Records, keep: b.keep, seen: map[string]int{}, given: map[string]int{}}
	call.Records = sink
	p, err := b.sound.Access(ctx, call)
	if b.system != nil && err == nil {
		for _, rec := range b.system.Records() {
			if rec.Collection == "login" || rec.Collection == "customer" {
				_ = sink.Put(ctx, rec)
			}
		}
	}
	for i := range p.Collections {
		p.Collections[i].Records = sink.given[p.Collections[i].Collection]
	}
	return p, err
}

type tampering struct {
	connector.Sink[*connector.Record]
	keep        func(int) int
	seen, given map[string]int
}

func (s *tampering) Put(ctx context.Context, rec *connector.Record) error {
	s.seen[rec.Collection]++
	for range s.keep(s.seen[rec.Collection]) {
		s.given[rec.Collection]++
		if err := s.Sink.Put(ctx, rec); err != nil {
			return err
		}
	}
	return nil
}

type ignoresAmbiguity struct{ sound }

func (b ignoresAmbiguity) Locate(ctx context.Context, q connector.Query) (connector.Located, error) {
	l, err := b.sound.Locate(ctx, q)
	if l.Ambiguity != nil {
		return connector.Located{Collections: []connector.CollectionResult{{Collection: "customer", Outcome: connector.Found, Records: 2}}}, err
	}
	return l, err
}

type forgetsIdentifiers struct{ sound }

func (b forgetsIdentifiers) Locate(ctx context.Context, q connector.Query) (connector.Located, error) {
	l, err := b.sound.Locate(ctx, q)
	l.Identifiers = nil
	return l, err
}

type ignoresBudget struct{ sound }

func (b ignoresBudget) Access(ctx context.Context, call connector.Call) (connector.Progress, error) {
	call.Records = neverFull{call.Records}
	return b.sound.Access(ctx, call)
}

type neverFull struct {
	connector.Sink[*connector.Record]
}

func (neverFull) Full() bool { return false }

type correctsMore struct {
	sound
	system *memory.System
}

func (b correctsMore) ApplyCorrection(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	for _, rec := range b.system.Records() {
		if rec.Collection == batch[0].Collection && rec.Key.Equal(batch[0].Key) {
			rec.Fields[len(rec.Fields)-1].Value = connector.Null()
			b.system.Put(rec)
		}
	}
	return b.sound.ApplyCorrection(ctx, batch)
}

type marksNothing struct{ sound }

func (marksNothing) ApplyRestriction(_ context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return allDone(batch), nil
}

type ignoresCancel struct{ sound }

func (b ignoresCancel) Access(ctx context.Context, call connector.Call) (connector.Progress, error) {
	return b.sound.Access(context.WithoutCancel(ctx), call)
}

func (b ignoresCancel) ApplyErasure(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return b.sound.ApplyErasure(context.WithoutCancel(ctx), batch)
}

type swallowsErrors struct{ sound }

func (b swallowsErrors) Access(ctx context.Context, call connector.Call) (connector.Progress, error) {
	p, err := b.sound.Access(ctx, call)
	if err == nil {
		return p, nil
	}
	done := connector.Progress{Finished: true, Collections: p.Collections}
	for _, name := range []string{
		"customer", "address", "orders", "order_item", "review", "parcel", "login", "invoice", "newsletter", "ticket", "employee", "consent",
	} {
		if !reported(p, name) {
			done.Collections = append(done.Collections, connector.CollectionResult{Collection: name, Outcome: connector.NothingHeld})
		}
	}
	return done, nil
}

func reported(p connector.Progress, name string) bool {
	for _, c := range p.Collections {
		if c.Collection == name {
			return true
		}
	}
	return false
}

// losesPage says that a page it could not read was the last one of its kind.
type losesPage struct{ sound }

func (b losesPage) Access(ctx context.Context, call connector.Call) (connector.Progress, error) {
	request := call.Request
	call.Request = func(ctx context.Context, do func(context.Context) error) error {
		if err := request(ctx, do); err != nil && !errors.Is(err, context.Canceled) {
			return nil
		}
		return nil
	}
	return b.sound.Access(ctx, call)
}

type noClass struct{ sound }

func (b noClass) Locate(ctx context.Context, q connector.Query) (connector.Located, error) {
	l, err := b.sound.Locate(ctx, q)
	if err != nil {
		err = errors.New("something went wrong")
	}
	return l, err
}

type leaks struct{ sound }

func (b leaks) Locate(ctx context.Context, q connector.Query) (connector.Located, error) {
	l, err := b.sound.Locate(ctx, q)
	if err != nil {
		err = fmt.Errorf("searching for %s: %w", q.Proven[0].Value.Reveal(), err)
	}
	return l, err
}

type leakyCursor struct{ sound }

func (b leakyCursor) Access(ctx context.Context, call connector.Call) (connector.Progress, error) {
	if at := strings.Index(string(call.Cursor), `,"key"`); at >= 0 {
		call.Cursor = call.Cursor[:at] + "}"
	}
	p, err := b.sound.Access(ctx, call)
	if p.Cursor != "" {
		p.Cursor = p.Cursor[:len(p.Cursor)-1] + `,"key":1001}`
	}
	return p, err
}

type prints struct {
	sound
	Token string
}

type noEraser struct {
	connector.Connector
	connector.Accessor
}

type alwaysHealthy struct{ sound }

func (b alwaysHealthy) Check(context.Context) (connector.Health, error) {
	return connector.Health{Reachable: true, Rights: b.Describe().Rights}, nil
}

type closesOnce struct {
	sound
	closed bool
}

func (b *closesOnce) Close() error {
	if b.closed {
		return errors.New("closed already")
	}
	b.closed = true
	return b.sound.Close()
}

// mixesUp keeps the identifiers of a call where the next one finds them.
type mixesUp struct {
	sound
	mu   sync.Mutex
	last []subject.Identifier
}

func (b *mixesUp) Access(ctx context.Context, call connector.Call) (connector.Progress, error) {
	b.mu.Lock()
	if b.last == nil {
		b.last = call.Identifiers
	}
	call.Identifiers = b.last
	b.mu.Unlock()
	return b.sound.Access(ctx, call)
}
