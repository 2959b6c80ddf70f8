package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/walk"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// outcome is what became of one change: an effect, or a job of the system that will have one.
type outcome struct {
	effect   connector.Effect
	job      string
	wait     time.Duration
	callback bool
}

// batchOf returns the collection of a batch, which is of one collection and one action.
func (s *System) batchOf(batch []connector.Change) (*collection, error) {
	for i := range batch {
		if batch[i].Collection != batch[0].Collection || batch[i].Action != batch[0].Action {
			return nil, fault.New(fault.Internal, "a batch of changes is of more than one collection or action")
		}
	}
	if c := s.api.collections[batch[0].Collection]; c != nil {
		return c, nil
	}
	return nil, fault.New(fault.Invalid, "a change names a collection that is not in the connector file")
}

// apply carries out a batch, several changes at the same time. Every record is read right before it is changed: this is when
// it is decided whether it still is the person's. Effects are those before the first failure; what was done behind it is
// found in its end state when the batch is repeated.
func (s *System) apply(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	if err := s.ready(ctx); err != nil || len(batch) == 0 {
		return nil, err
	}
	c, err := s.batchOf(batch)
	if err != nil {
		return nil, err
	}
	return s.settle(ctx, c, batch, nil)
}

// settle carries out the changes behind those of which the outcome is known.
func (s *System) settle(ctx context.Context, c *collection, batch []connector.Change, done []outcome) ([]connector.Effect, error) {
	var failure error
	for len(done) < len(batch) && failure == nil && len(tokensOf(done)) < fullJob {
		n := min(s.api.parallel, len(batch)-len(done))
		results, errs := make([]outcome, n), make([]error, n)
		inParallel(n, func(i int) { results[i], errs[i] = s.changeOne(ctx, c, &batch[len(done)+i]) })
		for i := range results {
			if failure = errs[i]; failure != nil {
				break
			}
			done = append(done, results[i])
		}
	}
	effects, open := split(done)
	if open == nil {
		return effects, failure
	}
	// A failure behind a job that is under way shows again when the job is asked for.
	return effects, pending(open)
}

// split returns the effects before the first job, and everything from it on.
func split(done []outcome) (effects []connector.Effect, open []outcome) {
	for i, o := range done {
		if o.job != "" {
			return effects, done[i:]
		}
		effects = append(effects, o.effect)
	}
	return effects, nil
}

// changeOne carries out one change.
func (s *System) changeOne(ctx context.Context, c *collection, ch *connector.Change) (outcome, error) {
	what := fmt.Sprintf("changing %s (%s)", ch.Collection, ch.Action)
	for attempt := 1; ; attempt++ {
		rec, err := s.current(ctx, c, ch.Key)
		if err != nil {
			return outcome{}, err
		}
		if e := ch.Settle(rec); e != connector.EffectNot {
			return outcome{effect: e}, nil
		}
		call := c.changing(ch.Action)
		if call == nil {
			return outcome{}, fault.New(fault.Misconfigured, what+": the connector file has no call for it")
		}
		got, callback, err := s.request(ctx, call, c.valuesOf(rec, call, ch))
		if err != nil {
			return outcome{}, err
		}
		switch st := got.status; {
		case st == http.StatusAccepted && call.async != nil:
			job, err := s.client.started(call.async, got, what)
			return outcome{job: job, wait: s.client.wait(call.async, got, callback), callback: callback}, err
		case st == http.StatusAccepted:
			return outcome{}, fault.New(fault.Misconfigured, what+": the system does it later, and the connector file does not say how to ask (async)")
		case st == http.StatusOK, st == http.StatusCreated, st == http.StatusNoContent:
			return outcome{effect: connector.EffectDone}, nil
		case (gone(st) || st == http.StatusConflict || st == http.StatusPreconditionFailed) && attempt == 1:
			continue // somebody else was there in between: look again
		}
		return outcome{}, s.client.failure(got, what)
	}
}

func (s *System) request(ctx context.Context, call *change, v values) (got *answer, callback bool, err error) {
	if url := connector.CallbackURL(ctx); url != "" && call.async != nil {
		v = v.with(varCallback, url)
		callback = uses(call.request, varCallback)
	}
	out, err := s.client.build(call.request, v)
	if err != nil {
		return nil, false, err
	}
	got, err = s.client.send(ctx, out)
	return got, callback, err
}

// valuesOf returns what the placeholders of a call stand for: the fields of the record as it is, and the changes under the
// names that the API has for them.
func (c *collection) valuesOf(rec *connector.Record, call *change, ch *connector.Change) values {
	v := values{fields: map[string][]connector.Value{}}
	for f := range c.data.All {
		if x, ok := rec.Value(f.Path); ok {
			v.fields[f.Path] = []connector.Value{x}
		}
	}
	for i, k := range c.data.KeyPaths() {
		v.fields[k] = []connector.Value{ch.Key[i]}
	}
	for _, f := range ch.Fields {
		name := f.Name
		if n, ok := call.names[name]; ok {
			name = n
		}
		v.changes = append(v.changes, connector.Field{Name: name, Value: f.Value})
	}
	return v
}

// current reads a record by its key; nil when there is none.
func (s *System) current(ctx context.Context, c *collection, key connector.Key) (*connector.Record, error) {
	found, err := s.byKey(ctx, c, []connector.Key{key})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// byKey reads records by their keys; those that are not there are nil.
func (s *System) byKey(ctx context.Context, c *collection, keys []connector.Key) ([]*connector.Record, error) {
	out := make([]*connector.Record, len(keys))
	l := walk.Lookup{Collection: c.data, Fields: c.data.KeyPaths(), Match: connector.MatchExact, Limit: len(keys) + 1}
	for _, k := range keys {
		if len(k) != len(l.Fields) {
			return nil, fault.New(fault.Invalid, "a key has another number of parts than the primary key of "+c.data.Name)
		}
		l.Values = append(l.Values, k)
	}
	r, err := s.newReading(l)
	if err != nil {
		return nil, err
	}
	asked := 0
	for _, b := range r.batches {
		asked += len(b)
	}
	if asked != len(keys) {
		// What cannot be asked for is not known to be gone.
		return nil, fault.New(fault.Invalid, "a key of "+c.data.Name+" cannot be asked for: a part is null or of another type, or a key stands twice")
	}
	for at := (position{}); at.batch < len(r.batches); {
		p, err := r.pageAt(ctx, at, map[int]*page{})
		if err != nil {
			return nil, atOnce(err)
		}
		for _, rec := range p.records {
			for i, k := range keys {
				if !sameKey(rec.Key, k) {
					continue
				}
				if out[i] != nil {
					return nil, fault.New(fault.Invalid, "two records of "+c.data.Name+" have one key")
				}
				out[i] = rec
			}
		}
		at = at.behind(p)
	}
	return out, nil
}

// sameKey compares keys across types: an API may give a number as text.
func sameKey(a, b connector.Key) bool {
	for i := range a {
		if !connector.SameValue(a[i], b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}

// verify reads every record of a batch again.
func (s *System) verify(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	if err := s.ready(ctx); err != nil || len(batch) == 0 {
		return nil, err
	}
	c, err := s.batchOf(batch)
	if err != nil {
		return nil, err
	}
	effects := make([]connector.Effect, 0, len(batch))
	size := 1
	if r := c.readBy(c.data.KeyPaths()); r != nil {
		size = r.batch
	}
	for len(effects) < len(batch) {
		rest := batch[len(effects):]
		n := min(s.api.parallel, (len(rest)+size-1)/size)
		records, errs := make([][]*connector.Record, n), make([]error, n)
		inParallel(n, func(i int) {
			var keys []connector.Key
			for _, ch := range rest[i*size : min((i+1)*size, len(rest))] {
				keys = append(keys, ch.Key)
			}
			records[i], errs[i] = s.byKey(ctx, c, keys)
		})
		for i := range n {
			if errs[i] != nil {
				return nil, errs[i]
			}
			for _, rec := range records[i] {
				effects = append(effects, batch[len(effects)].Compare(rec))
			}
		}
	}
	return effects, nil
}

// fullJob bounds what a batch remembers of its jobs: the contract allows 1 KiB, and one window of changes may come on top.
const fullJob = 512

// Marks of outcomes in the name of a job. A job of its own is ":" and its name.
const (
	markDone    = "d"
	markAlready = "a"
	markOwner   = "o"
)

// tokensOf writes outcomes as the name of a job.
func tokensOf(list []outcome) string {
	_, open := split(list)
	var tokens []string
	for _, o := range open {
		switch {
		case o.job != "":
			tokens = append(tokens, ":"+o.job)
		case o.effect == connector.EffectAlready:
			tokens = append(tokens, markAlready)
		case o.effect == connector.EffectOwner:
			tokens = append(tokens, markOwner)
		default:
			tokens = append(tokens, markDone)
		}
	}
	return strings.Join(tokens, ",")
}

// maxJob is what the contract allows for the name of a job.
const maxJob = 1024

// pending returns the error that says which jobs are under way. Changes whose jobs do not fit in are left out: they are
// begun again, which is safe.
func pending(open []outcome) error {
	for len(tokensOf(open)) > maxJob {
		open = open[:len(open)-1]
	}
	p := &connector.Pending{Job: tokensOf(open), Callback: true}
	for _, o := range open {
		if o.job == "" {
			continue
		}
		if p.Wait == 0 || o.wait < p.Wait {
			p.Wait = o.wait
		}
		p.Callback = p.Callback && o.callback
	}
	return p
}

// Resume implements connector.Resumer: it asks for the jobs of a batch, and goes on with it when they are through.
func (s *System) Resume(ctx context.Context, _ connector.Right, job string, batch []connector.Change) ([]connector.Effect, error) {
	if err := s.ready(ctx); err != nil || len(batch) == 0 {
		return nil, err
	}
	c, err := s.batchOf(batch)
	if err != nil {
		return nil, err
	}
	call := c.changing(batch[0].Action)
	tokens := strings.Split(job, ",")
	if call == nil || call.async == nil || len(tokens) > len(batch) {
		return nil, fault.New(fault.NotFound, "the connector file knows no jobs for this change any more")
	}
	done := make([]outcome, len(tokens))
	for start := 0; start < len(tokens); start += s.api.parallel {
		n := min(s.api.parallel, len(tokens)-start)
		errs := make([]error, n)
		inParallel(n, func(i int) {
			done[start+i], errs[i] = s.ask(ctx, c, call, tokens[start+i], &batch[start+i])
		})
		if err := errors.Join(errs...); err != nil {
			return nil, firstFailure(errs)
		}
	}
	if effects, open := split(done); open != nil {
		return effects, pending(open)
	}
	return s.settle(ctx, c, batch, done)
}

// ask returns what became of one change of a batch.
func (s *System) ask(ctx context.Context, c *collection, call *change, token string, ch *connector.Change) (outcome, error) {
	switch token {
	case markDone:
		return outcome{effect: connector.EffectDone}, nil
	case markAlready:
		return outcome{effect: connector.EffectAlready}, nil
	case markOwner:
		return outcome{effect: connector.EffectOwner}, nil
	}
	job, ok := strings.CutPrefix(token, ":")
	if !ok || !jobName.MatchString(job) {
		return outcome{}, fault.New(fault.NotFound, "a job has no name that this connector gave")
	}
	what := fmt.Sprintf("changing %s (%s)", ch.Collection, ch.Action)
	state, wait, err := s.client.poll(ctx, call.async, job, what)
	switch {
	case err != nil:
		return outcome{}, err
	case state == jobRunning:
		return outcome{job: job, wait: wait}, nil
	case state == jobDone:
		return outcome{effect: connector.EffectDone}, nil
	}
	// Failed or forgotten: the record says what is so.
	rec, err := s.current(ctx, c, ch.Key)
	if err != nil {
		return outcome{}, err
	}
	if e := ch.Settle(rec); e != connector.EffectNot {
		return outcome{effect: e}, nil
	}
	if state == jobGone {
		return outcome{}, fault.New(fault.NotFound, what+": the system knows nothing of its job, and the record is as it was")
	}
	return outcome{}, fault.New(fault.Conflict, what+": the system's job has failed")
}
