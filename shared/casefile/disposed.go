package casefile

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// writeDisposed writes the evidence of a case that was disposed of. Its tasks are gone; where their chains end stands in the
// ledger, and the chain of the case, whose head was kept, names each of those ends.
func (s *Store) writeDisposed(ctx context.Context, w io.Writer, tenant, id string) error {
	c, err := s.Case(ctx, tenant, id)
	if err != nil {
		return err
	}
	if c.Disposal.At.IsZero() {
		return fault.New(fault.NotFound, "there is no such case")
	}
	f := &File{Case: c, store: s, read: map[string]table.Item{}}
	seal, err := s.table.Get(ctx, f.key(skSeal))
	if err == nil {
		f.read[skSeal] = seal
	} else if !fault.Has(err, fault.NotFound) {
		return fmt.Errorf("reading seal: %w", err)
	}
	k, err := f.Tenant(ctx)
	if err != nil {
		return fmt.Errorf("reading tenant keys: %w", err)
	}
	heads := map[string]evidence.Head{}
	for e, err := range evidence.Read(ctx, s.table, tenant, id) {
		if err != nil {
			return err
		}
		heads[e.Chain] = evidence.Head{Seq: e.Seq, Hash: e.Hash}
	}
	heads[evidence.CaseChain] = c.Head
	receipt, err := f.receipt(ctx)
	if err != nil {
		return err
	}
	return evidence.WriteBundle(ctx, w, evidence.BundleInput{
		Tenant: tenant, Case: id, Reference: c.Reference, ExportedAt: s.now().UTC().Truncate(time.Millisecond),
		Entries: entriesUpTo(heads, evidence.Read(ctx, s.table, tenant, id)), Heads: heads, Signer: k, Receipt: receipt,
	})
}
