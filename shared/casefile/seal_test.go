package casefile_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

const skSeal = "A#SEAL"

func (r *rig) unsealed() []casefile.Unsealed {
	r.t.Helper()
	var out []casefile.Unsealed
	for shard := range uint32(casefile.SealShards) {
		cases, next, err := r.cases.Unsealed(r.t.Context(), shard, 100, "")
		r.ok(err)
		if next != "" {
			r.t.Fatal("the unsealed cases of a test fit on a page")
		}
		out = append(out, cases...)
	}
	return out
}

// seal seals the case and fails the test unless that is what happens.
func (r *rig) seal(c casefile.Case) {
	r.t.Helper()
	n, left, err := r.cases.Seal(r.t.Context(), tenant, []casefile.Unsealed{{Tenant: tenant, CaseID: c.ID}}, casefile.Patience{})
	r.ok(err)
	if n != 1 || len(left) != 0 {
		r.t.Fatalf("%d sealed, %d left", n, len(left))
	}
}

func (r *rig) note(c casefile.Case) {
	r.t.Helper()
	r.change(c, func(f *casefile.File) { r.ok(f.Entry("seen", evidence.System, nil)) })
}

// touched counts the writes of the last transaction that store or check the row of the seal.
func (r *rig) touched() (puts, checks int) {
	for _, w := range r.table.last {
		switch {
		case w.Item.SK != skSeal:
		case w.Op == table.Put:
			puts++
		case w.Op == table.Check:
			checks++
		}
	}
	return puts, checks
}

func TestSealingCoversTheChain(t *testing.T) {
	r := newRig(t)
	c := r.create()
	if rep := r.verify(c); rep.Sealed != nil || rep.Unsealed != rep.Entries {
		t.Errorf("before: %+v", rep)
	}
	if list := r.unsealed(); len(list) != 1 || list[0] != (casefile.Unsealed{Tenant: tenant, CaseID: c.ID, Since: r.now}) {
		t.Errorf("unsealed: %+v", list)
	}
	since := r.now
	r.now = r.now.Add(time.Minute)
	r.note(c)
	if list := r.unsealed(); len(list) != 1 || !list[0].Since.Equal(since) {
		t.Errorf("a case is unsealed since its first unsealed entry: %+v", list)
	}
	r.seal(c)
	if list := r.unsealed(); len(list) != 0 {
		t.Errorf("still listed: %+v", list)
	}
	if rep := r.verify(c); rep.Sealed == nil || rep.Sealed.Seq != 2 || rep.Sealed.Leaf != 0 || rep.Unsealed != 0 {
		t.Errorf("after: %+v", rep)
	}
	r.note(c)
	if rep := r.verify(c); rep.Sealed == nil || rep.Sealed.Seq != 2 || rep.Unsealed != 1 {
		t.Errorf("one entry more: %+v", rep)
	}
	if list := r.unsealed(); len(list) != 1 || !list[0].Since.Equal(r.now) {
		t.Errorf("listed again: %+v", list)
	}
	r.seal(c)
	if rep := r.verify(c); rep.Sealed == nil || rep.Sealed.Seq != 3 || rep.Sealed.Leaf != 1 || rep.Unsealed != 0 {
		t.Errorf("sealed again: %+v", rep)
	}
}

// TestSealingCostsACommitLittle: one row for the first entry after a sealing, and a check for the others.
func TestSealingCostsACommitLittle(t *testing.T) {
	r := newRig(t)
	c := r.create()
	expect := func(what string, puts, checks int) {
		t.Helper()
		if p, n := r.touched(); p != puts || n != checks {
			t.Errorf("%s: %d rows and %d checks, want %d and %d", what, p, n, puts, checks)
		}
	}
	expect("the first commit", 1, 0)
	r.note(c)
	expect("the next", 0, 1)
	r.change(c, func(f *casefile.File) { f.Case.Restarts++ })
	expect("one without an entry", 0, 0)
	r.seal(c)
	r.note(c)
	expect("the first after sealing", 1, 0)
}

// between runs do once, before a certain transaction or query.
type between struct {
	table.Store
	transact, query func()
}

func (b *between) Transact(ctx context.Context, writes ...table.Write) error {
	if do := b.transact; do != nil {
		b.transact = nil
		do()
	}
	return b.Store.Transact(ctx, writes...)
}

func (b *between) Query(ctx context.Context, q table.Query) (table.Page, error) {
	if do := b.query; do != nil && q.Table == table.Ledger {
		b.query = nil
		do()
	}
	return b.Store.Query(ctx, q)
}

func (r *rig) between() *between {
	b := &between{Store: r.table.Store}
	r.table.Store = b
	return b
}

// TestNoEntryFallsBetween: whoever comes second of a sealer and a commit has to look again. Else an entry would be neither
// sealed nor listed.
func TestNoEntryFallsBetween(t *testing.T) {
	t.Run("a commit while the sealer has read", func(t *testing.T) {
		for name, prepare := range map[string]func(r *rig, c casefile.Case){
			"never sealed":  func(*rig, casefile.Case) {},
			"sealed before": func(r *rig, c casefile.Case) { r.seal(c); r.note(c) },
		} {
			r := newRig(t)
			c := r.create()
			prepare(r, c)
			r.between().transact = func() { r.note(c) }
			_, left, err := r.cases.Seal(t.Context(), tenant, r.unsealed(), casefile.Patience{})
			r.want(err, fault.Conflict)
			if len(left) != 1 || len(r.unsealed()) != 1 {
				t.Errorf("%s: %d left, %d listed", name, len(left), len(r.unsealed()))
			}
			r.seal(c)
			if rep := r.verify(c); rep.Unsealed != 0 {
				t.Errorf("%s: %d entries are not sealed", name, rep.Unsealed)
			}
		}
	})
	t.Run("a sealing while a commit has read", func(t *testing.T) {
		r := newRig(t)
		c := r.create()
		f := r.load(c)
		r.ok(f.Entry("seen", evidence.System, nil))
		r.between().transact = func() { r.seal(c) }
		r.want(r.cases.Commit(t.Context(), f), fault.Conflict)
		r.note(c)
		if len(r.unsealed()) != 1 {
			t.Error("the new entry is not listed")
		}
		r.seal(c)
		if rep := r.verify(c); rep.Unsealed != 0 || rep.Entries != 2 {
			t.Errorf("%+v", rep)
		}
	})
	t.Run("two sealers", func(t *testing.T) {
		r := newRig(t)
		c := r.create()
		r.between().transact = func() { r.seal(c) }
		_, _, err := r.cases.Seal(t.Context(), tenant, []casefile.Unsealed{{Tenant: tenant, CaseID: c.ID}}, casefile.Patience{})
		r.want(err, fault.Conflict)
		if rep := r.verify(c); rep.Sealed == nil || rep.Sealed.Size != 1 {
			t.Errorf("%+v", rep)
		}
	})
}

// TestSealingIsAllOrNothing: a sealer that dies before or in its transaction leaves no trace, and the next one does it all.
func TestSealingIsAllOrNothing(t *testing.T) {
	r := newRig(t)
	c, other := r.create(), r.create()
	r.table.fail = fault.New(fault.Unavailable, "power is gone")
	n, left, err := r.cases.Seal(t.Context(), tenant, r.unsealed(), casefile.Patience{})
	r.want(err, fault.Unavailable)
	if n != 0 || len(left) != 2 {
		t.Errorf("%d sealed, %d left", n, len(left))
	}
	r.table.fail = nil
	log, err := r.cases.Log(t.Context(), tenant)
	r.ok(err)
	if _, err := log.Checkpoint(t.Context()); !fault.Has(err, fault.NotFound) {
		t.Errorf("the log has leaves: %v", err)
	}
	n, _, err = r.cases.Seal(t.Context(), tenant, r.unsealed(), casefile.Patience{})
	r.ok(err)
	if n != 2 || r.verify(c).Unsealed != 0 || r.verify(other).Unsealed != 0 {
		t.Errorf("%d sealed", n)
	}
}

func TestPatience(t *testing.T) {
	r := newRig(t)
	p := casefile.Patience{Quiet: 5 * time.Second, AtLatest: time.Minute}
	c := r.create()
	try := func(want int) {
		t.Helper()
		n, left, err := r.cases.Seal(t.Context(), tenant, r.unsealed(), p)
		r.ok(err)
		if n != want || len(left) != 1-want {
			t.Errorf("at %s: %d sealed, %d left, want %d", r.now, n, len(left), want)
		}
	}
	try(0)
	r.now = r.now.Add(4 * time.Second)
	r.note(c)
	r.now = r.now.Add(4 * time.Second)
	try(0)
	r.now = r.now.Add(time.Second)
	try(1)
	r.note(c)
	r.now = r.now.Add(time.Minute)
	r.note(c) // changed just now, but unsealed for a minute
	try(1)
}

// TestStaleIndexIsHarmless: the index still shows a case that is sealed, or is no more.
func TestStaleIndexIsHarmless(t *testing.T) {
	r := newRig(t)
	c := r.create()
	list := r.unsealed()
	r.seal(c)
	gone := casefile.Unsealed{Tenant: tenant, CaseID: "0190a5b0-0000-7000-8000-000000000000"}
	n, left, err := r.cases.Seal(t.Context(), tenant, append(list, gone), casefile.Patience{})
	r.ok(err)
	if n != 0 || len(left) != 0 {
		t.Errorf("%d sealed, %d left", n, len(left))
	}
	// A row whose case was disposed of is left alone too.
	r.note(c)
	list = r.unsealed()
	r.ok(r.table.Transact(t.Context(), table.Write{Op: table.Delete, If: table.AnyVersion, Item: table.Item{Key: table.Key{Table: table.Cases, PK: "T#" + tenant + "#C#" + c.ID, SK: "A#CASE"}}}))
	if n, left, err := r.cases.Seal(t.Context(), tenant, list, casefile.Patience{}); n != 0 || len(left) != 0 || err != nil {
		t.Errorf("%d sealed, %d left: %v", n, len(left), err)
	}
}

// TestExportOfACaseThatGoesOn: what is added while a bundle is written is left out of it.
func TestExportOfACaseThatGoesOn(t *testing.T) {
	r := newRig(t)
	c := r.create()
	r.seal(c)
	r.between().query = func() { r.note(c) }
	rep := r.verify(c)
	if rep.Entries != 1 || rep.Unsealed != 0 {
		t.Errorf("%+v", rep)
	}
	if rep := r.verify(c); rep.Entries != 2 || rep.Unsealed != 1 {
		t.Errorf("%+v", rep)
	}
}

// TestExportOfRewrittenEvidence: the tail of a chain was rewritten in the tables, case and all, but it had been sealed.
func TestExportOfRewrittenEvidence(t *testing.T) {
	r := newRig(t)
	c := r.create()
	r.seal(c)
	f := r.load(c)
	facts := map[string]any{"right": "erasure"}
	e, head, err := evidence.Head{}.Append(evidence.Draft{Tenant: tenant, Case: c.ID, Chain: evidence.CaseChain, At: r.now, Kind: "case_received", Actor: evidence.Subject, Facts: facts})
	r.ok(err)
	f.Case.Head = head
	w := evidence.Write(e)
	w.If = table.AnyVersion
	f.With(w)
	r.commit(f)
	r.want(r.cases.WriteBundle(t.Context(), &bytes.Buffer{}, tenant, c.ID), fault.Internal)
}
