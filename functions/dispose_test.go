package functions_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/functions/disposerecords"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
)

// answered is a request of access that was answered with a package and closed.
func (r *rig) answered() casefile.Case {
	r.t.Helper()
	r.register("shop")
	r.person("C-1", ada, "Ada")
	c := r.create()
	r.toRun(c)
	r.assemble(c)
	r.next("DeliverResponse", c, step.Proceed)
	r.next("CloseCase", c, step.Proceed)
	r.drain()
	return r.one(c)
}

func (r *rig) dispose() {
	r.t.Helper()
	if _, err := r.set.Dispose(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// objectsOf counts what lies in the object store under any prefix for the case.
func (r *rig) objectsOf(c casefile.Case) (n int) {
	r.t.Helper()
	page, err := r.ports.Blobs.List(r.t.Context(), "", "", 0)
	r.ok(err)
	for _, o := range page.Objects {
		if strings.Contains(o.Name, c.ID) {
			n++
		}
	}
	return n
}

func (r *rig) rowsOf(c casefile.Case) (rows []string) {
	r.t.Helper()
	page, err := r.table.Query(r.t.Context(), table.Query{Table: table.Cases, PK: "T#" + tenant + "#C#" + c.ID})
	r.ok(err)
	for _, it := range page.Items {
		rows = append(rows, it.SK)
	}
	return rows
}

func TestAClosedCaseLeavesTheHouseInTwoSteps(t *testing.T) {
	t.Parallel()
	var gone []string
	r := newRig(t, func(p *functions.Ports) {
		p.Shredding = func(_ context.Context, k keys.Tombstone) error {
			gone = append(gone, k.Tenant+"/"+k.ID+" "+k.Status)
			return nil
		}
	})
	c := r.answered()
	if c.Package == nil || !c.Disposal.Look.Equal(c.ClosedAt) {
		t.Fatalf("package %v, next look %s", c.Package, c.Disposal.Look)
	}
	r.dispose()
	expires := c.Package.ExpiresAt
	if got := r.one(c); !got.Disposal.Look.Equal(expires) || r.objectsOf(c) == 0 {
		t.Fatalf("next look %s, %d objects", got.Disposal.Look, r.objectsOf(c))
	}
	r.now = expires.Add(-time.Second)
	r.dispose()
	if r.objectsOf(c) == 0 {
		t.Fatal("the package was removed while it could be fetched")
	}
	r.now = expires
	r.dispose()
	end := c.ClosedAt.Add(1095 * 24 * time.Hour)
	if got := r.one(c); r.objectsOf(c) != 0 || !got.Disposal.Look.Equal(end) || r.count(c, "working_records_removed") != 1 {
		t.Fatalf("%d objects, next look %s", r.objectsOf(c), got.Disposal.Look)
	}
	r.load(c) // the case itself can still be read
	r.now = end.Add(-time.Second)
	r.dispose()
	r.load(c)
	r.now = end
	r.dispose()
	if _, err := r.set.Cases.Load(t.Context(), tenant, c.ID); !fault.Has(err, fault.NotFound) {
		t.Fatalf("reading the case: %v", err)
	}
	if len(gone) != 1 || gone[0] != tenant+"/"+c.ID+" fulfilled" {
		t.Fatalf("told of %v", gone)
	}
	for _, sk := range r.rowsOf(c) {
		if sk != "A#CASE" && sk != "A#GUARD" && sk != "A#SEAL" && sk != "P#RECEIVED" {
			t.Errorf("%s is left", sk)
		}
	}
	who, err := subject.New(subject.Email, ada)
	r.ok(err)
	if ids, err := r.set.Cases.ByIdentifier(t.Context(), tenant, who, 10); err != nil || len(ids) != 0 {
		t.Errorf("the address still leads to %v, %v", ids, err)
	}
	cert, entry, err := r.set.Cases.Disposed(t.Context(), tenant, c.ID)
	r.ok(err)
	if cert.Reference != c.Reference || cert.Records == 0 || len(cert.Key) != 64 || !cert.KeyBackupsUntil.Equal(end.Add(30*24*time.Hour)) || entry.Hash == "" {
		t.Errorf("the certificate says %+v", cert)
	}
	if id, err := r.set.Cases.ByReference(t.Context(), tenant, c.Reference); err != nil || id != c.ID || r.one(c).Disposal.At.IsZero() {
		t.Errorf("the reference leads to %q, %v", id, err)
	}
	var b bytes.Buffer
	r.ok(r.set.Cases.WriteBundle(t.Context(), &b, tenant, c.ID))
	report, err := evidence.VerifyBundle(bytes.NewReader(b.Bytes()), int64(b.Len()), evidence.VerifyOptions{})
	if err != nil || len(report.Findings) > 0 {
		t.Errorf("the evidence of the case does not verify: %v %+v", err, report.Findings)
	}
	r.dispose() // nothing is due any more
	if next, err := r.set.Cases.NextDisposal(t.Context(), time.Time{}); err != nil || !next.IsZero() {
		t.Errorf("next disposal %s, %v", next, err)
	}
}

func TestHoldsStopDisposal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.answered()
	held := true
	keep := &disposerecords.Step{
		Cases: r.set.Cases, Registry: r.set.Registry, Blobs: r.ports.Blobs,
		Held: func(_ context.Context, tn, id string) (bool, error) { return held && tn == tenant && id == c.ID, nil },
	}
	r.now = c.ClosedAt.AddDate(4, 0, 0)
	if n, err := keep.Handle(t.Context()); n != 1 || err != nil {
		t.Fatalf("looked at %d, %v", n, err)
	}
	r.load(c)
	if got := r.one(c); r.objectsOf(c) == 0 || !got.Disposal.Look.Equal(r.now.Add(disposerecords.Patience)) {
		t.Fatalf("under a hold: %d objects, next look %s", r.objectsOf(c), got.Disposal.Look)
	}
	held, r.now = false, r.now.Add(disposerecords.Patience)
	if n, err := keep.Handle(t.Context()); n != 1 || err != nil {
		t.Fatalf("looked at %d, %v", n, err)
	}
	if got := r.one(c); got.Disposal.At.IsZero() || r.objectsOf(c) != 0 {
		t.Fatal("the case stays after its hold was released")
	}
}

// TestDisposalGoesOnWhereItStopped lets the last transaction fail after everything else is gone.
func TestDisposalGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	broken := errors.New("no room")
	r := newRig(t, func(p *functions.Ports) { p.Shredding = func(context.Context, keys.Tombstone) error { return broken } })
	c := r.answered()
	r.now = c.ClosedAt.AddDate(4, 0, 0)
	if _, err := r.set.Dispose(t.Context()); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	if f := r.load(c); !f.Emptied() { // its keys are still there, so it is still due
		t.Fatal("nothing was removed yet")
	}
	broken = nil
	r.dispose()
	if _, _, err := r.set.Cases.Disposed(t.Context(), tenant, c.ID); err != nil {
		t.Fatal(err)
	}
}
