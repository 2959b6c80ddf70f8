package casefile

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Notice tells one recipient that data which was disclosed to it was erased, corrected or restricted in one case
// (GDPR Art. 19; ISO/IEC 27701 7.3.7). There is one per recipient and case: what changes later joins it as another revision.
// Nothing in the open part is personal.
type Notice struct {
	ID        string         `json:"id"`
	Recipient string         `json:"recipient"` // its name in the registry
	Status    NoticeStatus   `json:"status"`
	Channel   NoticeChannel  `json:"channel,omitempty"` // of the newest attempt
	Changes   []NoticeChange `json:"changes"`
	Revision  int            `json:"revision"`            // of Changes, from 1
	Claimed   int            `json:"claimed,omitempty"`   // newest revision that was, or is being, sent
	Run       int            `json:"run"`                 // executions started for it so far
	RunAt     time.Time      `json:"runAt"`               // when the newest was asked for
	Lost      int            `json:"lost,omitempty"`      // executions that ended without settling it, in a row
	Attempts  int            `json:"attempts,omitempty"`  // to deliver this revision
	Reminders int            `json:"reminders,omitempty"` // of this revision
	Mail      int            `json:"mail,omitempty"`      // number of the newest letter
	Fault     fault.Class    `json:"fault,omitempty"`     // of the newest attempt
	Waiver    *Decision      `json:"waiver,omitempty"`    // impossible or disproportionate, with its reason
	Payload   []byte         `json:"payload,omitempty"`   // sealed: what is being sent to a webhook, repeated byte for byte

	OpenedAt       time.Time `json:"openedAt"`
	ClaimedAt      time.Time `json:"claimedAt,omitzero"`
	SentAt         time.Time `json:"sentAt,omitzero"`
	AcknowledgedAt time.Time `json:"acknowledgedAt,omitzero"`
	EndedAt        time.Time `json:"endedAt,omitzero"` // failed or waived
	DueAt          time.Time `json:"dueAt,omitzero"`   // next attempt, reminder or look; zero when nothing is left to do

	Token   []byte        `json:"token,omitempty"` // sealed task token of the execution that waits
	Head    evidence.Head `json:"head"`
	Chained int64         `json:"chained,omitempty"` // seq of Head that the case's chain last took over

	woken, touched bool // in this file
}

// NoticeChange is one thing that a recipient is told.
type NoticeChange struct {
	System string       `json:"system"`
	What   dsar.Outcome `json:"what"` // erased, corrected or restricted
	At     time.Time    `json:"at"`
}

// NoticeStatus is where a notice stands. Wire values.
type NoticeStatus string

// The statuses. The zero value is invalid.
const (
	NoticeOpen         NoticeStatus = "open"         // to be sent, at DueAt
	NoticeClaimed      NoticeStatus = "claimed"      // being sent; the process may have died since
	NoticeSent         NoticeStatus = "sent"         // the recipient's side took it
	NoticeUnknown      NoticeStatus = "unknown"      // a mail that may or may not have been taken
	NoticeAcknowledged NoticeStatus = "acknowledged" // the recipient confirmed it
	NoticeFailed       NoticeStatus = "failed"       // given up: a person decides
	NoticeWaived       NoticeStatus = "waived"       // a person decided that telling is impossible or disproportionate
)

// NoticeStatuses lists every status.
func NoticeStatuses() []NoticeStatus {
	return []NoticeStatus{NoticeOpen, NoticeClaimed, NoticeSent, NoticeUnknown, NoticeAcknowledged, NoticeFailed, NoticeWaived}
}

// NoticeChannel is the way a notice takes. Wire values.
type NoticeChannel string

// The channels.
const (
	ByMail    NoticeChannel = "mail"
	ByWebhook NoticeChannel = "webhook"
)

// The decisions of a person about a notice. The last two are the exceptions that GDPR Art. 19 knows.
const (
	Retry            = "retry"
	Impossible       = "impossible"
	Disproportionate = "disproportionate"
)

// How often and how long a notice is tried.
const (
	RemindAfter = 7 * 24 * time.Hour // without an acknowledgement, one reminder by mail
	ClaimLook   = time.Hour          // a notice being sent is looked at again after
	MaxLost     = 3                  // executions lost in a row before a person is asked
)

// NoticePauses are the pauses after each failed attempt. After the last attempt a person decides.
func NoticePauses() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, day, 2 * day, 3 * day}
}

const (
	skNotice     = "N#"
	skNoticeDue  = "P#DUE#"
	labelNotice  = "notice#"
	noticeWaits  = "AwaitRecipient"
	kindReminder = "notice_reminded"
)

func ipkNotices(tenant string) string { return "T#" + tenant + "#NOTICES" }

func pkNotice(tenant, id string) string { return "T#" + tenant + "#N#" + id }

// Notices reads the notices of the case, in order of recipient. What is changed in them is part of the commit.
func (f *File) Notices(ctx context.Context) ([]*Notice, error) {
	if f.noticesRead {
		return f.notices, nil
	}
	all, err := rows[Notice](ctx, f, skNotice, "notice")
	if err != nil {
		return nil, err
	}
	f.notices, f.noticesRead = all, true
	return f.notices, nil
}

// rows reads the rows of the case whose sort key begins with the prefix, in its order, as what a commit compares with. what they are
// called is for errors.
func rows[T any](ctx context.Context, f *File, prefix, what string) (out []*T, err error) {
	q := table.Query{Table: table.Cases, PK: pkCase(f.Case.Tenant, f.Case.ID), Prefix: prefix}
	for {
		page, err := f.store.table.Query(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("reading each %s of a case: %w", what, err)
		}
		for _, it := range page.Items {
			row := new(T)
			if json.Unmarshal(it.Body, row) != nil {
				return nil, errDecode(what)
			}
			f.read[it.SK] = it
			out = append(out, row)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return out, nil
		}
	}
}

// NoticeTo returns the notice to a recipient; fault.NotFound when there is none.
func (f *File) NoticeTo(ctx context.Context, recipient string) (*Notice, error) {
	all, err := f.Notices(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range all {
		if n.Recipient == recipient {
			return n, nil
		}
	}
	return nil, fault.New(fault.NotFound, "there is no notice to this recipient")
}

// Notice returns the notice with the id; fault.NotFound when there is none.
func (f *File) Notice(ctx context.Context, id string) (*Notice, error) {
	all, err := f.Notices(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range all {
		if n.ID == id {
			return n, nil
		}
	}
	return nil, fault.New(fault.NotFound, "there is no such notice")
}

// noticeWrites is how many writes one commit may spend on telling recipients: a transaction takes table.MaxTransactionItems, and
// the rest of the change needs room too.
const noticeWrites = 60

// Inform records that each recipient of a system has to be told of a verified change in it: what is Erased, Corrected or
// Restricted. The notice, its evidence and the outbox row that sends it are part of the commit; more says that there are recipients
// left for the next one, for which the caller calls again after it. Repeating it is harmless; a change that comes after the notice
// left goes out as its next revision. Nobody's answer waits for it.
func (f *File) Inform(ctx context.Context, recipients []string, system string, what dsar.Outcome) (more bool, err error) {
	if !slices.Contains([]dsar.Outcome{dsar.Erased, dsar.Corrected, dsar.Restricted}, what) {
		return false, fault.New(fault.Internal, "recipients are told of erased, corrected and restricted data only")
	}
	for _, name := range recipients {
		n, err := f.NoticeTo(ctx, name)
		fresh := fault.Has(err, fault.NotFound)
		if err != nil && !fresh {
			return false, err
		}
		if !fresh && slices.ContainsFunc(n.Changes, func(c NoticeChange) bool { return c.System == system && c.What == what }) {
			continue
		}
		cost := 1 // its entry
		if fresh || !n.touched {
			cost = 5 // the notice, its rows in the due index and by id, and its outbox row
		}
		if f.noticeCost += cost; f.noticeCost > noticeWrites {
			return true, nil
		}
		if fresh {
			n = f.openNotice(name)
		}
		n.touched = true
		if err := f.addChange(n, NoticeChange{system, what, f.now}); err != nil {
			return false, err
		}
	}
	return false, nil
}

func (f *File) openNotice(recipient string) *Notice {
	n := &Notice{ID: dsar.NewID(), Recipient: recipient, Status: NoticeOpen, OpenedAt: f.now, Revision: 1, Changes: []NoticeChange{}}
	f.notices = append(f.notices, n)
	f.With(table.Write{Op: table.Put, If: table.Absent, Item: table.Item{
		Key: table.Key{Table: table.Cases, PK: pkNotice(f.Case.Tenant, n.ID), SK: skCase}, Body: []byte(f.Case.ID + "#" + recipient),
	}})
	return n
}

func (f *File) addChange(n *Notice, c NoticeChange) error {
	n.Changes = append(n.Changes, c)
	fresh := n.Run == 0
	if n.Claimed == n.Revision {
		n.Revision++
	}
	switch {
	case n.Status == NoticeClaimed && n.Channel == ByMail:
		n.Claimed = n.Revision // the page behind the link shows what the record says when it is opened
	case n.Status == NoticeOpen && !fresh:
		n.Attempts, n.DueAt = 0, f.now
		f.WakeNotice(n)
	default:
		n.Status, n.Attempts, n.Reminders, n.Waiver = NoticeOpen, 0, 0, nil
		n.SentAt, n.AcknowledgedAt, n.EndedAt = time.Time{}, time.Time{}, time.Time{}
		n.DueAt = f.now
		f.runNotice(n)
	}
	kind := "notice_added"
	if fresh {
		kind = "notice_opened"
	}
	return f.NoticeEntry(n, kind, evidence.System, map[string]any{"system": c.System, "what": c.What, "revision": n.Revision})
}

// NoticeEntry adds an evidence entry to the chain of a notice, which is that of a task of the notice's id.
func (f *File) NoticeEntry(n *Notice, kind, actor string, facts map[string]any) error {
	facts["recipient"] = n.Recipient
	e, head, err := appendEntry(n.Head, &f.Case, evidence.TaskChain(n.ID), kind, actor, facts, f.now)
	if err != nil {
		return err
	}
	n.Head = head
	f.entries = append(f.entries, e)
	return nil
}

// runNotice asks for a new execution; the one before, if any, is superseded.
func (f *File) runNotice(n *Notice) {
	n.Run++
	n.RunAt, n.Token = f.now, nil
	f.out(OutboxRow{Kind: OutNotify, Notice: n.ID, Generation: n.Run})
}

// WakeNotice makes the execution of the notice look again after the commit, if it waits.
func (f *File) WakeNotice(n *Notice) {
	if !n.woken {
		n.woken = true
		f.out(OutboxRow{Kind: OutWake, Notice: n.ID})
	}
}

// AwaitNotice stores the token of the execution that waits.
func (f *File) AwaitNotice(n *Notice, token string) {
	n.Token = f.Keys.SealDoc(labelWait+waitName(noticeWaits, n.ID), []byte(token))
}

// TakeNoticeToken opens the token of the execution that waits and takes it out of the record; ok is false when none waits.
func (f *File) TakeNoticeToken(n *Notice) (token redact.Bytes, ok bool, err error) {
	if len(n.Token) == 0 {
		return redact.Bytes{}, false, nil
	}
	token, err = f.Keys.OpenDoc(labelWait+waitName(noticeWaits, n.ID), n.Token)
	n.Token = nil
	return token, err == nil, err
}

// putNotices writes the notices that changed, their due rows and their places in the list of what a person must decide.
func (f *File) putNotices(ws *[]table.Write) error {
	for _, n := range f.notices {
		sk := skNotice + n.Recipient
		old, existed := f.read[sk]
		var was Notice
		if existed && json.Unmarshal(old.Body, &was) != nil {
			return errDecode("notice")
		}
		if err := f.put(ws, sk, n, f.indexOfNotice(n)); err != nil {
			return err
		}
		due := table.Item{Key: f.key(skNoticeDue + n.Recipient)}
		switch {
		case n.DueAt.Equal(was.DueAt):
		case n.DueAt.IsZero():
			*ws = append(*ws, table.Write{Op: table.Delete, Item: due, If: table.AnyVersion})
		default:
			due.IPK = ipkDue(shard(f.Case.ID, DueShards))
			due.ISK = strings.Join([]string{stamp(n.DueAt), f.Case.Tenant, f.Case.ID, n.Recipient}, "#")
			due.Body = []byte(`{}`)
			*ws = append(*ws, table.Write{Op: table.Put, Item: due, If: table.AnyVersion})
		}
	}
	return nil
}

// Stuck reports whether a person must look at the notice: it was given up, or does not leave.
func (n *Notice) Stuck() bool {
	return n.Status == NoticeFailed || (n.Status == NoticeClaimed && n.Fault != "")
}

// StuckSince says since when a notice is stuck; zero when it is not.
func (n *Notice) StuckSince() time.Time {
	switch {
	case !n.Stuck():
		return time.Time{}
	case n.Status == NoticeFailed:
		return n.EndedAt
	}
	return n.ClaimedAt
}

// MayDecide reports whether a person may have the notice sent again, or excuse it: it has neither arrived nor is it on its way.
func (n *Notice) MayDecide() bool {
	return slices.Contains([]NoticeStatus{NoticeOpen, NoticeUnknown, NoticeFailed}, n.Status)
}

// indexOfNotice lists a notice among those that a person must look at.
func (f *File) indexOfNotice(n *Notice) [2]string {
	if !n.Stuck() {
		return [2]string{}
	}
	return [2]string{ipkNotices(f.Case.Tenant), stamp(n.StuckSince()) + "#" + f.Case.ID + "#" + n.Recipient}
}

// NoticeRef names a notice for a list.
type NoticeRef struct{ CaseID, Recipient string }

// StuckNotices returns the tenant's notices that a person must look at, the oldest first. The index may lag.
func (s *Store) StuckNotices(ctx context.Context, tenant string, limit int, cursor string) ([]NoticeRef, string, error) {
	page, err := s.table.Query(ctx, table.Query{Table: table.Cases, Index: true, PK: ipkNotices(tenant), Limit: limit, Cursor: cursor})
	if err != nil {
		return nil, "", fmt.Errorf("listing notices: %w", err)
	}
	var out []NoticeRef
	for _, it := range page.Items {
		out = append(out, NoticeRef{caseOf(it.PK), strings.TrimPrefix(it.SK, skNotice)})
	}
	return out, page.Next, nil
}

// NoticeByID returns where a notice lies; fault.NotFound when there is none.
func (s *Store) NoticeByID(ctx context.Context, tenant, id string) (NoticeRef, error) {
	it, err := s.table.Get(ctx, table.Key{Table: table.Cases, PK: pkNotice(tenant, id), SK: skCase})
	if err != nil {
		return NoticeRef{}, fmt.Errorf("reading notice: %w", err)
	}
	caseID, recipient, _ := strings.Cut(string(it.Body), "#")
	return NoticeRef{caseID, recipient}, nil
}
