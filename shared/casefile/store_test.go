package casefile_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/table"
)

func TestCreatePromisesAStartAndAnEvent(t *testing.T) {
	r := newRig(t)
	c := r.create()
	want := []casefile.OutboxRow{
		{Tenant: tenant, CaseID: c.ID, N: 1, Kind: casefile.OutStart, Generation: 1, ResumeAt: dsar.PhaseTriage, At: r.now},
		{Tenant: tenant, CaseID: c.ID, N: 2, Kind: casefile.OutEvent, Event: events.CaseReceived, At: r.now},
	}
	if d := cmp.Diff(want, r.outbox(c)); d != "" {
		t.Errorf("outbox (-want +got):\n%s", d)
	}
	if d := cmp.Diff(want, r.poked); d != "" {
		t.Errorf("told of (-want +got):\n%s", d)
	}
	f := r.load(c)
	if f.Case.Status != dsar.Received || f.Case.Phase != dsar.PhaseTriage || f.Case.Generation != 1 || !f.Case.NextDue.Equal(r.now.Add(casefile.FirstLook)) {
		t.Errorf("the case begins as %+v", f.Case)
	}
	p, err := f.Person()
	r.ok(err)
	if p.Email.Value.Reveal() != canaryEmail || p.Name.Reveal() != canaryName || p.Region.Reveal() != canaryRegion || p.Agent.Name.Reveal() != canaryAgent || p.Corrections[0].Value.Reveal() != canaryValue {
		t.Error("the personal document is not the one that was given")
	}
	id, err := r.cases.ByReference(t.Context(), tenant, c.Reference)
	if err != nil || id != c.ID {
		t.Errorf("by reference: %q %v", id, err)
	}
	ids, err := r.cases.ByIdentifier(t.Context(), tenant, email(t, "ZOE.Canary@example.com"), 10)
	if err != nil || !slices.Equal(ids, []string{c.ID}) {
		t.Errorf("by identifier: %q %v", ids, err)
	}
	if rep := r.verify(c); rep.Entries != 1 {
		t.Errorf("%d entries, want 1", rep.Entries)
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	r := newRig(t)
	c := r.create()
	for name, err := range map[string]error{
		"a case of another tenant": second(r.cases.Load(t.Context(), "birch", c.ID)), "no case": second(r.cases.Load(t.Context(), tenant, dsar.NewID())),
		"its open part": second(r.cases.Case(t.Context(), "birch", c.ID)), "a reference": second(r.cases.ByReference(t.Context(), "birch", c.Reference)),
	} {
		if !fault.Has(err, fault.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if ids, err := r.cases.ByIdentifier(t.Context(), "birch", email(t, canaryEmail), 10); err != nil || len(ids) != 0 {
		t.Errorf("another tenant finds %q %v", ids, err)
	}
	r.ok(r.table.Store.Transact(t.Context(), r.vault.Shred(tenant, c.ID)))
	if _, err := r.cases.Load(t.Context(), tenant, c.ID); !fault.Has(err, fault.NotFound) {
		t.Errorf("a shredded case: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestAnUnchangedFileWritesNothing(t *testing.T) {
	r := newRig(t)
	c := r.create()
	f := r.load(c)
	if _, err := f.Person(); err != nil {
		t.Fatal(err)
	}
	r.table.fail = errors.New("nothing is written")
	r.commit(f)
}

func TestOneOfTwoWhoLoadedTheSameCaseWins(t *testing.T) {
	r := newRig(t)
	c := r.create()
	const racers = 8
	files := make([]*casefile.File, racers)
	for n := range files {
		files[n] = r.load(c)
		files[n].Case.Round = n + 1
		r.ok(files[n].Entry("round_opened", evidence.System, map[string]any{"round": n + 1}))
		files[n].Signal()
	}
	errs := make([]error, racers)
	var wg sync.WaitGroup
	for n, f := range files {
		wg.Go(func() { errs[n] = r.cases.Commit(t.Context(), f) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !fault.Has(err, fault.Conflict) {
			t.Errorf("a lost race is %v", err)
		}
	}
	if won != 1 || len(r.kinds(c)) != 2 || len(r.outbox(c)) != 3 {
		t.Errorf("%d won, entries %q, %d rows", won, r.kinds(c), len(r.outbox(c)))
	}
	r.verify(c)
}

// tasks opens n tasks and returns their ids.
func (r *rig) tasks(c casefile.Case, n int) []string {
	r.t.Helper()
	var ids []string
	r.change(c, func(f *casefile.File) {
		for i := range n {
			ids = append(ids, f.AddTask(fmt.Sprintf("system-%d", i), dsar.ReadOut).ID)
		}
	})
	return ids
}

func finish(f *casefile.File, id string) error {
	t := f.Task(id)
	t.Turns++
	t.Done(dsar.Found, f.Now())
	return f.TaskEntry(t, "task_finished", evidence.System, map[string]any{"outcome": t.Outcome})
}

func TestTasksDoNotContend(t *testing.T) {
	r := newRig(t)
	c := r.create()
	ids := r.tasks(c, 20)
	var files []*casefile.File
	for _, id := range ids {
		f := r.load(c)
		r.ok(finish(f, id))
		files = append(files, f)
	}
	for _, f := range files { // each was read before any of the others was committed
		r.commit(f)
	}
	r.change(c, func(f *casefile.File) { r.ok(second(f.SettleTasks())) })
	if rep := r.verify(c); rep.Chains != 21 || rep.Entries != 1+20+20 {
		t.Errorf("%d chains with %d entries", rep.Chains, rep.Entries)
	}
	before := len(r.kinds(c))
	r.change(c, func(f *casefile.File) { r.ok(second(f.SettleTasks())) })
	if after := len(r.kinds(c)); after != before {
		t.Errorf("settling twice grew the chain from %d to %d", before, after)
	}
}

func TestAStoppedOrTakenOverCaseStopsItsTasks(t *testing.T) {
	for name, stop := range map[string]func(r *rig, f *casefile.File){
		"withdrawn":  func(r *rig, f *casefile.File) { r.ok(f.Withdraw(evidence.Subject, redact.Text{})) },
		"expired":    func(_ *rig, f *casefile.File) { f.Case.Verification.Expired = true },
		"taken over": func(r *rig, f *casefile.File) { r.ok(f.TakeOver(evidence.System, "test")) },
		"merged":     func(_ *rig, f *casefile.File) { f.Case.MergedInto = dsar.NewID() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c := r.create()
			ids := r.tasks(c, 1)
			task, wait := r.load(c), r.load(c)
			r.ok(finish(task, ids[0]))
			wait.Await("AskPerson", ids[0], "late")
			r.change(c, func(f *casefile.File) { stop(r, f) })
			r.want(r.cases.Commit(t.Context(), task), fault.Conflict)
			r.want(r.cases.Commit(t.Context(), wait), fault.Conflict)
		})
	}
	r := newRig(t)
	c := r.create()
	ids := r.tasks(c, 1)
	task := r.load(c)
	r.ok(finish(task, ids[0]))
	r.change(c, func(f *casefile.File) { f.Case.LettersNo++ }) // changes nothing that a task must know
	r.commit(task)
}

func TestJoinedFilesAreCommittedTogetherOrNotAtAll(t *testing.T) {
	r := newRig(t)
	older, younger := r.create(), r.create()
	join := func() (a, b *casefile.File) {
		a, b = r.load(older), r.load(younger)
		a.Case.Merged, b.Case.MergedInto = []string{younger.ID}, older.ID
		r.ok(a.Entry("request_joined", evidence.System, nil))
		r.ok(b.Entry("joined_to", evidence.System, nil))
		b.Join(a)
		return a, b
	}
	_, b := join()
	r.change(older, func(f *casefile.File) { f.Case.Round++ })
	r.want(r.cases.Commit(t.Context(), append(b.Joined(), b)...), fault.Conflict)
	if f := r.load(younger); f.Case.MergedInto != "" || len(r.kinds(younger)) != 1 {
		t.Error("half of a joint change was committed")
	}
	_, b = join()
	r.commit(append(b.Joined(), b)...)
	if r.load(younger).Case.MergedInto != older.ID || len(r.load(older).Case.Merged) != 1 {
		t.Error("a joint change is not there")
	}
	r.verify(older)
	r.verify(younger)
}

func TestATakeOverStartsTheNextGeneration(t *testing.T) {
	r := newRig(t)
	c := r.create()
	r.change(c, func(f *casefile.File) {
		f.Case.Phase = dsar.PhaseVerify
		f.Await("VerifyIdentity", "", "one")
	})
	r.change(c, func(f *casefile.File) { r.ok(f.TakeOver(evidence.System, "no live execution")) })
	f := r.load(c)
	rows := r.outbox(c)
	if len(f.Waits) != 1 || f.Waits[0].Generation != 1 || f.Case.Generation != 2 || rows[len(rows)-1].Kind != casefile.OutStart || rows[len(rows)-1].Generation != 2 || rows[len(rows)-1].ResumeAt != dsar.PhaseVerify {
		t.Errorf("after the take-over: %d waits, generation %d, rows %+v", len(f.Waits), f.Case.Generation, rows)
	}
	f.Await("VerifyIdentity", "", "two")
	r.commit(f)
	if f = r.load(c); len(f.Waits) != 1 || f.Waits[0].Generation != 2 {
		t.Errorf("waits are %+v", f.Waits)
	}
}

func TestTheNewestTokenCounts(t *testing.T) {
	r := newRig(t)
	c := r.create()
	for _, token := range []string{"first", canaryToken} {
		r.change(c, func(f *casefile.File) {
			f.Await("VerifyIdentity", "", token)
			f.Await("AskPerson", "task-1", "of a task")
		})
	}
	f := r.load(c)
	if len(f.Waits) != 2 {
		t.Fatalf("%d waits, want 2", len(f.Waits))
	}
	for _, w := range slices.Clone(f.Waits) {
		token, err := f.Token(w)
		r.ok(err)
		if want := map[string]string{"": canaryToken, "task-1": "of a task"}[w.TaskID]; string(token.Reveal()) != want {
			t.Errorf("the token of %s is not the newest", w.State)
		}
		other := *w
		other.State = "ReviewPlan"
		if _, err := f.Token(&other); err == nil {
			t.Error("a token opens in the place of another state")
		}
		f.Answered(w)
	}
	r.commit(f)
	if f = r.load(c); len(f.Waits) != 0 {
		t.Errorf("answered tokens stay: %+v", f.Waits)
	}
}

func TestSignalIsPromisedOncePerCommit(t *testing.T) {
	r := newRig(t)
	c := r.create()
	r.change(c, func(f *casefile.File) { f.Signal(); f.Signal() })
	rows := r.outbox(c)
	if len(rows) != 3 || rows[2].Kind != casefile.OutSignal || rows[2].N != 3 {
		t.Fatalf("rows are %+v", rows)
	}
	for range 2 {
		r.ok(r.cases.Done(t.Context(), rows[2]))
	}
	if left := r.outbox(c); len(left) != 2 || left[1].N != 2 {
		t.Errorf("afterwards rows are %+v", left)
	}
}

func TestListsFollowTheCase(t *testing.T) {
	r := newRig(t)
	c := r.create()
	listed := func(s dsar.Status) bool {
		return slices.Contains(r.seek(casefile.Seek{Tenant: tenant, Status: s}), c.ID)
	}
	due := func() (at time.Time) {
		at, err := r.cases.NextDue(t.Context(), time.Time{})
		r.ok(err)
		return at
	}
	if !listed(dsar.Received) || !due().Equal(r.now.Add(casefile.FirstLook)) {
		t.Errorf("a new case: listed %t, due %s", listed(dsar.Received), due())
	}
	id := r.tasks(c, 1)[0]
	r.change(c, func(f *casefile.File) {
		r.ok(f.Case.Become(dsar.InProgress))
		f.Case.NextDue, f.Case.Due.At = r.now.Add(72*time.Hour), r.now.Add(240*time.Hour)
		f.Task(id).Ask("failed", "What now?", f.Now(), casefile.AnswersForFailure)
	})
	if listed(dsar.Received) || !listed(dsar.InProgress) || !due().Equal(r.now.Add(72*time.Hour)) {
		t.Errorf("in progress: received %t, in progress %t, due %s", listed(dsar.Received), listed(dsar.InProgress), due())
	}
	tasks := func() []casefile.TaskRef {
		refs, _, err := r.cases.PersonTasks(t.Context(), tenant, 10, "")
		r.ok(err)
		return refs
	}
	if d := cmp.Diff([]casefile.TaskRef{{CaseID: c.ID, TaskID: id}}, tasks()); d != "" {
		t.Errorf("tasks for people (-want +got):\n%s", d)
	}
	if ids := r.seek(casefile.Seek{Tenant: tenant, Status: dsar.InProgress, DueBefore: r.now.Add(time.Hour)}); len(ids) != 0 {
		t.Errorf("due within the hour: %q", ids)
	}
	r.change(c, func(f *casefile.File) {
		r.ok(f.Case.Become(dsar.Withdrawn))
		f.Case.NextDue = time.Time{}
	})
	if listed(dsar.InProgress) || !listed(dsar.Withdrawn) || !due().IsZero() || len(tasks()) != 0 {
		t.Errorf("closed: in progress %t, withdrawn %t, due %s, tasks %v", listed(dsar.InProgress), listed(dsar.Withdrawn), due(), tasks())
	}
	if ids := r.seek(casefile.Seek{Tenant: tenant, Descending: true}); !slices.Equal(ids, []string{c.ID}) {
		t.Errorf("by receipt: %q", ids)
	}
}

// seek lists all cases of a list, in pages of two.
func (r *rig) seek(k casefile.Seek) []string {
	r.t.Helper()
	var ids []string
	for k.Limit = 2; ; {
		page, err := r.cases.Seek(r.t.Context(), k)
		r.ok(err)
		for _, l := range page {
			ids, k.After = append(ids, l.CaseID), l.Position
		}
		if len(page) < k.Limit {
			return ids
		}
	}
}

func TestListsArePagedInOrder(t *testing.T) {
	r := newRig(t)
	var want []string
	for n := range 7 {
		r.now = r.now.Add(time.Minute)
		c := r.create()
		r.change(c, func(f *casefile.File) { f.Case.Due.At = r.now.Add(time.Duration(10-n) * 24 * time.Hour) })
		want = append(want, c.ID)
	}
	if got := r.seek(casefile.Seek{Tenant: tenant}); !slices.Equal(got, want) {
		t.Errorf("by receipt: %q", got)
	}
	byDue := slices.Clone(want)
	slices.Reverse(byDue) // the last received is due first
	if got := r.seek(casefile.Seek{Tenant: tenant, Status: dsar.Received}); !slices.Equal(got, byDue) {
		t.Errorf("by due instant: %q", got)
	}
	if got := r.seek(casefile.Seek{Tenant: tenant, Status: dsar.Received, Descending: true}); !slices.Equal(got, want) {
		t.Errorf("by due instant, the last first: %q", got)
	}
	slices.Reverse(want)
	if got := r.seek(casefile.Seek{Tenant: tenant, Descending: true}); !slices.Equal(got, want) {
		t.Errorf("the newest first: %q", got)
	}
	if got := r.seek(casefile.Seek{Tenant: "birch"}); len(got) != 0 {
		t.Errorf("another tenant sees %q", got)
	}
}

func TestDueCasesArePagedAndBounded(t *testing.T) {
	r := newRig(t)
	var want []string
	for range 12 {
		want = append(want, r.create().ID)
	}
	late := r.create()
	r.change(late, func(f *casefile.File) { f.Case.NextDue = r.now.Add(2 * casefile.FirstLook) })
	var got []string
	for shard := range uint32(casefile.DueShards) {
		for cursor := ""; ; {
			refs, next, err := r.cases.DueCases(t.Context(), shard, r.now.Add(casefile.FirstLook), 2, cursor)
			r.ok(err)
			for _, ref := range refs {
				got = append(got, ref.CaseID)
			}
			if cursor = next; cursor == "" {
				break
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("due are %d cases, want %d", len(got), len(want))
	}
	next, err := r.cases.NextDue(t.Context(), r.now.Add(casefile.FirstLook))
	if err != nil || !next.Equal(r.now.Add(2*casefile.FirstLook)) {
		t.Errorf("after them %s is due: %v", next, err)
	}
}

func TestIllegalStatusChangesNothing(t *testing.T) {
	r := newRig(t)
	c := r.create()
	r.want(c.Become(dsar.Fulfilled), fault.Conflict)
	if c.Status != dsar.Received {
		t.Errorf("status is %s", c.Status)
	}
}

func TestNothingIsToldOfAFailedCommit(t *testing.T) {
	r := newRig(t)
	c := r.create()
	r.poked = nil
	f := r.load(c)
	f.Signal()
	r.table.fail = fault.New(fault.Unavailable, "the disk is full")
	r.want(r.cases.Commit(t.Context(), f), fault.Unavailable)
	if len(r.poked) != 0 {
		t.Errorf("told of %+v", r.poked)
	}
}

func TestALaterSchemaIsRefused(t *testing.T) {
	r := newRig(t)
	c := r.create()
	key := table.Key{Table: table.Cases, PK: "T#" + tenant + "#C#" + c.ID, SK: "A#CASE"}
	it := r.table.written[key]
	it.Body = []byte(`{"schema":2,"tenant":"alder","id":"` + c.ID + `"}`)
	r.ok(r.table.Store.Transact(t.Context(), table.Write{Op: table.Put, Item: it, If: table.AnyVersion}))
	if _, err := r.cases.Load(t.Context(), tenant, c.ID); !fault.Has(err, fault.Internal) {
		t.Errorf("got %v", err)
	}
	if _, err := r.cases.Case(t.Context(), tenant, c.ID); !fault.Has(err, fault.Internal) {
		t.Errorf("the open part: got %v", err)
	}
}
