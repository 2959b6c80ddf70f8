package erasureledger_test

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/blobs/dirblobs"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/erasureledger"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

const (
	tenant    = "alder"
	horizon   = 90 * 24 * time.Hour
	canary    = "quillfeather@example.com"
	canaryRow = 77_310_442
)

// shop is a system with one collection: numbered records, each of one address. Down makes it unreachable.
type shop struct {
	rows map[int64]string
	down bool
}

func (s *shop) Describe() connector.Descriptor {
	return connector.Descriptor{Kind: "shop", Rights: []connector.Right{connector.Erasure}, Identifiers: []subject.Kind{subject.Email}, Limits: connector.Limits{BatchChange: 3}}
}

func (s *shop) Check(context.Context) (connector.Health, error) {
	return connector.Health{Reachable: true}, nil
}

func (s *shop) Locate(context.Context, connector.Query) (connector.Located, error) {
	return connector.Located{}, nil
}

func (s *shop) Close() error { return nil }

func (s *shop) reach() error {
	if s.down {
		return fault.New(fault.Unavailable, "the shop is closed")
	}
	return nil
}

// PlanErasure implements connector.Eraser.
func (s *shop) PlanErasure(ctx context.Context, call connector.Call) (connector.Progress, error) {
	n := 0
	for _, id := range slices.Sorted(maps.Keys(s.rows)) {
		if s.rows[id] != call.Identifiers[0].Value.Reveal() {
			continue
		}
		c := connector.Change{
			Collection: "orders", Key: connector.Key{connector.Int(id)}, Action: connector.ActDelete,
			Via: []connector.Field{{Name: "email", Value: connector.Text(s.rows[id])}}, HoldKey: connector.Int(id),
		}
		if err := call.Changes.Put(ctx, c); err != nil {
			return connector.Progress{}, err
		}
		n++
	}
	r := connector.CollectionResult{Collection: "orders", Outcome: connector.Found, Records: n}
	if n == 0 {
		r.Outcome = connector.NothingHeld
	}
	return connector.Progress{Finished: true, Collections: []connector.CollectionResult{r}}, s.reach()
}

func (s *shop) record(c connector.Change) (int64, *connector.Record) {
	id := c.Key[0].Reveal().(int64)
	if email, ok := s.rows[id]; ok {
		return id, &connector.Record{Collection: "orders", Key: c.Key, Fields: []connector.Field{{Name: "email", Value: connector.Text(email)}}}
	}
	return id, nil
}

// ApplyErasure implements connector.Eraser.
func (s *shop) ApplyErasure(_ context.Context, batch []connector.Change) ([]connector.Effect, error) {
	var out []connector.Effect
	for _, c := range batch {
		id, r := s.record(c)
		e := c.Settle(r)
		if e == connector.EffectNot {
			delete(s.rows, id)
			e = connector.EffectDone
		}
		out = append(out, e)
	}
	return out, s.reach()
}

// VerifyErasure implements connector.Eraser.
func (s *shop) VerifyErasure(_ context.Context, batch []connector.Change) ([]connector.Effect, error) {
	var out []connector.Effect
	for _, c := range batch {
		_, r := s.record(c)
		out = append(out, c.Compare(r))
	}
	return out, s.reach()
}

// rig is a ledger over real records, objects and keys.
type rig struct {
	*testing.T
	now      time.Time
	dir      string
	table    *sqlitetable.Store
	blobs    *dirblobs.Store
	vault    *keys.Vault
	engine   *engine.Engine
	ledger   *erasureledger.Ledger
	shop     *shop
	shredded []string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, now: time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC), dir: t.TempDir(), shop: &shop{rows: map[int64]string{}}}
	now := func() time.Time { return r.now }
	var err error
	r.table, err = sqlitetable.Open(filepath.Join(r.dir, "habeas.db"), sqlitetable.Options{Now: now})
	r.ok(err)
	t.Cleanup(func() { _ = r.table.Close() })
	r.ok(filekeys.Create(filepath.Join(r.dir, "master.key")))
	keeper, err := filekeys.Open(filepath.Join(r.dir, "master.key"))
	r.ok(err)
	r.vault = keys.NewVault(r.table, keeper)
	r.blobs, err = dirblobs.Open(filepath.Join(r.dir, "objects"))
	r.ok(err)
	r.engine, err = engine.New(engine.Config{Blobs: r.blobs, Now: now, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
	r.ok(err)
	r.ledger, err = erasureledger.New(erasureledger.Config{
		Table: r.table, Vault: r.vault, Blobs: r.blobs, Engine: r.engine, Now: now,
		Shredding: func(_ context.Context, k keys.Tombstone) error {
			r.shredded = append(r.shredded, k.Tenant+"/"+k.ID)
			return nil
		},
	})
	r.ok(err)
	return r
}

func (r *rig) ok(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) email() subject.Identifier {
	r.Helper()
	id, err := subject.New(subject.Email, canary)
	r.ok(err)
	return id
}

// erase fills the shop with n orders of the person and one of a neighbour, erases the person's as a case would, and returns
// what the ledger is told.
func (r *rig) erase(n int) erasureledger.RecordInput {
	r.Helper()
	r.shop.rows[1] = "neighbour@example.com"
	for i := range n {
		r.shop.rows[canaryRow+int64(i)] = canary
	}
	ck, w, err := r.vault.NewCase(r.Context(), tenant, "case-1")
	r.ok(err)
	r.ok(r.table.Transact(r.Context(), w))
	ins := engine.Instruction{
		Tenant: tenant, CaseID: "case-1", TaskID: "task-1", System: "shop", Action: dsar.DryRun, Right: dsar.Erasure,
		Connector: r.shop, Keys: ck, Proven: []subject.Identifier{r.email()},
	}
	plan := r.run(ins)
	ins.Action, ins.Plan, ins.TaskID = dsar.Erase, plan.Plan, "task-2"
	done := r.run(ins)
	if done.Outcome != dsar.Erased || len(r.shop.rows) != 1 {
		r.Fatalf("the erasure ended as %s with %d rows left", done.Outcome, len(r.shop.rows))
	}
	return erasureledger.RecordInput{
		Tenant: tenant, System: "shop", CaseID: "case-1", TaskID: "task-2", Reference: "HB-1", ErasedAt: r.now, Horizon: horizon,
		Identifiers: []subject.Identifier{r.email()}, Plan: done.Plan, Keys: ck,
	}
}

func (r *rig) run(ins engine.Instruction) engine.Turn {
	r.Helper()
	for {
		turn, err := r.engine.Turn(r.Context(), ins)
		r.ok(err)
		if turn.Status == engine.Finished {
			return turn
		}
		if turn.Status != engine.More {
			r.Fatalf("the task ended as %s: %s", turn.Status, turn.Reason)
		}
		ins.State = turn.State
	}
}

// restore brings the person's orders back, as a backup of the shop would.
func (r *rig) restore(n int) {
	for i := range n {
		r.shop.rows[canaryRow+int64(i)] = canary
	}
}

func (r *rig) check(apply bool, holds func(context.Context, erasureledger.Entry, []subject.Identifier) ([]engine.Hold, error)) erasureledger.Report {
	r.Helper()
	rep, err := r.ledger.Check(r.Context(), erasureledger.CheckInput{
		Tenant: tenant, System: "shop", Connector: r.shop, Apply: apply, By: "staff:1", Holds: holds,
	})
	r.ok(err)
	return rep
}

func (r *rig) objects(prefix string) int {
	r.Helper()
	page, err := r.blobs.List(r.Context(), prefix, "", 0)
	r.ok(err)
	return len(page.Objects)
}

func summary(rep erasureledger.Report) string {
	s := fmt.Sprintf("%d compared, %d back, %d left", rep.Entries, rep.Back, rep.Left)
	for _, c := range rep.Cases {
		for _, x := range c.Collections {
			s += fmt.Sprintf("; %s %s erased %d back %d outside %d replayed %d held %d foreign %d",
				c.Reference, x.Collection, x.Erased, x.Back, x.Outside, x.Replayed, x.Held, x.Foreign)
		}
	}
	return s
}
