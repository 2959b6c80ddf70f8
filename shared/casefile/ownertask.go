package casefile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Why a task of an owner is asked about; see Asked.Why.
const (
	WhyOwner       = "owner"        // its owner is asked and may still answer
	WhyOwnerLate   = "owner_late"   // the owner did not answer in time and still may; somebody of the privacy team may answer instead
	WhyOwnerCannot = "owner_cannot" // the owner said that it cannot be done, and why: the privacy team decides
)

// Time that an owner has.
const (
	OwnerShare   = 3                  // an owner gets one part in so many of what is left of the deadline
	BeforeCase   = 2 * 24 * time.Hour // the answer is due at least so long before the case
	LastReminder = 2 * 24 * time.Hour // so long before the answer is due the last reminder goes out
	NoDeadline   = 7 * 24 * time.Hour // for a case without a deadline
)

const (
	labelHolder = "holder#"
	labelUpload = "upload#"
	labelAnswer = "owner#"
)

// OwnerWork is what a task holds that the owner of a system acts on. Names, addresses and words in it are sealed.
type OwnerWork struct {
	AskedAt    time.Time    `json:"askedAt"`
	DueAt      time.Time    `json:"dueAt"` // by when the owner is asked to answer
	Vendor     bool         `json:"vendor,omitempty"`
	Holders    []Holder     `json:"holders"`             // who was asked, in order; the last one holds the task now
	Reminders  int          `json:"reminders,omitempty"` // sent so far
	Next       time.Time    `json:"next,omitzero"`       // when the clockwork must look at it; zero = no more
	OverdueAt  time.Time    `json:"overdueAt,omitzero"`  // when the privacy team was told that the answer is late
	Questions  int          `json:"questions,omitempty"` // asked back so far; their words are notes of the case
	QuestionAt time.Time    `json:"questionAt,omitzero"`
	Uploads    []Upload     `json:"uploads,omitempty"`
	UploadsNo  int          `json:"uploadsNo,omitempty"` // uploads so far, removed and refused ones included
	Answer     *OwnerAnswer `json:"answer,omitempty"`

	Checking []string        `json:"checking,omitempty"` // hand-overs of files that have come and are being checked
	Refused  []RefusedUpload `json:"refused,omitempty"`  // that came on their own, and whose owner has not gone on yet
}

// Holder is somebody who was asked.
type Holder struct {
	Address []byte      `json:"address"` // sealed
	Ref     subject.Ref `json:"ref"`     // pseudonym of the address; the actor of what this holder does
	Since   time.Time   `json:"since"`
	By      string      `json:"by"` // evidence actor who passed the task on, or system
}

// Upload is a file that an owner added. The object is sealed with the case's results key.
type Upload struct {
	N      int       `json:"n"` // from 1, never used twice in a task
	Object string    `json:"object"`
	Bytes  int64     `json:"bytes"`  // of the plain file
	SHA256 string    `json:"sha256"` // of the plain file, lower-case hex
	Kind   string    `json:"kind"`   // extension without the dot
	Name   []byte    `json:"name"`   // sealed
	At     time.Time `json:"at"`
}

// The answers of an owner.
const (
	OwnerDone   = "done"
	OwnerNone   = string(dsar.NothingHeld)
	OwnerCannot = "cannot"
)

// OwnerAnswer is what an owner answered.
type OwnerAnswer struct {
	Answer  string    `json:"answer"`            // one of the above
	Records int64     `json:"records,omitempty"` // erased or corrected
	Note    []byte    `json:"note,omitempty"`    // sealed
	By      string    `json:"by"`                // evidence actor
	At      time.Time `json:"at"`
}

// OwnerAsk is whom a task is put to.
type OwnerAsk struct {
	To     subject.Identifier
	Ref    subject.Ref
	Vendor bool // outside the controller
}

// OwnerDue returns by when an owner who is asked now should answer a case that is due then: a third of the time left, and at
// least two days before the case; sooner only when the case leaves no two days.
func OwnerDue(now, due time.Time) time.Time {
	if due.IsZero() {
		return now.Add(NoDeadline)
	}
	left := due.Sub(now)
	if left <= 0 {
		return now.Add(24 * time.Hour) // late already: every day counts
	}
	at := now.Add(left / OwnerShare)
	if latest := due.Add(-BeforeCase); at.After(latest) && latest.After(now) {
		at = latest
	}
	return at.UTC().Truncate(time.Second)
}

// AskOwner puts the task to whoever is responsible for the system: it waits for a person, the clockwork reminds, and staff may
// answer instead at any time. The caller queues the mail with the link under the same commit. A task that was put to an owner
// before, or is settled, stays as it is.
func (f *File) AskOwner(t *Task, a OwnerAsk) error {
	if t.Owner != nil || t.Status == TaskDone || t.Decision != nil || f.Case.Stopping() {
		return nil
	}
	due := OwnerDue(f.now, f.Case.Due.At)
	t.By = plan.Owner
	t.Owner = &OwnerWork{AskedAt: f.now, DueAt: due, Vendor: a.Vendor}
	t.Ask(WhyOwner, "Whoever is responsible for this system was asked by mail. You can record the answer instead, if it came another way.", f.now, AnswersForHandwork)
	t.Asked.DueAt = due
	f.hold(t, a, evidence.System)
	f.schedule(t)
	return f.TaskEntry(t, "owner_asked", evidence.System, map[string]any{
		"system": t.System, "action": t.Action, "owner": a.Ref, "due": due, "vendor": a.Vendor,
	})
}

// hold makes somebody the holder of the task.
func (f *File) hold(t *Task, a OwnerAsk, by string) {
	n := len(t.Owner.Holders) + 1
	t.Owner.Holders = append(t.Owner.Holders, Holder{
		Address: f.Keys.SealDoc(fmt.Sprintf("%s%s#%d", labelHolder, t.ID, n), []byte(a.To.Value.Reveal())), Ref: a.Ref, Since: f.now, By: by,
	})
}

// schedule sets when the clockwork looks at the task next: at half time, two days before the answer is due, and then.
func (f *File) schedule(t *Task) {
	w := t.Owner
	w.Next = time.Time{}
	half := w.AskedAt.Add(w.DueAt.Sub(w.AskedAt) / 2)
	for _, at := range []time.Time{half, w.DueAt.Add(-LastReminder), w.DueAt} {
		if !at.Before(half) && at.After(f.now) && (w.Next.IsZero() || at.Before(w.Next)) {
			w.Next = at
		}
	}
	if !w.Next.IsZero() && (f.Case.NextDue.IsZero() || w.Next.Before(f.Case.NextDue)) {
		f.Case.NextDue = w.Next
	}
}

// OwnerMay returns nil as long as the owner of the task's system may act on it: fault.NotFound when the task was never put to
// one, fault.Conflict when it was answered or settled, or the request ended.
func (f *File) OwnerMay(t *Task) error {
	switch {
	case t == nil || t.Owner == nil || len(t.Owner.Holders) == 0:
		return fault.New(fault.NotFound, "there is no such task")
	case t.Owner.Answer != nil || t.Decision != nil || t.Status != TaskPerson || !f.Case.Open() || f.Case.Stopping():
		return fault.New(fault.Conflict, "this task is settled")
	}
	return nil
}

// withOwner reports whether the clockwork keeps after the owner: nobody is pressed while the case is paused.
func (f *File) withOwner(t *Task) bool { return f.Case.Paused == nil && f.OwnerMay(t) == nil }

// OwnersNext returns when the clockwork must look at one of the tasks of owners; zero when at none.
func (f *File) OwnersNext() time.Time {
	var first time.Time
	for _, t := range f.Tasks {
		if f.withOwner(t) && !t.Owner.Next.IsZero() && (first.IsZero() || t.Owner.Next.Before(first)) {
			first = t.Owner.Next
		}
	}
	return first
}

// HolderAddress opens the address of the n-th holder, from 1; 0 is the present one.
func (f *File) HolderAddress(t *Task, n int) (redact.Text, error) {
	if n == 0 {
		n = len(t.Owner.Holders)
	}
	if n < 1 || n > len(t.Owner.Holders) {
		return redact.Text{}, fault.New(fault.NotFound, "the task had no such holder")
	}
	plain, err := f.Keys.OpenDoc(fmt.Sprintf("%s%s#%d", labelHolder, t.ID, n), t.Owner.Holders[n-1].Address)
	if err != nil {
		return redact.Text{}, fmt.Errorf("opening the address of a holder: %w", err)
	}
	return redact.NewText(string(plain.Reveal())), nil
}

// OwnerActor is the evidence actor of whoever holds the task.
func (t *Task) OwnerActor() string {
	return evidence.Owner(string(t.Owner.Holders[len(t.Owner.Holders)-1].Ref))
}

// maxHolders bounds how often a task may be passed on.
const maxHolders = 10

// PassOn gives the task to somebody else: the links of the one before end, and the time to answer stays as it was.
func (f *File) PassOn(t *Task, to OwnerAsk) error {
	if err := f.OwnerMay(t); err != nil {
		return err
	}
	switch last := t.Owner.Holders[len(t.Owner.Holders)-1]; {
	case last.Ref == to.Ref:
		return fault.InvalidField("/to", "the task is already with this address")
	case len(t.Owner.Holders) >= maxHolders:
		return fault.InvalidField("/to", "the task was passed on too often; ask the privacy team")
	}
	by := t.OwnerActor()
	f.hold(t, to, by)
	f.schedule(t)
	return f.TaskEntry(t, "owner_changed", by, map[string]any{"to": to.Ref, "holders": len(t.Owner.Holders)})
}

// OwnerIsDue reports whether the clockwork has something to do about the task now.
func (f *File) OwnerIsDue(t *Task) bool {
	return f.withOwner(t) && !t.Owner.Next.IsZero() && !t.Owner.Next.After(f.now)
}

// OwnerDueNow reports what the clockwork has to do about the task now: remind the holder, or tell the privacy team that the
// answer is late. It records that it was done; the caller queues the reminder.
func (f *File) OwnerDueNow(t *Task) (remind bool, err error) {
	if !f.OwnerIsDue(t) {
		return false, nil
	}
	w := t.Owner
	f.schedule(t)
	if f.now.Before(w.DueAt) {
		w.Reminders++
		return true, f.TaskEntry(t, "owner_reminded", evidence.System, map[string]any{"reminders": w.Reminders})
	}
	w.OverdueAt = f.now
	t.Asked.Why, t.Asked.Text = WhyOwnerLate, "Whoever is responsible for this system has not answered in time, and still can. Get in touch, or record the answer yourself."
	return false, f.TaskEntry(t, "owner_overdue", evidence.System, map[string]any{"system": t.System, "due": w.DueAt})
}

const maxQuestions = 20

// AskBack keeps a question of the holder as a note of the case. The subject never sees it.
func (f *File) AskBack(t *Task, text redact.Text) error {
	if err := f.OwnerMay(t); err != nil {
		return err
	}
	if t.Owner.Questions >= maxQuestions {
		return fault.New(fault.Throttled, "enough was asked by this page; write to the privacy team")
	}
	t.Owner.Questions++
	t.Owner.QuestionAt = f.now
	if err := f.Note(t.OwnerActor(), text); err != nil {
		return err
	}
	return f.TaskEntry(t, "owner_asked_back", t.OwnerActor(), map[string]any{"questions": t.Owner.Questions})
}

// AddUpload adds a file that is stored already.
func (f *File) AddUpload(t *Task, u Upload, name string) (int, error) {
	if err := f.OwnerMay(t); err != nil {
		return 0, err
	}
	t.Owner.UploadsNo++
	u.N, u.At = t.Owner.UploadsNo, f.now
	u.Name = f.Keys.SealDoc(fmt.Sprintf("%s%s#%d", labelUpload, t.ID, u.N), []byte(name))
	t.Owner.Uploads = append(t.Owner.Uploads, u)
	return u.N, f.TaskEntry(t, "file_added", t.OwnerActor(), map[string]any{"n": u.N, "kind": u.Kind, "bytes": u.Bytes, "sha256": u.SHA256})
}

// RemoveUpload takes a file away again and returns the name of its object, which the caller deletes after the commit.
// fault.NotFound when there is no such file.
func (f *File) RemoveUpload(t *Task, n int) (object string, err error) {
	if err := f.OwnerMay(t); err != nil {
		return "", err
	}
	i := slices.IndexFunc(t.Owner.Uploads, func(u Upload) bool { return u.N == n })
	if i < 0 {
		return "", fault.New(fault.NotFound, "there is no such file")
	}
	object = t.Owner.Uploads[i].Object
	t.Owner.Uploads = slices.Delete(t.Owner.Uploads, i, i+1)
	return object, f.TaskEntry(t, "file_removed", t.OwnerActor(), map[string]any{"n": n})
}

// UploadName opens the name of a file of the task.
func (f *File) UploadName(t *Task, u Upload) (redact.Text, error) {
	plain, err := f.Keys.OpenDoc(fmt.Sprintf("%s%s#%d", labelUpload, t.ID, u.N), u.Name)
	if err != nil {
		return redact.Text{}, fmt.Errorf("opening the name of a file: %w", err)
	}
	return redact.NewText(string(plain.Reveal())), nil
}

// Reply is an owner's answer as it was given.
type Reply struct {
	Answer  string
	Records int64
	Note    redact.Text
}

// MaxRecords bounds the number of records an owner may name.
const MaxRecords = 1_000_000_000

// check holds a reply to what its action needs: files for a copy, a number for what was changed, words or a file that say how
// a restriction is enforced (GDPR Art. 18 asks for more than good will), and a reason for what cannot be done (Art. 12(4)).
func (r Reply) check(t *Task) error {
	files := len(t.Owner.Uploads)
	said := strings.TrimSpace(r.Note.Reveal()) != ""
	switch {
	case !slices.Contains([]string{OwnerDone, OwnerNone, OwnerCannot}, r.Answer):
		return fault.InvalidField("/answer", "answer done, nothing_held or cannot")
	case r.Answer == OwnerNone && files > 0:
		return fault.InvalidField("/files", "files were added although nothing is held; remove them first")
	case r.Answer == OwnerCannot && !said:
		return fault.InvalidField("/note", "say why it cannot be done")
	case r.Answer != OwnerDone:
		return nil
	case len(t.Owner.Checking) > 0:
		return fault.InvalidField("/checking", "a file is still being checked")
	}
	switch t.Action {
	case dsar.ReadOut:
		if files == 0 {
			return fault.InvalidField("/files", "add the files that hold the data")
		}
	case dsar.Erase, dsar.Correct:
		if r.Records < 1 || r.Records > MaxRecords {
			return fault.InvalidField("/records", "say how many records were changed")
		}
	default:
		if !said && files == 0 {
			return fault.InvalidField("/note", "say how it is made sure, or add a file that shows it")
		}
	}
	return nil
}

// OwnerAnswers records the holder's reply. "done" and "nothing_held" settle the task and wake whatever waits for it; "cannot" leaves
// it to the privacy team, who see the reason and decide. fault.Conflict when the task is settled; fault.Invalid names what the
// reply lacks.
func (f *File) OwnerAnswers(t *Task, r Reply) error {
	if err := f.OwnerMay(t); err != nil {
		return err
	}
	if err := r.check(t); err != nil {
		return err
	}
	by := t.OwnerActor()
	a := &OwnerAnswer{Answer: r.Answer, By: by, At: f.now}
	if r.Answer == OwnerDone && (t.Action == dsar.Erase || t.Action == dsar.Correct) {
		a.Records = r.Records
	}
	if !r.Note.IsZero() {
		a.Note = f.Keys.SealDoc(labelAnswer+t.ID, []byte(r.Note.Reveal()))
	}
	t.Owner.Answer, t.Owner.Next = a, time.Time{}
	facts := a.facts(t)
	if r.Answer == OwnerCannot {
		t.Asked.Why, t.Asked.Text = WhyOwnerCannot, "Whoever is responsible for this system says that it cannot be done. Read the reason and decide what becomes of it."
		t.Asked.DueAt = f.Case.Due.At
		return f.TaskEntry(t, "owner_cannot", by, facts)
	}
	raw, err := json.Marshal(facts)
	if err != nil {
		return fmt.Errorf("encoding a receipt: %w", err)
	}
	sum := sha256.Sum256(raw)
	t.Parts, t.Collections, t.State, t.Receipt = nil, nil, nil, hex.EncodeToString(sum[:])
	outcome := dsar.NothingHeld
	if r.Answer == OwnerDone {
		outcome = t.Action.Done()
	}
	t.Done(outcome, f.now)
	facts["outcome"], facts["receipt"] = outcome, t.Receipt
	f.calm()
	f.Signal()
	return f.TaskEntry(t, "owner_answered", by, facts)
}

// facts are what the evidence keeps of an answer: no words, only the digest of the sealed ones.
func (a *OwnerAnswer) facts(t *Task) map[string]any {
	sums := []string{}
	for _, u := range t.Owner.Uploads {
		sums = append(sums, u.SHA256)
	}
	facts := map[string]any{"system": t.System, "action": t.Action, "answer": a.Answer, "records": a.Records, "files": sums}
	if len(a.Note) > 0 {
		sum := sha256.Sum256(a.Note)
		facts["note"] = hex.EncodeToString(sum[:])
	}
	return facts
}

// OwnerNote opens the words of the owner's answer; empty when there are none.
func (f *File) OwnerNote(t *Task) (redact.Text, error) {
	if t.Owner == nil || t.Owner.Answer == nil || len(t.Owner.Answer.Note) == 0 {
		return redact.Text{}, nil
	}
	plain, err := f.Keys.OpenDoc(labelAnswer+t.ID, t.Owner.Answer.Note)
	if err != nil {
		return redact.Text{}, fmt.Errorf("opening the words of an owner: %w", err)
	}
	return redact.NewText(string(plain.Reveal())), nil
}

// Attachments are the files of the task that the person gets: those of a task that found something, however that was decided.
func (t *Task) Attachments() []Upload {
	if t.Owner == nil || t.Action != dsar.ReadOut || t.Outcome != dsar.Found {
		return nil
	}
	return t.Owner.Uploads
}

// ByHand is how many records an owner says were changed; 0 when none of them did.
func (t *Task) ByHand() int64 {
	if t.Owner == nil || t.Owner.Answer == nil || t.Status != TaskDone || t.Outcome != t.Action.Done() {
		return 0
	}
	return t.Owner.Answer.Records
}
