package connectortest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/connector/spool"
	"github.com/habeas-dsar/habeas/shared/subject"
)

func privacyCases() []Case {
	const g = "privacy"
	return []Case{
		{Group: g, Name: "nothing personal in turns, states, logs and objects", Right: connector.Access, run: canaryInTasks},
		{Group: g, Name: "nothing personal in plans and receipts", Right: connector.Erasure, run: canaryInPlans},
		{Group: g, Name: "nothing personal in errors", run: canaryInErrors},
		{Group: g, Name: "nothing personal in cursors", Right: connector.Access, run: canaryInCursors},
		{Group: g, Name: "other people's data is withheld", Right: connector.Access, run: withholds},
		{Group: g, Name: "what a decision denies is withheld", Right: connector.Access, run: denies},
	}
}

// clean fails when a text holds anything personal that the suite seeded.
func (r *rig) clean(where, text string) {
	r.Helper()
	lower := strings.ToLower(text)
	for _, needle := range []string{strings.ToLower(canary), "7700 9", "@example.com", "192.0.2.", "ord-1-", "matter-1"} {
		if strings.Contains(lower, needle) {
			r.Errorf("%s holds personal data (something with %q)", where, needle)
		}
	}
}

// cleanTurns looks at everything the turns of the case said and stored, and at what was logged meanwhile.
func (r *rig) cleanTurns(logged string) {
	r.Helper()
	for _, t := range r.turns {
		t.Identifiers = nil // guarded, meant to be sealed
		b, err := json.Marshal(t)
		if err != nil {
			r.Errorf("a turn does not marshal: %v", err)
		}
		r.clean("a turn", string(b)+" "+string(t.State)+fmt.Sprintf(" %+v", t))
	}
	for _, needle := range []string{canary, strings.ToLower(canary), "192.0.2.", "@example.com"} {
		if r.kit.Store.Contains([]byte(needle)) {
			r.Errorf("an object holds personal data in the open (something with %q)", needle)
		}
	}
	for _, name := range r.kit.Store.Names() {
		r.clean("the name of an object", name)
	}
	r.clean("the log", logged)
}

// logging runs do with the default logger caught; package log writes through it too.
func logging(do func()) string {
	var b bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer slog.SetDefault(before)
	do()
	return b.String()
}

func canaryInTasks(r *rig) {
	page := r.h.pageSize(r)
	one := person{n: 1, logins: 2 * page}
	r.engine(func(c *engine.Config) { c.TurnRecords, c.SpoolBytes, c.PartBytes = 1, 1000, 2000 })
	r.seed(town(r, one, person{n: 2}))
	r.cleanTurns(logging(func() {
		r.done(r.instruct(locate, one))
		ins := r.instruct(readOut, one)
		for range 3 { // look while the spool is there
			t, err := r.turn(context.Background(), ins)
			if err != nil {
				r.Fatalf("a turn failed: %v", err)
			}
			ins.State = t.State
		}
		r.cleanTurns("")
		r.done(ins)
	}))
}

func canaryInPlans(r *rig) {
	one := person{n: 1, logins: 10}
	r.seed(town(r, one, person{n: 2}))
	r.cleanTurns(logging(func() {
		done := r.erase(one, r.plan(connector.Erasure, one))
		r.verified(connector.Erasure, one, done)
	}))
}

func canaryInErrors(r *rig) {
	one := person{n: 1, logins: 3}
	r.seed(town(r, one))
	logged := logging(func() {
		for _, kind := range FaultKinds() {
			if r.h.Cannot[kind] != "" {
				continue
			}
			for _, skip := range []int{0, 3} {
				r.h.Fault(r, Fault{Kind: kind, Skip: skip, Row: 1})
				r.clean("an error of a "+string(kind)+" system", r.errorsOf(one))
				r.h.Fault(r, Fault{})
			}
		}
	})
	r.clean("the log", logged)
}

// errorsOf returns the texts of the errors that the connector's own methods give for a person.
func (r *rig) errorsOf(p person) string {
	r.Helper()
	ctx := context.Background()
	var texts []string
	note := func(err error) {
		if err != nil {
			texts = append(texts, fmt.Sprintf("%v %+v", err, err))
		}
	}
	_, err := r.conn.Check(ctx)
	note(err)
	ids := []subject.Identifier{p.identifier(r), identifier(r, subject.Phone, p.phone())}
	located, err := r.conn.Locate(ctx, connector.Query{Proven: ids})
	note(err)
	texts = append(texts, fmt.Sprintf("%+v", located))
	if a, ok := r.conn.(connector.Accessor); ok {
		progress, err := a.Access(ctx, r.bareCall(ids, &stopper{cancel: func() {}}))
		note(err)
		texts = append(texts, fmt.Sprintf("%+v", progress))
	}
	if e, ok := r.conn.(connector.Eraser); ok {
		keep := connector.Change{
			Collection: "orders", Key: connector.Key{connector.Text("ord-1-1")}, Action: connector.ActDelete,
			Via: []connector.Field{{Name: "note", Value: connector.Text(canary + " somebody else")}},
		}
		_, err := e.ApplyErasure(ctx, []connector.Change{keep})
		note(err)
		_, err = e.VerifyErasure(ctx, []connector.Change{keep})
		note(err)
	}
	return strings.Join(texts, "\n")
}

// bareCall is a call without an engine around it: no retries, no limits.
func (r *rig) bareCall(ids []subject.Identifier, sink connector.Sink[*connector.Record]) connector.Call {
	return connector.Call{
		Identifiers: ids, Records: sink, Spool: spool.New(r.kit.Store, r.kit.Keys, "spool/a/b/c", 0, 1<<20),
		Request: func(ctx context.Context, do func(context.Context) error) error { return do(ctx) },
	}
}

// full is a sink that is always full: every page ends a call.
type full struct{ records int }

func (f *full) Put(context.Context, *connector.Record) error { f.records++; return nil }
func (f *full) Full() bool                                   { return true }

func canaryInCursors(r *rig) {
	page := r.h.pageSize(r)
	r.seed(town(r, person{n: 1, logins: 3 * page}))
	call := r.bareCall([]subject.Identifier{person{n: 1}.identifier(r)}, &full{})
	for calls := 1; ; calls++ {
		p, err := r.conn.(connector.Accessor).Access(context.Background(), call)
		if err != nil {
			r.Fatalf("Access failed: %v", err)
		}
		if len(p.Cursor) > 4096 || p.Cursor != "" && !json.Valid([]byte(p.Cursor)) {
			r.Errorf("a cursor of %d bytes is too long or no JSON", len(p.Cursor))
		}
		r.clean("a cursor", string(p.Cursor))
		if strings.Contains(string(p.Cursor), "1001") {
			r.Error("a cursor holds the key of a record")
		}
		if p.Finished {
			if calls < 3 {
				r.Errorf("a sink that is always full was filled by %d calls", calls)
			}
			return
		}
		if call.Cursor = p.Cursor; calls > 1000 {
			r.Fatal("the calls do not come to an end")
		}
	}
}

func withholds(r *rig) {
	r.seed(town(r, person{n: 1}))
	t := r.done(r.instruct(readOut, person{n: 1}))
	lines := strings.Join(r.read(t)["orders"], "\n")
	if strings.Contains(lines, "Recipient") || !strings.Contains(lines, `{"$withheld":"third_party"}`) {
		r.Error("other people's data is not withheld")
	}
}

func denies(r *rig) {
	r.seed(town(r, person{n: 1}))
	ins := r.instruct(readOut, person{n: 1})
	ins.Deny = []string{"login.ip", "user.contact"}
	t := r.done(ins)
	got := r.read(t)
	text := strings.Join(got["login"], "\n") + strings.Join(got["customer"], "\n")
	if strings.Contains(text, "192.0.2.") || strings.Contains(text, "@example.com") || strings.Contains(text, "City") {
		r.Error("a denied field is disclosed")
	}
	if !strings.Contains(text, `{"$withheld":"denied"}`) || !strings.Contains(text, "Name 1") {
		r.Error("a denied field leaves no mark, or more than it is withheld")
	}
}
