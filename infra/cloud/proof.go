package cloud

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
)

// Proof outside of the records lies in the evidence bucket, which keeps every version and gives none back (Object Lock):
//
//	evidence/<tenant>/checkpoints/<size>-<root>  the signed checkpoints of the tenant's log
//	evidence/shredded/keys/<tenant>/<id>                  tombstones of destroyed keys, JSON of keys.Tombstone
//
// A tenant may be called "shredded" all the same: its checkpoints stand beside the folder "keys".
const (
	tombstones = "evidence/shredded/keys/"
	maxProof   = 64 << 10 // bytes of one document
)

// Keep returns what keeps documents of proof, once each. What is kept already under the name is left alone when it is the same, and
// is fault.Conflict when it is not: somebody rewrote a log. Idempotent; the document is durable when it returns nil.
func Keep(store blobs.Store) func(ctx context.Context, name string, doc []byte) error {
	return func(ctx context.Context, name string, doc []byte) error {
		kept, err := readProof(ctx, store, name)
		switch {
		case err == nil && bytes.Equal(kept, doc):
			return nil
		case err == nil:
			return fault.New(fault.Conflict, "keeping proof: another document is kept under its name")
		case !fault.Has(err, fault.NotFound):
			return fmt.Errorf("looking for proof: %w", err)
		}
		if _, err := store.Put(ctx, name, bytes.NewReader(doc)); err != nil {
			return fmt.Errorf("keeping proof: %w", err)
		}
		return nil
	}
}

// Shredding returns what notes that a key is going to be destroyed; the note is durable when it returns nil. A key that is noted
// again, because destroying it did not come about the first time, is noted anew: the last note counts.
func Shredding(store blobs.Store) func(ctx context.Context, t keys.Tombstone) error {
	return func(ctx context.Context, t keys.Tombstone) error {
		doc, err := json.Marshal(t)
		if err != nil {
			return fault.Wrap(fault.Internal, err, "writing a tombstone")
		}
		if t.Tenant == "" || t.ID == "" || strings.Contains(t.Tenant+t.ID, "/") {
			return fault.New(fault.Invalid, "a tombstone names a tenant and what the keys were stored under")
		}
		if _, err := store.Put(ctx, tombstones+t.Tenant+"/"+t.ID, bytes.NewReader(doc)); err != nil {
			return fmt.Errorf("keeping a tombstone: %w", err)
		}
		return nil
	}
}

// Shredded lists the tombstones of all tenants, each key once, for whoever restores an older copy of table casekeys. It ends with
// the first error; one that cannot be read is an error, because its key would come back.
func Shredded(ctx context.Context, store blobs.Store) iter.Seq2[keys.Tombstone, error] {
	return func(yield func(keys.Tombstone, error) bool) {
		for cursor := ""; ; {
			page, err := store.List(ctx, tombstones, cursor, 0)
			if err != nil {
				yield(keys.Tombstone{}, fmt.Errorf("listing tombstones: %w", err))
				return
			}
			for _, o := range page.Objects {
				t, err := readTombstone(ctx, store, o.Name)
				if !yield(t, err) || err != nil {
					return
				}
			}
			if cursor = page.Next; cursor == "" {
				return
			}
		}
	}
}

func readTombstone(ctx context.Context, store blobs.Store, name string) (keys.Tombstone, error) {
	doc, err := readProof(ctx, store, name)
	if err != nil {
		return keys.Tombstone{}, fmt.Errorf("reading a tombstone: %w", err)
	}
	var t keys.Tombstone
	if json.Unmarshal(doc, &t) != nil || name != tombstones+t.Tenant+"/"+t.ID {
		return keys.Tombstone{}, fault.New(fault.Invalid, "a tombstone is not one, or is not where it belongs")
	}
	return t, nil
}

func readProof(ctx context.Context, store blobs.Store, name string) (doc []byte, err error) {
	r, info, err := store.Open(ctx, name, 0)
	if err != nil {
		return nil, err //nolint:wrapcheck // wrapped by callers
	}
	defer func() {
		if cerr := r.Close(); err == nil && cerr != nil {
			doc, err = nil, cerr
		}
	}()
	if info.Bytes > maxProof {
		return nil, fault.New(fault.Invalid, "a document of proof is too large")
	}
	return io.ReadAll(r) //nolint:wrapcheck // wrapped by callers
}
