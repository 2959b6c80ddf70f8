package local

import (
	"maps"
	"slices"

	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
)

// items returns the array a Map thread works on.
func (x *execution) items(t *thread) ([]any, error) {
	if t.itemsKnown {
		return t.items, nil
	}
	s, sc := x.stateOf(t), x.scope(t)
	v, err := s.Effective(sc)
	if err != nil {
		return nil, err
	}
	if t.items, err = s.Map.Items(sc.With(v)); err != nil {
		return nil, err
	}
	t.itemsKnown = true
	return t.items, nil
}

// startMap begins an attempt of a Map state.
func (x *execution) startMap(t *thread) error {
	items, err := x.items(t)
	if err != nil {
		return err
	}
	t.started, t.done, t.active = 0, 0, 0
	t.previous = x.event("MapStateStarted", t.previous, "", count("length", int64(len(items))))
	t.attempt, t.phase = t.previous, phaseMapping
	x.continueMap(t)
	return nil
}

// continueMap starts as many iterations as may run, and ends the Map after the last.
func (x *execution) continueMap(t *thread) {
	s := x.stateOf(t)
	items, err := x.items(t)
	if err != nil {
		x.failed(t, s, asFailure(err))
		return
	}
	limit := workflow.MaxTurnsInFlight
	if s.Map.MaxConcurrency > 0 {
		limit = min(limit, s.Map.MaxConcurrency)
	}
	for t.active < limit && t.started < len(items) && !x.overflow {
		if err := x.iterate(t, s, items); err != nil {
			x.abortIterations(t)
			x.failed(t, s, asFailure(err))
			return
		}
	}
	if t.done < len(items) || x.overflow {
		return
	}
	if err := x.endMap(t, s); err != nil {
		x.failed(t, s, asFailure(err))
	}
}

// iterate starts the next iteration.
func (x *execution) iterate(t *thread, s *asl.State, items []any) error {
	i := t.started
	input := items[i]
	if s.Map.ItemSelector != nil {
		sc := x.scope(t)
		v, err := s.Effective(sc)
		if err != nil {
			return err
		}
		sc = sc.With(v)
		sc.Context = func() any { return x.contextObject(t, 0, mapItem(i, items[i])) }
		if input, err = s.Map.ItemSelector.Eval(sc); err != nil {
			return err
		}
	}
	p, err := newPayload(input, "The input of an iteration of '"+t.state+"'")
	if err != nil {
		return err
	}
	n := &thread{id: x.nextID, parent: t.id, item: i, state: s.Map.StartAt, input: p}
	n.previous = x.event("MapIterationStarted", t.attempt, "", text("name", t.state), count("index", int64(i)))
	x.nextID++
	x.threads[n.id] = n
	t.started++
	t.active++
	x.run(n)
	return nil
}

// endMap collects the iterations' outputs in the order of the items.
func (x *execution) endMap(t *thread, s *asl.State) error {
	results := make([]any, t.done)
	size := 0
	for _, i := range x.iterations(t) {
		results[i.item] = i.input.get()
		size += len(i.input.raw) + 1
		x.drop(i)
	}
	if size > workflow.MaxPayloadBytes {
		return dataLimit("The result of the state '" + t.state + "'")
	}
	x.event("MapStateSucceeded", t.previous, "")
	out, err := s.Output(x.scope(t), results)
	if err != nil {
		return err
	}
	return x.exit(t, s, out, s.Next)
}

// iterations lists the threads of a Map in the order of their items.
func (x *execution) iterations(t *thread) []*thread {
	var out []*thread
	for _, i := range x.threads {
		if i.parent == t.id {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(a, b *thread) int { return a.item - b.item })
	return out
}

// abortIterations drops what is left of a Map after one of its iterations failed.
func (x *execution) abortIterations(t *thread) {
	for _, i := range x.iterations(t) {
		if i.phase != phaseFinished {
			x.event("MapIterationAborted", i.previous, "", text("name", t.state), count("index", int64(i.item)))
		}
		x.abort(i)
	}
	t.started, t.done, t.active = 0, 0, 0
	maps.DeleteFunc(x.threads, func(_ int64, i *thread) bool { return i.parent == t.id })
}
