package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"iter"
	"strconv"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// A list is a plan in the object store: a sealed head with a salt and the identifiers it was made for, then sealed chunks of
// lines. Its hash is salted, because keys of rows are few enough to be guessed from a bare hash. Keys and identifiers are
// there before the first destructive call, so a crash loses neither the list nor the proof.

const (
	chunkBytes = 1 << 20
	maxChunk   = 64 << 20
)

type listHead struct {
	Salt        []byte             `json:"salt"`
	Identifiers []subject.Revealed `json:"identifiers"`
}

// writeList seals the lines, which come in ascending order, under a name.
func (t *task) writeList(ctx context.Context, name string, lines iter.Seq2[[]byte, error]) (PlanRef, error) {
	head := listHead{Salt: make([]byte, 16)}
	_, _ = rand.Read(head.Salt) // never fails (crypto/rand)
	for _, id := range (connector.Query{Proven: t.ins.Proven, Found: t.ins.Found}).Known() {
		head.Identifiers = append(head.Identifiers, id.Reveal())
	}
	b, err := json.Marshal(head)
	if err != nil {
		return PlanRef{}, fmt.Errorf("writing a plan: %w", err)
	}
	if err := t.putSealed(ctx, name+"/head", b); err != nil {
		return PlanRef{}, err
	}
	ref := PlanRef{Name: name}
	digest, sets := newListHash(head.Salt), setDigests{salt: head.Salt}
	var chunk []byte
	flush := func() error {
		if len(chunk) == 0 {
			return nil
		}
		ref.Parts++
		err := t.putSealed(ctx, name+"/"+strconv.Itoa(ref.Parts), chunk)
		chunk = chunk[:0]
		return err
	}
	for line, err := range lines {
		if err != nil {
			return PlanRef{}, err
		}
		c, err := readLine(line)
		if err != nil {
			return PlanRef{}, err
		}
		ref.count(&c)
		sets.add(&c)
		addLine(digest, line)
		chunk = append(binary.AppendUvarint(chunk, uint64(len(line))), line...)
		if len(chunk) >= chunkBytes {
			if err := flush(); err != nil {
				return PlanRef{}, err
			}
		}
	}
	if err := flush(); err != nil {
		return PlanRef{}, err
	}
	ref.Hash = hex.EncodeToString(digest.Sum(nil))
	sets.put(ref.Counts)
	return ref, nil
}

// setDigests are running digests over the values before and after a correction, one pair per collection.
type setDigests struct {
	salt []byte
	by   map[string]*[2]hash.Hash
}

func (d *setDigests) add(c *connector.Change) {
	if c.Action != connector.ActSet {
		return
	}
	if d.by == nil {
		d.by = map[string]*[2]hash.Hash{}
	}
	pair := d.by[c.Collection]
	if pair == nil {
		pair = &[2]hash.Hash{newListHash(d.salt), newListHash(d.salt)}
		d.by[c.Collection] = pair
	}
	id := recordID(nil, c)
	for i, fields := range [][]connector.Field{c.Before, c.Fields} {
		addLine(pair[i], id)
		addLine(pair[i], encodeFields(fields))
	}
}

func (d *setDigests) put(counts []PlanCount) {
	for i := range counts {
		if pair := d.by[counts[i].Collection]; pair != nil && counts[i].Action == connector.ActSet {
			counts[i].Before, counts[i].After = hex.EncodeToString(pair[0].Sum(nil)), hex.EncodeToString(pair[1].Sum(nil))
		}
	}
}

func newListHash(salt []byte) hash.Hash {
	h := sha256.New()
	h.Write(salt)
	return h
}

func addLine(h hash.Hash, line []byte) {
	var n [binary.MaxVarintLen64]byte
	h.Write(n[:binary.PutUvarint(n[:], uint64(len(line)))])
	h.Write(line)
}

// count adds a change to the counts, which follow the order of the list.
func (r *PlanRef) count(c *connector.Change) {
	for i := range r.Counts {
		n := &r.Counts[i]
		if n.Collection == c.Collection && n.Action == c.Action && n.Because == c.Because && n.Reason == c.Reason {
			n.Records++
			return
		}
	}
	r.Counts = append(r.Counts, PlanCount{Collection: c.Collection, Action: c.Action, Records: 1, Because: c.Because, Reason: c.Reason})
}

// lines returns the number of lines in a list.
func (r PlanRef) lines() int {
	n := 0
	for _, c := range r.Counts {
		n += c.Records
	}
	return n
}

func (t *task) putSealed(ctx context.Context, name string, plain []byte) error {
	if _, err := t.e.cfg.Blobs.Put(ctx, name, bytes.NewReader(t.ins.Keys.SealDoc(name, plain))); err != nil {
		return fmt.Errorf("storing a plan: %w", err)
	}
	return nil
}

func (t *task) getSealed(ctx context.Context, name string) ([]byte, error) {
	rc, _, err := t.e.cfg.Blobs.Open(ctx, name, 0)
	if err != nil {
		return nil, fmt.Errorf("opening a plan: %w", err)
	}
	defer rc.Close()
	sealed, err := io.ReadAll(io.LimitReader(rc, maxChunk))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reading a plan")
	}
	plain, err := t.ins.Keys.OpenDoc(name, sealed)
	if err != nil {
		return nil, fmt.Errorf("opening a plan: %w", err)
	}
	return plain.Reveal(), nil
}

// readList yields the lines of a list. When it comes to the end it compares the hash: a list that is not the one that was
// approved ends in an error, so callers act on nothing before they have seen the end once.
func (t *task) readList(ctx context.Context, ref PlanRef) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		b, err := t.getSealed(ctx, ref.Name+"/head")
		var head listHead
		if err == nil {
			err = json.Unmarshal(b, &head)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		digest := newListHash(head.Salt)
		for part := 1; part <= ref.Parts; part++ {
			chunk, err := t.getSealed(ctx, ref.Name+"/"+strconv.Itoa(part))
			if err != nil {
				yield(nil, err)
				return
			}
			for len(chunk) > 0 {
				n, size := binary.Uvarint(chunk)
				if size <= 0 || n > uint64(len(chunk)-size) {
					yield(nil, errLine)
					return
				}
				line := chunk[size : size+int(n)]
				chunk = chunk[size+int(n):]
				addLine(digest, line)
				if !yield(line, nil) {
					return
				}
			}
		}
		if hex.EncodeToString(digest.Sum(nil)) != ref.Hash {
			yield(nil, fault.New(fault.Internal, "a stored plan is not the one that was approved"))
		}
	}
}

// List yields the changes of a sealed list, for whoever shows samples of a plan or keeps its proof. The values in them are
// personal. The end compares the hash: a list that is not the one named ends in an error.
func (e *Engine) List(ctx context.Context, keys Keys, ref PlanRef) iter.Seq2[connector.Change, error] {
	t := &task{e: e, ins: Instruction{Keys: keys}}
	return func(yield func(connector.Change, error) bool) {
		for line, err := range t.readList(ctx, ref) {
			var c connector.Change
			if err == nil {
				c, err = readLine(line)
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}
