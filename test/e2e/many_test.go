package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// A case may have more systems than fit into one transaction of the store.
func TestMoreSystemsThanATransactionTakes(t *testing.T) {
	const systems = 84 // more than two commits of tasks
	s := site(t)
	small(s, "s000")
	seeded, err := os.ReadFile(filepath.Join(s.Dir, "demo", "s000.db"))
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < systems; n++ {
		name := fmt.Sprintf("s%03d", n)
		if err := os.WriteFile(filepath.Join(s.Dir, "demo", name+".db"), seeded, 0o600); err != nil {
			t.Fatal(err)
		}
		s.AddDatabase("lumen", name, name+".db", smallMap(name)).Want(201)
	}
	a := s.Ask("lumen", "access", wren).Verify()
	st := a.WantStatus("fulfilled")
	if len(st.Systems) != systems+1 {
		t.Errorf("the person sees %d systems", len(st.Systems))
	}
	p := a.Fetch()
	for _, sys := range st.Systems {
		if notes, err := p.Records(sys.Name, "notes"); sys.Name != "shop" && (sys.Outcome != "found" || err != nil || len(notes) != 2) {
			t.Errorf("%s: %s, %d notes (%v)", sys.Name, sys.Outcome, len(notes), err)
		}
	}
	a.WantEvidence()
	r := s.Ask("lumen", "erasure", wren).Verify()
	if plan := r.Approve(); len(plan.Systems) != systems+1 {
		t.Errorf("the plan has %d systems", len(plan.Systems))
	}
	done := r.WantStatus("fulfilled")
	for _, sys := range done.Systems {
		if sys.Name != "shop" && sys.Outcome != "erased" {
			t.Errorf("%s: %s", sys.Name, sys.Outcome)
		}
	}
	for n := range systems {
		if got := s.Dump(fmt.Sprintf("s%03d.db", n)); len(got["people"]) != 1 || len(got["notes"]) != 1 || len(got["invoices"]) != 1 {
			t.Errorf("s%03d holds %v", n, got)
		}
	}
	r.WantEvidence()
}

// Two hundred erasures at once: every one is done, none is taken for lost, and nobody is asked anything but for the approval.
func TestABurstOfErasures(t *testing.T) {
	const people = 200
	s := site(t)
	crm := small(s, "crm")
	var insert strings.Builder
	for n := range people {
		fmt.Fprintf(&insert, "INSERT INTO people (id, email, name) VALUES (%d, 'burst.%d@example.com', 'Burst %d');", 1000+n, n, n)
		fmt.Fprintf(&insert, "INSERT INTO notes VALUES (%d, %d, 'a note', '2026-01-01T00:00:00Z');", 1000+n, 1000+n)
	}
	run(s, crm, insert.String())
	before := s.Dump("crm.db")
	var cases []string
	for n := range people {
		var opened testkit.StaffCase
		s.Staff("lumen", "handler", "POST", "/cases", map[string]any{
			"right": "erasure", "email": fmt.Sprintf("burst.%d@example.com", n), "country": "DE", "verifiedBecause": "She showed her passport.",
		}).Want(201).JSON(&opened)
		cases = append(cases, opened.ID)
	}
	s.Settle()
	for _, id := range cases {
		var p testkit.Plan
		s.Staff("lumen", "approver", "GET", "/cases/"+id+"/plan", nil).Want(200).JSON(&p)
		s.Staff("lumen", "approver", "POST", "/cases/"+id+"/plan/decision", map[string]string{"decision": "approve", "hash": p.Hash}).Want(200)
	}
	s.Settle()
	s.Advance("PT2H")
	for _, id := range cases {
		var c testkit.StaffCase
		s.Staff("lumen", "approver", "GET", "/cases/"+id+"?reveal=false", nil).Want(200).JSON(&c)
		if c.Status != "fulfilled" || c.OperatorFault != nil {
			t.Errorf("a case is %s: %+v", c.Status, c.OperatorFault)
		}
	}
	diff := s.Dump("crm.db").Since(before)
	if len(diff["people"]) != people || len(diff["notes"]) != people || len(diff) != 2 {
		t.Errorf("%d people and %d notes are gone", len(diff["people"]), len(diff["notes"]))
	}
	for _, table := range testkit.Keys(diff) {
		for key, c := range diff[table] {
			if !c.Gone || len(key) != 4 {
				t.Errorf("%s %s: %+v", table, key, c)
			}
		}
	}
	if left := staff(s).tasks(); len(left) != 0 {
		t.Errorf("people are asked about %d tasks", len(left))
	}
}

// The package of somebody with hundreds of orders is read without a network: no file reaches outside, and the page that is opened first is
// small whatever there is.
func TestALargePackageIsReadableOffline(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "access", testkit.Busy).Verify()
	r.WantStatus("fulfilled")
	p := r.Fetch()
	pages := 0
	for name, body := range p.Files {
		if !strings.HasSuffix(name, ".html") {
			continue
		}
		pages++
		if len(body) > 1<<20 {
			t.Errorf("%s has %d bytes", name, len(body))
		}
		lower := strings.ToLower(string(body))
		for _, never := range []string{"<script", "<link", "<iframe", "src=\"http", "src=\"//", "@import", "url(", "http-equiv=\"refresh"} {
			if strings.Contains(lower, never) {
				t.Errorf("%s reaches outside or runs something: %s", name, never)
			}
		}
	}
	if pages == 0 {
		t.Error("there is no page to open")
	}
}
