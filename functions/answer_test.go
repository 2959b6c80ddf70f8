package functions_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/table"
)

// assemble runs the step until the package is there and returns its last answer.
func (r *rig) assemble(c casefile.Case) string {
	r.t.Helper()
	for range 20 {
		if a := r.step("AssembleResponse", c); a.Next != step.More {
			return a.Next
		}
	}
	r.t.Fatal("assembling does not end")
	return ""
}

// unzip opens a volume of the case's package.
func (r *rig) unzip(c casefile.Case, n int) map[string]string {
	r.t.Helper()
	f := r.load(c)
	sealed, _, err := r.ports.Blobs.Open(r.t.Context(), f.Case.Package.Volumes[n-1].Object, 0)
	r.ok(err)
	defer sealed.Close()
	plain, err := f.Keys.OpenResults(r.t.Context(), sealed)
	r.ok(err)
	raw, err := io.ReadAll(plain)
	r.ok(err)
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	r.ok(err)
	out := map[string]string{}
	for _, e := range z.File {
		body, err := e.Open()
		r.ok(err)
		text, err := io.ReadAll(body)
		r.ok(err)
		out[e.Name] = string(text)
	}
	return out
}

func TestTheAnswerIsTheRequestersAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	r.person("c-1", ada, "Ada")
	r.person("c-2", bob, "Bob Otherman")
	c := r.create()
	r.toRun(c)
	if next := r.assemble(c); next != step.Proceed {
		t.Fatalf("a system on autopilot: %s", next)
	}
	got := r.one(c)
	if got.Answer != dsar.Found || len(got.Package.Volumes) != 1 || got.Package.Records != 1 || !got.Package.ExpiresAt.Equal(r.now.AddDate(0, 0, 30)) {
		t.Errorf("answer %s, package %+v", got.Answer, got.Package)
	}
	files := r.unzip(c, 1)
	if !strings.Contains(files["data/shop/customer.json"], "c-1") {
		t.Errorf("the record is not in %v", files)
	}
	for name, text := range files {
		if strings.Contains(text, "Otherman") || strings.Contains(text, bob) {
			t.Errorf("%s holds another person's data", name)
		}
	}
	before := got.Package.Volumes[0]
	if next := r.assemble(c); next != step.Proceed || r.one(c).Package.Volumes[0] != before || r.count(c, "response_assembled") != 1 {
		t.Error("a repeated step assembled again")
	}
	r.next("DeliverResponse", c, step.Proceed)
	r.next("DeliverResponse", c, step.Proceed)
	r.next("CloseCase", c, step.Proceed)
	r.next("CloseCase", c, step.Proceed)
	if got := r.letters(c); got[len(got)-1] != "response_ready" || r.count(c, "response_delivered") != 1 || r.count(c, "case_closed") != 1 {
		t.Errorf("letters %q, evidence %q", got, r.kinds(c))
	}
	if strings.Contains(r.text(c, letters.ResponseReady), "Otherman") || strings.Contains(r.text(c, letters.ResponseReady), "c-1") {
		t.Error("the letter holds personal data of the answer")
	}
	r.verified(c)
}

func TestAssemblingGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	failing := &counting{}
	r := newRig(t, func(p *functions.Ports) { failing.Store = p.Table; p.Table = failing })
	r.register("shop")
	r.person("c-1", ada, "Ada")
	c := r.create()
	r.toRun(c)
	killed := errors.New("killed")
	for range 2 { // the volume is stored, its record is not
		failing.fail = func([]table.Write) error { return killed }
		if _, err := r.try("AssembleResponse", c); !errors.Is(err, killed) {
			t.Fatalf("got %v", err)
		}
		failing.fail = nil
		r.now = r.now.Add(time.Minute)
	}
	if next := r.assemble(c); next != step.Proceed {
		t.Fatalf("answer %s", next)
	}
	if !strings.Contains(r.unzip(c, 1)["data/shop/customer.json"], "c-1") {
		t.Error("the package is not whole")
	}
	r.verified(c)
}

func TestWhoLooksAtAResponseFirst(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		autopilot, always bool
		want              string
	}{
		"autopilot": {true, false, step.Proceed}, "a system that is not on autopilot": {false, false, step.Review}, "the tenant wants it": {true, true, step.Review},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			tenant1, err := r.set.Registry.Tenant(t.Context(), tenant)
			r.ok(err)
			tenant1.Policy.ReviewAlways = tc.always
			r.ok(r.set.Registry.PutTenant(t.Context(), tenant1))
			r.register("shop", func(s *registry.System) { s.Autopilot = tc.autopilot })
			r.register("empty", func(s *registry.System) {
				s.Autopilot = false
				s.Dataset = strings.ReplaceAll(s.Dataset, "customer\n", "nobody\n")
			})
			r.person("c-1", ada, "Ada")
			c := r.create()
			r.toRun(c)
			if next := r.assemble(c); next != tc.want {
				t.Fatalf("next is %s, want %s", next, tc.want)
			}
			if tc.want != step.Review {
				return
			}
			token, given := r.token()
			r.next("ReviewResponse", c, step.Again, given)
			if got := r.one(c); got.Status != dsar.AwaitingReview || got.Phase != dsar.PhaseReviewResponse {
				t.Errorf("in review: %s %s", got.Status, got.Phase)
			}
			r.change(c, func(f *casefile.File) error {
				return f.DecideResponse("staff:01", casefile.Approve, f.Case.ResponseHash(), redact.Text{})
			})
			r.drain()
			if r.engine.tokens[token] != `{"next":"proceed","items":[]}` {
				t.Errorf("answered with %s", r.engine.tokens[token])
			}
			r.next("AssembleResponse", c, step.Proceed)
			r.next("DeliverResponse", c, step.Proceed)
			r.next("CloseCase", c, step.Proceed)
			if got := r.one(c).Status; got != dsar.Fulfilled {
				t.Errorf("status %s", got)
			}
		})
	}
}

// A system that was left out is not disclosed in part beside one that answered.
func TestWhatWasLeftOutIsNotInThePackage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	r.register("crm")
	r.person("c-1", ada, "Ada")
	c := r.create()
	r.toRun(c)
	r.change(c, func(f *casefile.File) error { // it failed after it had read a part
		crm := f.TaskFor("crm", dsar.ReadOut)
		crm.Status, crm.Outcome = casefile.TaskOpen, ""
		crm.Ask("failed", "What now?", f.Now(), casefile.AnswersForFailure)
		return nil
	})
	r.decide(c, r.task(c, "crm", dsar.ReadOut).ID, "not_done")
	if next := r.assemble(c); next != step.Proceed {
		t.Fatalf("answer %s", next)
	}
	files := r.unzip(c, 1)
	if files["data/shop/customer.json"] == "" {
		t.Error("what was found is not there")
	}
	for name := range files {
		if strings.HasPrefix(name, "data/crm/") {
			t.Errorf("%s is there", name)
		}
	}
	var m struct {
		Systems []struct{ Name, Outcome string }
	}
	r.ok(json.Unmarshal([]byte(files["manifest.json"]), &m))
	if len(m.Systems) != 2 || m.Systems[0].Outcome+m.Systems[1].Outcome != "foundnot_done" && m.Systems[0].Outcome+m.Systems[1].Outcome != "not_donefound" {
		t.Errorf("the manifest says %+v", m.Systems)
	}
	r.next("DeliverResponse", c, step.Proceed)
	r.next("CloseCase", c, step.Proceed)
	if got := r.one(c).Status; got != dsar.PartlyFulfilled {
		t.Errorf("status %s", got)
	}
}

func TestNothingHeldIsAnAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	c := r.create()
	r.toRun(c)
	r.next("AssembleResponse", c, step.Proceed)
	r.next("AssembleResponse", c, step.Proceed)
	r.next("DeliverResponse", c, step.Proceed)
	r.next("CloseCase", c, step.Proceed)
	got := r.one(c)
	if got.Status != dsar.Fulfilled || got.Answer != dsar.NothingHeld || got.Package != nil || !slices.Contains(r.letters(c), "nothing_held") || r.count(c, "answer_settled") != 1 {
		t.Errorf("status %s, answer %s, letters %q", got.Status, got.Answer, r.letters(c))
	}
}

func TestEndings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	words := redact.NewText("The account belongs to somebody else.")
	for name, tc := range map[string]struct {
		end    func(f *casefile.File) error
		status dsar.Status
		letter string
	}{
		"withdrawn": {func(f *casefile.File) error { return f.Withdraw(evidence.Subject, words) }, dsar.Withdrawn, "withdrawn"},
		"expired":   {func(f *casefile.File) error { f.Case.Verification.Expired = true; return nil }, dsar.Expired, "expired"},
		"refused": {func(f *casefile.File) error {
			f.Case.Status, f.Case.Phase, f.Case.Package = dsar.AwaitingReview, dsar.PhaseReviewResponse, &casefile.Package{}
			if err := f.DecideResponse("staff:01", casefile.Refuse, f.Case.ResponseHash(), words); err != nil {
				return err
			}
			return f.DecideResponse("staff:02", casefile.Refuse, f.Case.ResponseHash(), redact.Text{})
		}, dsar.Refused, "refused"},
		"not identifiable": {func(f *casefile.File) error {
			f.Case.Status = dsar.AwaitingPerson
			task := f.AddTask("shop", dsar.Locate)
			task.Ask("ambiguous", "Who?", f.Now(), casefile.AnswersForAmbiguity)
			return f.DecideTask(task, "staff:01", "not_identifiable", words)
		}, dsar.NotIdentifiable, "not_identifiable"},
		"partly fulfilled": {func(f *casefile.File) error {
			f.Case.Status, f.Case.Answered = dsar.InProgress, true
			f.AddTask("shop", dsar.ReadOut).Done(dsar.NotDone, f.Now())
			f.AddTask("crm", dsar.ReadOut).Done(dsar.Found, f.Now())
			return nil
		}, dsar.PartlyFulfilled, ""},
		"fulfilled though located in vain": {func(f *casefile.File) error {
			f.Case.Status, f.Case.Answered = dsar.InProgress, true
			f.AddTask("shop", dsar.Locate).Done(dsar.NotDone, f.Now())
			f.AddTask("shop", dsar.ReadOut).Done(dsar.Found, f.Now())
			return nil
		}, dsar.Fulfilled, ""},
	} {
		for _, place := range []string{"DE", "GB", "US"} {
			for _, right := range []dsar.Right{dsar.Access, dsar.Erasure} {
				t.Run(name+" "+place+" "+string(right), func(t *testing.T) {
					r.t = t
					c := r.create(func(o *casefile.Opening) {
						o.Right, o.Country = right, place
						if place == "US" {
							o.Person.Region = redact.NewText("California")
						}
					})
					r.next("Triage", c, step.Proceed)
					r.next("Acknowledge", c, step.Proceed)
					r.change(c, tc.end)
					for range 2 {
						r.next("CloseCase", c, step.Proceed)
					}
					got := r.one(c)
					sent := r.letters(c)
					if got.Status != tc.status || !got.ClosedAt.Equal(r.now) || !got.NextDue.IsZero() || r.count(c, "case_closed") != 1 {
						t.Errorf("status %s closed %s", got.Status, got.ClosedAt)
					}
					if tc.letter != "" && sent[len(sent)-1] != tc.letter || tc.letter == "" && len(sent) != 1 {
						t.Errorf("letters are %q", sent)
					}
					if tc.letter == "refused" || tc.letter == "not_identifiable" {
						if !strings.Contains(r.text(c, letters.Kind(tc.letter)), words.Reveal()) {
							t.Error("the letter does not give the reason")
						}
					}
					r.verified(c)
				})
			}
		}
	}
}

func TestACaseThatEndsBeforeItsLawIsSettledGetsItsLetter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create()
	r.change(c, func(f *casefile.File) error { return f.Withdraw("staff:01", redact.Text{}) })
	r.next("Triage", c, step.Close)
	r.next("CloseCase", c, step.Proceed)
	if got := r.one(c).Status; got != dsar.Withdrawn || !slices.Equal(r.letters(c), []string{"withdrawn"}) {
		t.Errorf("status %s, letters %q", got, r.letters(c))
	}
}

func TestJoinedRequestsEndWithTheOneThatAnswersThem(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	older, younger := r.create(), r.create()
	r.verify(older)
	r.verify(younger)
	gone := dsar.NewID()
	r.change(older, func(f *casefile.File) error { f.Case.Merged = append(f.Case.Merged, gone); return nil })
	r.locate(older)
	r.next("PlanCase", older, step.Proceed)
	r.next("AssembleResponse", older, step.Proceed)
	r.next("DeliverResponse", older, step.Proceed)
	r.drain()
	r.events = nil
	r.next("CloseCase", older, step.Proceed)
	r.drain()
	a, b := r.one(older), r.one(younger)
	if a.Status != dsar.Fulfilled || b.Status != dsar.Fulfilled || !b.ClosedAt.Equal(r.now) {
		t.Errorf("older %s, younger %s", a.Status, b.Status)
	}
	var closed []string
	for _, e := range r.events {
		if e.Type == events.CaseClosed {
			closed = append(closed, e.CaseID)
		}
	}
	slices.Sort(closed)
	if want := []string{older.ID, younger.ID}; !slices.Equal(closed, want) {
		t.Errorf("closed events of %q, want %q", closed, want)
	}
	r.verified(older)
	r.verified(younger)
}
