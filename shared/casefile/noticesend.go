package casefile

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Told is what a recipient has to know to find the person and do the same: personal, so it leaves the process sealed, or to the
// recipient itself.
type Told struct {
	Identifiers []subject.Identifier
	Corrections []Correction // of the systems that were corrected
}

// Tell collects what the notice tells to a recipient that knows the person by identifiers of the kinds. Proven identifiers come
// first; of a kind of which nothing was proven, those by which the systems themselves were searched. Nothing else leaves
// (GDPR Art. 5(1)(c)).
func (f *File) Tell(n *Notice, kinds []subject.Kind) (Told, error) {
	p, err := f.Person()
	if err != nil {
		return Told{}, err
	}
	var t Told
	for _, k := range kinds {
		other := func(i subject.Identifier) bool { return i.Kind != k }
		found := slices.DeleteFunc(slices.Clone(p.Proven), other)
		if len(found) == 0 {
			found = slices.DeleteFunc(slices.Clone(p.Located), other)
		}
		t.Identifiers = subject.Add(t.Identifiers, found...)
	}
	for _, c := range p.Corrections {
		for _, ch := range n.Changes {
			if ch.What == dsar.Corrected && (c.System == "" || c.System == ch.System) {
				t.Corrections = append(t.Corrections, c)
				break
			}
		}
	}
	return t, nil
}

// ClaimNotice records, before anything is sent, that the notice is about to be: the ledger says so first. payload is what a
// webhook gets; empty for a mail, whose letter was queued last in the same change.
func (f *File) ClaimNotice(n *Notice, by NoticeChannel, kinds []subject.Kind, payload redact.Bytes) error {
	n.Status, n.Channel, n.Claimed, n.ClaimedAt, n.DueAt, n.Fault = NoticeClaimed, by, n.Revision, f.now, f.now.Add(ClaimLook), ""
	n.Attempts++
	n.Payload = nil
	if by == ByWebhook {
		n.Payload = f.Keys.SealDoc(n.label(), payload.Reveal())
	} else {
		n.Mail = f.Case.LettersNo
	}
	return f.NoticeEntry(n, "notice_claimed", evidence.System, map[string]any{"channel": by, "attempt": n.Attempts, "revision": n.Revision, "kinds": kinds})
}

func (n *Notice) label() string { return labelNotice + n.ID + "#" + strconv.Itoa(n.Claimed) }

// NoticePayload opens what is being sent to a webhook.
func (f *File) NoticePayload(n *Notice) (redact.Bytes, error) {
	plain, err := f.Keys.OpenDoc(n.label(), n.Payload)
	if err != nil {
		return redact.Bytes{}, fmt.Errorf("opening a notice: %w", err)
	}
	return plain, nil
}

// NoticeDelivered records that the recipient's side took a revision of the notice; sure is false for a mail of which nobody knows.
// A revision that was added to meanwhile stays to be sent.
func (f *File) NoticeDelivered(n *Notice, revision int, sure bool) error {
	status := NoticeSent
	if !sure {
		status = NoticeUnknown
	}
	if n.Revision == revision && (n.Status == NoticeClaimed || n.Status == NoticeUnknown) {
		n.Status, n.Lost, n.Fault, n.Payload = status, 0, "", nil
		n.DueAt = time.Time{}
		if sure && n.SentAt.IsZero() {
			n.SentAt = f.now
		}
		if n.Channel == ByMail && n.Reminders == 0 {
			n.DueAt = f.now.Add(RemindAfter)
		}
	}
	facts := map[string]any{"channel": n.Channel, "revision": revision, "attempt": n.Attempts}
	if err := f.NoticeEntry(n, "notice_"+string(status), evidence.System, facts); err != nil {
		return err
	}
	return f.settleNotice(n)
}

// NoticeRefused records that an attempt to send a revision failed, and when the next one is due: not before wait. After the last
// attempt the notice is given up and a person decides.
func (f *File) NoticeRefused(n *Notice, revision int, class fault.Class, wait time.Duration) error {
	facts := map[string]any{"channel": n.Channel, "revision": revision, "attempt": n.Attempts, "fault": class}
	if n.Revision != revision || !slices.Contains([]NoticeStatus{NoticeOpen, NoticeClaimed, NoticeSent, NoticeUnknown}, n.Status) {
		return f.NoticeEntry(n, "notice_refused", evidence.System, facts)
	}
	if n.Status == NoticeOpen { // it failed before it was claimed
		n.Attempts++
	}
	n.Attempts = max(n.Attempts, 1)
	pauses := NoticePauses()
	n.Fault, n.Payload = class, nil
	if n.Attempts > len(pauses) {
		if err := f.NoticeEntry(n, "notice_refused", evidence.System, facts); err != nil {
			return err
		}
		return f.GiveUpNotice(n, class)
	}
	n.Status, n.SentAt, n.DueAt = NoticeOpen, time.Time{}, f.now.Add(max(pauses[n.Attempts-1], wait))
	facts["next"] = n.DueAt
	return f.NoticeEntry(n, "notice_refused", evidence.System, facts)
}

// GiveUpNotice leaves the notice to a person.
func (f *File) GiveUpNotice(n *Notice, class fault.Class) error {
	n.Status, n.Fault, n.EndedAt, n.DueAt = NoticeFailed, class, f.now, time.Time{}
	if err := f.NoticeEntry(n, "notice_given_up", evidence.System, map[string]any{"attempts": n.Attempts, "revision": n.Revision, "fault": class}); err != nil {
		return err
	}
	return f.settleNotice(n)
}

// PostponeNotice sets when a notice is looked at again. One that is stuck on its way carries the class of what keeps it there, and
// people see it.
func (f *File) PostponeNotice(n *Notice, d time.Duration, class fault.Class) {
	n.DueAt, n.Fault = f.now.Add(d), class
}

// LeaveNotice ends what is done for a notice by machine, as it is.
func (f *File) LeaveNotice(n *Notice) error {
	n.DueAt = time.Time{}
	return f.settleNotice(n)
}

// RemindRecipient records that the letter that was queued last in this change is the reminder of the notice.
func (f *File) RemindRecipient(n *Notice) error {
	n.Reminders++
	n.Status, n.Channel, n.Claimed, n.Mail = NoticeClaimed, ByMail, n.Revision, f.Case.LettersNo
	n.ClaimedAt, n.DueAt = f.now, f.now.Add(ClaimLook)
	return f.NoticeEntry(n, kindReminder, evidence.System, map[string]any{"revision": n.Revision})
}

// AcknowledgeNotice records that the recipient confirmed what it was told; by is link or callback. fault.Conflict when the
// notice has gone on since the revision that the recipient saw, or that was never sent. Repeating it is harmless.
func (f *File) AcknowledgeNotice(n *Notice, revision int, by string) error {
	switch {
	case revision != n.Revision || n.Claimed != revision:
		return fault.New(fault.Conflict, "there is something new to tell since this notice was read")
	case n.Status == NoticeAcknowledged:
		return nil
	}
	n.Status, n.AcknowledgedAt, n.Fault, n.DueAt, n.Payload = NoticeAcknowledged, f.now, "", time.Time{}, nil
	if n.SentAt.IsZero() {
		n.SentAt = f.now
	}
	f.WakeNotice(n)
	if err := f.NoticeEntry(n, "notice_acknowledged", evidence.Recipient(n.Recipient), map[string]any{"by": by, "revision": revision}); err != nil {
		return err
	}
	return f.settleNotice(n)
}

// DecideNotice records what a person decided about a notice: Retry, or one of the exceptions of GDPR Art. 19, Impossible and
// Disproportionate, with a reason. fault.Conflict when it was told already or is on its way; fault.Forbidden when whoever prepared
// the plan wants to excuse it: the second pair of eyes is somebody else's.
func (f *File) DecideNotice(n *Notice, actor, decision string, reason redact.Text) error {
	if !n.MayDecide() {
		return fault.New(fault.Conflict, "this notice waits for no decision")
	}
	switch decision {
	case Retry:
		n.Status, n.Attempts, n.Reminders, n.Lost, n.Fault, n.EndedAt, n.DueAt = NoticeOpen, 0, 0, 0, "", time.Time{}, f.now
		f.runNotice(n)
		return f.NoticeEntry(n, "notice_retried", actor, map[string]any{"revision": n.Revision})
	case Impossible, Disproportionate:
		if reason.IsZero() {
			return fault.InvalidField("/reason", "say why; the person is told it on request (GDPR Art. 19)")
		}
		if p := f.Case.Plan; p != nil && p.PreparedBy == actor {
			return fault.New(fault.Forbidden, "whoever prepared the plan does not excuse a notice of it; somebody else has to")
		}
	default:
		return fault.InvalidField("/decision", "decide retry, impossible or disproportionate")
	}
	n.Waiver = f.decide(decision, actor, "", reason)
	n.Status, n.EndedAt, n.DueAt, n.Payload = NoticeWaived, f.now, time.Time{}, nil
	f.WakeNotice(n)
	if err := f.NoticeEntry(n, "notice_waived", actor, n.Waiver.facts(map[string]any{"decision": decision, "revision": n.Revision})); err != nil {
		return err
	}
	return f.settleNotice(n)
}

// ReviveNotice starts a new execution for a notice that has none any more; after MaxLost in a row a person is asked instead.
func (f *File) ReviveNotice(n *Notice) error {
	if n.Lost >= MaxLost {
		return f.GiveUpNotice(n, fault.Internal)
	}
	n.Lost++
	f.runNotice(n)
	return f.NoticeEntry(n, "notice_restarted", evidence.System, map[string]any{"run": n.Run})
}

// Settled reports whether nothing is left to do for the notice by machine.
func (n *Notice) Settled() bool { return n.DueAt.IsZero() }

// settleNotice carries the chain of a notice that has ended into the case's chain.
func (f *File) settleNotice(n *Notice) error {
	if !n.Settled() || n.Chained == n.Head.Seq {
		return nil
	}
	d := evidence.TaskEnded(f.Case.Tenant, f.Case.ID, n.ID, n.Head, f.now)
	if err := f.Entry(d.Kind, d.Actor, d.Facts); err != nil {
		return err
	}
	n.Chained = n.Head.Seq
	return nil
}

// noticeHeads adds the heads of the notices to those that a bundle of evidence is held to.
func noticeHeads(heads map[string]evidence.Head, notices []*Notice) {
	for _, n := range notices {
		heads[evidence.TaskChain(n.ID)] = n.Head
	}
}
