package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Store reads and writes the registry. Tenants and systems are read often and change seldom: reads are served from a copy
// that is at most Fresh old; writes through the same Store are seen at once.
type Store struct {
	table table.Store
	now   func() time.Time

	mu      sync.Mutex
	cached  map[string]cached
	maps    map[string]string // long data maps by hash
	version uint64
}

// Fresh is how long another process's change may stay unseen.
const Fresh = 5 * time.Second

type cached struct {
	entries any // slice of the partition's type; read-only
	at      time.Time
}

// NewStore returns a registry over t.
func NewStore(t table.Store, now func() time.Time) *Store {
	return &Store{table: t, now: now, cached: map[string]cached{}, maps: map[string]string{}}
}

// Forget drops the copies: the next read sees what everybody has written. Where processes come and go, each call begins so.
func (s *Store) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.cached = map[string]cached{}
}

const (
	pkTenants   = "TENANTS"
	pkStaff     = "STAFF"
	pkStaffMail = "STAFFMAIL"
)

func pkSystems(tenant string) string    { return "T#" + tenant + "#SYSTEMS" }
func pkRecipients(tenant string) string { return "T#" + tenant + "#RECIPIENTS" }

// partition reads and decodes a whole registry partition; registries are small. The slice is shared: it is not changed.
func partition[T any](ctx context.Context, s *Store, pk string, set func(*T, int64)) ([]T, error) {
	s.mu.Lock()
	c, ok := s.cached[pk]
	version := s.version
	s.mu.Unlock()
	if ok && s.now().Sub(c.at).Abs() < Fresh {
		if entries, ok := c.entries.([]T); ok {
			return entries, nil
		}
	}
	entries := []T{}
	q := table.Query{Table: table.Registry, PK: pk}
	for {
		page, err := s.table.Query(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("reading registry: %w", err)
		}
		for _, it := range page.Items {
			var v T
			if json.Unmarshal(it.Body, &v) != nil {
				return nil, fault.New(fault.Internal, "decoding registry entry")
			}
			if set != nil {
				set(&v, it.Version)
			}
			entries = append(entries, v)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version == version {
		s.cached[pk] = cached{entries, s.now()}
	}
	return entries, nil
}

func (s *Store) write(ctx context.Context, writes ...table.Write) error {
	err := s.table.Transact(ctx, writes...)
	s.Forget()
	if err != nil {
		return fmt.Errorf("writing registry: %w", err)
	}
	return nil
}

func putJSON(pk, sk string, v any, version int64) (table.Write, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return table.Write{}, fmt.Errorf("encoding registry entry: %w", err)
	}
	return table.Write{Op: table.Put, If: version, Item: table.Item{Key: table.Key{Table: table.Registry, PK: pk, SK: sk}, Body: body}}, nil
}

// Tenants lists the tenants in order of name.
func (s *Store) Tenants(ctx context.Context) ([]Tenant, error) {
	all, err := partition[Tenant](ctx, s, pkTenants, nil)
	return slices.Clone(all), err
}

// Tenant returns one tenant; fault.NotFound when there is none of the name.
func (s *Store) Tenant(ctx context.Context, name string) (Tenant, error) {
	all, err := s.Tenants(ctx)
	if err != nil {
		return Tenant{}, err
	}
	for _, t := range all {
		if t.Name == name {
			return t, nil
		}
	}
	return Tenant{}, fault.New(fault.NotFound, "there is no such tenant")
}

// PutTenant adds or replaces a tenant.
func (s *Store) PutTenant(ctx context.Context, t Tenant) error {
	if err := CheckName("/name", t.Name); err != nil {
		return err
	}
	if _, err := time.LoadLocation(t.Zone); err != nil || t.Zone == "" {
		return fault.InvalidField("/zone", "the zone is not an IANA time zone such as Europe/Berlin")
	}
	if err := checkSeat(t); err != nil {
		return err
	}
	w, err := putJSON(pkTenants, t.Name, t, table.AnyVersion)
	if err != nil {
		return err
	}
	return s.write(ctx, w)
}

// Systems lists a tenant's systems in order of name.
func (s *Store) Systems(ctx context.Context, tenant string) ([]System, error) {
	all, err := s.storedSystems(ctx, tenant)
	if err != nil {
		return nil, err
	}
	out := make([]System, len(all))
	for i, v := range all {
		if out[i], err = s.whole(ctx, v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Store) storedSystems(ctx context.Context, tenant string) ([]storedSystem, error) {
	return partition(ctx, s, pkSystems(tenant), func(v *storedSystem, n int64) { v.Version = n })
}

// storedSystem returns a system as it is stored; the zero value when there is none.
func (s *Store) storedSystem(ctx context.Context, tenant, name string) (storedSystem, error) {
	all, err := s.storedSystems(ctx, tenant)
	i := slices.IndexFunc(all, func(v storedSystem) bool { return v.Name == name })
	if err != nil || i < 0 {
		return storedSystem{}, err
	}
	return all[i], nil
}

// System returns one system; fault.NotFound when there is none of the name.
func (s *Store) System(ctx context.Context, tenant, name string) (System, error) {
	all, err := s.Systems(ctx, tenant)
	if err != nil {
		return System{}, err
	}
	for _, sys := range all {
		if sys.Name == name {
			return sys, nil
		}
	}
	return System{}, fault.New(fault.NotFound, "there is no such system")
}

// PutSystem stores a system under the version it was read at (0 = new). A data map of more than MaxDataset is fault.Invalid.
func (s *Store) PutSystem(ctx context.Context, sys System) error {
	if err := CheckName("/name", sys.Name); err != nil {
		return err
	}
	fresh, parts, err := store(sys)
	if err != nil {
		return err
	}
	old, err := s.storedSystem(ctx, sys.Tenant, sys.Name)
	if err != nil {
		return err
	}
	w, err := putJSON(pkSystems(sys.Tenant), sys.Name, fresh, sys.Version)
	if err != nil {
		return err
	}
	return s.write(ctx, append(datasetWrites(old, fresh, parts), w)...)
}

// DeleteSystem removes a system. Open cases keep what they already know of it.
func (s *Store) DeleteSystem(ctx context.Context, tenant, name string) error {
	old, err := s.storedSystem(ctx, tenant, name)
	if err != nil {
		return err
	}
	gone := table.Write{Op: table.Delete, If: table.AnyVersion, Item: table.Item{Key: table.Key{Table: table.Registry, PK: pkSystems(tenant), SK: name}}}
	return s.write(ctx, append(datasetWrites(old, storedSystem{}, nil), gone)...)
}

// Recipients lists a tenant's recipients in order of name.
func (s *Store) Recipients(ctx context.Context, tenant string) ([]Recipient, error) {
	all, err := partition[Recipient](ctx, s, pkRecipients(tenant), nil)
	return slices.Clone(all), err
}

// Recipient returns one recipient; fault.NotFound when there is none of the name.
func (s *Store) Recipient(ctx context.Context, tenant, name string) (Recipient, error) {
	all, err := s.Recipients(ctx, tenant)
	if err != nil {
		return Recipient{}, err
	}
	for _, r := range all {
		if r.Name == name {
			return r, nil
		}
	}
	return Recipient{}, fault.New(fault.NotFound, "there is no such recipient")
}

// PutRecipient adds or replaces a recipient.
func (s *Store) PutRecipient(ctx context.Context, r Recipient) error {
	if err := CheckName("/name", r.Name); err != nil {
		return err
	}
	w, err := putJSON(pkRecipients(r.Tenant), r.Name, r, table.AnyVersion)
	if err != nil {
		return err
	}
	return s.write(ctx, w)
}

// AddStaff stores a new member of staff; fault.Conflict when the address is taken.
func (s *Store) AddStaff(ctx context.Context, m Staff) error {
	w, err := putJSON(pkStaff, m.ID, m, table.Absent)
	if err != nil {
		return err
	}
	mail := table.Write{Op: table.Put, If: table.Absent, Item: table.Item{Key: staffMail(m.Email), Body: []byte(m.ID)}}
	return s.write(ctx, w, mail)
}

// staffMail is the key of an address, whatever its case: a hash, because keys hold nothing personal and people type anything.
func staffMail(email string) table.Key {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(email))))
	return table.Key{Table: table.Registry, PK: pkStaffMail, SK: hex.EncodeToString(sum[:])}
}

// Staff returns a member of staff by id; fault.NotFound when there is none. It reads what is stored now: an account that the
// command adds beside a running server works at once, and one that is closed stops at once.
func (s *Store) Staff(ctx context.Context, id string) (Staff, error) {
	it, err := s.table.Get(ctx, table.Key{Table: table.Registry, PK: pkStaff, SK: id})
	if err != nil {
		return Staff{}, fmt.Errorf("reading staff: %w", err)
	}
	var m Staff
	if json.Unmarshal(it.Body, &m) != nil {
		return Staff{}, fault.New(fault.Internal, "decoding registry entry")
	}
	m.Version = it.Version
	return m, nil
}

// AllStaff lists the staff in order of id, oldest first.
func (s *Store) AllStaff(ctx context.Context) ([]Staff, error) {
	all, err := partition(ctx, s, pkStaff, func(v *Staff, n int64) { v.Version = n })
	return slices.Clone(all), err
}

// StaffByEmail returns a member of staff by address; fault.NotFound when there is none.
func (s *Store) StaffByEmail(ctx context.Context, email string) (Staff, error) {
	it, err := s.table.Get(ctx, staffMail(email))
	if err != nil {
		return Staff{}, fmt.Errorf("reading staff: %w", err)
	}
	return s.Staff(ctx, string(it.Body))
}
