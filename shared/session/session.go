// Package session owns what proves a caller for a while: sessions of data subjects and staff, single-use links, staff API
// tokens, rate counters and idempotency keys. All of it lies in table tokens, which is never backed up. Tokens are 256 random
// bits; only their SHA-256 is stored, so a copy of the table opens nothing.
package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Kind says what a token is for. A token of one kind is unknown as any other.
type Kind string

// The kinds.
const (
	Subject  Kind = "subject"  // a data subject who entered a code
	Staff    Kind = "staff"    // a signed-in member of staff
	API      Kind = "api"      // a staff API token
	Download Kind = "download" // link to a package; single use
	Owner    Kind = "owner"    // link to the task of a system's owner; whoever has it may answer
	Notice   Kind = "notice"   // link to a notice to a recipient; confirming it uses it up
	SignIn   Kind = "sign_in"  // a sign-in of staff that has left for an issuer; coming back uses it up
)

// Lifetimes. Those of a data subject's session are verification.Rules.
const (
	StaffLife    = 8 * time.Hour
	DownloadLife = 15 * time.Minute
	NoticeLife   = 60 * 24 * time.Hour
	OwnerLife    = 400 * 24 * time.Hour // longer than any request stays open; the task says whether it may still be answered
)

// Grant is what a token stands for. Nothing in it is personal.
type Grant struct {
	Kind      Kind      `json:"kind"`
	Tenant    string    `json:"tenant,omitempty"`
	CaseID    string    `json:"caseId,omitempty"`
	TaskID    string    `json:"taskId,omitempty"` // of an owner's link; id of the notice of a recipient's link
	Holder    int       `json:"holder,omitempty"` // of an owner's link: whose it is, counted from 1; it ends when the task is passed on
	StaffID   string    `json:"staffId,omitempty"`
	Name      string    `json:"name,omitempty"`      // of an API token
	Browser   string    `json:"browser,omitempty"`   // of a sign-in on its way: SHA-256 of what the browser keeps that began it
	Elsewhere bool      `json:"elsewhere,omitempty"` // of a session of staff: began at an issuer
	At        time.Time `json:"at"`                  // when it was granted
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	Left      []int     `json:"left,omitempty"` // volumes a download link may still fetch

	version int64
	hash    string
}

// Store keeps grants.
type Store struct {
	table table.Store
	now   func() time.Time
}

// NewStore returns a store over t.
func NewStore(t table.Store, now func() time.Time) *Store { return &Store{t, now} }

func key(kind Kind, hash string) table.Key {
	return table.Key{Table: table.Tokens, PK: "TOK#" + string(kind) + "#" + hash, SK: "GRANT"}
}

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// New makes a token for the grant. The token is returned once and never stored.
func (s *Store) New(ctx context.Context, g Grant) (string, error) {
	token, w, err := s.Prepare(g)
	if err != nil {
		return "", err
	}
	if err := s.table.Transact(ctx, w); err != nil {
		return "", fmt.Errorf("storing grant: %w", err)
	}
	return token, nil
}

// Prepare makes a token whose row the caller commits with its own change.
func (s *Store) Prepare(g Grant) (string, table.Write, error) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	token := base64.RawURLEncoding.EncodeToString(b[:])
	g.At = s.now().UTC()
	w, err := row(g, hashOf(token), table.Absent)
	return token, w, err
}

func row(g Grant, hash string, version int64) (table.Write, error) {
	body, err := json.Marshal(g)
	if err != nil {
		return table.Write{}, fmt.Errorf("encoding grant: %w", err)
	}
	return table.Write{Op: table.Put, If: version, Item: table.Item{Key: key(g.Kind, hash), Body: body, ExpiresAt: g.ExpiresAt}}, nil
}

// Get returns the grant of a token. fault.Unauthenticated when it is unknown, used, ended or of another kind.
func (s *Store) Get(ctx context.Context, kind Kind, token string) (Grant, error) {
	if len(token) > 200 {
		return Grant{}, errUnknown()
	}
	return s.read(ctx, kind, hashOf(token))
}

func errUnknown() error {
	return fault.New(fault.Unauthenticated, "the session has ended or never was")
}

func (s *Store) read(ctx context.Context, kind Kind, hash string) (Grant, error) {
	it, err := s.table.Get(ctx, key(kind, hash))
	if fault.Has(err, fault.NotFound) {
		return Grant{}, errUnknown()
	}
	if err != nil {
		return Grant{}, fmt.Errorf("reading grant: %w", err)
	}
	var g Grant
	if json.Unmarshal(it.Body, &g) != nil {
		return Grant{}, fault.New(fault.Internal, "decoding grant")
	}
	if !g.ExpiresAt.IsZero() && !s.now().Before(g.ExpiresAt) {
		return Grant{}, errUnknown()
	}
	g.version, g.hash = it.Version, hash
	return g, nil
}

// End removes a token. Idempotent.
func (s *Store) End(ctx context.Context, kind Kind, token string) error {
	w := table.Write{Op: table.Delete, If: table.AnyVersion, Item: table.Item{Key: key(kind, hashOf(token))}}
	if err := s.table.Transact(ctx, w); err != nil {
		return fmt.Errorf("ending grant: %w", err)
	}
	return nil
}

// Use is the write that uses up a single-use grant read by Get: exactly one of several who try succeeds; the others get
// fault.Conflict.
func (g Grant) Use() table.Write {
	return table.Write{Op: table.Delete, If: g.version, Item: table.Item{Key: key(g.Kind, g.hash)}}
}

const volumeAttempts = 20

// UseVolume takes volume n from a download grant: exactly one of several who try gets it, the others fault.NotFound, as does
// everybody once the grant is used up or has ended. Other volumes of the same grant may be taken at the same time. What is
// written with it happens exactly when the volume is taken.
func (s *Store) UseVolume(ctx context.Context, g Grant, n int, with ...table.Write) error {
	for try := 0; ; try++ {
		err := s.useVolume(ctx, g, n, with)
		if !fault.Has(err, fault.Conflict) || try+1 == volumeAttempts {
			return err
		}
		switch g, err = s.read(ctx, g.Kind, g.hash); {
		case fault.Has(err, fault.Unauthenticated):
			return fault.New(fault.NotFound, "this part was downloaded before")
		case err != nil:
			return err
		}
	}
}

func (s *Store) useVolume(ctx context.Context, g Grant, n int, with []table.Write) error {
	left := slices.DeleteFunc(slices.Clone(g.Left), func(v int) bool { return v == n })
	if len(left) == len(g.Left) {
		return fault.New(fault.NotFound, "this part was downloaded before")
	}
	g.Left = left
	w, err := row(g, g.hash, g.version)
	if err != nil {
		return err
	}
	if len(left) == 0 {
		w = g.Use()
	}
	if err := s.table.Transact(ctx, append([]table.Write{w}, with...)...); err != nil {
		return fmt.Errorf("using download link: %w", err)
	}
	return nil
}
