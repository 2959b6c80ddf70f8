package evidence_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

func newLog(t testing.TB, store table.Store, tenant string) *evidence.Log {
	t.Helper()
	l, err := evidence.NewLog(store, tenant, newSigner(1))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// leafOf is the leaf of a made-up case.
func leafOf(n int64) evidence.Leaf {
	return evidence.Leaf{Tenant: "acme", Case: fmt.Sprintf("case-%d", n), Head: evidence.Head{Seq: n + 1, Hash: fmt.Sprintf("%064x", n)}}
}

// grow adds n leaves that follow those that are there and returns how many there are then.
func grow(t testing.TB, store table.Store, l *evidence.Log, from int64, n int) int64 {
	t.Helper()
	var leaves []evidence.Leaf
	for i := range int64(n) {
		leaves = append(leaves, leafOf(from+i))
	}
	first, writes, err := l.Append(t.Context(), leaves, start.Add(time.Duration(from)*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if first != from || len(writes) > 10 {
		t.Fatalf("the first leaf gets number %d, want %d; %d writes", first, from, len(writes))
	}
	if err := store.Transact(t.Context(), writes...); err != nil {
		t.Fatal(err)
	}
	return from + int64(n)
}

// proveLeaf checks the receipt of a leaf the way a stranger does: with the key and the library alone.
func proveLeaf(t testing.TB, l *evidence.Log, n int64) error {
	t.Helper()
	leaf := leafOf(n)
	r, err := l.Receipt(t.Context(), leaf.Case, "REF", evidence.Seal{Head: leaf.Head, Leaf: n})
	if err != nil {
		return err
	}
	c, err := evidence.OpenCheckpoint(r.Checkpoint, l.Key())
	if err != nil {
		return err
	}
	record := fmt.Sprintf("habeas evidence leaf v1\nacme\n%s\n%d\n%s\n", leaf.Case, leaf.Head.Seq, leaf.Head.Hash)
	return tlog.CheckRecord(r.Proof, c.Size, c.Root, n, tlog.RecordHash([]byte(record)))
}

func TestEveryLeafIsProvenAndTheLogOnlyGrows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		store := openLedger(t)
		defer store.Close()
		l := newLog(t, store, "acme")
		var size int64
		var kept []evidence.Checkpoint
		for _, n := range rapid.SliceOfN(rapid.IntRange(1, evidence.MaxLeaves), 1, 8).Draw(rt, "batches") {
			size = grow(t, store, l, size, n)
			c, err := l.Checkpoint(t.Context())
			if err != nil || c.Size != size {
				rt.Fatalf("a log of %d leaves, want %d: %v", c.Size, size, err)
			}
			kept = append(kept, c)
		}
		for range 4 {
			if n := rapid.Int64Range(0, size-1).Draw(rt, "leaf"); proveLeaf(t, l, n) != nil {
				rt.Fatalf("leaf %d of %d is not proven: %v", n, size, proveLeaf(t, l, n))
			}
		}
		for range 4 {
			i := rapid.IntRange(0, len(kept)-1).Draw(rt, "earlier")
			old, later := kept[i], kept[rapid.IntRange(i, len(kept)-1).Draw(rt, "later")]
			p, err := l.Consistency(t.Context(), old.Size, later.Size)
			if err != nil {
				rt.Fatal(err)
			}
			if err := tlog.CheckTree(p.Proof, later.Size, later.Root, old.Size, old.Root); err != nil || p.From.Root != old.Root || p.To.Root != later.Root {
				rt.Fatalf("from %d to %d: %v", old.Size, later.Size, err)
			}
		}
	})
}

// TestLogIsThatOfTheLibrary compares root and stored hashes with a log that the library keeps in memory, over the bounds of
// tiles: 256 leaves, and the second of them.
func TestLogIsThatOfTheLibrary(t *testing.T) {
	store := openLedger(t)
	l := newLog(t, store, "acme")
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	var size int64
	for _, n := range []int{1, 45, 45, 45, 45, 45, 29, 1, 1, 45, 45, 45, 45, 45, 45, 45, 45, 45} { // 255, 256, 257, ...
		for i := range int64(n) {
			leaf := leafOf(size + i)
			record := fmt.Sprintf("habeas evidence leaf v1\nacme\n%s\n%d\n%s\n", leaf.Case, leaf.Head.Seq, leaf.Head.Hash)
			more, err := tlog.StoredHashes(size+i, []byte(record), reader)
			if err != nil {
				t.Fatal(err)
			}
			hashes = append(hashes, more...)
		}
		size = grow(t, store, l, size, n)
		want, err := tlog.TreeHash(size, reader)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := l.Checkpoint(t.Context()); err != nil || c.Root != want || c.Size != size {
			t.Fatalf("at %d leaves the root is %s, want %s: %v", size, c.Root, want, err)
		}
	}
	if size != 662 {
		t.Fatalf("%d leaves", size)
	}
	for n := range size {
		if err := proveLeaf(t, l, n); err != nil {
			t.Fatalf("leaf %d: %v", n, err)
		}
	}
	page, err := store.Query(t.Context(), table.Query{Table: table.Ledger, PK: "T#acme#LOG"})
	if err != nil || len(page.Items) != 1+3+1 { // head, three tiles of leaves, one above them
		t.Errorf("%d rows: %v", len(page.Items), err)
	}
	for _, item := range page.Items {
		if item.Size() > 64<<10 {
			t.Errorf("%s has %d bytes", item.SK, item.Size())
		}
	}
}

func TestCheckpointIsOneOfC2SP(t *testing.T) {
	store := openLedger(t)
	l := newLog(t, store, "acme")
	if _, err := l.Checkpoint(t.Context()); !fault.Has(err, fault.NotFound) {
		t.Errorf("an empty log has a checkpoint: %v", err)
	}
	grow(t, store, l, 0, 3)
	c, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(l.Key())
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(c.Note), note.VerifierList(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if want := "habeas/acme\n3\n" + c.Root.String() + "\nsealed 2027-01-31T09:00:00.123Z\n"; n.Text != want {
		t.Errorf("the text is %q, want %q", n.Text, want)
	}
}

// TestOpenCheckpointRefuses: nothing that the key signed for another purpose, or in another spelling, is a checkpoint.
func TestOpenCheckpointRefuses(t *testing.T) {
	key := publicKey(t, "acme", newSigner(1))
	root := tlog.RecordHash(nil).String()
	good := "habeas/acme\n3\n" + root + "\nsealed 2027-01-31T09:00:00.123Z\n"
	if c, err := evidence.OpenCheckpoint(signNote(t, "acme", 1, good), key); err != nil || c.Size != 3 || c.Tenant != "acme" {
		t.Fatalf("a good one: %+v %v", c, err)
	}
	for name, text := range map[string]string{
		"a bundle":           "habeas evidence bundle v1\n3\n" + root + "\nsealed 2027-01-31T09:00:00.123Z\n",
		"another tenant":     strings.Replace(good, "acme", "globex", 1),
		"no leaf":            strings.Replace(good, "\n3\n", "\n0\n", 1),
		"below zero":         strings.Replace(good, "\n3\n", "\n-3\n", 1),
		"another number":     strings.Replace(good, "\n3\n", "\n03\n", 1),
		"no number":          strings.Replace(good, "\n3\n", "\nx\n", 1),
		"a short root":       strings.Replace(good, root, root[4:], 1),
		"no time":            strings.Replace(good, "sealed 2027-01-31T09:00:00.123Z\n", "", 1),
		"another time":       strings.Replace(good, ".123Z", ".1230Z", 1),
		"an unknown line":    good + "x\n",
		"a line in the head": "x\n" + good,
	} {
		if _, err := evidence.OpenCheckpoint(signNote(t, "acme", 1, text), key); !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, signed := range map[string]string{
		"another key":          signNote(t, "acme", 2, good),
		"another tenant's key": signNote(t, "globex", 1, good),
		"unsigned":             good,
		"edited":               strings.Replace(signNote(t, "acme", 1, good), "\n3\n", "\n4\n", 1),
		"nothing":              "",
	} {
		if _, err := evidence.OpenCheckpoint(signed, key); !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := evidence.OpenCheckpoint(good, "x"); !fault.Has(err, fault.Invalid) {
		t.Errorf("a bad key: %v", err)
	}
}

// noteSigner signs notes with a key of the test, in the name of a tenant.
type noteSigner struct {
	note.Verifier
	s signer
}

func (n noteSigner) Sign(msg []byte) ([]byte, error) { return n.s.Sign(msg), nil }

func signNote(t testing.TB, tenant string, seed byte, text string) string {
	t.Helper()
	verifier, err := note.NewVerifier(publicKey(t, tenant, newSigner(seed)))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: text}, noteSigner{verifier, newSigner(seed)})
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

// TestDamagedLog: whoever can write to the table, and has no key, makes no proof that holds, and no leaf is added to what he
// left behind.
func TestDamagedLog(t *testing.T) {
	row := func(sk string) table.Key { return table.Key{Table: table.Ledger, PK: "T#acme#LOG", SK: sk} }
	tile, upper := row("TILE#0#000000000001"), row("TILE#1#000000000000")
	for name, damage := range map[string]func(t *testing.T, s table.Store){
		"a leaf is changed": func(t *testing.T, s table.Store) {
			edit(t, s, tile, func(b []byte) []byte { b[40] ^= 1; return b })
		},
		"a leaf is cut off": func(t *testing.T, s table.Store) {
			edit(t, s, tile, func(b []byte) []byte { return b[:len(b)-32] })
		},
		"two leaves change places": func(t *testing.T, s table.Store) {
			edit(t, s, tile, func(b []byte) []byte { return append(append(append([]byte{}, b[32:64]...), b[:32]...), b[64:]...) })
		},
		"a hash above is changed": func(t *testing.T, s table.Store) {
			edit(t, s, upper, func(b []byte) []byte { b[0] ^= 1; return b })
		},
		"a tile is gone": func(t *testing.T, s table.Store) {
			put(t, s, table.Write{Op: table.Delete, Item: table.Item{Key: tile}, If: table.AnyVersion})
		},
		"the head is unsigned": func(t *testing.T, s table.Store) {
			edit(t, s, row("HEAD"), func(b []byte) []byte { return []byte(strings.Replace(string(b), "\n290\n", "\n289\n", 1)) })
		},
		"the head is that of another": func(t *testing.T, s table.Store) {
			other, err := evidence.NewLog(s, "globex", newSigner(2))
			if err != nil {
				t.Fatal(err)
			}
			leaf := leafOf(1)
			leaf.Tenant = "globex"
			_, writes, err := other.Append(t.Context(), []evidence.Leaf{leaf}, start)
			if err != nil {
				t.Fatal(err)
			}
			edit(t, s, row("HEAD"), func([]byte) []byte { return writes[0].Item.Body })
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := openLedger(t)
			l := newLog(t, store, "acme")
			var size int64
			for range 29 {
				size = grow(t, store, l, size, 10)
			}
			if err := proveLeaf(t, l, 257); err != nil {
				t.Fatal(err)
			}
			damage(t, store)
			if err := proveLeaf(t, l, 257); !fault.Has(err, fault.Internal) {
				t.Errorf("a proof: %v, want internal", err)
			}
			if _, err := l.Consistency(t.Context(), 200, 290); !fault.Has(err, fault.Internal) {
				t.Errorf("the growth: %v, want internal", err)
			}
			if _, _, err := l.Append(t.Context(), []evidence.Leaf{leafOf(size)}, start); !fault.Has(err, fault.Internal) {
				t.Errorf("a new leaf: %v, want internal", err)
			}
		})
	}
}

func put(t testing.TB, s table.Store, w table.Write) {
	t.Helper()
	if err := s.Transact(t.Context(), w); err != nil {
		t.Fatal(err)
	}
}

func edit(t testing.TB, s table.Store, key table.Key, change func([]byte) []byte) {
	t.Helper()
	item, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	item.Body = change(item.Body)
	put(t, s, table.Write{Op: table.Put, Item: item, If: item.Version})
}

func TestReceiptOfSomethingElse(t *testing.T) {
	store := openLedger(t)
	l := newLog(t, store, "acme")
	leaf := leafOf(1)
	seal := evidence.Seal{Head: leaf.Head, Leaf: 1}
	if _, err := l.Receipt(t.Context(), leaf.Case, "REF", seal); !fault.Has(err, fault.NotFound) {
		t.Errorf("of an empty log: %v", err)
	}
	grow(t, store, l, 0, 3)
	for name, tt := range map[string]struct {
		caseID string
		seal   evidence.Seal
		want   fault.Class
	}{
		"another case":  {"case-2", seal, fault.Internal},
		"another place": {leaf.Case, evidence.Seal{Head: leaf.Head, Leaf: 2}, fault.Internal},
		"another head":  {leaf.Case, evidence.Seal{Head: leafOf(2).Head, Leaf: 1}, fault.Internal},
		"beyond":        {leaf.Case, evidence.Seal{Head: leaf.Head, Leaf: 3}, fault.NotFound},
		"below":         {leaf.Case, evidence.Seal{Head: leaf.Head, Leaf: -1}, fault.NotFound},
		"never sealed":  {leaf.Case, evidence.Seal{}, fault.Invalid},
		"no case":       {"a b", seal, fault.Invalid},
	} {
		if _, err := l.Receipt(t.Context(), tt.caseID, "REF", tt.seal); !fault.Has(err, tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	for name, tt := range map[string][2]int64{"from nothing": {0, 3}, "from beyond": {4, 0}, "to beyond": {1, 4}, "backwards": {3, 2}, "below": {-1, 3}} {
		if _, err := l.Consistency(t.Context(), tt[0], tt[1]); !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
	if p, err := l.Consistency(t.Context(), 2, 0); err != nil || p.To.Size != 3 {
		t.Errorf("to the newest state: %+v %v", p, err)
	}
}

func TestAppendRefusesLeaves(t *testing.T) {
	l := newLog(t, openLedger(t), "acme")
	bad := func(change func(*evidence.Leaf)) []evidence.Leaf {
		leaf := leafOf(1)
		change(&leaf)
		return []evidence.Leaf{leaf}
	}
	many := make([]evidence.Leaf, evidence.MaxLeaves+1)
	for i := range many {
		many[i] = leafOf(int64(i))
	}
	for name, leaves := range map[string][]evidence.Leaf{
		"none": nil, "too many": many,
		"another tenant": bad(func(l *evidence.Leaf) { l.Tenant = "globex" }),
		"no case":        bad(func(l *evidence.Leaf) { l.Case = "" }),
		"two lines":      bad(func(l *evidence.Leaf) { l.Case = "a\nb" }),
		"no number":      bad(func(l *evidence.Leaf) { l.Head.Seq = 0 }),
		"no hash":        bad(func(l *evidence.Leaf) { l.Head.Hash = "x" }),
	} {
		if _, _, err := l.Append(t.Context(), leaves, start); !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := l.Append(t.Context(), many[:1], time.Time{}); !fault.Has(err, fault.Invalid) {
		t.Errorf("no time: %v", err)
	}
	if _, err := evidence.NewLog(openLedger(t), "a b", newSigner(1)); !fault.Has(err, fault.Invalid) {
		t.Errorf("no tenant: %v", err)
	}
}

// TestOneWriterAtATime: many who add at once leave one log without gaps; those who come too late get conflict.
func TestOneWriterAtATime(t *testing.T) {
	store := openLedger(t)
	l := newLog(t, store, "acme")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for done := 0; done < 5; {
				c, err := l.Checkpoint(t.Context())
				if err != nil && !fault.Has(err, fault.NotFound) {
					t.Error(err)
					return
				}
				leaves := []evidence.Leaf{leafOf(c.Size), leafOf(c.Size + 1), leafOf(c.Size + 2)}
				first, writes, err := l.Append(t.Context(), leaves, start)
				if err != nil { // not even when the log grew between two of its reads
					t.Error(err)
					return
				}
				if first != c.Size {
					continue
				}
				switch err := store.Transact(t.Context(), writes...); {
				case err == nil:
					done++
				case !fault.Has(err, fault.Conflict):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	c, err := l.Checkpoint(t.Context())
	if err != nil || c.Size != 8*5*3 {
		t.Fatalf("%d leaves: %v", c.Size, err)
	}
	for n := range c.Size {
		if err := proveLeaf(t, l, n); err != nil {
			t.Errorf("leaf %d: %v", n, err)
		}
	}
}

// failing is a store whose reads fail from a certain one on.
type failing struct {
	table.Store
	left int
}

var errGone = fault.New(fault.Unavailable, "the table is not reachable")

func (f *failing) Get(ctx context.Context, key table.Key) (table.Item, error) {
	if f.left--; f.left < 0 {
		return table.Item{}, errGone
	}
	return f.Store.Get(ctx, key)
}

// TestUnreachableIsNotDamaged: a store that fails at any read fails the call as what it is, so that it is tried again.
func TestUnreachableIsNotDamaged(t *testing.T) {
	store := openLedger(t)
	var size int64
	for range 30 {
		size = grow(t, store, newLog(t, store, "acme"), size, 10)
	}
	for name, call := range map[string]func(l *evidence.Log) error{
		"receipt":     func(l *evidence.Log) error { return proveLeaf(t, l, 3) },
		"consistency": func(l *evidence.Log) error { _, err := l.Consistency(t.Context(), 7, 0); return err },
		"append": func(l *evidence.Log) error {
			_, _, err := l.Append(t.Context(), []evidence.Leaf{leafOf(1)}, start)
			return err
		},
	} {
		n := 0
		for ; ; n++ {
			err := call(newLog(t, &failing{store, n}, "acme"))
			if err == nil {
				break
			}
			if !errors.Is(err, errGone) || !fault.Has(err, fault.Unavailable) {
				t.Errorf("%s: read %d fails: %v", name, n, err)
			}
		}
		if n < 3 {
			t.Errorf("%s takes %d reads: the test saw nothing", name, n)
		}
	}
}

func TestConsistencyIsJSON(t *testing.T) {
	store := openLedger(t)
	l := newLog(t, store, "acme")
	grow(t, store, l, 0, 3)
	p, err := l.Consistency(t.Context(), 3, 3)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(p)
	if err != nil || !strings.Contains(string(raw), `"proof":[]`) || !strings.Contains(string(raw), `"from":{"size":3,"root":"`) {
		t.Errorf("%s %v", raw, err)
	}
}
