// Package publishevents carries out outbox rows after the commit that wrote them: it starts executions, wakes waiting
// tokens, sends claimed mails and tells the bus. Rows are carried out at least once; each kind is idempotent.
package publishevents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions/internal/run"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// Step is the handler.
type Step struct {
	Cases    *casefile.Store
	Registry *registry.Store
	Engine   workflow.Engine
	Mail     mail.Sender
	Copies   mail.Eraser // nil = mail leaves no copies that we could have erased
	Signal   func(ctx context.Context, tenant, caseID string) error
	Wake     func(ctx context.Context, tenant, caseID, noticeID string) error
	Publish  func(ctx context.Context, e events.Event) error // idempotent by id
	Log      *slog.Logger
	Manual   bool // the clock is set by hand: what waits for time to pass would wait for ever
}

// start is the input of an execution; see the rules of the payload in infra/workflow/README.md.
type start struct {
	Tenant        string `json:"tenant"`
	CaseID        string `json:"caseId"`
	Generation    int    `json:"generation"`
	ResumeAt      string `json:"resumeAt"`
	SchemaVersion int    `json:"schemaVersion"`
}

// Handle carries out one row. An error leaves the row for a later attempt. It is for an engine that never has a row in hand twice at
// a time; where processes share the rows, Stream and Recover are.
func (s *Step) Handle(ctx context.Context, r casefile.OutboxRow) error {
	return s.carryOut(ctx, r, 0)
}

// carryOut carries out one row. For so long as lease a letter that somebody else began to hand over is left to them.
func (s *Step) carryOut(ctx context.Context, r casefile.OutboxRow, lease time.Duration) error {
	var err error
	switch r.Kind {
	case casefile.OutStart:
		err = s.start(ctx, r)
	case casefile.OutSignal:
		err = s.Signal(ctx, r.Tenant, r.CaseID)
	case casefile.OutNotify:
		err = s.notify(ctx, r)
	case casefile.OutWake:
		err = s.Wake(ctx, r.Tenant, r.CaseID, r.Notice)
	case casefile.OutMail:
		return s.mail(ctx, r, lease)
	case casefile.OutCopies:
		return s.copies(ctx, r)
	case casefile.OutEvent:
		err = s.publish(ctx, r)
	default:
		err = fault.New(fault.Internal, "an outbox row is of no known kind")
	}
	if err != nil {
		return err
	}
	return s.Cases.Done(ctx, r)
}

func (s *Step) start(ctx context.Context, r casefile.OutboxRow) error {
	raw, err := json.Marshal(start{r.Tenant, r.CaseID, r.Generation, string(r.ResumeAt), casefile.SchemaVersion})
	if err != nil {
		return fmt.Errorf("encoding execution input: %w", err)
	}
	if r.Generation > 1 {
		if err := s.Engine.Stop(ctx, run.Machine, run.Name(r.CaseID, r.Generation-1), "superseded", "a newer generation took over"); err != nil && !fault.Has(err, fault.NotFound) {
			return fmt.Errorf("stopping the older generation: %w", err)
		}
	}
	// A closed execution of this name ran already: the row outlived its work.
	if _, err := s.Engine.Start(ctx, run.Machine, run.Name(r.CaseID, r.Generation), raw); err != nil && !errors.Is(err, workflow.ErrExecutionExists) {
		return fmt.Errorf("starting execution: %w", err)
	}
	return nil
}

func (s *Step) publish(ctx context.Context, r casefile.OutboxRow) error {
	c, err := s.Cases.Case(ctx, r.Tenant, r.CaseID)
	if err != nil {
		return err
	}
	err = s.Publish(ctx, events.Event{
		ID: fmt.Sprintf("%s/%d", r.CaseID, r.N), Type: r.Event, SchemaVersion: events.SchemaVersion, Tenant: r.Tenant, CaseID: r.CaseID,
		Reference: c.Reference, Right: string(c.Right), Status: string(c.Status), Law: c.Law.Version,
		ReceivedAt: c.ReceivedAt, DueAt: c.Due.At, ClosedAt: c.ClosedAt, At: r.At,
	})
	if err != nil {
		return fmt.Errorf("publishing an event: %w", err)
	}
	return nil
}

// mail sends one claimed mail. A driver that can tell what it sent is simply asked again; for one that cannot, the attempt
// is recorded before the mail is handed over, and a mail whose attempt ended unseen is settled as unknown, never repeated. Within
// the lease of an attempt nobody can know yet that it ended.
func (s *Step) mail(ctx context.Context, r casefile.OutboxRow, lease time.Duration) error {
	m, l, err := s.Cases.Mail(ctx, r.Tenant, r.CaseID, r.Mail)
	if fault.Has(err, fault.NotFound) {
		return s.Cases.Done(ctx, r)
	}
	if err != nil {
		return err
	}
	if m.State != mail.Claimed {
		return s.Cases.Done(ctx, r)
	}
	tenant, err := s.Registry.Tenant(ctx, r.Tenant)
	if err != nil {
		return err
	}
	state, err := s.Mail.Lookup(ctx, m.MessageID)
	if err != nil {
		return fmt.Errorf("looking up mail: %w", err)
	}
	if left := lease - s.Cases.Now().Sub(m.TriedAt); state == mail.Unknown && m.Attempted && left > 0 {
		return fault.New(fault.Unavailable, "somebody else may have this letter in hand").After(left)
	}
	var class fault.Class
	if state == mail.Claimed || (state == mail.Unknown && !m.Attempted) {
		if state == mail.Unknown {
			if m, err = s.Cases.MarkAttempted(ctx, r.Tenant, r.CaseID, m); err != nil {
				return err
			}
		}
		state, err = s.Mail.Send(ctx, mail.Message{
			MessageID: m.MessageID, Tenant: r.Tenant, From: tenant.From, To: l.To, ReplyTo: tenant.Contact, Subject: l.Subject, Text: l.Text, HTML: l.HTML,
			Date: m.QueuedAt, Headers: map[string]string{"Auto-Submitted": "auto-generated"},
		})
		var cancel context.CancelFunc
		ctx, cancel = recording(ctx)
		defer cancel()
		if state == mail.Claimed {
			return s.notTaken(ctx, r, m, err)
		}
		class = fault.ClassOf(err)
	}
	return step.Change(ctx, s.Cases, r.Tenant, r.CaseID, func(ctx context.Context, f *casefile.File) error {
		return f.SettleMail(m, state, class, r)
	})
}

// grace is how much longer than the row the record of its outcome may take. The shell of a function leaves that much.
const grace = 1500 * time.Millisecond

// recording returns a context in which the outcome of a hand-over is recorded, although that may have taken all the time there was.
func recording(ctx context.Context) (context.Context, context.CancelFunc) {
	free := context.WithoutCancel(ctx)
	if end, ok := ctx.Deadline(); ok {
		return context.WithDeadline(free, end.Add(grace))
	}
	return context.WithCancel(free)
}

// notTaken leaves a mail that was certainly not taken for the next attempt.
func (s *Step) notTaken(ctx context.Context, r casefile.OutboxRow, m casefile.Mail, cause error) error {
	if m.Attempted {
		if err := s.Cases.ClearAttempted(ctx, r.Tenant, r.CaseID, m); err != nil {
			return err
		}
	}
	if fault.Has(cause, fault.Throttled) {
		return fmt.Errorf("sending mail: %w", cause) // it says how long to wait
	}
	if cause == nil {
		cause = fault.New(fault.Unavailable, "the next hop did not say why")
	}
	// Whatever kept the next hop from taking it, the mail is still to be sent: no other class may make its row look settled.
	return fault.Wrap(fault.Unavailable, cause, "sending mail")
}
