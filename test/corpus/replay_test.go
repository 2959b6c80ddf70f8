package corpus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/shared/blobs/dirblobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// onlyKey returns the key file of dir alone.
func onlyKey(dir string) fs.FS {
	raw, err := os.ReadFile(filepath.Join(dir, "key"))
	if err != nil {
		return fstest.MapFS{}
	}
	return fstest.MapFS{"key": {Data: raw, Mode: 0o600}}
}

// TestReplay makes every call of every version anew, on the records as they were before it. Today's handlers must take what was sent
// then, read what was stored then, and answer what was answered then: the machines of running executions know no other answers.
func TestReplay(t *testing.T) {
	for _, v := range versions(t) {
		t.Run(v, func(t *testing.T) {
			p := newPast(t, v)
			calls := map[string]int{}
			for n, e := range readJournal(t, filepath.Join(v, "journal.jsonl")) {
				p.now = e.At
				if e.Kind != "" {
					calls[e.Kind]++
					dir := p.copy()
					t.Run(fmt.Sprintf("%d %s %s", n+1, e.Kind, made.ReplaceAllString(e.Name, "x")), func(t *testing.T) {
						t.Parallel()
						replay(t, dir, e)
					})
				}
				p.apply(e)
			}
			for _, kind := range []string{ofStep, ofOutbox, ofClock, ofHTTP, ofQueue, ofExecution, ofEvent} {
				if calls[kind] == 0 {
					t.Errorf("nothing of the kind %s was replayed", kind)
				}
			}
			t.Logf("%v", calls)
		})
	}
}

// past is the records and objects of a version, at some time in its story.
type past struct {
	t     *testing.T
	dir   string
	now   time.Time
	table *sqlitetable.Store
}

func newPast(t *testing.T, version string) *past {
	t.Helper()
	p := &past{t: t, dir: t.TempDir()}
	key, err := os.ReadFile(filepath.Join(version, "key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(p.dir, "key"), key, 0o600) // a checkout knows no such mode
	}
	p.ok(err)
	p.open()
	t.Cleanup(func() { _ = p.table.Close() })
	return p
}

func (p *past) ok(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *past) open() {
	var err error
	p.table, err = sqlitetable.Open(filepath.Join(p.dir, "records.db"), sqlitetable.Options{Now: func() time.Time { return p.now }})
	p.ok(err)
}

// copy returns a directory with what there is now.
func (p *past) copy() string {
	p.t.Helper()
	dir := p.t.TempDir()
	p.ok(p.table.Close())
	p.ok(os.CopyFS(dir, os.DirFS(p.dir)))
	p.ok(os.Chmod(filepath.Join(dir, "key"), 0o600))
	p.open()
	return dir
}

func (p *past) apply(e entry) {
	p.t.Helper()
	ctx := p.t.Context()
	if len(e.Writes) > 0 {
		var all []table.Write
		for _, w := range e.Writes {
			all = append(all, w.write())
		}
		p.ok(p.table.Transact(ctx, all...))
	}
	if len(e.Objects) == 0 {
		return
	}
	objects, err := dirblobs.Open(filepath.Join(p.dir, "objects"))
	p.ok(err)
	for name, raw := range e.Objects {
		if raw == nil {
			p.ok(objects.Delete(ctx, name))
			continue
		}
		_, err := objects.Put(ctx, name, bytes.NewReader(raw))
		p.ok(err)
	}
}

// replay makes one call in a house with the records of then, and holds its answer to that of then.
func replay(t *testing.T, dir string, e entry) {
	if e.Kind == ofExecution {
		replayExecution(t, dir, e)
		return
	}
	h := newHouse(t, dir, e.At, nil)
	if e.Held {
		h.person()
	}
	h.breaks(e.Broken)
	switch e.Kind {
	case ofStep:
		handler, ok := h.set.Steps[e.Name]
		if !ok {
			t.Fatalf("there is no function %s any more; executions that run call it", e.Name)
		}
		out, err := handler(t.Context(), e.Input)
		h.ok(err)
		if got, want := made.ReplaceAllString(canonical(t, out), "*"), made.ReplaceAllString(canonical(t, e.Output), "*"); got != want {
			t.Errorf("answers %s, then %s", got, want)
		}
	case ofOutbox:
		replayOutbox(h, e)
	case ofClock:
		h.ok(h.tick(e.Name))
	case ofQueue:
		h.ok(h.set.Hooks.SES(t.Context(), e.Input))
	case ofHTTP:
		out, err := h.answer(e.Input)
		h.ok(err)
		var got, want readable
		h.ok(json.Unmarshal(out, &got))
		h.ok(json.Unmarshal(e.Output, &want))
		if got.Status != want.Status || got.ContentType != want.ContentType {
			t.Errorf("answers %d %s, then %d %s: %s", got.Status, got.ContentType, want.Status, want.ContentType, got.Body)
		}
		if d := lost("-", shape(want.Body), shape(got.Body)); d != "" {
			t.Errorf("the answer lacks what it had (-then):\n%s", d)
		}
	case ofEvent:
		replayEvent(t, e)
	default:
		t.Fatalf("nobody knows how to replay %s", e.Kind)
	}
}

// replayOutbox reads the row as it was stored, and carries it out.
func replayOutbox(h *house, e entry) {
	h.t.Helper()
	var row casefile.OutboxRow
	strict(h.t, e.Input, &row)
	item, err := h.table.Get(h.t.Context(), row.Key())
	h.ok(err)
	stored, ok, err := casefile.OutboxRowOf(item)
	h.ok(err)
	if !ok || stored != row {
		h.t.Errorf("the row is read as %+v, was %+v", stored, row)
	}
	if got := string(row.Kind); got != e.Name {
		h.t.Errorf("the kind is %s, was %s", got, e.Name)
	}
	h.ok(h.set.Outbox(h.t.Context(), row))
}

// replayEvent: who reads events by their struct reads those of then.
func replayEvent(t *testing.T, e entry) {
	var v events.Event
	strict(t, e.Input, &v)
	again, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := canonical(t, again), canonical(t, e.Input); got != want {
		t.Errorf("the event is read as %s, was %s", got, want)
	}
}

// replayExecution starts today's machine with what an execution of then was started with. The case has gone on since, which every
// function answers; the machine must end by itself, without asking an operator.
func replayExecution(t *testing.T, dir string, e entry) {
	var called []string
	h := newHouse(t, dir, e.At, func(_ context.Context, function string, _ json.RawMessage) (json.RawMessage, error) {
		called = append(called, function)
		return json.RawMessage(`{"next":"superseded","status":"superseded","items":[],"waitSeconds":0}`), nil
	})
	h.run()
	_, err := h.engine.Start(t.Context(), e.Name, "replayed", e.Input)
	h.ok(err)
	h.ok(h.engine.Idle(t.Context()))
	x, err := h.engine.Describe(t.Context(), e.Name, "replayed")
	h.ok(err)
	if x.Status != workflow.Succeeded || len(called) == 0 || slices.Contains(called, "NeedsOperator") {
		t.Errorf("the execution is %s (%s) after %v", x.Status, x.Error, called)
	}
}

// strict decodes a document whose every field must be known.
func strict(t testing.TB, raw []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("a field of then is not known any more: %v", err)
	}
}

// canonical writes a document with its keys in order.
func canonical(t testing.TB, raw []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
