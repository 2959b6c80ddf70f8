package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/table"
)

const pkStaffSubject = "STAFFSUB"

// SubjectHash is what stands for an account at an issuer: keys and records hold nothing that the issuer could be asked about.
func SubjectHash(issuer string, subject redact.Text) string {
	sum := sha256.Sum256([]byte(issuer + "\x00" + subject.Reveal()))
	return hex.EncodeToString(sum[:])
}

func staffSubject(hash string) table.Key {
	return table.Key{Table: table.Registry, PK: pkStaffSubject, SK: hash}
}

// StaffBySubject returns the member of staff that an account at an issuer is tied to; fault.NotFound when there is none.
func (s *Store) StaffBySubject(ctx context.Context, issuer string, subject redact.Text) (Staff, error) {
	it, err := s.table.Get(ctx, staffSubject(SubjectHash(issuer, subject)))
	if err != nil {
		return Staff{}, fmt.Errorf("reading staff: %w", err)
	}
	return s.Staff(ctx, string(it.Body))
}

// TieStaff is the writes that tie m, as it was read, to an account at an issuer; the caller commits them with its own. One
// account is tied to one member of staff and the other way round: fault.Conflict when m is tied already, at once; when the
// account is, or m has changed since, when the writes are committed.
func TieStaff(m Staff, issuer string, subject redact.Text) ([]table.Write, error) {
	if issuer == "" || subject.IsZero() {
		return nil, fault.New(fault.Invalid, "an account is that of a subject at an issuer")
	}
	if m.Subject != "" {
		return nil, fault.New(fault.Conflict, "this member of staff signs in with another account")
	}
	m.Subject = SubjectHash(issuer, subject)
	w, err := putJSON(pkStaff, m.ID, m, m.Version)
	if err != nil {
		return nil, err
	}
	return []table.Write{w, {Op: table.Put, If: table.Absent, Item: table.Item{Key: staffSubject(m.Subject), Body: []byte(m.ID)}}}, nil
}

// Tie commits what TieStaff says, alone.
func (s *Store) Tie(ctx context.Context, m Staff, issuer string, subject redact.Text) error {
	w, err := TieStaff(m, issuer, subject)
	if err != nil {
		return err
	}
	return s.write(ctx, w...)
}

// UntieStaff unties a member of staff from her account at an issuer. Idempotent.
func (s *Store) UntieStaff(ctx context.Context, id string) error {
	m, err := s.Staff(ctx, id)
	if err != nil || m.Subject == "" {
		return err
	}
	gone := table.Write{Op: table.Delete, If: table.AnyVersion, Item: table.Item{Key: staffSubject(m.Subject)}}
	m.Subject = ""
	w, err := putJSON(pkStaff, m.ID, m, m.Version)
	if err != nil {
		return err
	}
	return s.write(ctx, w, gone)
}

// ChangeStaff changes a member of staff by what change does to her record. Address, account and id stay: fault.Invalid when
// change touches them, or leaves the glass to somebody who is no administrator; fault.Conflict when the record has changed
// meanwhile.
func (s *Store) ChangeStaff(ctx context.Context, id string, change func(*Staff)) error {
	old, err := s.Staff(ctx, id)
	if err != nil {
		return err
	}
	m := old
	m.Roles = slices.Clone(old.Roles)
	change(&m)
	if m.ID != old.ID || m.Email != old.Email || m.Subject != old.Subject {
		return fault.New(fault.Invalid, "the address and the account of a member of staff are not changed like this")
	}
	if m.BreakGlass && !slices.Contains(m.Roles, Admin) {
		return fault.New(fault.Invalid, "only the password of an administrator may stay in force")
	}
	w, err := putJSON(pkStaff, m.ID, m, old.Version)
	if err != nil {
		return err
	}
	return s.write(ctx, w)
}
