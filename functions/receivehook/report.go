package receivehook

import (
	"context"
	"regexp"

	"github.com/google/uuid"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
)

// report is what a provider tells of one letter.
type report struct {
	Caller  string // names the reports of the provider among the things that are counted once
	ID      string // of the report
	Tenant  string
	Message string // Message-ID of the letter, without angle brackets
	State   mail.State
	Why     string // why it came back, as evidence has it
}

// letter returns which letter a report is about; ok is false when it names none that could be ours.
func (r report) letter() (caseID string, n int, ok bool) {
	caseID, n, ok = casefile.MessageOf(r.Message)
	return caseID, n, ok && r.ID != "" && uuid.Validate(caseID) == nil && tenantName.MatchString(r.Tenant)
}

// tenantName is what can be the name of a tenant, as part of a key.
var tenantName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// Callers.
const (
	callerSendGrid = "sendgrid"
	callerSES      = "ses"
)

// settle records what a report says about its letter, once.
func (h *Handler) settle(ctx context.Context, e report) error {
	caseID, n, ours := e.letter()
	if !ours {
		return nil
	}
	err := step.Change(ctx, h.Cases, e.Tenant, caseID, func(ctx context.Context, f *casefile.File) error {
		if _, counted, err := h.Sessions.Recall(ctx, e.Caller, e.ID); err != nil || counted {
			return err
		}
		m, _, err := h.Cases.Mail(ctx, e.Tenant, caseID, n)
		if err != nil || m.MessageID != e.Message {
			return err
		}
		changed, err := f.MailReported(m, e.State, e.Why)
		if !changed || err != nil {
			return err
		}
		f.With(h.Sessions.Remember(e.Caller, e.ID, nil))
		if m.Party == casefile.ToRecipient && e.State == mail.Bounced {
			return reopen(ctx, f, m)
		}
		return nil
	})
	if err != nil && !fault.Has(err, fault.NotFound) {
		return err
	}
	return nil // no letter of ours, or disposed of: nobody learns which
}

// reopen leaves a notice to a person whose last letter came back after everything was done for it by machine. One that is still
// under way looks for itself.
func reopen(ctx context.Context, f *casefile.File, m casefile.Mail) error {
	n, err := f.Notice(ctx, m.TaskID)
	if err != nil {
		return err
	}
	told := n.Status == casefile.NoticeSent || n.Status == casefile.NoticeUnknown
	if n.Mail != m.N || !n.Settled() || !told {
		return nil
	}
	return f.GiveUpNotice(n, fault.Invalid)
}
