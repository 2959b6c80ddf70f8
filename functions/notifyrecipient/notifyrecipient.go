// Package notifyrecipient is the step of the notify machine: it tells one recipient that data which was disclosed to it was
// erased, corrected or restricted (GDPR Art. 19), by signed webhook or by mail, again over days, and reminds once.
//
// A mail leaves at most once for each attempt, as every mail does. A webhook is called at least once; repeats carry the same id and
// the same bytes. Nothing is sent before the ledger has the entry that says so. Everything is decided from the record.
package notifyrecipient

import (
	"context"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
)

// How long the first notice waits for other systems of the case that the same recipient has to be told of, so that they go out
// as one: looked at every GatherLook, for GatherFor at most.
const (
	GatherFor  = time.Hour
	GatherLook = 5 * time.Minute
)

// StuckAfter is how long a letter may lie with us before people are shown that it does not leave.
const StuckAfter = 24 * time.Hour

// Step is the handler.
type Step struct {
	Cases    *casefile.Store
	Registry *registry.Store
	Sessions *session.Store
	Letters  *correspondence.Writer
	Secret   func(reference string) (redact.Text, error)
}

// Handle does the next thing for a notice, leaves the token of an execution that has to wait, or, with a fault, counts a failure
// that nobody foresaw as a failed attempt. in.TaskID is the notice, in.Generation its run.
func (s *Step) Handle(ctx context.Context, in step.Input) (step.TaskAnswer, error) {
	var t turn
	err := step.Change(ctx, s.Cases, in.Tenant, in.CaseID, func(ctx context.Context, f *casefile.File) error {
		t = turn{Step: s, f: f}
		n, err := f.Notice(ctx, in.TaskID)
		switch {
		case err != nil:
			return err
		case n.Run != in.Generation:
			t.status = step.TaskSuperseded
			return nil
		}
		t.n = n
		switch {
		case in.Token != "":
			return t.await(ctx, in.Token)
		case in.Fault != "":
			return t.broken(in.Fault)
		}
		return t.next(ctx)
	})
	switch {
	case fault.Has(err, fault.NotFound): // the case was disposed of: there is nobody left to tell about
		return step.TaskAnswer{Status: step.TaskSuperseded}, nil
	case err != nil:
		return step.TaskAnswer{}, err
	case t.post != nil:
		return step.TaskAnswer{Status: step.TaskMore}, s.call(ctx, in, t.post)
	}
	return step.TaskAnswer{Status: t.status}, nil
}

// turn is one look at a notice.
type turn struct {
	*Step
	f      *casefile.File
	n      *casefile.Notice
	status string
	post   *post // what is sent after the commit
}

// next decides from the record what has to happen, and does it.
func (t *turn) next(ctx context.Context) error {
	n, f := t.n, t.f
	t.status = step.TaskSystem
	if n.Settled() {
		t.status = step.TaskFinished
		return nil
	}
	if n.Channel == casefile.ByMail && n.Status != casefile.NoticeOpen {
		if done, err := t.mailed(ctx); done || err != nil {
			return err
		}
	}
	switch {
	case n.Status == casefile.NoticeClaimed && n.Channel == casefile.ByWebhook:
		return t.prepare(ctx) // it was claimed and nobody knows how it ended: the id tells the other side a repeat
	case n.DueAt.After(f.Now()):
		return nil
	case n.Status == casefile.NoticeOpen:
		return t.send(ctx)
	case n.Status == casefile.NoticeSent || n.Status == casefile.NoticeUnknown:
		return t.remind(ctx)
	case n.Status == casefile.NoticeClaimed:
		class := fault.Class("")
		if f.Now().After(n.ClaimedAt.Add(StuckAfter)) {
			class = fault.Unavailable
		}
		f.PostponeNotice(n, casefile.ClaimLook, class)
		return nil
	}
	t.status = step.TaskMore
	return f.LeaveNotice(n)
}

// mailed takes over what became of the newest letter; done is false when that says nothing new.
func (t *turn) mailed(ctx context.Context) (done bool, err error) {
	f, n := t.f, t.n
	m, _, err := t.Cases.Mail(ctx, f.Case.Tenant, f.Case.ID, n.Mail)
	if err != nil {
		return false, err
	}
	t.status = step.TaskMore
	switch {
	case m.State == mail.Sent && n.Status != casefile.NoticeSent:
		return true, f.NoticeDelivered(n, n.Claimed, true)
	case m.State == mail.Unknown && n.Status == casefile.NoticeClaimed:
		return true, f.NoticeDelivered(n, n.Claimed, false)
	case m.State == mail.Failed || m.State == mail.Bounced:
		class := fault.Class(m.Fault)
		if !class.Valid() {
			class = fault.Invalid // the other side refuses the address
		}
		return true, f.NoticeRefused(n, n.Claimed, class, 0)
	}
	t.status = step.TaskSystem
	return false, nil
}

// send claims the notice and, for a mail, queues its letter; a webhook is called after the commit.
func (t *turn) send(ctx context.Context) error {
	f, n := t.f, t.n
	if gather, err := t.gathers(ctx); gather || err != nil {
		return err
	}
	t.status = step.TaskMore
	r, err := t.Registry.Recipient(ctx, f.Case.Tenant, n.Recipient)
	if fault.Has(err, fault.NotFound) {
		return f.GiveUpNotice(n, fault.Misconfigured)
	}
	if err != nil {
		return err
	}
	told, err := f.Tell(n, r.KnowsBy())
	if err != nil {
		return err
	}
	// Without an address, or an identifier that the recipient knows, no repetition can help: a person has to.
	if len(told.Identifiers) == 0 || (r.Webhook == "" && r.Email == "") {
		return f.GiveUpNotice(n, fault.Misconfigured)
	}
	if r.Webhook != "" {
		body, err := t.message(ctx, told)
		if err != nil {
			return err
		}
		if err := f.ClaimNotice(n, casefile.ByWebhook, r.KnowsBy(), body); err != nil {
			return err
		}
		return t.prepare(ctx)
	}
	if err := t.letter(ctx, r, false); err != nil {
		return err
	}
	return f.ClaimNotice(n, casefile.ByMail, r.KnowsBy(), redact.Bytes{})
}

// gathers reports whether the notice waits for other systems of its recipient that are still being changed.
func (t *turn) gathers(ctx context.Context) (bool, error) {
	f, n := t.f, t.n
	if n.Claimed > 0 || !f.Case.Open() || f.Now().After(n.OpenedAt.Add(GatherFor)) {
		return false, nil
	}
	systems, err := t.Registry.Systems(ctx, f.Case.Tenant)
	if err != nil {
		return false, err
	}
	for _, task := range f.Tasks {
		if task.Status == casefile.TaskDone || !slices.Contains([]dsar.Action{dsar.Erase, dsar.Correct, dsar.Restrict, dsar.VerifyAfter}, task.Action) {
			continue
		}
		for _, sys := range systems {
			if sys.Name == task.System && slices.Contains(sys.Recipients, n.Recipient) {
				f.PostponeNotice(n, GatherLook, "")
				return true, nil
			}
		}
	}
	return false, nil
}

// remind writes once more to a recipient that has confirmed nothing. That there is still no answer then is no failure; it shows.
func (t *turn) remind(ctx context.Context) error {
	t.status = step.TaskMore
	r, err := t.Registry.Recipient(ctx, t.f.Case.Tenant, t.n.Recipient)
	if err != nil && !fault.Has(err, fault.NotFound) {
		return err
	}
	if r.Email == "" || t.n.Reminders > 0 {
		return t.f.LeaveNotice(t.n)
	}
	if err := t.letter(ctx, r, true); err != nil {
		return err
	}
	return t.f.RemindRecipient(t.n)
}

// await leaves the token, and wakes it at once when there is something to do after all.
func (t *turn) await(ctx context.Context, token string) error {
	f, n := t.f, t.n
	t.status = step.TaskSystem
	ready := n.Settled() || !n.DueAt.After(f.Now()) || (n.Status == casefile.NoticeClaimed && n.Channel == casefile.ByWebhook)
	if n.Channel == casefile.ByMail && n.Mail > 0 && !ready {
		m, _, err := t.Cases.Mail(ctx, f.Case.Tenant, f.Case.ID, n.Mail)
		if err != nil {
			return err
		}
		ready = n.Status == casefile.NoticeClaimed && m.State != mail.Claimed
		f.WatchMail(m)
	}
	f.AwaitNotice(n, token)
	if ready {
		f.WakeNotice(n)
	}
	return nil
}

// broken counts a failure that nobody foresaw. A letter that is already queued goes its way and is not written twice.
func (t *turn) broken(name string) error {
	f, n := t.f, t.n
	t.status = step.TaskMore
	class := fault.Class(name)
	if !class.Valid() {
		class = fault.Internal
	}
	switch {
	case n.Settled():
		return nil
	case n.Status == casefile.NoticeClaimed && n.Channel == casefile.ByMail:
		f.PostponeNotice(n, casefile.ClaimLook, class)
		return nil
	case n.Status == casefile.NoticeSent || n.Status == casefile.NoticeUnknown:
		return f.LeaveNotice(n) // it was told; only the reminder cannot be written
	}
	return f.NoticeRefused(n, n.Revision, class, 0)
}
