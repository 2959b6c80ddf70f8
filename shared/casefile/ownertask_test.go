package casefile_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

const (
	canaryOwner = "olga.quillfeather@example.com"
	canaryHeir  = "henry.quillfeather@example.com"
	canaryFile  = "Quillfeather letters 1998.pdf"
	canaryNote  = "Quillfeather is in the locked cupboard"
)

func ask(t testing.TB, address, ref string) casefile.OwnerAsk {
	return casefile.OwnerAsk{To: email(t, address), Ref: subject.Ref(ref)}
}

// asked returns a case with a task that was put to an owner.
func (r *rig) asked(action dsar.Action) (casefile.Case, string) {
	r.t.Helper()
	c := r.create()
	var id string
	r.change(c, func(f *casefile.File) {
		f.Case.Status, f.Case.Due.At = dsar.InProgress, r.now.AddDate(0, 0, 30)
		t := f.AddTask("archive", action)
		id = t.ID
		r.ok(f.AskOwner(t, ask(r.t, canaryOwner, "ref-one")))
	})
	return c, id
}

func upload(sum string, bytes int64) casefile.Upload {
	return casefile.Upload{Object: "raw/x", Bytes: bytes, SHA256: sum, Kind: "pdf"}
}

func TestAnOwnerHasAThirdOfTheTimeLeft(t *testing.T) {
	now := time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)
	for left, want := range map[time.Duration]time.Duration{
		30 * 24 * time.Hour: 10 * 24 * time.Hour,
		6 * 24 * time.Hour:  2 * 24 * time.Hour,
		60 * time.Hour:      12 * time.Hour, // two days before the case, not a third
		30 * time.Hour:      10 * time.Hour, // there are no two days left
		-time.Hour:          24 * time.Hour,
	} {
		if got := casefile.OwnerDue(now, now.Add(left)).Sub(now); got != want {
			t.Errorf("with %s left an owner has %s, want %s", left, got, want)
		}
	}
	if got := casefile.OwnerDue(now, time.Time{}); !got.Equal(now.Add(casefile.NoDeadline)) {
		t.Errorf("without a deadline an owner has until %s", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		left := time.Duration(rapid.Int64Range(int64(-48*time.Hour), int64(400*24*time.Hour)).Draw(t, "left"))
		got := casefile.OwnerDue(now, now.Add(left))
		if !got.After(now.Add(-time.Second)) || left > casefile.BeforeCase+time.Minute && got.After(now.Add(left-casefile.BeforeCase)) {
			t.Fatalf("with %s left an owner has until %s", left, got)
		}
	})
}

func TestAskingAnOwnerTwiceAsksOnce(t *testing.T) {
	r := newRig(t)
	c, id := r.asked(dsar.ReadOut)
	r.change(c, func(f *casefile.File) { r.ok(f.AskOwner(f.Task(id), ask(t, canaryHeir, "ref-two"))) })
	f := r.load(c)
	one := f.Task(id)
	if len(one.Owner.Holders) != 1 || one.By != plan.Owner || one.Status != casefile.TaskPerson || one.Asked.Why != casefile.WhyOwner ||
		!slices.Equal(one.Asked.Answers, casefile.AnswersForHandwork) || !one.Asked.DueAt.Equal(r.now.AddDate(0, 0, 10)) || !f.Case.NextDue.Before(r.now.AddDate(0, 0, 6)) {
		t.Errorf("%+v", one)
	}
	address, err := f.HolderAddress(one, 0)
	r.ok(err)
	if address.Reveal() != canaryOwner {
		t.Error("the address of the holder is another one")
	}
	if _, err := f.HolderAddress(one, 2); !fault.Has(err, fault.NotFound) {
		t.Errorf("a holder that never was: %v", err)
	}
	refs, _, err := r.cases.PersonTasks(t.Context(), tenant, 10, "")
	r.ok(err)
	if len(refs) != 1 || refs[0].TaskID != id {
		t.Errorf("the privacy team sees %v", refs)
	}
	r.verify(c)
}

func TestTheClockworkRemindsAndEscalates(t *testing.T) {
	r := newRig(t)
	c, id := r.asked(dsar.Erase)
	start := r.now
	var did []string
	for day := range 15 {
		r.now = start.AddDate(0, 0, day)
		r.change(c, func(f *casefile.File) {
			one := f.Task(id)
			late := one.Asked.Why == casefile.WhyOwnerLate
			remind, err := f.OwnerDueNow(one)
			r.ok(err)
			switch {
			case remind:
				did = append(did, "remind "+r.now.Format("2"))
			case !late && one.Asked.Why == casefile.WhyOwnerLate:
				did = append(did, "late "+r.now.Format("2"))
			}
		})
	}
	if want := []string{"remind 9", "remind 12", "late 14"}; !slices.Equal(did, want) {
		t.Errorf("the clockwork did %q, want %q", did, want)
	}
	f := r.load(c)
	if one := f.Task(id); one.Owner.Reminders != 2 || one.Owner.OverdueAt.IsZero() || !f.OwnersNext().IsZero() || f.OwnerMay(one) != nil {
		t.Errorf("after its day a task has %+v; it must stay open", one.Owner)
	}
	r.verify(c)
}

func TestRepliesNeedWhatTheirActionNeeds(t *testing.T) {
	note := redact.NewText(canaryNote)
	for name, x := range map[string]struct {
		action dsar.Action
		files  int
		reply  casefile.Reply
		field  string // empty = it is taken
		want   dsar.Outcome
	}{
		"a copy with files":            {dsar.ReadOut, 1, casefile.Reply{Answer: casefile.OwnerDone}, "", dsar.Found},
		"a copy without files":         {dsar.ReadOut, 0, casefile.Reply{Answer: casefile.OwnerDone, Note: note}, "/files", ""},
		"nothing held":                 {dsar.ReadOut, 0, casefile.Reply{Answer: casefile.OwnerNone}, "", dsar.NothingHeld},
		"nothing held, but files":      {dsar.ReadOut, 1, casefile.Reply{Answer: casefile.OwnerNone}, "/files", ""},
		"erased":                       {dsar.Erase, 0, casefile.Reply{Answer: casefile.OwnerDone, Records: 3, Note: note}, "", dsar.Erased},
		"erased without a number":      {dsar.Erase, 0, casefile.Reply{Answer: casefile.OwnerDone}, "/records", ""},
		"erased beyond belief":         {dsar.Erase, 0, casefile.Reply{Answer: casefile.OwnerDone, Records: casefile.MaxRecords + 1}, "/records", ""},
		"corrected":                    {dsar.Correct, 0, casefile.Reply{Answer: casefile.OwnerDone, Records: 1}, "", dsar.Corrected},
		"corrected without a number":   {dsar.Correct, 0, casefile.Reply{Answer: casefile.OwnerDone, Records: -1}, "/records", ""},
		"restricted, with words":       {dsar.Restrict, 0, casefile.Reply{Answer: casefile.OwnerDone, Note: note}, "", dsar.Restricted},
		"restricted, with a receipt":   {dsar.Restrict, 1, casefile.Reply{Answer: casefile.OwnerDone}, "", dsar.Restricted},
		"restricted, nobody says how":  {dsar.Restrict, 0, casefile.Reply{Answer: casefile.OwnerDone, Note: redact.NewText(" ")}, "/note", ""},
		"cannot, nobody says why":      {dsar.Erase, 0, casefile.Reply{Answer: casefile.OwnerCannot}, "/note", ""},
		"an answer that is none":       {dsar.Erase, 0, casefile.Reply{Answer: "retained"}, "/answer", ""},
		"an empty answer is no answer": {dsar.Erase, 0, casefile.Reply{}, "/answer", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c, id := r.asked(x.action)
			f := r.load(c)
			one := f.Task(id)
			for range x.files {
				_, err := f.AddUpload(one, upload(strings.Repeat("a", 64), 10), canaryFile)
				r.ok(err)
			}
			err := f.OwnerAnswers(one, x.reply)
			if x.field != "" {
				e, ok := errors.AsType[*fault.Error](err)
				if !ok || e.Class != fault.Invalid || e.Field != x.field || one.Status != casefile.TaskPerson {
					t.Errorf("got %v, want a fault at %s", err, x.field)
				}
				return
			}
			r.ok(err)
			if one.Outcome != x.want || one.Status != casefile.TaskDone || len(one.Receipt) != 64 || f.Case.Status != dsar.InProgress {
				t.Errorf("settled as %s with receipt %q", one.Outcome, one.Receipt)
			}
			r.commit(f)
			if rows := r.outbox(c); !slices.ContainsFunc(rows, func(o casefile.OutboxRow) bool { return o.Kind == casefile.OutSignal }) {
				t.Error("nothing that waits is woken")
			}
			r.want(r.load(c).OwnerAnswers(r.load(c).Task(id), x.reply), fault.Conflict)
			r.verify(c)
		})
	}
}

func TestWhatAnOwnerCannotDoIsDecidedByStaff(t *testing.T) {
	r := newRig(t)
	c, id := r.asked(dsar.Erase)
	r.change(c, func(f *casefile.File) {
		f.Case.Status = dsar.AwaitingPerson
		r.ok(f.OwnerAnswers(f.Task(id), casefile.Reply{Answer: casefile.OwnerCannot, Note: redact.NewText(canaryNote)}))
	})
	f := r.load(c)
	one := f.Task(id)
	if one.Status != casefile.TaskPerson || one.Asked.Why != casefile.WhyOwnerCannot || one.Outcome != "" || f.Case.Status != dsar.AwaitingPerson || one.ByHand() != 0 {
		t.Errorf("%+v", one)
	}
	note, err := f.OwnerNote(one)
	r.ok(err)
	if note.Reveal() != canaryNote {
		t.Error("the reason does not open")
	}
	r.want(f.OwnerMay(one), fault.Conflict)
	r.ok(f.DecideTask(one, "staff:s1", string(dsar.Retained), redact.NewText("kept for the tax office")))
	r.commit(f)
	r.verify(c)
}

func TestStaffAnswerForAnOwner(t *testing.T) {
	r := newRig(t)
	c, id := r.asked(dsar.Erase)
	r.change(c, func(f *casefile.File) {
		r.ok(f.DecideTask(f.Task(id), "staff:s1", "done", redact.NewText("they called")))
	})
	f := r.load(c)
	r.want(f.OwnerMay(f.Task(id)), fault.Conflict)
	if remind, err := f.OwnerDueNow(f.Task(id)); remind || err != nil {
		t.Errorf("a settled task reminds: %t %v", remind, err)
	}
}

func TestATaskIsPassedOnBoundedly(t *testing.T) {
	r := newRig(t)
	c, id := r.asked(dsar.ReadOut)
	f := r.load(c)
	one := f.Task(id)
	r.want(f.PassOn(one, ask(t, canaryOwner, "ref-one")), fault.Invalid)
	first := one.OwnerActor()
	r.ok(f.PassOn(one, ask(t, canaryHeir, "ref-two")))
	if one.OwnerActor() == first || one.Owner.Holders[1].By != first || !one.Owner.DueAt.Equal(r.now.AddDate(0, 0, 10)) {
		t.Errorf("passed on as %+v", one.Owner)
	}
	passed := 2
	for ; passed < 50; passed++ {
		ref := []string{"ref-one", "ref-two"}[passed%2]
		if err := f.PassOn(one, ask(t, canaryOwner, ref)); err != nil {
			r.want(err, fault.Invalid)
			break
		}
	}
	if passed == 50 {
		t.Error("a task is passed on without end")
	}
	r.commit(f)
	r.verify(c)
}

func TestFilesAndQuestionsOfAnOwner(t *testing.T) {
	r := newRig(t)
	c, id := r.asked(dsar.ReadOut)
	r.change(c, func(f *casefile.File) {
		one := f.Task(id)
		for n := range 3 {
			got, err := f.AddUpload(one, upload(strings.Repeat("b", 64), int64(n)), canaryFile)
			r.ok(err)
			if got != n+1 {
				t.Errorf("file %d has number %d", n+1, got)
			}
		}
		object, err := f.RemoveUpload(one, 3)
		r.ok(err)
		if object != "raw/x" {
			t.Errorf("the object is %q", object)
		}
		_, err = f.RemoveUpload(one, 3)
		r.want(err, fault.NotFound)
		if n, err := f.AddUpload(one, upload(strings.Repeat("c", 64), 9), canaryFile); err != nil || n != 4 {
			t.Errorf("a number is used twice: %d, %v", n, err)
		}
		r.ok(f.AskBack(one, redact.NewText(canaryNote)))
		if one.Attachments() != nil {
			t.Error("files of an open task are attached")
		}
		r.ok(f.OwnerAnswers(one, casefile.Reply{Answer: casefile.OwnerDone, Note: redact.NewText(canaryNote)}))
	})
	f := r.load(c)
	one := f.Task(id)
	if len(one.Attachments()) != 3 || one.Owner.Questions != 1 {
		t.Errorf("%+v", one.Owner)
	}
	name, err := f.UploadName(one, one.Owner.Uploads[0])
	r.ok(err)
	if name.Reveal() != canaryFile {
		t.Error("the name of the file does not open")
	}
	notes, err := r.cases.Notes(t.Context(), tenant, c.ID, 10)
	r.ok(err)
	if len(notes) != 1 || notes[0].Text.Reveal() != canaryNote || notes[0].From != one.OwnerActor() {
		t.Errorf("the question is not with the notes: %d", len(notes))
	}
	if leaks := r.leaks(canaryOwner, canaryFile, canaryNote); len(leaks) > 0 {
		t.Errorf("in the open: %q", leaks)
	}
	r.verify(c)
}

func TestAPausedCasePressesNobody(t *testing.T) {
	r := newRig(t)
	c, id := r.asked(dsar.ReadOut)
	r.change(c, func(f *casefile.File) { r.ok(f.Pause("staff:s1", redact.NewText("waiting for counsel"))) })
	r.now = r.now.AddDate(0, 0, 6)
	f := r.load(c)
	if f.OwnerIsDue(f.Task(id)) || !f.OwnersNext().IsZero() || f.OwnerMay(f.Task(id)) != nil {
		t.Error("while a case is paused its owners may answer, and are not pressed")
	}
	r.ok(f.Resume("staff:s1"))
	if !f.OwnerIsDue(f.Task(id)) {
		t.Error("after it is resumed the reminder is due")
	}
}

func TestQuestionsAreBounded(t *testing.T) {
	r := newRig(t)
	c, id := r.asked(dsar.ReadOut)
	for range 100 {
		f := r.load(c)
		if err := f.AskBack(f.Task(id), redact.NewText("and now?")); err != nil {
			r.want(err, fault.Throttled)
			return
		}
		r.commit(f)
		r.now = r.now.Add(time.Second)
	}
	t.Error("an owner asks without end")
}

func TestAnEndedRequestTakesNothingMore(t *testing.T) {
	r := newRig(t)
	c, id := r.asked(dsar.ReadOut)
	r.change(c, func(f *casefile.File) { r.ok(f.Withdraw("subject", redact.Text{})) })
	f := r.load(c)
	one := f.Task(id)
	r.want(f.OwnerMay(one), fault.Conflict)
	r.want(f.OwnerAnswers(one, casefile.Reply{Answer: casefile.OwnerNone}), fault.Conflict)
	r.want(f.PassOn(one, ask(t, canaryHeir, "ref-two")), fault.Conflict)
	_, err := f.AddUpload(one, upload("", 1), "x")
	r.want(err, fault.Conflict)
	r.want(f.OwnerMay(nil), fault.NotFound)
	r.want(f.OwnerMay(f.AddTask("shop", dsar.ReadOut)), fault.NotFound)
}
