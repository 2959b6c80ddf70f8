package sealevidence_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions/sealevidence"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

// shelf keeps documents, unless fail says why not.
type shelf struct {
	docs  map[string]string
	calls int
	fail  func(name string) error
}

func (s *shelf) keep(_ context.Context, name string, doc []byte) error {
	s.calls++
	if s.fail != nil {
		if err := s.fail(name); err != nil {
			return err
		}
	}
	s.docs[name] = string(doc)
	return nil
}

func newShelf(r *rig) *shelf {
	s := &shelf{docs: map[string]string{}}
	r.step.Keep = s.keep
	return s
}

// holds checks what is kept: each the signed checkpoint that its name says. names are without the root.
func (s *shelf) holds(r *rig, names ...string) {
	r.Helper()
	var got []string
	for _, name := range slices.Sorted(maps.Keys(s.docs)) {
		got = append(got, name[:strings.LastIndexByte(name, '-')])
	}
	if !slices.Equal(got, names) {
		r.Errorf("kept are %v, want %v", got, names)
	}
	for name, doc := range s.docs {
		tenant := strings.Split(name, "/")[1]
		c, err := evidence.OpenCheckpoint(doc, r.log(tenant).Key())
		r.ok(err)
		if c.KeptName() != name {
			r.Errorf("%s keeps the checkpoint of %d leaves", name, c.Size)
		}
	}
}

// TestEveryCheckpointIsKept: one a batch, of every tenant, and none twice.
func TestEveryCheckpointIsKept(t *testing.T) {
	r := newRig(t, sqlitetable.Options{})
	s := newShelf(r)
	for range evidence.MaxLeaves + 1 {
		r.create("alder")
	}
	c := r.create("birch")
	r.run(sealevidence.Result{Sealed: evidence.MaxLeaves + 2})
	kept := []string{"evidence/alder/checkpoints/000000000045", "evidence/alder/checkpoints/000000000046", "evidence/birch/checkpoints/000000000001"}
	s.holds(r, kept...)
	calls := s.calls
	r.run(sealevidence.Result{})
	if s.calls != calls {
		t.Error("a checkpoint that is kept is kept again")
	}
	r.ok(r.change(c))
	r.run(sealevidence.Result{Sealed: 1})
	s.holds(r, append(kept, "evidence/birch/checkpoints/000000000002")...)
	if rep := r.verify(c, evidence.VerifyOptions{}); rep.Unsealed != 0 {
		t.Error("the case is not sealed")
	}
}

// TestWhatCannotBeKeptIsKeptLater: sealing stands, the failure is told, other tenants go on, and the next run makes up for it
// without a new case.
func TestWhatCannotBeKeptIsKeptLater(t *testing.T) {
	r := newRig(t, sqlitetable.Options{})
	s := newShelf(r)
	s.fail = func(name string) error {
		if strings.HasPrefix(name, "evidence/alder/") {
			return fault.New(fault.Throttled, "slow down")
		}
		return nil
	}
	c := r.create("alder")
	r.create("birch")
	for n, want := range []sealevidence.Result{{Sealed: 2, Unkept: 1}, {Unkept: 1}} {
		got, err := r.step.Handle(t.Context())
		if got != want || !fault.Has(err, fault.Throttled) || strings.Contains(err.Error(), "alder") {
			t.Errorf("run %d: %+v %v", n, got, err)
		}
		s.holds(r, "evidence/birch/checkpoints/000000000001")
	}
	if rep := r.verify(c, evidence.VerifyOptions{}); rep.Unsealed != 0 {
		t.Error("the case is not sealed")
	}
	s.fail = nil
	r.run(sealevidence.Result{})
	s.holds(r, "evidence/alder/checkpoints/000000000001", "evidence/birch/checkpoints/000000000001")
}

// TestOvertakenWhileUnkept: a newer checkpoint binds what an older one did that could not be kept.
func TestOvertakenWhileUnkept(t *testing.T) {
	r := newRig(t, sqlitetable.Options{})
	s := newShelf(r)
	s.fail = func(string) error { return fault.New(fault.Unavailable, "gone") }
	c := r.create("alder")
	if _, err := r.step.Handle(t.Context()); !fault.Has(err, fault.Unavailable) {
		t.Fatalf("%v, want unavailable", err)
	}
	s.fail = nil
	r.ok(r.change(c))
	r.run(sealevidence.Result{Sealed: 1})
	s.holds(r, "evidence/alder/checkpoints/000000000002")
}

// TestKeptByAnother: saying that a checkpoint is kept never takes the mark off a newer one.
func TestKeptByAnother(t *testing.T) {
	r := newRig(t, sqlitetable.Options{})
	c := r.create("alder")
	r.run(sealevidence.Result{Sealed: 1})
	old, err := r.log("alder").Checkpoint(t.Context())
	r.ok(err)
	r.now = r.now.Add(time.Minute)
	r.ok(r.change(c))
	r.run(sealevidence.Result{Sealed: 1})
	for range 2 {
		r.ok(r.log("alder").Kept(t.Context(), old))
	}
	if tenants, _, err := r.cases.Unkept(t.Context(), 10, ""); err != nil || !slices.Equal(tenants, []string{"alder"}) {
		t.Errorf("unkept are %v (%v), want the tenant", tenants, err)
	}
	newest, err := r.log("alder").Checkpoint(t.Context())
	r.ok(err)
	for range 2 {
		r.ok(r.log("alder").Kept(t.Context(), newest))
	}
	if tenants, _, err := r.cases.Unkept(t.Context(), 10, ""); err != nil || len(tenants) != 0 {
		t.Errorf("unkept are %v (%v), want none", tenants, err)
	}
	if after, err := r.log("alder").Checkpoint(t.Context()); err != nil || after.Note != newest.Note {
		t.Errorf("the checkpoint is another one: %v", err)
	}
}
