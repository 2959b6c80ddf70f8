package connectortest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/subject"
)

func locateCases() []Case {
	const g = "locate"
	return []Case{
		{Group: g, Name: "finds further identifiers", run: findsIdentifiers},
		{Group: g, Name: "does not walk", run: locateDoesNotWalk},
		{Group: g, Name: "unknown person", Right: connector.Access, run: unknownPerson},
		{Group: g, Name: "everything of one person", Right: connector.Access, run: everythingOfOne},
		{Group: g, Name: "three pages", Right: connector.Access, run: threePages},
		{Group: g, Name: "small turns", Right: connector.Access, run: smallTurns},
		{Group: g, Name: "repeated turn", Right: connector.Access, run: repeatedTurn},
		{Group: g, Name: "forms of identifiers", run: formsOfIdentifiers},
		{Group: g, Name: "phone shared by two customers", run: sharedPhone},
		{Group: g, Name: "two customers with one address", Right: connector.Access, run: twoCustomers},
		{Group: g, Name: "second address is no contradiction", run: secondAddress},
		{Group: g, Name: "graph with cycles", Right: connector.Access, run: graphWithCycles},
	}
}

func findsIdentifiers(r *rig) {
	one := person{n: 1}
	r.seed(town(r, one, person{n: 2}))
	ins := r.instruct(locate, one)
	ins.Found = nil
	t := r.done(ins)
	r.wants(t, connector.Found)
	want := []subject.Identifier{
		identifier(r, subject.CustomerID, fmt.Sprint(one.id())), identifier(r, subject.Phone, one.phone()),
		identifier(r, subject.Email, "zq7canary.alt1@example.com"),
	}
	for _, w := range want {
		if !slices.ContainsFunc(t.Identifiers, w.Same) {
			r.Errorf("locate does not report the %s it must have seen", w.Kind)
		}
	}
	if len(t.Identifiers) != len(want) {
		r.Errorf("locate reports %d identifiers, want %d: %v", len(t.Identifiers), len(want), t.Identifiers)
	}
	for _, name := range []string{"customer", "ticket", "newsletter", "consent"} {
		if c := result(t, name); c.Outcome != connector.Found {
			r.Errorf("locate says %q of %s", c.Outcome, name)
		}
	}
	if c := result(t, "employee"); c.Outcome != connector.NothingHeld {
		r.Errorf("locate says %q of a collection without a match", c.Outcome)
	}
}

func locateDoesNotWalk(r *rig) {
	r.seed(town(r, person{n: 1, logins: 500}))
	ins := r.instruct(locate, person{n: 1})
	t := r.done(ins)
	for _, c := range t.Collections {
		if len(r.world.Dataset.Collection(c.Collection).IdentityFields()) == 0 {
			r.Errorf("locate looked into %s, which has no identity field", c.Collection)
		}
	}
}

func unknownPerson(r *rig) {
	r.seed(town(r, person{n: 1}))
	t := r.done(r.instruct(readOut, person{n: 7}))
	r.wants(t, connector.NothingHeld)
	if len(t.Parts) > 0 {
		r.Errorf("%d parts for a person of whom nothing is held", len(t.Parts))
	}
	for _, c := range r.world.Dataset.Collections {
		if got := result(t, c.Name); c.Disclosed() && (got.Outcome != connector.NothingHeld || got.Records != 0) {
			r.Errorf("%s is reported as %q with %d records", c.Name, got.Outcome, got.Records)
		}
	}
	t = r.done(r.instruct(locate, person{n: 7}))
	r.wants(t, connector.NothingHeld)
}

func everythingOfOne(r *rig) {
	one, two := person{n: 1, logins: 3}, person{n: 2, logins: 2}
	r.seed(town(r, one, two))
	for _, p := range []person{one, two} {
		t := r.done(r.instruct(readOut, p))
		r.wants(t, connector.Found)
		r.discloses(t, r.owned(p))
		if len(t.Parts) != 1 {
			r.Errorf("a small person has %d parts, want 1", len(t.Parts))
		}
		if t.Receipt == "" {
			r.Error("a finished task has no receipt")
		}
		for _, c := range t.Collections {
			if c.ReadFrom.IsZero() || c.ReadTo.Before(c.ReadFrom) {
				r.Errorf("%s has no read window", c.Collection)
			}
		}
	}
	for _, name := range r.kit.Store.Names() {
		if !strings.HasPrefix(name, "raw/") {
			r.Errorf("a small person leaves %s in the object store", name)
		}
	}
}

func threePages(r *rig) {
	page := r.h.pageSize(r)
	one := person{n: 1, logins: 3*page + 1}
	r.seed(town(r, one, person{n: 2}))
	r.discloses(r.done(r.instruct(readOut, one)), r.owned(one))
}

// pageSize is the number of records in a page, from the descriptor.
func (h Harness) pageSize(r *rig) int {
	h.Seed(r, World{Dataset: dataset(r, "suite")})
	c := h.open(r, dataset(r, "suite"))
	defer closeQuietly(r, c)
	return c.Describe().Limits.WithDefaults().PageRecords
}

func smallTurns(r *rig) {
	page := r.h.pageSize(r)
	one := person{n: 1, logins: 4*page + 1}
	r.engine(func(c *engine.Config) { c.TurnRecords, c.PartBytes, c.SpoolBytes = 1, 2000, 1000 })
	r.seed(town(r, one, person{n: 2}))
	t := r.done(r.instruct(readOut, one))
	r.discloses(t, r.owned(one))
	if len(r.turns) < 4 {
		r.Errorf("a budget of one record a turn was used up in %d turns, want at least one a page", len(r.turns))
	}
	for _, name := range r.kit.Store.Names() {
		if strings.HasPrefix(name, "spool/") {
			r.Errorf("%s stays after the end of the task", name)
		}
	}
}

func repeatedTurn(r *rig) {
	page := r.h.pageSize(r)
	one := person{n: 1, logins: 3 * page}
	r.engine(func(c *engine.Config) { c.TurnRecords = 1 })
	r.seed(town(r, one))
	ins := r.instruct(readOut, one)
	all := map[string][]string{}
	for range 200 {
		first, err1 := r.turn(context.Background(), ins)
		want := r.read(first)
		again, err2 := r.turn(context.Background(), ins)
		if err1 != nil || err2 != nil {
			r.Fatalf("a turn failed: %v, %v", err1, err2)
		}
		r.sameLines(want, r.read(again))
		if first.Status != again.Status || len(first.Parts) != len(again.Parts) {
			r.Fatalf("a repeated turn ends %s with %d parts, the first %s with %d", again.Status, len(again.Parts), first.Status, len(first.Parts))
		}
		for name, lines := range r.read(again) {
			all[name] = append(all[name], lines...)
		}
		if ins.State = again.State; again.Status == engine.Finished {
			again.Parts = nil
			want := map[string]int{}
			for _, rec := range r.owned(one) {
				want[rec.Collection]++
			}
			for name, n := range want {
				if len(all[name]) != n {
					r.Errorf("%s: %d records over all turns, want %d", name, len(all[name]), n)
				}
			}
			return
		}
	}
	r.Error("the task does not end")
}

func formsOfIdentifiers(r *rig) {
	w := town(r, person{n: 1})
	ds := w.Dataset
	customer := func(id int, email, phone string) {
		w.Records = append(w.Records, rec(r, ds, "customer", id, email, phone, "x", "x", nil, false, nil))
	}
	customer(1, "jane@example.com", "")
	customer(2, "jane+shop@example.com", "")
	customer(3, "jörg@exämple.example.com", "")
	customer(4, "dot.ted@example.com", "0044 7700 900888")
	customer(5, "Exact.Case@example.com", "")
	w.Records = append(w.Records, rec(r, ds, "newsletter", 50, "News@Example.com", "n", "t"))
	r.seed(w)
	for _, tc := range []struct {
		kind       subject.Kind
		value      string
		collection string
		want       int
	}{
		{subject.Email, "jane@example.com", "customer", 1},
		{subject.Email, "JANE@EXAMPLE.COM", "customer", 1}, // typed in capitals, stored in normal form
		{subject.Email, "jane+shop@example.com", "customer", 1},
		{subject.Email, "jane+other@example.com", "customer", 0},
		{subject.Email, "jörg@exämple.example.com", "customer", 1},
		{subject.Email, "jorg@exämple.example.com", "customer", 0},
		{subject.Email, "dotted@example.com", "customer", 0},
		{subject.Email, "Exact.Case@example.com", "customer", 1}, // stored as typed
		{subject.Email, "j_ne@example.com", "customer", 0},       // no wildcard
		{subject.Email, "%@example.com", "customer", 0},
		{subject.Email, "new's@example.com", "customer", 0},
		{subject.Email, "nEWS@eXAMPLE.cOM", "newsletter", 1}, // casefold
		{subject.Phone, "+44 (7700) 900-888", "customer", 1}, // normalised
		{subject.Phone, "+44 7700 900889", "customer", 0},
	} {
		ins := r.instruct(locate, person{n: 1})
		ins.Proven, ins.Found = []subject.Identifier{identifier(r, tc.kind, tc.value)}, nil
		t := r.done(ins)
		if got := result(t, tc.collection).Records; got != tc.want {
			r.Errorf("searching a %s of the form %q in %s finds %d, want %d", tc.kind, tc.value, tc.collection, got, tc.want)
		}
	}
}

func sharedPhone(r *rig) {
	w := town(r, person{n: 1}, person{n: 2})
	w.Records = append(w.Records, rec(r, w.Dataset, "customer", 5000, "stranger@example.com", person{n: 1}.phone(), "Stranger", "x", nil, false, nil))
	r.seed(w)
	ins := r.instruct(locate, person{n: 1})
	ins.Found = append(ins.Found, identifier(r, subject.Phone, person{n: 1}.phone()))
	r.ambiguous(ins)
	if slices.Contains(r.conn.Describe().Rights, connector.Access) {
		ins.Action = readOut
		r.ambiguous(ins)
	}
	ok := r.done(r.instruct(locate, person{n: 2}))
	r.wants(ok, connector.Found)
}

// ambiguous checks that a task stops without data.
func (r *rig) ambiguous(ins engine.Instruction) {
	r.Helper()
	before := r.state()
	t := r.settle(ins)
	if t.Status != engine.Person || t.Outcome != connector.Ambiguous {
		r.Errorf("%s of an ambiguous person ends %s with outcome %q", ins.Action, t.Status, t.Outcome)
	}
	if len(t.Identifiers) > 0 || len(t.Parts) > 0 || t.Plan.Name != "" {
		r.Errorf("%s of an ambiguous person gives %d identifiers, %d parts, plan %q", ins.Action, len(t.Identifiers), len(t.Parts), t.Plan.Name)
	}
	for _, name := range r.kit.Store.Names() {
		if strings.HasPrefix(name, "raw/") {
			r.Errorf("%s of an ambiguous person leaves %s", ins.Action, name)
		}
	}
	r.changedTo(before, nil)
}

func twoCustomers(r *rig) {
	w := town(r, person{n: 1})
	w.Records = append(w.Records, rec(r, w.Dataset, "customer", 5000, person{n: 1}.email(), "", "Another", "x", nil, false, nil))
	r.seed(w)
	ins := r.instruct(locate, person{n: 1})
	ins.Found = nil
	r.ambiguous(ins)
	ins.Action = readOut
	r.ambiguous(ins)
}

func secondAddress(r *rig) {
	r.seed(town(r, person{n: 1}))
	ins := r.instruct(locate, person{n: 1})
	ins.Found = append(ins.Found, identifier(r, subject.Email, "zq7canary.alt1@example.com"))
	r.wants(r.done(ins), connector.Found)
}

// graphWithCycles walks a large graph with turns and a spool far smaller than it.
func graphWithCycles(r *rig) {
	n := r.h.Large
	if n == 0 {
		n = 100_000
	}
	r.engine(func(c *engine.Config) { c.TurnRecords, c.PartBytes, c.SpoolBytes = n/4, 256<<10, 256<<10 })
	r.seed(webOf(r, n))
	ins := r.instruct(readOut, person{n: 1})
	ins.Found = nil
	seen := make([]bool, n+100)
	var base int64
	for turn := range 100 {
		t, err := r.turn(context.Background(), ins)
		if err != nil {
			r.Fatalf("a turn failed: %v", err)
		}
		// What the first turn leaves is the connector's own (connections, caches); later turns must not add to it.
		used := int64(heap()) - r.kit.Store.Size()
		if turn == 0 {
			base = used
		} else if used > base+10<<20 {
			r.Errorf("%d MiB more in use after turn %d than after the first", (used-base)>>20, turn+1)
		}
		r.countNodes(t, seen)
		if ins.State = t.State; t.Status == engine.Finished {
			for i, s := range seen[:n] {
				if !s {
					r.Fatalf("record %d is missing", i)
				}
			}
			if got := result(t, "node").Records; got != n {
				r.Errorf("%d records are reported, want %d", got, n)
			}
			return
		}
		if t.Status != engine.More {
			r.Fatalf("a turn ends %s: %s", t.Status, t.Reason)
		}
	}
	r.Error("the walk does not end")
}

func (r *rig) countNodes(t engine.Turn, seen []bool) {
	r.Helper()
	var rec connector.Record
	for line, err := range r.kit.Parts(t.Parts).Records(context.Background(), "node") {
		if err == nil {
			err = connector.DecodeRecord(line, &rec)
		}
		if err != nil {
			r.Fatalf("reading a part: %v", err)
		}
		v, _ := rec.Get("id")
		id, _ := v.Reveal().(int64)
		if id < 0 || int(id) >= len(seen) || seen[id] {
			r.Fatalf("record %d is foreign or was given twice", id)
		}
		seen[id] = true
	}
}
