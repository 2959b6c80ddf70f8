package casefile

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// SealShards is the number of partitions of the index of unsealed cases (see table/ACCESS.md).
const SealShards = 8

// skSeal is the row that says where the log of the tenant holds the case (evidence.Seal). While the chain of the case is
// longer than that, the row is in the index of unsealed cases. It begins with "A#", so that a change of the case knows it
// without reading it.
const skSeal = "A#SEAL"

// sealReaders bounds the reads under way at once while a batch is sealed.
const sealReaders = 8

func ipkUnsealed(n uint32) string { return fmt.Sprintf("UNSEALED#%d", n) }

// putSeal lists the case as unsealed when its chain grows with this commit.
//
// A case that is listed already stays as it is, and the transaction only checks that: else the sealer could take it off the
// list at the same time for a head that lies before this entry, and the entry would never be sealed.
func (f *File) putSeal(ws *[]table.Write) {
	if !slices.ContainsFunc(f.entries, func(e evidence.Entry) bool { return e.Chain == evidence.CaseChain }) {
		return
	}
	row := f.read[skSeal]
	w := table.Write{Op: table.Check, Item: table.Item{Key: f.key(skSeal)}, If: row.Version}
	if row.IPK == "" {
		w.Op, w.Item.Body = table.Put, row.Body
		w.Item.IPK, w.Item.ISK = ipkUnsealed(shard(f.Case.ID, SealShards)), stamp(f.now)+"#"+f.Case.Tenant+"#"+f.Case.ID
	}
	*ws = append(*ws, w)
}

func decodeSeal(it table.Item) (evidence.Seal, error) {
	var s evidence.Seal
	if len(it.Body) > 0 && json.Unmarshal(it.Body, &s) != nil {
		return s, errDecode("seal")
	}
	return s, nil
}

// Unsealed names a case whose chain grew since it was sealed, and since when.
type Unsealed struct {
	Tenant, CaseID string
	Since          time.Time
}

// Unsealed returns a page of the unsealed cases of one shard, of all tenants, longest first. The index may lag: it may still
// show cases that were sealed, and not yet show others.
func (s *Store) Unsealed(ctx context.Context, shard uint32, limit int, cursor string) ([]Unsealed, string, error) {
	page, err := s.table.Query(ctx, table.Query{Table: table.Cases, Index: true, PK: ipkUnsealed(shard), Limit: limit, Cursor: cursor})
	if err != nil {
		return nil, "", fmt.Errorf("reading index of unsealed cases: %w", err)
	}
	var out []Unsealed
	for _, it := range page.Items {
		p := strings.Split(it.ISK, "#")
		if len(p) != 3 {
			return nil, "", errDecode("index of unsealed cases")
		}
		since, err := time.Parse(instant, p[0])
		if err != nil {
			return nil, "", errDecode("index of unsealed cases")
		}
		out = append(out, Unsealed{p[1], p[2], since})
	}
	return out, page.Next, nil
}

// Patience says which cases are sealed now: those that did not change for Quiet, and those that are unsealed for AtLatest
// anyway. A case in the middle of its work would make the transaction fail, and need a leaf again right after.
type Patience struct{ Quiet, AtLatest time.Duration }

// Seal puts the heads of cases of one tenant, at most evidence.MaxLeaves, into the tenant's log, in one transaction. It
// returns how many it sealed and those that it left for later. Cases that are sealed already, or are no more, are neither.
// fault.Conflict: a case changed meanwhile or somebody else sealed, and nothing was written; the caller tries fewer at once.
func (s *Store) Seal(ctx context.Context, tenant string, cases []Unsealed, p Patience) (sealed int, left []Unsealed, err error) {
	log, err := s.Log(ctx, tenant)
	if err != nil {
		return 0, cases, err
	}
	now := s.now().UTC().Truncate(time.Millisecond)
	read, err := s.readUnsealed(ctx, cases)
	if err != nil {
		return 0, cases, err
	}
	var ready []sealable
	var leaves []evidence.Leaf
	for _, c := range read {
		switch {
		case !c.listed:
		case now.Sub(c.changed) < p.Quiet && now.Sub(c.Since) < p.AtLatest:
			left = append(left, c.Unsealed)
		default:
			ready, leaves = append(ready, c), append(leaves, evidence.Leaf{Tenant: tenant, Case: c.CaseID, Head: c.head})
		}
	}
	if len(ready) == 0 {
		return 0, left, nil
	}
	first, writes, err := log.Append(ctx, leaves, now)
	if err != nil {
		return 0, cases, fmt.Errorf("appending to the log: %w", err)
	}
	for i, c := range ready {
		body, err := json.Marshal(evidence.Seal{Head: c.head, Leaf: first + int64(i)})
		if err != nil {
			return 0, cases, fmt.Errorf("encoding seal: %w", err)
		}
		writes = append(writes,
			table.Write{Op: table.Put, Item: table.Item{Key: c.seal, Body: body}, If: c.sealVersion},
			table.Write{Op: table.Check, Item: table.Item{Key: c.key}, If: c.version})
	}
	if err := s.table.Transact(ctx, writes...); err != nil {
		return 0, cases, fmt.Errorf("sealing cases: %w", err)
	}
	return len(ready), left, nil
}

// sealable is an unsealed case as it was read.
type sealable struct {
	Unsealed
	listed               bool // false: it is sealed already, or no more
	head                 evidence.Head
	changed              time.Time
	key, seal            table.Key
	version, sealVersion int64
}

// readUnsealed reads the rows that the index named, some at a time; every other read of a batch would wait for the one before.
func (s *Store) readUnsealed(ctx context.Context, cases []Unsealed) ([]sealable, error) {
	out, errs := make([]sealable, len(cases)), make([]error, len(cases))
	var wg sync.WaitGroup
	for n := range min(sealReaders, len(cases)) {
		wg.Go(func() {
			for i := n; i < len(cases); i += sealReaders {
				out[i], errs[i] = s.readSealable(ctx, cases[i])
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Store) readSealable(ctx context.Context, u Unsealed) (sealable, error) {
	pk := pkCase(u.Tenant, u.CaseID)
	c := sealable{Unsealed: u, key: table.Key{Table: table.Cases, PK: pk, SK: skCase}, seal: table.Key{Table: table.Cases, PK: pk, SK: skSeal}}
	row, err := s.table.Get(ctx, c.seal)
	if fault.Has(err, fault.NotFound) || err == nil && row.IPK == "" {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("reading seal: %w", err)
	}
	it, err := s.table.Get(ctx, c.key)
	if fault.Has(err, fault.NotFound) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("reading case: %w", err)
	}
	var open struct {
		Schema    int           `json:"schema"`
		UpdatedAt time.Time     `json:"updatedAt"`
		Head      evidence.Head `json:"head"`
	}
	if json.Unmarshal(it.Body, &open) != nil || open.Schema > SchemaVersion {
		return c, errDecode("case")
	}
	c.listed, c.head, c.changed, c.version, c.sealVersion = true, open.Head, open.UpdatedAt, it.Version, row.Version
	return c, nil
}

// Log returns the log that seals the cases of a tenant.
func (s *Store) Log(ctx context.Context, tenant string) (*evidence.Log, error) {
	k, err := s.vault.Tenant(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("reading tenant keys: %w", err)
	}
	log, err := evidence.NewLog(s.table, tenant, k)
	if err != nil {
		return nil, fmt.Errorf("opening log: %w", err)
	}
	return log, nil
}

// Unkept is evidence.Unkept: a page of the tenants whose newest checkpoint is not known to be kept elsewhere.
func (s *Store) Unkept(ctx context.Context, limit int, cursor string) (tenants []string, next string, err error) {
	return evidence.Unkept(ctx, s.table, limit, cursor)
}

// receipt returns the receipt of the case as it was read; nil when it was never sealed.
func (f *File) receipt(ctx context.Context) (*evidence.Receipt, error) {
	seal, err := decodeSeal(f.read[skSeal])
	if err != nil || seal.Seq == 0 {
		return nil, err
	}
	if seal.Seq > f.Case.Head.Seq {
		// DynamoDB reads a partition item by item: the case was sealed between two of them.
		return nil, fault.New(fault.Conflict, "the case changed while it was read")
	}
	log, err := f.store.Log(ctx, f.Case.Tenant)
	if err != nil {
		return nil, err
	}
	r, err := log.Receipt(ctx, f.Case.ID, f.Case.Reference, seal)
	if err != nil {
		return nil, fmt.Errorf("making receipt: %w", err)
	}
	return &r, nil
}

// entriesUpTo leaves out what was added to the chains behind the heads: the case goes on while it is exported.
func entriesUpTo(heads map[string]evidence.Head, entries iter.Seq2[evidence.Entry, error]) iter.Seq2[evidence.Entry, error] {
	return func(yield func(evidence.Entry, error) bool) {
		for e, err := range entries {
			if head, named := heads[e.Chain]; err == nil && named && e.Seq > head.Seq {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}
