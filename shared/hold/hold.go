// Package hold owns legal holds: duties to preserve that stop erasure, correction and restriction of what they cover (a dispute,
// an investigation, an order of a court). A hold is about a person, a system or a case, and within that about everything, one
// collection, or single records.
//
// Whom and which records it is about is personal and sealed under the tenant's keys; what is compared is a keyed pseudonym.
// The package stores holds and says which of them concern a task. It never changes a case: the engine keeps what is held, and
// the steps look again when a hold is released.
package hold

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Scope is what a hold is about. Wire values.
type Scope string

// The scopes.
const (
	Subject Scope = "subject" // everything of one person, in every system or in the one named
	System  Scope = "system"  // everything in a system, whoever it is about
	Case    Scope = "case"    // everything that one case would change
)

// Limits of a hold.
const (
	MaxKeys   = 1000 // records that one hold names
	maxKey    = 200  // characters of a record's key
	maxReason = 2000 // characters
)

// Hold is one legal hold as stored. Nothing in it is personal but what Sealed holds.
type Hold struct {
	Tenant     string       `json:"tenant"`
	ID         string       `json:"id"`
	Scope      Scope        `json:"scope"`
	Ref        subject.Ref  `json:"ref,omitempty"`  // Subject: keyed pseudonym of the identifier
	Kind       subject.Kind `json:"kind,omitempty"` // Subject: kind of the identifier
	CaseID     string       `json:"caseId,omitempty"`
	System     string       `json:"system,omitempty"`
	Collection string       `json:"collection,omitempty"` // empty = every collection
	Records    int          `json:"records,omitempty"`    // how many single records it names; 0 = all
	ReviewBy   time.Time    `json:"reviewBy,omitzero"`    // when somebody should ask whether it is still needed
	PlacedBy   string       `json:"placedBy"`             // evidence actor
	PlacedAt   time.Time    `json:"placedAt"`
	ReleasedBy string       `json:"releasedBy,omitempty"`
	ReleasedAt time.Time    `json:"releasedAt,omitzero"`
	Sealed     []byte       `json:"sealed"` // identifier, keys of records and reason

	Version int64 `json:"-"`
}

// Live reports whether the hold stands.
func (h Hold) Live() bool { return h.ReleasedAt.IsZero() }

// Details are the personal half of a hold.
type Details struct {
	Identifier subject.Identifier // Subject
	Keys       []redact.Text      // values of the collection's hold_key field or, where it has none, of its key
	Reason     redact.Text
}

type sealedDetails struct {
	Identifier *subject.Revealed `json:"identifier,omitempty"`
	Keys       []string          `json:"keys,omitempty"`
	Reason     string            `json:"reason"`
}

// Store reads and writes holds. Reads see what is stored now: a hold counts from the moment it is placed.
type Store struct {
	table table.Store
	vault *keys.Vault
	now   func() time.Time
}

// NewStore returns a store.
func NewStore(t table.Store, v *keys.Vault, now func() time.Time) *Store {
	return &Store{table: t, vault: v, now: now}
}

func pk(tenant string) string { return "T#" + tenant + "#HOLDS" }

func pkCases(tenant, id string) string { return "T#" + tenant + "#HELD#" + id }

func label(id string) string { return "hold#" + id }

// Place stores a new hold; ID, Ref and PlacedAt are set here. fault.Invalid names the field that is wrong.
func (s *Store) Place(ctx context.Context, h Hold, d Details) (Hold, error) {
	if err := check(h, d); err != nil {
		return Hold{}, err
	}
	tk, err := s.vault.Tenant(ctx, h.Tenant)
	if err != nil {
		return Hold{}, fmt.Errorf("reading tenant keys: %w", err)
	}
	h.ID, h.PlacedAt, h.Records = dsar.NewID(), s.now().UTC().Truncate(time.Millisecond), len(d.Keys)
	h.ReleasedBy, h.ReleasedAt = "", time.Time{}
	sealed := sealedDetails{Reason: d.Reason.Reveal()}
	if h.Scope == Subject {
		h.Ref, h.Kind = tk.Ref(d.Identifier), d.Identifier.Kind
		r := d.Identifier.Reveal()
		sealed.Identifier = &r
	}
	for _, k := range d.Keys {
		sealed.Keys = append(sealed.Keys, k.Reveal())
	}
	plain, err := json.Marshal(sealed)
	if err != nil {
		return Hold{}, fmt.Errorf("encoding hold: %w", err)
	}
	if h.Sealed, err = tk.SealDoc(label(h.ID), plain); err != nil {
		return Hold{}, fmt.Errorf("sealing hold: %w", err)
	}
	return h, s.put(ctx, h, table.Absent)
}

func check(h Hold, d Details) error {
	bad := fault.InvalidField
	switch {
	case h.Scope != Subject && h.Scope != System && h.Scope != Case:
		return bad("/scope", "a hold is about a subject, a system or a case")
	case h.Scope == Subject && d.Identifier.Value.IsZero():
		return bad("/identifier", "say whom the hold is about")
	case h.Scope == System && h.System == "":
		return bad("/system", "say which system the hold is about")
	case h.Scope == Case && h.CaseID == "":
		return bad("/case", "say which case the hold is about")
	case h.Collection != "" && h.System == "":
		return bad("/system", "a collection belongs to a system: name it too")
	case len(d.Keys) > 0 && h.Collection == "":
		return bad("/collection", "records belong to a collection: name it too")
	case len(d.Keys) > MaxKeys:
		return bad("/keys", fmt.Sprintf("a hold names at most %d records", MaxKeys))
	case d.Reason.IsZero():
		return bad("/reason", "say why; it is kept with the hold")
	case len([]rune(d.Reason.Reveal())) > maxReason:
		return bad("/reason", fmt.Sprintf("this is longer than %d characters", maxReason))
	case slices.ContainsFunc(d.Keys, func(k redact.Text) bool { return k.IsZero() || len([]rune(k.Reveal())) > maxKey }):
		return bad("/keys", fmt.Sprintf("a record is named by 1 to %d characters", maxKey))
	}
	return nil
}

func (s *Store) put(ctx context.Context, h Hold, version int64, more ...table.Write) error {
	body, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("encoding hold: %w", err)
	}
	one := table.Write{Op: table.Put, If: version, Item: table.Item{Key: table.Key{Table: table.Registry, PK: pk(h.Tenant), SK: h.ID}, Body: body}}
	err = s.table.Transact(ctx, append(more, one)...)
	if err != nil {
		return fmt.Errorf("writing hold: %w", err)
	}
	return nil
}

// List returns a tenant's holds, oldest first, released ones too.
func (s *Store) List(ctx context.Context, tenant string) ([]Hold, error) {
	list := []Hold{}
	q := table.Query{Table: table.Registry, PK: pk(tenant)}
	for {
		page, err := s.table.Query(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("reading holds: %w", err)
		}
		for _, it := range page.Items {
			h := Hold{Version: it.Version}
			if json.Unmarshal(it.Body, &h) != nil {
				return nil, fault.New(fault.Internal, "decoding hold")
			}
			list = append(list, h)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return list, nil
		}
	}
}

// Get returns one hold; fault.NotFound when there is none.
func (s *Store) Get(ctx context.Context, tenant, id string) (Hold, error) {
	it, err := s.table.Get(ctx, table.Key{Table: table.Registry, PK: pk(tenant), SK: id})
	if err != nil {
		return Hold{}, fmt.Errorf("reading hold: %w", err)
	}
	h := Hold{Version: it.Version}
	if json.Unmarshal(it.Body, &h) != nil {
		return Hold{}, fault.New(fault.Internal, "decoding hold")
	}
	return h, nil
}

// pkReleased is the partition of the holds of every tenant that were released lately; it is empty most of the time.
const pkReleased = "HOLDS#RELEASED"

// Released is a hold that was released lately, and whose cases may not all have been taken up again.
type Released struct {
	Tenant string    `json:"tenant"`
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
}

func (r Released) key() table.Key {
	return table.Key{Table: table.Registry, PK: pkReleased, SK: r.Tenant + "#" + r.ID}
}

// Release ends a hold. Repeating it is fine. What it kept is taken up again by whoever calls Cases or Releases.
func (s *Store) Release(ctx context.Context, tenant, id, actor string) (Hold, error) {
	h, err := s.Get(ctx, tenant, id)
	if err != nil || !h.Live() {
		return h, err
	}
	h.ReleasedBy, h.ReleasedAt = actor, s.now().UTC().Truncate(time.Millisecond)
	r := Released{Tenant: tenant, ID: id, At: h.ReleasedAt}
	body, err := json.Marshal(r)
	if err != nil {
		return Hold{}, fmt.Errorf("encoding a released hold: %w", err)
	}
	return h, s.put(ctx, h, h.Version, table.Write{Op: table.Put, If: table.AnyVersion, Item: table.Item{Key: r.key(), Body: body}})
}

// Releases returns holds that Release ended and Settled did not forget, of every tenant; at most limit.
func (s *Store) Releases(ctx context.Context, limit int) ([]Released, error) {
	page, err := s.table.Query(ctx, table.Query{Table: table.Registry, PK: pkReleased, Limit: limit})
	if err != nil {
		return nil, fmt.Errorf("reading released holds: %w", err)
	}
	var out []Released
	for _, it := range page.Items {
		var r Released
		if json.Unmarshal(it.Body, &r) != nil {
			return nil, fault.New(fault.Internal, "decoding a released hold")
		}
		out = append(out, r)
	}
	return out, nil
}

// Settled forgets that a hold was released: everything that it kept was taken up again. Repeating it is fine.
func (s *Store) Settled(ctx context.Context, r Released) error {
	if err := s.table.Transact(ctx, table.Write{Op: table.Delete, If: table.AnyVersion, Item: table.Item{Key: r.key()}}); err != nil {
		return fmt.Errorf("settling a released hold: %w", err)
	}
	return nil
}

// Forget forgets a case that Kept remembered and that is no more.
func (s *Store) Forget(ctx context.Context, tenant, holdID, caseID string) error {
	if err := s.table.Transact(ctx, Resumed(tenant, holdID, caseID)); err != nil {
		return fmt.Errorf("forgetting a held case: %w", err)
	}
	return nil
}

// Details opens the personal half of a hold.
func (s *Store) Details(ctx context.Context, h Hold) (Details, error) {
	tk, err := s.vault.Tenant(ctx, h.Tenant)
	if err != nil {
		return Details{}, fmt.Errorf("reading tenant keys: %w", err)
	}
	return open(tk, h)
}

func open(tk *keys.TenantKeys, h Hold) (Details, error) {
	plain, err := tk.OpenDoc(label(h.ID), h.Sealed)
	if err != nil {
		return Details{}, fmt.Errorf("opening hold: %w", err)
	}
	var sealed sealedDetails
	if json.Unmarshal(plain.Reveal(), &sealed) != nil {
		return Details{}, fault.New(fault.Internal, "decoding hold")
	}
	d := Details{Reason: redact.NewText(sealed.Reason)}
	if sealed.Identifier != nil {
		d.Identifier = sealed.Identifier.Identifier()
	}
	for _, k := range sealed.Keys {
		d.Keys = append(d.Keys, redact.NewText(k))
	}
	return d, nil
}

// Question is who and where a task is.
type Question struct {
	Tenant, CaseID, System string // System "" = anywhere
	Identifiers            []subject.Identifier
}

// Concerning is a hold that concerns a task, with the records it names.
type Concerning struct {
	ID         string
	Scope      Scope
	Collection string
	Keys       []redact.Text // empty = every record
}

// For returns the live holds that concern a question.
func (s *Store) For(ctx context.Context, q Question) ([]Concerning, error) {
	all, err := s.List(ctx, q.Tenant)
	if err != nil {
		return nil, err
	}
	var out []Concerning
	var tk *keys.TenantKeys
	for _, h := range all {
		if !h.Live() || (h.System != "" && q.System != "" && h.System != q.System) || (h.Scope == Case && h.CaseID != q.CaseID) {
			continue
		}
		if tk == nil {
			if tk, err = s.vault.Tenant(ctx, q.Tenant); err != nil {
				return nil, fmt.Errorf("reading tenant keys: %w", err)
			}
		}
		if h.Scope == Subject && !slices.ContainsFunc(q.Identifiers, func(i subject.Identifier) bool { return tk.Ref(i) == h.Ref }) {
			continue
		}
		c := Concerning{ID: h.ID, Scope: h.Scope, Collection: h.Collection}
		if h.Records > 0 {
			d, err := open(tk, h)
			if err != nil {
				return nil, err
			}
			c.Keys = d.Keys
		}
		out = append(out, c)
	}
	return out, nil
}

// Kept returns the write that remembers that the hold kept something of a case, to be committed with the case.
func Kept(tenant, holdID, caseID string) table.Write {
	return table.Write{Op: table.Put, If: table.AnyVersion, Item: table.Item{Key: table.Key{Table: table.Registry, PK: pkCases(tenant, holdID), SK: caseID}, Body: []byte(`{}`)}}
}

// Cases returns ids of cases of which the hold kept something; at most limit.
func (s *Store) Cases(ctx context.Context, tenant, holdID string, limit int) ([]string, error) {
	var ids []string
	q := table.Query{Table: table.Registry, PK: pkCases(tenant, holdID)}
	for len(ids) < limit {
		q.Limit = min(limit-len(ids), table.MaxPage)
		page, err := s.table.Query(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("reading held cases: %w", err)
		}
		for _, it := range page.Items {
			ids = append(ids, strings.Clone(it.SK))
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	return ids, nil
}

// Resumed returns the write that forgets a case that Kept remembered, to be committed with the change that takes it up again.
func Resumed(tenant, holdID, caseID string) table.Write {
	return table.Write{Op: table.Delete, If: table.AnyVersion, Item: table.Item{Key: table.Key{Table: table.Registry, PK: pkCases(tenant, holdID), SK: caseID}}}
}
