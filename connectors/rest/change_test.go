package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// shelf is a small API of things that can be deleted and changed; tests replace how.
type shelf struct {
	mu      sync.Mutex
	have    map[int]bool
	asked   []string // of changes: method, path and body
	now     int      // changes under way
	most    int
	deletes func(id int, w http.ResponseWriter) (done bool) // nil: 204
	jobs    map[string]string                               // states
}

func newShelf(ids ...int) *shelf {
	s := &shelf{have: map[int]bool{}, jobs: map[string]string{}}
	for _, id := range ids {
		s.have[id] = true
	}
	return s
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if job, ok := strings.CutPrefix(r.URL.Path, "/jobs/"); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.jobs[job] == "" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = fmt.Fprintf(w, `{"state": %q}`, s.jobs[job])
		return
	}
	id, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/things/"))
	if r.Method == http.MethodGet {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.have[id] {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(thing(id)))
		return
	}
	s.change(id, w, r)
}

func (s *shelf) change(id int, w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.URL.RequestURI()+" "+string(body))
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	time.Sleep(10 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now--
	if s.deletes != nil && s.deletes(id, w) {
		return
	}
	if r.Method == http.MethodDelete {
		delete(s.have, id)
	}
	w.WriteHeader(http.StatusNoContent)
}

const plainErase = "    erase: {method: DELETE, path: '/things/{id}'}\n"

func erasures(ids ...int) []connector.Change {
	var list []connector.Change
	for _, id := range ids {
		list = append(list, connector.Change{
			Collection: "things", Key: connector.Key{connector.Int(int64(id))}, Action: connector.ActDelete,
			Via: []connector.Field{{Name: "email", Value: connector.Text("a@example.com")}},
		})
	}
	return list
}

func TestChangesGoSideBySide(t *testing.T) {
	api := newShelf(1, 2, 3, 4, 5, 6, 7)
	s := opened(t, thingsFile(pagedByCursor, plainErase), api)
	effects, err := s.apply(t.Context(), erasures(1, 2, 9, 3, 4, 5, 6, 7))
	want := []connector.Effect{connector.EffectDone, connector.EffectDone, connector.EffectAlready, connector.EffectDone, connector.EffectDone, connector.EffectDone, connector.EffectDone, connector.EffectDone}
	if err != nil || !slices.Equal(effects, want) || len(api.have) != 0 {
		t.Errorf("effects %v, %v; %d things are left", effects, err, len(api.have))
	}
	if api.most < 2 || api.most > defaultParallel {
		t.Errorf("%d changes at the same time, want some and at most %d", api.most, defaultParallel)
	}
	verified, err := s.verify(t.Context(), erasures(1, 2, 9, 3, 4, 5, 6, 7))
	if err != nil || len(verified) != 8 || slices.ContainsFunc(verified, func(e connector.Effect) bool { return e != connector.EffectDone }) {
		t.Errorf("verification gives %v, %v", verified, err)
	}
}

func TestAFailureKeepsWhatWasSettledBefore(t *testing.T) {
	api := newShelf(1, 2, 3)
	api.deletes = func(id int, w http.ResponseWriter) bool {
		if id == 2 {
			w.WriteHeader(http.StatusInternalServerError)
		}
		return id == 2
	}
	s := opened(t, thingsFile(pagedByCursor, plainErase), api)
	effects, err := s.apply(t.Context(), erasures(1, 2, 3))
	if !fault.Has(err, fault.Unavailable) || !slices.Equal(effects, []connector.Effect{connector.EffectDone}) {
		t.Errorf("effects %v, %v", effects, err)
	}
	api.deletes = nil
	effects, err = s.apply(t.Context(), erasures(2, 3))
	if err != nil || !slices.Equal(effects, []connector.Effect{connector.EffectDone, connector.EffectAlready}) {
		t.Errorf("effects of the rest %v, %v", effects, err)
	}
}

func TestSomebodyWasThereInBetween(t *testing.T) {
	for _, tc := range []struct {
		status int
		gone   bool // the record is gone when it is looked at again
		want   fault.Class
	}{{404, true, ""}, {410, true, ""}, {409, true, ""}, {409, false, fault.Conflict}, {412, false, fault.Conflict}, {404, false, fault.Misconfigured}} {
		api := newShelf(1)
		api.deletes = func(id int, w http.ResponseWriter) bool {
			if tc.gone {
				delete(api.have, id)
			}
			w.WriteHeader(tc.status)
			return true
		}
		s := opened(t, thingsFile(pagedByCursor, plainErase), api)
		effects, err := s.apply(t.Context(), erasures(1))
		if fault.ClassOf(err) != tc.want || err == nil && !slices.Equal(effects, []connector.Effect{connector.EffectAlready}) {
			t.Errorf("%d, gone %t: effects %v, %v", tc.status, tc.gone, effects, err)
		}
	}
}

func TestCorrectionsUseTheNamesOfTheAPI(t *testing.T) {
	api := newShelf(1)
	for call, want := range map[string]string{
		"{method: PATCH, path: '/things/{id}', json: {data: '{$changes}', of: '{id}'}, names: {words: Text}}":                               `PATCH /things/1 {"data":{"Text":"new"},"of":1}`,
		"{method: POST, path: '/things/{id}', query: {mode: update}, form: {all: '{$changes}', was: '{words}'}, names: {words: the_words}}": `POST /things/1?mode=update the_words=new&was=w`,
	} {
		api.asked = nil
		s := opened(t, thingsFile(pagedByCursor, "    correct: "+call+"\n"), api)
		effects, err := s.apply(t.Context(), []connector.Change{{
			Collection: "things", Key: connector.Key{connector.Int(1)}, Action: connector.ActSet, Fields: []connector.Field{{Name: "words", Value: connector.Text("new")}},
		}})
		if err != nil || len(effects) != 1 || !slices.Equal(api.asked, []string{want}) {
			t.Errorf("asked %q, want %q; %v, %v", api.asked, want, effects, err)
		}
	}
}

const laterErase = "    erase: {method: DELETE, path: '/things/{id}', headers: {X-Report-To: '{$callback}'}, async: {job: $.job, status: '/jobs/{$job}', state: $.state, done: [done], failed: [failed], waitSeconds: 9, callbackWaitSeconds: 77}}\n"

// later makes every deletion a job, named as name says.
func (s *shelf) later(name func(id int) string) {
	s.deletes = func(id int, w http.ResponseWriter) bool {
		job := name(id)
		s.jobs[job] = "running"
		w.WriteHeader(http.StatusAccepted)
		_, _ = fmt.Fprintf(w, `{"job": %q}`, job)
		return true
	}
}

func (s *shelf) finish(id int, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs[fmt.Sprint("j", id)] = state
	if state == "done" {
		delete(s.have, id)
	}
}

func pendingOf(t *testing.T, err error) *connector.Pending {
	t.Helper()
	p, ok := errors.AsType[*connector.Pending](err)
	if !ok {
		t.Fatalf("no job is pending: %v", err)
	}
	return p
}

func TestJobsOfABatchRunTogether(t *testing.T) {
	api := newShelf(1, 2, 3, 5, 6, 7, 8)
	api.later(func(id int) string { return fmt.Sprint("j", id) })
	s := opened(t, thingsFile(pagedByCursor, laterErase), api)
	batch := erasures(4, 1, 2, 9, 3)
	effects, err := s.apply(t.Context(), batch)
	p := pendingOf(t, err)
	if !slices.Equal(effects, []connector.Effect{connector.EffectAlready}) || p.Wait != 9*time.Second || p.Callback || len(api.asked) != 3 {
		t.Fatalf("effects %v, %+v, %d jobs", effects, p, len(api.asked))
	}
	batch = batch[len(effects):]
	api.finish(1, "done")
	api.finish(3, "done")
	effects, err = s.Resume(t.Context(), connector.Erasure, p.Job, batch)
	p = pendingOf(t, err)
	if !slices.Equal(effects, []connector.Effect{connector.EffectDone}) || len(api.asked) != 3 {
		t.Fatalf("effects %v, %+v, %d jobs", effects, p, len(api.asked))
	}
	batch = batch[len(effects):]
	api.finish(2, "done")
	effects, err = s.Resume(t.Context(), connector.Erasure, p.Job, batch)
	if err != nil || !slices.Equal(effects, []connector.Effect{connector.EffectDone, connector.EffectAlready, connector.EffectDone}) {
		t.Fatalf("effects %v, %v", effects, err)
	}
	// A failed job is told, a forgotten one begun anew, and a name that is not ours asked for nothing.
	_, err = s.apply(t.Context(), erasures(5))
	p = pendingOf(t, err)
	api.finish(5, "failed")
	if _, err := s.Resume(t.Context(), connector.Erasure, p.Job, erasures(5)); !fault.Has(err, fault.Conflict) {
		t.Errorf("a failed job gives %v", err)
	}
	api.finish(5, "")
	for _, job := range []string{p.Job, "nonsense", ":../x", ":a,:b"} {
		if effects, err := s.Resume(t.Context(), connector.Erasure, job, erasures(5)); !fault.Has(err, fault.NotFound) {
			t.Errorf("the job %q gives %v, %v", job, effects, err)
		}
	}
	ctx := connector.WithCallback(t.Context(), "https://habeas.example.com/hooks/secret")
	_, err = s.apply(ctx, erasures(6))
	if p = pendingOf(t, err); !p.Callback || p.Wait != 77*time.Second {
		t.Errorf("a job that is reported: %+v", p)
	}
}

func TestJobsWithoutAFitNameAreRefused(t *testing.T) {
	for _, name := range []string{"", "jane@example.com", "a/b", "a,b", "..", strings.Repeat("x", 201)} {
		api := newShelf(1)
		api.later(func(int) string { return name })
		s := opened(t, thingsFile(pagedByCursor, laterErase), api)
		if effects, err := s.apply(t.Context(), erasures(1)); !fault.Has(err, fault.Invalid) || len(effects) > 0 || strings.Contains(err.Error(), "@") {
			t.Errorf("a job named %q gives %v, %v", name, effects, err)
		}
	}
	api := newShelf(1)
	api.later(func(int) string { return "j1" })
	s := opened(t, thingsFile(pagedByCursor, plainErase), api)
	if effects, err := s.apply(t.Context(), erasures(1)); !fault.Has(err, fault.Misconfigured) || len(effects) > 0 {
		t.Errorf("a change that comes later, which the file does not know, gives %v, %v", effects, err)
	}
}

func TestManyJobsFitIntoTheirName(t *testing.T) {
	var ids []int
	for id := range 50 {
		ids = append(ids, id+1)
	}
	api := newShelf(ids...)
	long := strings.Repeat("x", 150)
	api.later(func(id int) string { return fmt.Sprint(long, id) })
	s := opened(t, thingsFile(pagedByCursor, laterErase), api)
	batch := erasures(ids...)
	effects, err := s.apply(t.Context(), batch)
	for rounds := 0; err != nil; rounds++ {
		p := pendingOf(t, err)
		if len(p.Job) > maxJob || len(effects) >= len(batch) || rounds > len(ids) {
			t.Fatalf("round %d: a job of %d bytes, %d effects", rounds, len(p.Job), len(effects))
		}
		batch = batch[len(effects):]
		api.mu.Lock()
		for job := range api.jobs {
			id, _ := strconv.Atoi(strings.TrimPrefix(job, long))
			api.jobs[job] = "done"
			delete(api.have, id)
		}
		api.mu.Unlock()
		effects, err = s.Resume(t.Context(), connector.Erasure, p.Job, batch)
	}
	if len(api.have) != 0 || len(effects) != len(batch) {
		t.Errorf("%d things are left, %d of %d effects", len(api.have), len(effects), len(batch))
	}
}

func TestLocationNamesTheJob(t *testing.T) {
	for location, want := range map[string]fault.Class{
		"/v1/jobs/j1/status": "", "j1/status": fault.Invalid, "/v1/jobs//status": fault.Invalid, "/v1/jobs/a%2Fb/status": fault.Invalid,
		"/v1/jobs/j1": fault.Invalid, "https://evil.test/v1/jobs/j1/status": fault.Invalid, "": fault.Invalid, "/jobs/j1/status": fault.Invalid,
	} {
		erase := strings.Replace(laterErase, "job: $.job, status: '/jobs/{$job}'", "status: '/jobs/{$job}/status'", 1)
		s := opened(t, thingsFile(pagedByCursor, erase), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				_, _ = w.Write([]byte(thing(1)))
				return
			}
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusAccepted)
		}))
		s.client.base.Path = "/v1"
		_, err := s.apply(t.Context(), erasures(1))
		if p, ok := errors.AsType[*connector.Pending](err); ok != (want == "") || ok && p.Job != ":j1" || !ok && fault.ClassOf(err) != want {
			t.Errorf("Location %q gives %v (%+v)", location, err, p)
		}
	}
}

// TestRightsFollowFromTheCalls: for every combination of calls, the connector declares and implements exactly what they give.
func TestRightsFollowFromTheCalls(t *testing.T) {
	calls := []struct {
		right connector.Right
		yaml  string
	}{
		{connector.Correction, "    correct: {method: PATCH, path: '/things/{id}', json: '{$changes}'}\n"},
		{connector.Erasure, plainErase},
		{connector.Restriction, "    restrict: {method: PUT, path: '/things/{id}', json: '{$changes}'}\n"},
	}
	marked := func(in *connector.OpenInput) {
		v := connector.Text("restricted")
		in.Dataset.Collections[0].Field("words").OnRestrict = &v
	}
	for set := range 8 {
		yaml, want := thingsFile(pagedByCursor, ""), []connector.Right{connector.Access}
		for i, c := range calls {
			if set&(1<<i) != 0 {
				yaml += c.yaml
				want = append(want, c.right)
			}
		}
		s, err := openWith(t, yaml, "https://api.example.com", marked)
		if err != nil {
			t.Fatal(err)
		}
		c := s.serving()
		_, corrects := c.(connector.Corrector)
		_, erases := c.(connector.Eraser)
		_, restricts := c.(connector.Restrictor)
		_, resumes := c.(connector.Resumer)
		got := []connector.Right{connector.Access}
		for i, has := range []bool{corrects, erases, restricts} {
			if has {
				got = append(got, calls[i].right)
			}
		}
		if !slices.Equal(c.Describe().Rights, want) || !slices.Equal(got, want) || !resumes {
			t.Errorf("set %d: declares %v, implements %v, want %v", set, c.Describe().Rights, got, want)
		}
		if text := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(text, "Zq7") {
			t.Error("the connector prints a secret")
		}
	}
}

// TestWhatHasNoCallIsUnsupported: a data map that masks needs the call that corrects, and without it nothing is planned.
func TestWhatHasNoCallIsUnsupported(t *testing.T) {
	masks := func(in *connector.OpenInput) { in.Dataset.Collections[0].OnErase.Action = connector.ActMask }
	s, err := openWith(t, thingsFile(pagedByCursor, plainErase), "https://api.example.com", masks)
	if err != nil || !slices.Equal(s.Describe().Rights, []connector.Right{connector.Access}) {
		t.Fatalf("a file that cannot mask declares %v, %v", s.Describe().Rights, err)
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"items": ` + thingsOf(1) + `, "next": null}`))
	})
	live := opened(t, thingsFile(pagedByCursor, "    correct: {method: PATCH, path: '/things/{id}', json: '{$changes}'}\n"), h)
	sink := &planned{}
	p, err := live.plan(t.Context(), connector.Erasure, connector.Call{Identifiers: mail(t, "a@example.com"), Spool: newSpool(t), Changes: sink, Request: once}, anyCollection, live.walker.PlanErasure)
	if err != nil || len(sink.list) != 0 || len(p.Collections) != 1 || p.Collections[0].Outcome != connector.Unsupported || p.Collections[0].Note == "" {
		t.Errorf("a plan without the call: %+v, %v, %d changes", p, err, len(sink.list))
	}
}

type planned struct{ list []connector.Change }

func (p *planned) Put(_ context.Context, c connector.Change) error {
	p.list = append(p.list, c)
	return nil
}
func (p *planned) Full() bool { return false }
