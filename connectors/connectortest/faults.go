package connectortest

import (
	"context"
	"slices"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/subject"
)

func faultCases() []Case {
	const g = "faults"
	cases := []Case{
		{Group: g, Name: "a dropped connection loses and repeats nothing", Right: connector.Access, Fault: DropMidPage, run: dropsOnce},
		{Group: g, Name: "a connection that keeps dropping", Right: connector.Access, Fault: DropMidPage, run: keepsDropping},
		{Group: g, Name: "every request fails once", Right: connector.Access, Fault: ServerError, run: failsEverywhere},
	}
	for _, x := range []struct {
		kind  FaultKind
		class []fault.Class
	}{
		{Throttled, []fault.Class{fault.Throttled}},
		{ServerError, []fault.Class{fault.Unavailable}},
		{Timeout, []fault.Class{fault.Unavailable}},
		{Unauthorised, []fault.Class{fault.Misconfigured}},
		{Malformed, []fault.Class{fault.Invalid, fault.Internal}},
	} {
		cases = append(cases,
			Case{Group: g, Name: string(x.kind) + " while locating", Fault: x.kind, run: func(r *rig) { failsLocating(r, x.kind, x.class) }},
			Case{Group: g, Name: string(x.kind) + " while reading", Right: connector.Access, Fault: x.kind, run: func(r *rig) { failsReading(r, x.kind, x.class) }},
			Case{Group: g, Name: string(x.kind) + " while erasing", Right: connector.Erasure, Fault: x.kind, run: func(r *rig) { failsErasing(r, x.kind, x.class) }},
		)
	}
	return cases
}

func failsLocating(r *rig, kind FaultKind, want []fault.Class) {
	r.seed(town(r, person{n: 1}))
	r.h.Fault(r, Fault{Kind: kind})
	located, err := r.conn.Locate(context.Background(), connector.Query{Proven: []subject.Identifier{person{n: 1}.identifier(r)}})
	if !slices.Contains(want, fault.ClassOf(err)) {
		r.Errorf("Locate gives %v of class %q and %d collections, want an error of class %v", err, fault.ClassOf(err), len(located.Collections), want)
	}
	if kind == Throttled && fault.WaitOf(err) != ThrottledWait {
		r.Errorf("Locate says to wait %v, the system said %v", fault.WaitOf(err), ThrottledWait)
	}
	r.h.Fault(r, Fault{})
	r.wants(r.done(r.instruct(locate, person{n: 1})), connector.Found)
}

// refused checks the turn of a task while the system fails: it waits or asks a person, and claims nothing.
func (r *rig) refused(t engine.Turn, kind FaultKind, want []fault.Class) {
	r.Helper()
	if !slices.Contains(want, fault.Class(t.FaultClass)) {
		r.Errorf("the turn names the class %q, want %v", t.FaultClass, want)
	}
	passing := slices.Contains(want, fault.Throttled) || slices.Contains(want, fault.Unavailable)
	switch {
	case passing && (t.Status != engine.Waiting || t.WaitSeconds < 1 || t.WaitSeconds > 900):
		r.Errorf("the turn ends %s with %d s, want waiting", t.Status, t.WaitSeconds)
	case !passing && (t.Status != engine.Person || t.Outcome != connector.NotDone):
		r.Errorf("the turn ends %s with %q, want a person to be asked", t.Status, t.Outcome)
	}
	if kind == Throttled && t.WaitSeconds < int(ThrottledWait.Seconds()) {
		r.Errorf("the turn waits %d s, the system asked for %v", t.WaitSeconds, ThrottledWait)
	}
}

func failsReading(r *rig, kind FaultKind, want []fault.Class) {
	one := person{n: 1, logins: 3}
	r.seed(town(r, one, person{n: 2}))
	for _, skip := range []int{0, 1, 4} {
		ins := r.instruct(readOut, one)
		r.h.Fault(r, Fault{Kind: kind, Skip: skip})
		t, err := r.turn(context.Background(), ins)
		if err != nil {
			r.Fatalf("a turn failed: %v", err)
		}
		r.refused(t, kind, want)
		r.h.Fault(r, Fault{})
		parts := t.Parts
		ins.State = t.State
		done := r.done(ins)
		done.Parts = append(parts, done.Parts...)
		r.discloses(done, r.owned(one))
	}
}

func failsErasing(r *rig, kind FaultKind, want []fault.Class) {
	one := person{n: 1, logins: 3}
	r.seed(town(r, one, person{n: 2}))
	before := r.state()
	plan := r.plan(connector.Erasure, one)
	ins := r.instruct(erase, one)
	ins.Plan = plan.Plan
	r.h.Fault(r, Fault{Kind: kind, Skip: 30})
	t, err := r.turn(context.Background(), ins)
	if err != nil {
		r.Fatalf("a turn failed: %v", err)
	}
	if t.Status == engine.Finished {
		r.h.Fault(r, Fault{})
		r.changedTo(before, r.erasureOf(one)) // the system needs fewer requests than were let through
		return
	}
	r.refused(t, kind, want)
	r.h.Fault(r, Fault{})
	ins.State = t.State
	r.wants(r.done(ins), connector.Erased)
	r.changedTo(before, r.erasureOf(one))
}

func dropsOnce(r *rig) {
	page := r.h.pageSize(r)
	one := person{n: 1, logins: 2*page + 5}
	r.seed(town(r, one, person{n: 2}))
	r.h.Fault(r, Fault{Kind: DropMidPage, Row: 3, Times: 1})
	t := r.done(r.instruct(readOut, one))
	r.h.Fault(r, Fault{})
	r.discloses(t, r.owned(one))
}

func keepsDropping(r *rig) {
	page := r.h.pageSize(r)
	one := person{n: 1, logins: page + 5}
	r.seed(town(r, one, person{n: 2}))
	ins := r.instruct(readOut, one)
	r.h.Fault(r, Fault{Kind: DropMidPage, Row: 3})
	t, err := r.turn(context.Background(), ins)
	if err != nil {
		r.Fatalf("a turn failed: %v", err)
	}
	r.refused(t, DropMidPage, []fault.Class{fault.Unavailable})
	r.h.Fault(r, Fault{})
	parts := t.Parts
	ins.State = t.State
	done := r.done(ins)
	done.Parts = append(parts, done.Parts...)
	r.discloses(done, r.owned(one))
}

func failsEverywhere(r *rig) {
	one := person{n: 1, logins: 3}
	r.seed(town(r, one, person{n: 2}))
	for skip := range 20 {
		r.h.Fault(r, Fault{Kind: ServerError, Skip: skip, Times: 1})
		t := r.done(r.instruct(readOut, one))
		r.h.Fault(r, Fault{})
		r.discloses(t, r.owned(one))
	}
}
