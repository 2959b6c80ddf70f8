package casefile_test

import (
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// due opens a case with a hundred days from receipt to the due instant, so that a day is one per cent.
func (r *rig) due(phase dsar.Phase) casefile.Case {
	r.t.Helper()
	c := r.create()
	r.change(c, func(f *casefile.File) {
		f.Case.Due.At = f.Case.ReceivedAt.AddDate(0, 0, 100)
		f.Case.Phase, f.Case.Verification.VerifiedAt = phase, f.Now()
		r.ok(f.Case.Become(dsar.InProgress))
	})
	return r.read(c.ID)
}

func (r *rig) read(id string) casefile.Case {
	r.t.Helper()
	c, err := r.cases.Case(r.t.Context(), tenant, id)
	r.ok(err)
	return c
}

func TestAlarmsRiseOnceALevel(t *testing.T) {
	r := newRig(t)
	c := r.due(dsar.PhaseRun)
	start := c.ReceivedAt
	raise := func(at time.Time) (level int) {
		r.now = at
		r.change(c, func(f *casefile.File) {
			var err error
			level, err = f.RaiseAlarm()
			r.ok(err)
		})
		return level
	}
	day := func(n int) time.Time { return start.AddDate(0, 0, n) }
	for _, x := range []struct {
		at   time.Time
		want int
	}{
		{day(50).Add(-time.Millisecond), 0},
		{day(50), 50},
		{day(51), 0},
		{day(92), 90},
		{day(92), 0},
		{day(100), 0},
		{day(100).Add(time.Millisecond), 100},
		{day(120), 0},
	} {
		if got := raise(x.at); got != x.want {
			t.Errorf("after %s: got %d, want %d", x.at.Sub(start), got, x.want)
		}
	}
	// Another date has levels of its own, and an answer that was late stays in the register.
	r.change(c, func(f *casefile.File) { f.Case.Due.At = start.AddDate(0, 0, 200) })
	if got := raise(day(120)); got != 50 {
		t.Errorf("after an extension: got %d", got)
	}
	if l := r.read(c.ID).Late; l == nil || !l.Since.Equal(day(100)) {
		t.Errorf("got %+v", l)
	}
}

func TestWhoNoLongerWaitsRaisesNoAlarm(t *testing.T) {
	for name, edit := range map[string]func(c *casefile.Case, at time.Time){
		"answered":  func(c *casefile.Case, _ time.Time) { c.Answered = true },
		"withdrawn": func(c *casefile.Case, at time.Time) { c.Withdrawal = &casefile.Decision{Decision: "withdraw", At: at} },
		"expired":   func(c *casefile.Case, _ time.Time) { c.Verification.Expired = true },
		"merged":    func(c *casefile.Case, _ time.Time) { c.MergedInto = "other" },
		"no date":   func(c *casefile.Case, _ time.Time) { c.Due.At = time.Time{} },
		"closed":    func(c *casefile.Case, _ time.Time) { c.Status = dsar.Refused },
	} {
		r := newRig(t)
		c := r.due(dsar.PhaseRun)
		r.now = r.now.AddDate(1, 0, 0)
		r.change(c, func(f *casefile.File) {
			edit(&f.Case, r.now)
			level, err := f.RaiseAlarm()
			r.ok(err)
			if level != 0 || f.Case.Late != nil || !f.Case.NextAlarm(r.now).IsZero() {
				t.Errorf("%s: got level %d", name, level)
			}
			r.ok(f.NoteLate())
		})
		if r.read(c.ID).Late != nil {
			t.Errorf("%s: is in the register", name)
		}
	}
}

func TestACaseSaysWhatItWaitsFor(t *testing.T) {
	task := func(s casefile.TaskStatus, owner bool) *casefile.Task {
		t := &casefile.Task{ID: dsar.NewID(), System: "shop", Status: s, Asked: &casefile.Asked{Why: "late"}}
		if owner {
			t.Owner = &casefile.OwnerWork{}
		}
		return t
	}
	for _, x := range []struct {
		name  string
		edit  func(f *casefile.File)
		cause casefile.Cause
		of    string
	}{
		{"nothing", func(*casefile.File) {}, casefile.CauseWork, "run"},
		{"paused before all", func(f *casefile.File) { f.Case.Paused = &casefile.Decision{}; f.Case.Operator = &casefile.Operator{} }, casefile.CausePaused, "run"},
		{"operator", func(f *casefile.File) { f.Case.Operator = &casefile.Operator{Phase: "assemble"} }, casefile.CauseOperator, "assemble"},
		{"unproved", func(f *casefile.File) { f.Case.Verification.VerifiedAt = time.Time{}; f.Case.Phase = dsar.PhaseVerify }, casefile.CauseSubject, "verify_identity"},
		{"owner", func(f *casefile.File) { f.Tasks = []*casefile.Task{task(casefile.TaskPerson, true)} }, casefile.CauseOwner, "shop"},
		{"team", func(f *casefile.File) {
			f.Tasks = []*casefile.Task{task(casefile.TaskWaiting, false), task(casefile.TaskPerson, false)}
		}, casefile.CauseTeam, "shop"},
		{"system", func(f *casefile.File) {
			f.Tasks = []*casefile.Task{task(casefile.TaskWaiting, false), task(casefile.TaskDone, false)}
		}, casefile.CauseSystem, "shop"},
		{"question", func(f *casefile.File) { f.Case.Questions = []casefile.Question{{Kind: "identity"}} }, casefile.CauseSubject, "identity"},
		{"answered question", func(f *casefile.File) {
			f.Case.Questions = []casefile.Question{{Kind: "identity", Answered: f.Now()}, {Kind: "fee", Dropped: f.Now()}}
		}, casefile.CauseWork, "run"},
		{"approval", func(f *casefile.File) { f.Case.Status, f.Case.Phase = dsar.AwaitingReview, dsar.PhaseReviewPlan }, casefile.CauseApproval, "review_plan"},
	} {
		r := newRig(t)
		c := r.due(dsar.PhaseRun)
		f, err := r.cases.Load(t.Context(), tenant, c.ID)
		r.ok(err)
		x.edit(f)
		if cause, of := f.WaitsFor(); cause != x.cause || of != x.of {
			t.Errorf("%s: got %s of %q", x.name, cause, of)
		}
	}
}

// TestTheRegisterOfLateAnswers: a late answer is listed until the team accounts for it, and afterwards among those that are settled; what
// was said is sealed.
func TestTheRegisterOfLateAnswers(t *testing.T) {
	r := newRig(t)
	c := r.due(dsar.PhaseRun)
	list := func(settled bool) int {
		cases, next, err := r.cases.LateCases(t.Context(), tenant, settled, 10, "")
		r.ok(err)
		if next != "" {
			t.Error("there is more")
		}
		return len(cases)
	}
	r.now = c.Due.At.Add(time.Second)
	r.change(c, func(f *casefile.File) { r.ok(f.NoteLate()); r.ok(f.NoteLate()) })
	if list(false) != 1 || list(true) != 0 {
		t.Fatal("it is not in the register")
	}
	why, fix := redact.NewText(canaryReason), redact.NewText("A second person now looks at what is due, said "+canaryName)
	f, err := r.cases.Load(t.Context(), tenant, c.ID)
	r.ok(err)
	r.want(f.SettleLate("staff:1", why, fix), fault.Conflict) // not answered yet
	f.Case.Answered = true
	r.want(f.SettleLate("staff:1", redact.Text{}, fix), fault.Invalid)
	r.want(f.SettleLate("staff:1", why, redact.Text{}), fault.Invalid)
	r.ok(f.SettleLate("staff:1", why, fix))
	r.want(f.SettleLate("staff:1", why, fix), fault.Conflict)
	r.ok(r.cases.Commit(t.Context(), f))
	if list(false) != 0 || list(true) != 1 {
		t.Error("it is not among the settled ones")
	}
	f, err = r.cases.Load(t.Context(), tenant, c.ID)
	r.ok(err)
	gotWhy, gotFix, err := f.LateWords()
	r.ok(err)
	if gotWhy.Reveal() != why.Reveal() || gotFix.Reveal() != fix.Reveal() {
		t.Error("the account is another")
	}
	if found := r.leaks(canaryReason, canaryName); len(found) > 0 {
		t.Errorf("in the open: %v", found)
	}
	r.verify(c)
}
