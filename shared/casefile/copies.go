package casefile

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/table"
)

// MailCopies is what becomes of the copies that a provider of ours keeps of the letters of an erasure: our own mail must not
// remember whom everybody else forgot (GDPR Art. 17, 28(3)).
type MailCopies struct {
	State CopiesState `json:"state"`
	At    time.Time   `json:"at"`              // of the state
	Fault string      `json:"fault,omitempty"` // class of the last failure
}

// CopiesState is where the erasure of mail copies stands. Wire values.
type CopiesState string

// The states.
const (
	CopiesWaiting  CopiesState = "waiting"  // letters may still leave
	CopiesAsked    CopiesState = "asked"    // the order is on its way to the provider
	CopiesAccepted CopiesState = "accepted" // the provider took the order
	CopiesNotDone  CopiesState = "not_done" // the provider refuses it, or mail no longer goes through one that takes orders
)

// When copies are erased: letters may be sent anew the day after closing, and one that bounced waits for a person.
const (
	CopiesAfter    = 24 * time.Hour      // after the last letter at the earliest
	CopiesAtLatest = 14 * 24 * time.Hour // after closing an undelivered letter no longer delays it
)

// KeepCopiesUntil makes the sweeper see to the copies of a case that is now closed.
func (f *File) KeepCopiesUntil(at time.Time) {
	f.Case.MailCopies = &MailCopies{State: CopiesWaiting, At: f.now}
	f.Case.NextDue = at
}

// EraseCopies queues the order to erase the copies; calling it is the sweeper's decision.
func (f *File) EraseCopies() error {
	f.Case.MailCopies = &MailCopies{State: CopiesAsked, At: f.now}
	f.out(OutboxRow{Kind: OutCopies})
	return f.Entry("mail_copies_erasure_asked", evidence.System, nil)
}

// CopiesErased records what the provider answered for good: accepted without a class, not done otherwise.
func (f *File) CopiesErased(class fault.Class, r OutboxRow) error {
	f.With(r.Remove())
	if class == "" {
		f.Case.MailCopies = &MailCopies{State: CopiesAccepted, At: f.now}
		return f.Entry("mail_copies_erasure_accepted", evidence.System, nil)
	}
	f.Case.MailCopies = &MailCopies{State: CopiesNotDone, At: f.now, Fault: string(class)}
	return f.Entry("mail_copies_not_erased", evidence.System, map[string]any{"fault": class})
}

// MailPending reports whether a letter to the person is still to be handed over.
func (s *Store) MailPending(ctx context.Context, tenant, id string) (bool, error) {
	q := table.Query{Table: table.Cases, PK: pkCase(tenant, id), Prefix: skMail}
	for {
		page, err := s.table.Query(ctx, q)
		if err != nil {
			return false, fmt.Errorf("reading letters: %w", err)
		}
		for _, it := range page.Items {
			var m Mail
			if json.Unmarshal(it.Body, &m) != nil {
				return false, errDecode("mail")
			}
			if m.State == mail.Claimed && m.Party == "" {
				return true, nil
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return false, nil
		}
	}
}
