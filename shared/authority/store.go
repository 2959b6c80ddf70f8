package authority

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/table"
)

// The kinds of the entries in the tenant's journal.
const (
	entryReceived  = "authority_request_received"
	entryReviewed  = "authority_request_reviewed"
	entryDisclosed = "authority_data_disclosed"
	entryClosed    = "authority_request_closed"
)

// Store is the register. Of two people who take the same step at once one gets fault.Conflict. A tenant without the request gets
// fault.NotFound.
type Store struct {
	table table.Store
	vault *keys.Vault
	now   func() time.Time
}

// New returns a store.
func New(t table.Store, v *keys.Vault, now func() time.Time) *Store {
	return &Store{table: t, vault: v, now: now}
}

func pk(tenant string) string { return "T#" + tenant + "#AUTHORITY" }

// sealed is the form of everything that is sealed; each document has some of it.
type sealed struct {
	Authority  string `json:"authority,omitempty"`
	LegalBasis string `json:"legalBasis,omitempty"`
	Scope      string `json:"scope,omitempty"`
	GagBasis   string `json:"gagBasis,omitempty"`
	Reason     string `json:"reason,omitempty"`
	Citation   string `json:"citation,omitempty"`
	What       string `json:"what,omitempty"`
	Note       string `json:"note,omitempty"`
}

// The documents of a request that are sealed, each bound to its place.
const (
	docRequest    = "request"
	docReview     = "review"
	docDisclosure = "disclosure"
	docClosing    = "closing"
)

func label(id, doc string) string { return "authority#" + id + "#" + doc }

func (s *Store) seal(ctx context.Context, tenant, id, doc string, w sealed) ([]byte, error) {
	tk, err := s.vault.Tenant(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("reading tenant keys: %w", err)
	}
	plain, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encoding an authority's request: %w", err)
	}
	out, err := tk.SealDoc(label(id, doc), plain)
	if err != nil {
		return nil, fmt.Errorf("sealing an authority's request: %w", err)
	}
	return out, nil
}

func (s *Store) open(ctx context.Context, tenant, id, doc string, b []byte) (sealed, error) {
	var w sealed
	tk, err := s.vault.Tenant(ctx, tenant)
	if err != nil {
		return w, fmt.Errorf("reading tenant keys: %w", err)
	}
	plain, err := tk.OpenDoc(label(id, doc), b)
	if err != nil {
		return w, fmt.Errorf("opening an authority's request: %w", err)
	}
	if json.Unmarshal(plain.Reveal(), &w) != nil {
		return w, fault.New(fault.Internal, "decoding an authority's request")
	}
	return w, nil
}

// Get returns one request; fault.NotFound when there is none.
func (s *Store) Get(ctx context.Context, tenant, id string) (Request, error) {
	it, err := s.table.Get(ctx, table.Key{Table: table.Registry, PK: pk(tenant), SK: id})
	if err != nil {
		return Request{}, fmt.Errorf("reading an authority's request: %w", err)
	}
	return decode(it)
}

func decode(it table.Item) (Request, error) {
	r := Request{Version: it.Version}
	if json.Unmarshal(it.Body, &r) != nil {
		return Request{}, fault.New(fault.Internal, "decoding an authority's request")
	}
	return r, nil
}

// List returns a page of a tenant's requests, the newest first; those in one state when it is not empty. A page may be short, even
// empty, while next is set.
func (s *Store) List(ctx context.Context, tenant string, state State, limit int, cursor string) (list []Request, next string, err error) {
	page, err := s.table.Query(ctx, table.Query{Table: table.Registry, PK: pk(tenant), Descending: true, Limit: limit, Cursor: cursor})
	if err != nil {
		return nil, "", fmt.Errorf("listing authorities' requests: %w", err)
	}
	for _, it := range page.Items {
		r, err := decode(it)
		if err != nil {
			return nil, "", err
		}
		if state == "" || r.State == state {
			list = append(list, r)
		}
	}
	return list, page.Next, nil
}

// Details opens everything that is sealed of a request. The look is the caller's to record.
func (s *Store) Details(ctx context.Context, r Request) (Details, error) {
	w, err := s.open(ctx, r.Tenant, r.ID, docRequest, r.Sealed)
	if err != nil {
		return Details{}, err
	}
	d := Details{Words: Words{
		Authority: redact.NewText(w.Authority), LegalBasis: redact.NewText(w.LegalBasis), Scope: redact.NewText(w.Scope), GagBasis: redact.NewText(w.GagBasis),
	}}
	if r.Review != nil {
		if w, err = s.open(ctx, r.Tenant, r.ID, docReview, r.Review.Sealed); err != nil {
			return Details{}, err
		}
		d.Reason, d.Citation = redact.NewText(w.Reason), redact.NewText(w.Citation)
	}
	if r.Disclosed != nil {
		if w, err = s.open(ctx, r.Tenant, r.ID, docDisclosure, r.Disclosed.Sealed); err != nil {
			return Details{}, err
		}
		d.What = redact.NewText(w.What)
	}
	if r.Ending != nil {
		if w, err = s.open(ctx, r.Tenant, r.ID, docClosing, r.Ending.Sealed); err != nil {
			return Details{}, err
		}
		d.Note = redact.NewText(w.Note)
	}
	return d, nil
}

// facts are what an entry of the journal says: codes, and the hash of what was sealed with the step.
type facts struct {
	ID       string   `json:"id"`
	Kind     Kind     `json:"kind,omitempty"`
	Country  string   `json:"country,omitempty"`
	Based    *bool    `json:"based,omitempty"`
	Gag      *bool    `json:"gag,omitempty"`
	Decision Decision `json:"decision,omitempty"`
	Records  *int     `json:"records,omitempty"`
	Told     Whom     `json:"told,omitempty"`
	SHA256   string   `json:"sha256"` // of the sealed document, not of its words, which could be guessed
}

// put stores a request together with the entry of its step and more.
func (s *Store) put(ctx context.Context, r Request, at time.Time, kind, actor string, f facts, doc []byte, more []table.Write) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding an authority's request: %w", err)
	}
	sum := sha256.Sum256(doc)
	f.ID, f.SHA256 = r.ID, hex.EncodeToString(sum[:])
	one := table.Write{Op: table.Put, If: r.Version, Item: table.Item{Key: table.Key{Table: table.Registry, PK: pk(r.Tenant), SK: r.ID}, Body: body}}
	writes := append([]table.Write{one}, more...)
	if _, err = (evidence.Journal{Store: s.table}).Append(ctx, r.Tenant, evidence.Authorities, kind, actor, f, at, writes...); err != nil {
		return fmt.Errorf("writing an authority's request: %w", err)
	}
	return nil
}

func (s *Store) instant() time.Time { return s.now().UTC().Truncate(time.Millisecond) }
