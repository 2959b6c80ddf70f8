package connectortest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/connector/enginetest"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// rig is one case under way: a harness, an engine, and after seed a connector.
type rig struct {
	testing.TB
	h     Harness
	kit   *enginetest.Kit
	conn  connector.Connector
	world World
	tasks int
	gate  func() engine.Gate // nil = open, no holds
	turns []engine.Turn      // every turn of the case, for the canary
}

func newRig(tb testing.TB, h Harness) *rig {
	r := &rig{TB: tb, h: h}
	r.engine(nil)
	return r
}

// engine makes the engine of the case anew; change may make turns and parts small.
func (r *rig) engine(change func(*engine.Config)) {
	r.Helper()
	r.kit = enginetest.New(r, func(cfg *engine.Config) {
		if change != nil {
			change(cfg)
		}
	})
}

// seed fills the system and opens the connector.
func (r *rig) seed(w World) {
	r.Helper()
	r.world = w
	r.h.Seed(r, w)
	r.conn = r.h.open(r, w.Dataset)
	r.Cleanup(func() { _ = r.conn.Close() })
}

// instruct returns the instruction for a task about a person.
func (r *rig) instruct(action engineAction, p person) engine.Instruction {
	r.tasks++
	return engine.Instruction{
		Tenant: "acme", CaseID: "case-1", TaskID: fmt.Sprintf("task-%d", r.tasks), System: "target", Action: action,
		Connector: r.conn, Dataset: r.world.Dataset, Keys: r.kit.Keys, Proven: []subject.Identifier{p.identifier(r)},
		Found: []subject.Identifier{identifier(r, subject.CustomerID, fmt.Sprint(p.id()))},
		Gate: func(context.Context) (engine.Gate, error) {
			if r.gate == nil {
				return engine.Gate{}, nil
			}
			return r.gate(), nil
		},
	}
}

// turn runs one turn and remembers what it said.
func (r *rig) turn(ctx context.Context, ins engine.Instruction) (engine.Turn, error) {
	t, err := r.kit.Engine.Turn(ctx, ins)
	r.turns = append(r.turns, t)
	return t, err
}

// settle runs a task until it is finished or needs a person; waits pass at once.
func (r *rig) settle(ins engine.Instruction) engine.Turn {
	r.Helper()
	var parts []engine.PartRef
	for range 500 {
		t, err := r.turn(context.Background(), ins)
		if err != nil {
			r.Fatalf("a turn of %s failed: %v", ins.Action, err)
		}
		parts = append(parts, t.Parts...)
		ins.State = t.State
		switch t.Status {
		case engine.Finished, engine.Person:
			if t.Leftover {
				r.forget(ins)
			}
			t.Parts = parts
			return t
		case engine.Waiting:
			r.kit.Clock.Advance(time.Duration(t.WaitSeconds) * time.Second)
		case engine.More:
		default:
			r.Fatalf("a turn of %s has status %q", ins.Action, t.Status)
		}
	}
	r.Fatalf("%s does not come to an end in 500 turns", ins.Action)
	return engine.Turn{}
}

// forget clears up after a settled task, as the step that records it does.
func (r *rig) forget(ins engine.Instruction) {
	r.Helper()
	if err := r.kit.Engine.Forget(context.Background(), ins.Tenant, ins.CaseID, ins.TaskID); err != nil {
		r.Fatalf("forgetting a task: %v", err)
	}
}

// done runs a task that must finish.
func (r *rig) done(ins engine.Instruction) engine.Turn {
	r.Helper()
	t := r.settle(ins)
	if t.Status != engine.Finished {
		r.Fatalf("%s ended with %s: %s (%s)", ins.Action, t.Status, t.Reason, t.FaultClass)
	}
	return t
}

// wants checks the outcome of a task.
func (r *rig) wants(t engine.Turn, o connector.Outcome) {
	r.Helper()
	if t.Outcome != o {
		r.Errorf("the outcome is %q, want %q; collections: %+v", t.Outcome, o, t.Collections)
	}
}

func result(t engine.Turn, collection string) connector.CollectionResult {
	for _, c := range t.Collections {
		if c.Collection == collection {
			return c
		}
	}
	return connector.CollectionResult{}
}

// read returns what the parts of a task disclose, as JSON lines per collection.
func (r *rig) read(t engine.Turn) map[string][]string {
	r.Helper()
	parts := r.kit.Parts(t.Parts)
	got := map[string][]string{}
	for _, c := range parts.Contents() {
		for line, err := range parts.Records(context.Background(), c.Collection) {
			if err != nil {
				r.Fatalf("reading the parts: %v", err)
			}
			got[c.Collection] = append(got[c.Collection], string(line))
		}
	}
	return got
}

// discloses checks that a task disclosed exactly these records, each once, with other people's data withheld.
func (r *rig) discloses(t engine.Turn, want []*connector.Record) {
	r.Helper()
	lines := map[string][]string{}
	for _, w := range want {
		w = w.Clone()
		for f := range r.world.Dataset.Collection(w.Collection).All {
			if f.ThirdParty {
				w.Withhold(f.Path, connector.WithheldThirdParty)
			}
		}
		lines[w.Collection] = append(lines[w.Collection], string(w.AppendJSON(nil)))
	}
	r.sameLines(lines, r.read(t))
	for name, l := range lines {
		if c := result(t, name); c.Records != len(l) || c.Outcome != connector.Found {
			r.Errorf("%s is reported as %s with %d records, want %d", name, c.Outcome, c.Records, len(l))
		}
	}
}

func (r *rig) sameLines(want, got map[string][]string) {
	r.Helper()
	for _, m := range []map[string][]string{want, got} {
		for name := range m {
			m[name] = slices.Sorted(slices.Values(m[name]))
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		r.Errorf("disclosed records (-want +got):\n%s", clip(d))
	}
}

func clip(s string) string {
	if len(s) > 3000 {
		return s[:3000] + "\n..."
	}
	return s
}

// owned returns the records of a person that access discloses.
func (r *rig) owned(p person) []*connector.Record {
	r.Helper()
	return slices.DeleteFunc(p.records(r, r.world.Dataset), hidden)
}

// state is the whole system as JSON lines by collection and key.
func (r *rig) state() map[string]string {
	r.Helper()
	return asMap(r.h.Dump(r))
}

func asMap(list []*connector.Record) map[string]string {
	m := map[string]string{}
	for _, rec := range list {
		m[mapKey(rec)] = canonical(rec)
	}
	return m
}

func mapKey(rec *connector.Record) string {
	var key []string
	for _, v := range rec.Key {
		key = append(key, v.RevealText())
	}
	return rec.Collection + "/" + strings.Join(key, "|")
}

// canonical writes a record so that a system without booleans compares equal.
func canonical(rec *connector.Record) string {
	c := rec.Clone()
	for i, f := range c.Fields {
		if f.Value.Type() == connector.TypeBool {
			n := int64(0)
			if f.Value == connector.Bool(true) {
				n = 1
			}
			c.Fields[i].Value = connector.Int(n)
		}
	}
	return string(c.AppendJSON(nil))
}

// changedTo checks that the system differs from before in exactly these ways: "" means gone.
func (r *rig) changedTo(before map[string]string, changes map[string]string) {
	r.Helper()
	want := maps.Clone(before)
	for k, v := range changes {
		if v == "" {
			delete(want, k)
		} else {
			want[k] = v
		}
	}
	if d := cmp.Diff(want, r.state()); d != "" {
		r.Errorf("the system is not as it should be (-want +got):\n%s", clip(d))
	}
}

// with returns a record's canonical form with some fields changed.
func with(rec *connector.Record, fields map[string]connector.Value) string {
	c := rec.Clone()
	for i := range c.Fields {
		if v, ok := fields[c.Fields[i].Name]; ok {
			c.Fields[i].Value = v
		}
	}
	return canonical(c)
}

// plan runs a dry run and checks that it changed nothing.
func (r *rig) plan(right connector.Right, p person, fields ...engine.Correction) engine.Turn {
	r.Helper()
	before := r.state()
	ins := r.instruct(dryRun, p)
	ins.Right, ins.Corrections = right, fields
	t := r.done(ins)
	if t.Plan.Hash == "" || t.Plan.Name == "" {
		r.Fatalf("a dry run has no plan: %+v", t)
	}
	r.changedTo(before, nil)
	return t
}

// verified runs the verification of a change.
func (r *rig) verified(right connector.Right, p person, done engine.Turn, fields ...engine.Correction) engine.Turn {
	r.Helper()
	ins := r.instruct(verify, p)
	ins.Right, ins.Plan, ins.Corrections = right, done.Plan, fields
	return r.settle(ins)
}

func correction(field, v string) engine.Correction {
	return engine.Correction{Field: field, Value: redact.NewText(v)}
}
