package evidence

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// tiles implements tlog.TileReader by a function, which carries the context of one call.
type tiles func([]tlog.Tile) ([][]byte, error)

// Height implements tlog.TileReader.
func (tiles) Height() int { return tileHeight }

// ReadTiles implements tlog.TileReader.
func (read tiles) ReadTiles(ts []tlog.Tile) ([][]byte, error) { return read(ts) }

// SaveTiles implements tlog.TileReader; there is nothing to keep, the rows are read from the store.
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// hashes reads the hashes of the log in the state of c, each checked against the root of c. seen, if not nil, is told of every
// row that was read.
func (l *Log) hashes(ctx context.Context, c Checkpoint, seen func(tlog.Tile, table.Item)) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, tiles(func(ts []tlog.Tile) ([][]byte, error) {
		out := make([][]byte, 0, len(ts))
		for _, t := range ts {
			item, err := l.store.Get(ctx, l.tileKey(t.L, t.N))
			if err != nil {
				return nil, fmt.Errorf("reading log: %w", err)
			}
			// The row may be wider by now: the log grew after c was read, and a tile only ever grows at its end.
			if len(item.Body) < t.W*tlog.HashSize {
				return nil, fault.New(fault.Internal, "a tile of the log is too short")
			}
			item.Body = item.Body[:t.W*tlog.HashSize]
			if seen != nil {
				seen(t, item)
			}
			out = append(out, item.Body)
		}
		return out, nil
	}))
}

// Receipt returns the proof that the log holds the leaf of a sealed case, under its newest checkpoint. fault.NotFound when the
// log has no such leaf yet; fault.Internal when it has another one in its place: the log is damaged.
func (l *Log) Receipt(ctx context.Context, caseID, reference string, s Seal) (Receipt, error) {
	leaf := Leaf{Tenant: l.tenant, Case: caseID, Head: s.Head}
	if err := leaf.check(); err != nil {
		return Receipt{}, err
	}
	c, err := l.Checkpoint(ctx)
	if err != nil {
		return Receipt{}, err
	}
	if s.Leaf < 0 || s.Leaf >= c.Size {
		return Receipt{}, fault.New(fault.NotFound, "the log has no such leaf")
	}
	r := Receipt{
		SchemaVersion: 1, Tenant: l.tenant, Case: caseID, Reference: reference, Seal: s, Checkpoint: c.Note,
	}
	if r.Proof, err = tlog.ProveRecord(c.Size, s.Leaf, l.hashes(ctx, c, nil)); err != nil {
		return Receipt{}, damagedLog(err, "proving a leaf of the log")
	}
	if tlog.CheckRecord(r.Proof, c.Size, c.Root, s.Leaf, tlog.RecordHash(leaf.record())) != nil {
		return Receipt{}, fault.New(fault.Internal, "the log holds something else in the place of this leaf")
	}
	return r, nil
}

// Consistency returns the proof that the log with to leaves only added to the log with from leaves; to = 0 stands for the
// newest state. fault.Invalid when the log never had so many, or from is not between 1 and to.
func (l *Log) Consistency(ctx context.Context, from, to int64) (Consistency, error) {
	c, err := l.Checkpoint(ctx)
	if err != nil {
		return Consistency{}, err
	}
	if to == 0 {
		to = c.Size
	}
	switch {
	case from < 1 || from > c.Size:
		return Consistency{}, fault.InvalidField("/from", fmt.Sprintf("the log has %d leaves; from is a number of leaves it had before", c.Size))
	case to < from || to > c.Size:
		return Consistency{}, fault.InvalidField("/to", fmt.Sprintf("the log has %d leaves; to lies between from and that", c.Size))
	}
	stored := l.hashes(ctx, c, nil)
	out := Consistency{SchemaVersion: 1, Tenant: l.tenant, From: TreeHead{Size: from}, To: TreeHead{Size: to}}
	for _, t := range []*TreeHead{&out.From, &out.To} {
		if t.Root, err = tlog.TreeHash(t.Size, stored); err != nil {
			return Consistency{}, damagedLog(err, "hashing the log")
		}
	}
	if out.Proof, err = tlog.ProveTree(to, from, stored); err != nil {
		return Consistency{}, damagedLog(err, "proving the growth of the log")
	}
	return out, nil
}
