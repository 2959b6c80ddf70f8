package connectortest

import (
	"context"
	"maps"
	"sync"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/subject"
)

func concurrencyCases() []Case {
	const g = "concurrency"
	return []Case{
		{Group: g, Name: "parallel reads", Right: connector.Access, run: parallelReads},
		{Group: g, Name: "parallel erasures", Right: connector.Erasure, run: parallelErasures},
		{Group: g, Name: "close is idempotent", run: closesTwice},
	}
}

const workers = 6

// inParallel runs one instruction per person at once and returns their last turns.
func (r *rig) inParallel(ins []engine.Instruction) []engine.Turn {
	r.Helper()
	turns := make([]engine.Turn, len(ins))
	errs := make([]error, len(ins))
	var wg sync.WaitGroup
	for i := range ins {
		wg.Go(func() {
			in := ins[i]
			var parts []engine.PartRef
			for range 100 {
				t, err := r.kit.Engine.Turn(context.Background(), in)
				parts = append(parts, t.Parts...)
				t.Parts = parts
				turns[i], errs[i], in.State = t, err, t.State
				if err != nil || t.Status == engine.Finished || t.Status == engine.Person {
					return
				}
			}
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil || turns[i].Status != engine.Finished {
			r.Fatalf("a parallel %s ends %s, %v: %s", ins[i].Action, turns[i].Status, err, turns[i].Reason)
		}
	}
	return turns
}

func crowd() []person {
	var people []person
	for i := range workers {
		people = append(people, person{n: i + 1, logins: 10 * i})
	}
	return people
}

func parallelReads(r *rig) {
	people := crowd()
	r.seed(town(r, people...))
	var ins []engine.Instruction
	for _, p := range people {
		ins = append(ins, r.instruct(readOut, p))
	}
	for i, t := range r.inParallel(ins) {
		r.discloses(t, r.owned(people[i]))
	}
}

func parallelErasures(r *rig) {
	people := crowd()
	r.seed(town(r, people...))
	before := r.state()
	var ins []engine.Instruction
	want := map[string]string{}
	for _, p := range people[1:] {
		in := r.instruct(erase, p)
		in.Plan = r.plan(connector.Erasure, p).Plan
		ins = append(ins, in)
		maps.Copy(want, r.erasureOf(p))
	}
	r.inParallel(ins)
	r.changedTo(before, want)
}

func closesTwice(r *rig) {
	r.seed(town(r, person{n: 1}))
	if err := r.conn.Close(); err != nil {
		r.Errorf("Close: %v", err)
	}
	if err := r.conn.Close(); err != nil {
		r.Errorf("Close again: %v", err)
	}
	if _, err := r.conn.Locate(context.Background(), connector.Query{Proven: []subject.Identifier{person{n: 1}.identifier(r)}}); err == nil {
		r.Error("a closed connector searches")
	}
}
