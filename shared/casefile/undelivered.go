package casefile

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Undelivered is a letter of which nobody can say that it arrived. It stays with the case until it is sent anew, the next hop
// reports that it was taken after all, or somebody decides that nothing is to be done.
type Undelivered struct {
	N     int        `json:"n"`
	Kind  string     `json:"kind"`
	Party string     `json:"party,omitempty"` // as in Letter; never ToRecipient
	State mail.State `json:"state"`           // bounced, failed or unknown
	Why   string     `json:"why,omitempty"`   // of bounced: one of the reports below; otherwise the fault class
	Since time.Time  `json:"since"`
}

// What a next hop reports about a letter that it took and could not deliver.
const (
	ReportBounce  = "bounce"  // the mailbox refuses it for good
	ReportBlocked = "blocked" // the receiving server refuses it for now, such as for the sender's reputation
	ReportDropped = "dropped" // the next hop never tried, such as because of its own lists
)

// MessageOf reads the case id and the number of the letter out of one of our Message-IDs; ok is false for any other id.
func MessageOf(messageID string) (caseID string, n int, ok bool) {
	left, _, _ := strings.Cut(messageID, "@")
	parts := strings.Split(left, ".")
	if len(parts) != 3 || len(parts[0]) != 36 {
		return "", 0, false
	}
	n, err := strconv.Atoi(parts[2])
	return parts[0], n, err == nil && n > 0
}

// MailReported records what the next hop reports about a letter that it was handed: Sent settles one whose fate was not known,
// Bounced marks any that was not refused at once, whatever was reported before or comes after. A report that says nothing new
// changes nothing and answers false.
func (f *File) MailReported(m Mail, state mail.State, why string) (bool, error) {
	handed := m.State == mail.Unknown || (m.State == mail.Claimed && m.Attempted)
	switch {
	case state == mail.Sent && handed:
		why = ""
	case state == mail.Bounced && (handed || m.State == mail.Sent):
	default:
		return false, nil
	}
	m.State, m.SettledAt, m.Fault = state, f.now, ""
	w, err := f.store.MailWrite(f.Case.Tenant, f.Case.ID, m)
	if err != nil {
		return false, err
	}
	f.With(w)
	if m.Party == ToRecipient {
		f.out(OutboxRow{Kind: OutWake, Notice: m.TaskID})
	}
	facts := map[string]any{"kind": m.Kind, "n": m.N, "by": "report"}
	if why != "" {
		facts["why"] = why
	}
	f.missed(m, why)
	return true, f.Entry("letter_"+string(state), "system", facts)
}

// missed notes with the case how a letter stands that was just settled. Letters to recipients are not noted: their notice keeps its
// own account, tries again and asks a person in the end.
func (f *File) missed(m Mail, why string) {
	f.arrived(m.N)
	if m.State != mail.Sent && m.Party != ToRecipient {
		f.Case.Undelivered = append(f.Case.Undelivered, Undelivered{N: m.N, Kind: m.Kind, Party: m.Party, State: m.State, Why: why, Since: f.now})
	}
}

func (f *File) arrived(n int) {
	f.Case.Undelivered = slices.DeleteFunc(f.Case.Undelivered, func(u Undelivered) bool { return u.N == n })
}

// IsCode reports whether letters of the kind carry a one-time code, which is never sent twice: a fresh one stands in for it.
func IsCode(kind string) bool {
	return slices.Contains([]letters.Kind{letters.Code, letters.CodeAgain, letters.DownloadCode}, letters.Kind(kind))
}

// replaced takes out the letters that one of the kind stands in for: a new code makes every older one void.
func (f *File) replaced(kind string) {
	if IsCode(kind) {
		f.Case.Undelivered = slices.DeleteFunc(f.Case.Undelivered, func(u Undelivered) bool { return IsCode(u.Kind) })
	}
}

// Missing returns the undelivered letter with the number. fault.Conflict when there is none (any more).
func (c *Case) Missing(n int) (Undelivered, error) {
	for _, u := range c.Undelivered {
		if u.N == n {
			return u, nil
		}
	}
	return Undelivered{}, fault.New(fault.Conflict, "this letter is settled")
}

// SendAgain queues an undelivered letter once more, under a new number; one to the person goes to the address that the case has
// now. l is the letter as it was, and carries no code. fault.Conflict when it is settled.
func (f *File) SendAgain(n int, actor string, l Letter) error {
	u, err := f.Case.Missing(n)
	if err != nil {
		return err
	}
	if l.Party == "" {
		p, err := f.Person()
		if err != nil {
			return err
		}
		l.To = p.Email.Value
	}
	if err := f.Send(l); err != nil {
		return err
	}
	return f.SentAgain(u, actor)
}

// SentAgain records that the letter that was queued last stands in for an undelivered one.
func (f *File) SentAgain(u Undelivered, actor string) error {
	f.arrived(u.N)
	return f.Entry("letter_sent_again", actor, map[string]any{"kind": u.Kind, "n": u.N, "as": f.Case.LettersNo})
}

// SettleLetter records the decision that nothing more is sent for an undelivered letter. The reason is kept as a note.
// fault.Conflict when it is settled.
func (f *File) SettleLetter(n int, actor string, reason redact.Text) error {
	u, err := f.Case.Missing(n)
	if err != nil {
		return err
	}
	if reason.IsZero() {
		return fault.InvalidField("/reason", "say why; it is kept with the case")
	}
	f.arrived(n)
	if err := f.Entry("letter_settled", actor, map[string]any{"kind": u.Kind, "n": n, "state": u.State}); err != nil {
		return err
	}
	return f.Note(actor, reason)
}

// askedSince says since when a person must look at the undelivered letters; zero when nobody must. Who gave a wrong address in the
// portal, or over its API, has proven nothing and can be reached by nobody: such letters stay with the case and make no work,
// unless it is the settings that keep them.
func (c *Case) askedSince() time.Time {
	var first time.Time
	for _, u := range c.Undelivered {
		stranger := u.Party == "" && c.Channel != "staff" && c.Verification.VerifiedAt.IsZero() && u.Why != string(fault.Misconfigured)
		if !stranger && (first.IsZero() || u.Since.Before(first)) {
			first = u.Since
		}
	}
	return first
}

// putUndelivered keeps the row that lists the case among those with undelivered letters.
func (f *File) putUndelivered(ws *[]table.Write) {
	c := &f.Case
	row := table.Item{Key: f.key(skUndelivered)}
	switch since := c.askedSince(); {
	case since.Equal(f.asked):
	case since.IsZero():
		*ws = append(*ws, table.Write{Op: table.Delete, Item: row, If: table.AnyVersion})
	default:
		row.IPK, row.ISK, row.Body = ipkUndelivered(c.Tenant), stamp(since)+"#"+c.ID, []byte(`{}`)
		*ws = append(*ws, table.Write{Op: table.Put, Item: row, If: table.AnyVersion})
	}
}

// Undelivered returns the ids of the tenant's cases, open and closed, with letters that a person must look at, the longest waiting
// first; at most limit. The index may lag: callers read the cases they show.
func (s *Store) Undelivered(ctx context.Context, tenant string, limit int) ([]string, error) {
	items, err := s.some(ctx, table.Query{Table: table.Cases, Index: true, PK: ipkUndelivered(tenant)}, limit)
	if err != nil {
		return nil, fmt.Errorf("listing undelivered letters: %w", err)
	}
	var ids []string
	for _, it := range items {
		ids = append(ids, caseOf(it.PK))
	}
	return ids, nil
}
