package evidence

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Log is the Merkle log of one tenant (RFC 6962; golang.org/x/mod/sumdb/tlog). It only grows: a leaf, once in it, is bound by
// every later checkpoint. Its rows in table ledger, pk T#<tenant>#LOG:
//
//	HEAD                              the newest checkpoint, signed; in the index UNKEPT until it is kept elsewhere
//	TILE#<level>#<n, twelve digits>   hashes of a tile of height 8: at most 256, 32 bytes each, in order
//
// It holds hashes and nothing else. What a leaf was made of stands with the case, so that a case disposed of leaves nothing in
// the log, and the log stays whole.
type Log struct {
	store  table.Store
	tenant string
	key    string
	signer Signer
}

// MaxLeaves is how many leaves one Append takes: with the rows of their cases they share one transaction.
const MaxLeaves = 45

const (
	tileHeight = 8
	skLogHead  = "HEAD"
)

// NewLog returns the log of a tenant, whose key signs its checkpoints. fault.Invalid when tenant is no name.
func NewLog(store table.Store, tenant string, signer Signer) (*Log, error) {
	key, err := PublicKey(tenant, signer.Public())
	if err != nil {
		return nil, fmt.Errorf("naming evidence key: %w", err)
	}
	return &Log{store, tenant, key, signer}, nil
}

// Key returns the key that checkpoints are verified with, in the form of PublicKey.
func (l *Log) Key() string { return l.key }

// Checkpoint returns the newest checkpoint; fault.NotFound while nothing was sealed.
func (l *Log) Checkpoint(ctx context.Context) (Checkpoint, error) {
	c, _, err := l.head(ctx)
	if err == nil && c.Size == 0 {
		err = fault.New(fault.NotFound, "nothing is sealed yet")
	}
	return c, err
}

// head reads the newest checkpoint and the version of its row; both are zero for an empty log.
func (l *Log) head(ctx context.Context) (Checkpoint, int64, error) {
	item, err := l.store.Get(ctx, l.row(skLogHead))
	if fault.Has(err, fault.NotFound) {
		return Checkpoint{Tenant: l.tenant}, table.Absent, nil
	}
	if err != nil {
		return Checkpoint{}, 0, fmt.Errorf("reading log: %w", err)
	}
	c, err := OpenCheckpoint(string(item.Body), l.key)
	if err != nil {
		return Checkpoint{}, 0, fault.Wrap(fault.Internal, err, "reading the stored checkpoint")
	}
	return c, item.Version, nil
}

func (l *Log) row(sk string) table.Key {
	return table.Key{Table: table.Ledger, PK: "T#" + l.tenant + "#LOG", SK: sk}
}

func (l *Log) tileKey(level int, n int64) table.Key {
	return l.row(fmt.Sprintf("TILE#%d#%012d", level, n))
}

// Append returns the writes that add leaves to the log and sign its new checkpoint, and the number that the first of them
// gets. They are conditional on nobody else adding to the log meanwhile: of two writers one gets fault.Conflict. There are at
// most ten, and they share their transaction with those of the caller. Nothing is stored before.
func (l *Log) Append(ctx context.Context, leaves []Leaf, at time.Time) (first int64, writes []table.Write, err error) {
	if len(leaves) == 0 || len(leaves) > MaxLeaves || at.IsZero() {
		return 0, nil, fault.New(fault.Invalid, "a log takes 1 to 45 leaves at a time, and their time")
	}
	old, version, err := l.head(ctx)
	if err != nil {
		return 0, nil, err
	}
	g := &growth{edge: map[int64]tlog.Hash{}, tiles: map[[2]int64]table.Item{}}
	if err := g.load(ctx, l, old); err != nil {
		return 0, nil, err
	}
	for i, leaf := range leaves {
		if err := leaf.check(); err != nil || leaf.Tenant != l.tenant {
			return 0, nil, fault.New(fault.Invalid, "this is no leaf of the tenant's log")
		}
		if err := g.add(old.Size+int64(i), leaf); err != nil {
			return 0, nil, err
		}
	}
	next := Checkpoint{Tenant: l.tenant, Size: old.Size + int64(len(leaves)), SealedAt: at.UTC().Truncate(time.Millisecond)}
	if next.Root, err = tlog.TreeHash(next.Size, g); err != nil {
		return 0, nil, fault.Wrap(fault.Internal, err, "hashing the log")
	}
	if next.Note, err = sign(next.text(), l.key, l.signer); err != nil {
		return 0, nil, err
	}
	head := table.Item{Key: l.row(skLogHead), Body: []byte(next.Note), IPK: ipkUnkept, ISK: l.tenant}
	writes = append(writes, table.Write{Op: table.Put, If: version, Item: head})
	for _, t := range tlog.NewTiles(tileHeight, old.Size, next.Size) {
		w, err := g.write(l, t)
		if err != nil {
			return 0, nil, err
		}
		writes = append(writes, w)
	}
	return old.Size, writes, nil
}

// growth is a log while leaves are added to it: the hashes at its right edge, old and new, and the tiles that are not full.
type growth struct {
	edge  map[int64]tlog.Hash // by stored hash index
	tiles map[[2]int64]table.Item
}

// ReadHashes implements tlog.HashReader over the edge, which is all that adding leaves looks at.
func (g *growth) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, n := range indexes {
		h, ok := g.edge[n]
		if !ok {
			return nil, fault.New(fault.Internal, "a hash of the log was not read")
		}
		out[i] = h
	}
	return out, nil
}

// load reads the edge of the log as it is: what its root is made of. It is checked against the signed root, so that nothing
// is ever added to a damaged log.
func (g *growth) load(ctx context.Context, l *Log, c Checkpoint) error {
	if c.Size == 0 {
		return nil
	}
	stored := l.hashes(ctx, c, func(t tlog.Tile, item table.Item) { g.tiles[[2]int64{int64(t.L), t.N}] = item })
	_, err := tlog.TreeHash(c.Size, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes, err := stored.ReadHashes(indexes)
		if err != nil {
			return nil, err
		}
		for i, n := range indexes {
			g.edge[n] = hashes[i]
		}
		return hashes, nil
	}))
	if err != nil {
		return damagedLog(err, "reading the edge of the log")
	}
	return nil
}

// add puts a leaf at place n.
func (g *growth) add(n int64, leaf Leaf) error {
	hashes, err := tlog.StoredHashes(n, leaf.record(), g)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "adding to the log")
	}
	for i, h := range hashes {
		g.edge[tlog.StoredHashIndex(0, n)+int64(i)] = h
	}
	return nil
}

// write stores a tile: the hashes it had, and those that are new.
func (g *growth) write(l *Log, t tlog.Tile) (table.Write, error) {
	old := g.tiles[[2]int64{int64(t.L), t.N}]
	body := make([]byte, len(old.Body), t.W*tlog.HashSize)
	copy(body, old.Body)
	for n := t.N<<tileHeight + int64(len(body)/tlog.HashSize); len(body) < t.W*tlog.HashSize; n++ {
		h, err := g.ReadHashes([]int64{tlog.StoredHashIndex(t.L*tileHeight, n)})
		if err != nil {
			return table.Write{}, err
		}
		body = append(body, h[0][:]...)
	}
	return table.Write{Op: table.Put, If: old.Version, Item: table.Item{Key: l.tileKey(t.L, t.N), Body: body}}, nil
}

// damagedLog keeps the class of a failure to read; whatever else keeps hashes from leading to their root is damage.
func damagedLog(err error, doing string) error {
	if fault.Has(err, fault.Unavailable) || fault.Has(err, fault.Throttled) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fault.Wrap(fault.Internal, err, doing)
}
