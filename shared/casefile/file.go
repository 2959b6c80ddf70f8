package casefile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/table"
)

// File is a case read for changing: change Case, Tasks and Person in place, add entries, mails and signals, then Commit.
// What changed is found by comparing with what was read. A File belongs to one goroutine and is used for one commit.
type File struct {
	Case  Case
	Tasks []*Task
	Waits []*Wait
	Keys  *keys.CaseKeys

	store   *Store
	now     time.Time
	read    map[string]table.Item // by sk, as read
	due     time.Time             // NextDue as read
	asked   time.Time             // askedSince as read
	late    string                // lateIndex as read
	person  *Person
	entries []evidence.Entry
	outbox  []OutboxRow
	extra   []table.Write
	signal  bool
	awaits  bool     // a token was left with this change
	drop    []string // sks to delete
	joined  []*File

	notices     []*Notice
	noticesRead bool
	noticeCost  int

	counted  string // row of numbers as read
	answered bool   // answered in substance, as read

	subs     []*Sub
	subsRead bool
}

// Now is the instant at which the file was read; every change in it carries this time.
func (f *File) Now() time.Time { return f.now }

// Person opens the personal document.
func (f *File) Person() (*Person, error) {
	if f.person == nil {
		it, ok := f.read[skPerson]
		if !ok {
			return nil, errDecode("personal document")
		}
		p, err := openPerson(f.Keys, it.Body)
		if err != nil {
			return nil, err
		}
		f.person = p
	}
	return f.person, nil
}

// Entry adds an evidence entry to the case's chain. Facts is a struct or map without personal data.
func (f *File) Entry(kind, actor string, facts any) error {
	e, head, err := appendEntry(f.Case.Head, &f.Case, evidence.CaseChain, kind, actor, facts, f.now)
	if err != nil {
		return err
	}
	f.Case.Head = head
	f.entries = append(f.entries, e)
	return nil
}

// TaskEntry adds an evidence entry to a task's chain.
func (f *File) TaskEntry(t *Task, kind, actor string, facts any) error {
	e, head, err := appendEntry(t.Head, &f.Case, evidence.TaskChain(t.ID), kind, actor, facts, f.now)
	if err != nil {
		return err
	}
	t.Head = head
	f.entries = append(f.entries, e)
	return nil
}

func appendEntry(h evidence.Head, c *Case, chain, kind, actor string, facts any, at time.Time) (evidence.Entry, evidence.Head, error) {
	e, head, err := h.Append(evidence.Draft{Tenant: c.Tenant, Case: c.ID, Chain: chain, At: at, Kind: kind, Actor: actor, Facts: facts})
	if err != nil {
		return evidence.Entry{}, h, fmt.Errorf("appending evidence: %w", err)
	}
	return e, head, nil
}

// Batch is how many tasks one commit changes at most: a transaction takes table.MaxTransactionItems writes, and a task may need
// one for itself and one for its entry.
const Batch = 40

// SettleTasks carries the chain of tasks that ended into the case's chain; more says that there are others left for the next
// commit.
func (f *File) SettleTasks() (more bool, err error) {
	settled := 0
	for _, t := range f.Tasks {
		if t.Status != TaskDone || t.Chained == t.Head.Seq {
			continue
		}
		if settled++; settled > Batch {
			return true, nil
		}
		d := evidence.TaskEnded(f.Case.Tenant, f.Case.ID, t.ID, t.Head, f.now)
		if err := f.Entry(d.Kind, d.Actor, d.Facts); err != nil {
			return false, err
		}
		t.Chained = t.Head.Seq
	}
	return false, nil
}

// Task returns the task with the id, or nil.
func (f *File) Task(id string) *Task {
	for _, t := range f.Tasks {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// TaskFor returns the newest task of the action on the system, or nil.
func (f *File) TaskFor(system string, action dsar.Action) *Task {
	for _, t := range slices.Backward(f.Tasks) {
		if t.System == system && t.Action == action {
			return t
		}
	}
	return nil
}

// AddTask opens a new task.
func (f *File) AddTask(system string, action dsar.Action) *Task {
	t := &Task{ID: dsar.NewID(), System: system, Action: action, By: plan.Machine, Status: TaskOpen, StartedAt: f.now}
	f.Tasks = append(f.Tasks, t)
	return t
}

// Letter is a rendered letter to be sent.
type Letter struct {
	Kind    string
	To      redact.Text
	Subject string
	Text    redact.Text
	HTML    redact.Text
	Party   string // to whom it goes: empty = the person whose request it is; ToOwner, ToRecipient
	TaskID  string // of a letter to an owner; id of the notice that a letter to a recipient carries
	Wording int    // version of the tenant's own words that it was written with; 0: it has none
}

// ToOwner marks a letter that goes to whoever is responsible for a system, or to a vendor, and not to the person.
const ToOwner = "owner"

// ToTeam marks a letter that goes to the privacy team.
const ToTeam = "team"

// ToRecipient marks a letter that carries a notice to a recipient of data.
const ToRecipient = "recipient"

type sealedLetter struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
	HTML    string `json:"html,omitempty"`
}

// Send queues a letter: the sealed mail, its evidence entry and its outbox row are part of the commit; the mail itself goes
// out after it. The ledger says so before anything is sent.
func (f *File) Send(l Letter) error {
	f.Case.LettersNo++
	n := f.Case.LettersNo
	plain, err := json.Marshal(sealedLetter{l.To.Reveal(), l.Subject, l.Text.Reveal(), l.HTML.Reveal()})
	if err != nil {
		return fmt.Errorf("encoding letter: %w", err)
	}
	sum := sha256.Sum256([]byte(l.Text.Reveal()))
	m := Mail{
		N: n, Kind: l.Kind, MessageID: fmt.Sprintf("%s.%s.%d@%s", f.Case.ID, strings.ReplaceAll(l.Kind, "_", "-"), n, f.store.mailDomain),
		State: mail.Claimed, SHA256: hex.EncodeToString(sum[:]), QueuedAt: f.now,
		Content: f.Keys.SealDoc(fmt.Sprintf("%s%d", labelMail, n), plain), Party: l.Party, TaskID: l.TaskID,
	}
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding mail: %w", err)
	}
	f.extra = append(f.extra, table.Write{Op: table.Put, If: table.Absent, Item: table.Item{Key: f.key(fmt.Sprintf("%s%06d", skMail, n)), Body: body}})
	facts := map[string]any{"kind": l.Kind, "n": n, "sha256": m.SHA256}
	if l.Party != "" {
		facts["to"] = l.Party
	}
	if l.Wording > 0 {
		facts["wordingVersion"] = l.Wording
	}
	if err := f.Entry("letter_claimed", "system", facts); err != nil {
		return err
	}
	f.out(OutboxRow{Kind: OutMail, Mail: n})
	f.replaced(l.Kind)
	if f.Case.MailCopies != nil && l.Party == "" && !f.Case.Open() {
		f.KeepCopiesUntil(f.now.Add(CopiesAfter)) // this letter leaves a copy too
	}
	return nil
}

// Say adds a message to the conversation; from is "subject" or "staff:<id>". It may stop every waiting step to look again.
func (f *File) Say(from string, text redact.Text) error {
	return f.say(from, text, false)
}

func (f *File) say(from string, text redact.Text, statement bool) error {
	n := f.nextEntry()
	sealed := f.Keys.SealDoc(fmt.Sprintf("%s%d", labelMessage, n), []byte(text.Reveal()))
	body, err := json.Marshal(Message{N: n, From: from, At: f.now, Text: sealed, Statement: statement})
	if err != nil {
		return fmt.Errorf("encoding message: %w", err)
	}
	f.extra = append(f.extra, table.Write{Op: table.Put, If: table.Absent, Item: table.Item{Key: f.key(fmt.Sprintf("%s%015d", skMessage, n)), Body: body}})
	f.reacted(from)
	kind := "message_added"
	if statement {
		kind = "disagreement_stated"
	}
	return f.Entry(kind, from, map[string]any{"n": n})
}

// nextEntry is the place that the next entry gets in the case's chain. It numbers what is said with that entry: in order, and
// never twice, however fast two of them follow each other.
func (f *File) nextEntry() int { return int(f.Case.Head.Seq) + 1 }

// Signal makes functions/internal/signal look at every waiting token of the case after the commit.
func (f *File) Signal() {
	if !f.signal {
		f.signal = true
		f.out(OutboxRow{Kind: OutSignal})
	}
}

// Start makes the case's execution of its current generation start (at phase resumeAt) after the commit.
func (f *File) Start() {
	f.out(OutboxRow{Kind: OutStart, Generation: f.Case.Generation, ResumeAt: f.Case.Phase})
}

// Publish puts an event of the type on the bus after the commit.
func (f *File) Publish(event string) { f.out(OutboxRow{Kind: OutEvent, Event: event}) }

// TakeOver raises the generation and starts the case anew at its phase. The older generation's steps are superseded.
func (f *File) TakeOver(actor, why string) error {
	f.Case.Generation++
	f.Signal() // tokens of the older generation are answered: superseded
	f.Start()
	return f.Entry("taken_over", actor, map[string]any{"generation": f.Case.Generation, "phase": f.Case.Phase, "why": why})
}

func (f *File) out(r OutboxRow) {
	f.Case.RowsNo++
	r.Tenant, r.CaseID, r.N, r.At = f.Case.Tenant, f.Case.ID, f.Case.RowsNo, f.now
	f.outbox = append(f.outbox, r)
}

func waitName(state, taskID string) string {
	if taskID == "" {
		return state
	}
	return state + "#" + taskID
}

// Await stores the token of a waiting state; a newer token replaces an older one (only the newest counts).
func (f *File) Await(state, taskID, token string) {
	w := &Wait{
		State: state, TaskID: taskID, Generation: f.Case.Generation, Since: f.now,
		Token: f.Keys.SealDoc(labelWait+waitName(state, taskID), []byte(token)),
	}
	f.Waits = slices.DeleteFunc(f.Waits, func(o *Wait) bool { return o.State == state && o.TaskID == taskID })
	f.Waits = append(f.Waits, w)
	f.awaits = true
}

// Token opens the token of a wait.
func (f *File) Token(w *Wait) (redact.Bytes, error) {
	return f.Keys.OpenDoc(labelWait+waitName(w.State, w.TaskID), w.Token)
}

// Answered removes a wait whose token was answered.
func (f *File) Answered(w *Wait) {
	f.dropWait(w)
	f.Waits = slices.DeleteFunc(f.Waits, func(o *Wait) bool { return o == w })
}

func (f *File) dropWait(w *Wait) { f.drop = append(f.drop, skWait+waitName(w.State, w.TaskID)) }

// Join adds another case's file to the commit of this one.
func (f *File) Join(o *File) { f.joined = append(f.joined, o) }

// Joined returns the files added by Join.
func (f *File) Joined() []*File { return f.joined }

// With adds writes of other aggregates to the commit (a download token, a keyed index row).
func (f *File) With(w ...table.Write) { f.extra = append(f.extra, w...) }

// Tenant returns the keys of the case's tenant.
func (f *File) Tenant(ctx context.Context) (*keys.TenantKeys, error) {
	return f.store.vault.Tenant(ctx, f.Case.Tenant)
}

func (f *File) key(sk string) table.Key {
	return table.Key{Table: table.Cases, PK: pkCase(f.Case.Tenant, f.Case.ID), SK: sk}
}
