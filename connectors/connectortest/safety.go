package connectortest

import (
	"context"
	"errors"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/connector/spool"
	"github.com/habeas-dsar/habeas/shared/subject"
)

func safetyCases() []Case {
	const g = "safety"
	return []Case{
		{Group: g, Name: "retained records are untouched", Right: connector.Erasure, run: retainedUntouched},
		{Group: g, Name: "ended context", run: endedContext},
		{Group: g, Name: "context ends while reading", Right: connector.Access, run: endsWhileReading},
		{Group: g, Name: "context ends while erasing", Right: connector.Erasure, run: endsWhileErasing},
		{Group: g, Name: "a change whose owner differs is not made", Right: connector.Erasure, run: checksOwner},
	}
}

func retainedUntouched(r *rig) {
	one := person{n: 1}
	r.seed(town(r, one, person{n: 2}))
	done := r.erase(one, r.plan(connector.Erasure, one))
	r.wants(done, connector.Erased)
	invoice := r.find("invoice", 1001)
	if got := r.state()[mapKey(invoice)]; got != canonical(invoice) {
		r.Error("a retained record was changed")
	}
}

func endedContext(r *rig) {
	r.seed(town(r, person{n: 1}))
	before := r.state()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	id := person{n: 1}.identifier(r)
	if _, err := r.conn.Locate(ctx, connector.Query{Proven: []subject.Identifier{id}}); err == nil {
		r.Error("Locate with an ended context succeeds")
	}
	if _, err := r.conn.Check(ctx); err == nil {
		r.Error("Check with an ended context succeeds")
	}
	if e, ok := r.conn.(connector.Eraser); ok {
		change := connector.Change{Collection: "login", Key: connector.Key{connector.Int(0)}, Action: connector.ActDelete}
		if _, err := e.ApplyErasure(ctx, []connector.Change{change}); err == nil {
			r.Error("ApplyErasure with an ended context succeeds")
		}
	}
	r.changedTo(before, nil)
}

// stopper is a sink that ends the context of the call it is used in.
type stopper struct {
	cancel func()
	after  int
	got    int
}

func (s *stopper) Put(context.Context, *connector.Record) error {
	if s.got++; s.got == s.after {
		s.cancel()
	}
	return nil
}

func (s *stopper) Full() bool { return false }

func endsWhileReading(r *rig) {
	page := r.h.pageSize(r)
	r.seed(town(r, person{n: 1, logins: 5 * page}))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &stopper{cancel: cancel, after: page + page/2}
	_, err := r.conn.(connector.Accessor).Access(ctx, connector.Call{
		Identifiers: []subject.Identifier{person{n: 1}.identifier(r)},
		Spool:       spool.New(r.kit.Store, r.kit.Keys, "spool/a/b/c", 0, 1<<20), Records: s,
		Request: func(ctx context.Context, do func(context.Context) error) error { return do(ctx) },
	})
	if err == nil {
		r.Error("Access goes on when its context has ended")
	}
	if s.got > s.after+page {
		r.Errorf("%d records came after the context had ended, more than the page at hand", s.got-s.after)
	}
}

func endsWhileErasing(r *rig) {
	one := person{n: 1, logins: 2}
	r.seed(town(r, one, person{n: 2}))
	plan := r.plan(connector.Erasure, one)
	before := r.state()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	batches := 0
	r.gate = func() engine.Gate {
		if batches++; batches == 3 { // planning asks once
			cancel()
		}
		return engine.Gate{}
	}
	ins := r.instruct(erase, one)
	ins.Plan = plan.Plan
	_, err := r.turn(ctx, ins)
	if err == nil || !errors.Is(err, context.Canceled) {
		r.Errorf("a turn whose context ended gives %v", err)
	}
	after := r.state()
	gone := 0
	for k := range before {
		if _, ok := after[k]; !ok {
			gone++
		}
	}
	if largest := 3; gone > largest { // order items and tickets are the largest batches, three records each
		r.Errorf("%d records are gone though the context ended before the second batch", gone)
	}
	r.gate = nil
	ins = r.instruct(erase, one)
	ins.Plan = plan.Plan
	r.wants(r.done(ins), connector.Erased)
	r.changedTo(before, r.erasureOf(one))
}

func checksOwner(r *rig) {
	one, two := person{n: 1}, person{n: 2, logins: 1}
	r.seed(town(r, one, two))
	before := r.state()
	change := connector.Change{
		Collection: "login", Key: connector.Key{connector.Int(2001)}, Action: connector.ActDelete,
		Via: []connector.Field{{Name: "customer_id", Value: connector.Int(int64(one.id()))}},
	}
	effects, err := r.conn.(connector.Eraser).ApplyErasure(context.Background(), []connector.Change{change})
	if err != nil || len(effects) != 1 || effects[0] != connector.EffectOwner {
		r.Errorf("a change of another person's record gives effects %v, %v; want EffectOwner", effects, err)
	}
	r.changedTo(before, nil)
}
