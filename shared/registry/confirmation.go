package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Confirmation is the word of a named person that one version of a law that is a draft (policy.Pack.Draft) may govern the requests
// of a tenant in production. It is bound to the version: a pack that changed is confirmed anew.
type Confirmation struct {
	Tenant  string         `json:"tenant"`
	Pack    policy.ID      `json:"pack"`
	Version policy.Version `json:"version"`
	Name    string         `json:"name"`            // of the person who answers for it, 1 to 200 characters
	Staff   string         `json:"staff,omitempty"` // id of the account it was given with; empty: a command on the records
	Reason  string         `json:"reason"`          // what the person read or asked, 1 to 2000 characters
	At      time.Time      `json:"at"`
}

// lawConfirmed is the kind of the entry in the tenant's journal.
const lawConfirmed = "law_confirmed"

func pkConfirmations(tenant string) string { return "T#" + tenant + "#LAWS" }

// Confirm keeps the confirmation and enters it in the tenant's journal evidence.Laws, in one transaction with more. At is set from
// the store's clock. fault.Invalid when the name or the reason is missing or too long, fault.NotFound when there is no such
// tenant, fault.Conflict when the version is confirmed already.
func (s *Store) Confirm(ctx context.Context, c Confirmation, more ...table.Write) (Confirmation, error) {
	c.Name, c.Reason = strings.TrimSpace(c.Name), strings.TrimSpace(c.Reason)
	switch id, _, versioned := strings.Cut(string(c.Version), "@"); {
	case !line(c.Name, 200):
		return Confirmation{}, fault.InvalidField("/name", "name the person who answers for it, on one line of at most 200 characters")
	case c.Reason == "" || utf8.RuneCountInString(c.Reason) > 2000:
		return Confirmation{}, fault.InvalidField("/reason", "say what the confirmation rests on, in at most 2000 characters")
	case !versioned || id != string(c.Pack):
		return Confirmation{}, fault.InvalidField("/version", "the version is not one of this law")
	}
	if _, err := s.Tenant(ctx, c.Tenant); err != nil {
		return Confirmation{}, err
	}
	confirmed, err := s.Confirmed(ctx, c.Tenant)
	if err != nil {
		return Confirmation{}, err
	}
	if _, twice := confirmed[c.Version]; twice {
		return Confirmation{}, fault.New(fault.Conflict, "this version of the law is confirmed already")
	}
	c.At = s.now().UTC().Truncate(time.Millisecond)
	w, err := putJSON(pkConfirmations(c.Tenant), string(c.Version), c, table.Absent)
	if err != nil {
		return Confirmation{}, err
	}
	actor := evidence.System
	if c.Staff != "" {
		actor = evidence.Staff(c.Staff)
	}
	facts := map[string]string{"pack": string(c.Pack), "version": string(c.Version), "name": c.Name, "reason": c.Reason}
	_, err = evidence.Journal{Store: s.table}.Append(ctx, c.Tenant, evidence.Laws, lawConfirmed, actor, facts, c.At, append(more, w)...)
	s.Forget()
	if err != nil {
		return Confirmation{}, fmt.Errorf("confirming a law: %w", err)
	}
	return c, nil
}

func line(s string, most int) bool {
	return s != "" && utf8.RuneCountInString(s) <= most && !strings.ContainsAny(s, "\r\n")
}

// Confirmed returns the tenant's confirmations by version.
func (s *Store) Confirmed(ctx context.Context, tenant string) (map[policy.Version]Confirmation, error) {
	all, err := partition[Confirmation](ctx, s, pkConfirmations(tenant), nil)
	if err != nil {
		return nil, err
	}
	out := make(map[policy.Version]Confirmation, len(all))
	for _, c := range all {
		out[c.Version] = c
	}
	return out, nil
}

// Allowed returns which laws may govern the requests of the tenant, for policy.Where: in production every law but drafts that
// nobody confirmed; nil, every law, for a tenant that is not.
func (s *Store) Allowed(ctx context.Context, t Tenant) (func(policy.Pack) bool, error) {
	if !t.Production {
		return nil, nil
	}
	confirmed, err := s.Confirmed(ctx, t.Name)
	if err != nil {
		return nil, err
	}
	return func(p policy.Pack) bool {
		_, ok := confirmed[p.Version]
		return ok || !p.Draft()
	}, nil
}

// Unconfirmed lists the drafts among the tenant's laws whose current version nobody confirmed, in the order of the index. While
// there are any, the tenant cannot go into production.
func (t Tenant) Unconfirmed(index []policy.Head, confirmed map[policy.Version]Confirmation) []policy.ID {
	var out []policy.ID
	for _, law := range index {
		_, ok := confirmed[law.Version]
		if law.Draft && !ok && (len(t.Laws) == 0 || slices.Contains(t.Laws, law.ID)) {
			out = append(out, law.ID)
		}
	}
	return out
}
