package erasureledger

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
)

// maxIdentifiers bounds the sealed identifiers of an entry, in bytes.
const maxIdentifiers = 16 << 20

// Entries returns a page of the entries of a system whose horizon has not passed or that Expire has not reached yet, oldest
// first.
func (l *Ledger) Entries(ctx context.Context, tenant, system string, limit int, cursor string) ([]Entry, string, error) {
	page, err := l.Table.Query(ctx, table.Query{Table: table.Ledger, PK: pkSystem(tenant, system), Limit: limit, Cursor: cursor})
	if err != nil {
		return nil, "", fmt.Errorf("listing the erasure ledger: %w", err)
	}
	out := make([]Entry, 0, len(page.Items))
	for _, it := range page.Items {
		e, err := decode(it)
		if err != nil {
			return nil, "", err
		}
		out = append(out, e)
	}
	return out, page.Next, nil
}

// ErasedBefore says from which systems an identifier was erased and when, in order of system. It answers as long as the tenant
// exists; at most a page of 1,000.
func (l *Ledger) ErasedBefore(ctx context.Context, tenant string, id subject.Identifier) ([]Erasure, error) {
	tk, err := l.Vault.Tenant(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("reading tenant keys: %w", err)
	}
	page, err := l.Table.Query(ctx, table.Query{Table: table.Ledger, PK: pkHash(tenant, tk.Ref(id))})
	if err != nil {
		return nil, fmt.Errorf("asking whether an identifier was erased: %w", err)
	}
	var out []Erasure
	for _, it := range page.Items {
		var e Erasure
		if json.Unmarshal(it.Body, &e) != nil || e.Schema > schema {
			return nil, fault.New(fault.Internal, "decoding the hash of an erased identifier")
		}
		out = append(out, e)
	}
	return out, nil
}

func (l *Ledger) entry(ctx context.Context, key table.Key) (Entry, error) {
	it, err := l.Table.Get(ctx, key)
	if err != nil {
		return Entry{}, fmt.Errorf("reading the erasure ledger: %w", err)
	}
	return decode(it)
}

func decode(it table.Item) (Entry, error) {
	var e Entry
	if json.Unmarshal(it.Body, &e) != nil || e.Schema > schema {
		return Entry{}, fault.New(fault.Internal, "decoding an entry of the erasure ledger")
	}
	e.version = it.Version
	return e, nil
}

// identifiers opens what an entry was searched by.
func (l *Ledger) identifiers(ctx context.Context, e Entry, k *keys.CaseKeys) ([]subject.Identifier, error) {
	name := e.prefix() + "identifiers"
	r, _, err := l.Blobs.Open(ctx, name, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the identifiers of an erasure: %w", err)
	}
	defer r.Close()
	sealed, err := io.ReadAll(io.LimitReader(r, maxIdentifiers))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reading the identifiers of an erasure")
	}
	plain, err := k.OpenDoc(name, sealed)
	if err != nil {
		return nil, fmt.Errorf("opening the identifiers of an erasure: %w", err)
	}
	var list []subject.Revealed
	if json.Unmarshal(plain.Reveal(), &list) != nil {
		return nil, fault.New(fault.Internal, "decoding the identifiers of an erasure")
	}
	var out []subject.Identifier
	for _, r := range list {
		out = append(out, r.Identifier())
	}
	return out, nil
}

// Expire is clockwork: it destroys the key, the list and the identifiers of every entry whose horizon has passed and returns
// how many there were. Objects go first and are looked for afterwards; one entry that cannot be removed holds up no other
// and is tried again, and the first such failure is returned.
func (l *Ledger) Expire(ctx context.Context) (removed int, err error) {
	until := stamp(l.Now().Add(time.Millisecond))
	for n := range uint32(shards) {
		for cursor := ""; ; {
			page, qerr := l.Table.Query(ctx, table.Query{Table: table.Ledger, Index: true, PK: ipkUntil(n), To: until, Limit: 100, Cursor: cursor})
			if qerr != nil {
				return removed, fmt.Errorf("reading what the erasure ledger need not keep: %w", qerr)
			}
			for _, it := range page.Items {
				switch gone, xerr := l.expire(ctx, it.Key); {
				case xerr != nil && err == nil:
					err = xerr
				case gone:
					removed++
				}
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
	}
	return removed, err
}

// NextDue returns the earliest instant after the given one at which Expire has something to do; zero when there is none.
func (l *Ledger) NextDue(ctx context.Context, after time.Time) (time.Time, error) {
	var first time.Time
	for n := range uint32(shards) {
		q := table.Query{Table: table.Ledger, Index: true, PK: ipkUntil(n), From: stamp(after.Add(time.Millisecond)), Limit: 1}
		for {
			page, err := l.Table.Query(ctx, q)
			if err != nil {
				return time.Time{}, fmt.Errorf("reading what the erasure ledger keeps: %w", err)
			}
			if len(page.Items) > 0 {
				at, err := time.Parse(instant, strings.SplitN(page.Items[0].ISK, "#", 2)[0])
				if err == nil && (first.IsZero() || at.Before(first)) {
					first = at
				}
				break
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
	}
	return first, nil
}

func (l *Ledger) expire(ctx context.Context, key table.Key) (bool, error) {
	e, err := l.entry(ctx, key)
	if fault.Has(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if l.Now().Before(e.Until) { // the index lags
		return false, nil
	}
	if err := l.clear(ctx, e.prefix()); err != nil {
		return false, err
	}
	if l.Shredding != nil {
		if err := l.Shredding(ctx, keys.Tombstone{Tenant: e.Tenant, ID: e.keyID(), At: l.Now().UTC()}); err != nil {
			return false, fmt.Errorf("noting that a key is destroyed: %w", err)
		}
	}
	err = l.Table.Transact(ctx, l.Vault.Shred(e.Tenant, e.keyID()), table.Write{Op: table.Delete, Item: table.Item{Key: key}, If: e.version})
	if err != nil {
		return false, fmt.Errorf("removing an entry of the erasure ledger: %w", err)
	}
	return true, nil
}

// clear removes objects and looks whether they are gone.
func (l *Ledger) clear(ctx context.Context, prefix string) error {
	for range 2 {
		for cursor := ""; ; {
			page, err := l.Blobs.List(ctx, prefix, cursor, 0)
			if err != nil {
				return fmt.Errorf("listing the objects of an erasure: %w", err)
			}
			for _, o := range page.Objects {
				if err := l.Blobs.Delete(ctx, o.Name); err != nil {
					return fmt.Errorf("removing an object of an erasure: %w", err)
				}
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
	}
	page, err := l.Blobs.List(ctx, prefix, "", 1)
	if err == nil && len(page.Objects) > 0 {
		err = fault.New(fault.Internal, "an object that was removed is still there")
	}
	return err
}
