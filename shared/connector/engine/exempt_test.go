package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/connector"
)

// TestExemptFields: a field that the law keeps leaves the change, and what is left of the record is changed all the same.
func TestExemptFields(t *testing.T) {
	task := &task{ins: Instruction{Exempt: []Exemption{
		{Collection: "orders", Field: "invoice", Reason: "tax law"}, {Collection: "orders", Field: "total", Reason: "tax law"}, {Collection: "staff", Reason: "all of it"},
	}}}
	fields := func(names ...string) (list []connector.Field) {
		for _, n := range names {
			list = append(list, connector.Field{Name: n, Value: connector.Null()})
		}
		return list
	}
	for name, c := range map[string]struct {
		change     connector.Change
		wantAction connector.ChangeAction
		wantFields []string
		wantKept   bool // a second line says that something is kept
	}{
		"other fields":          {connector.Change{Collection: "orders", Action: connector.ActMask, Fields: fields("name", "invoices")}, connector.ActMask, []string{"name", "invoices"}, false},
		"some fields":           {connector.Change{Collection: "orders", Action: connector.ActMask, Fields: fields("name", "invoice.number", "total"), Before: fields("name", "total")}, connector.ActMask, []string{"name"}, true},
		"every field":           {connector.Change{Collection: "orders", Action: connector.ActNull, Fields: fields("total", "invoice")}, connector.ActKeep, nil, false},
		"a deletion":            {connector.Change{Collection: "orders", Action: connector.ActDelete}, connector.ActKeep, nil, false},
		"of another collection": {connector.Change{Collection: "customers", Action: connector.ActDelete}, connector.ActDelete, nil, false},
		"of a whole exemption":  {connector.Change{Collection: "staff", Action: connector.ActMask, Fields: fields("total")}, connector.ActMask, []string{"total"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.change
			kept, ok := task.exemptFields(&got)
			var names []string
			for _, f := range got.Fields {
				names = append(names, f.Name)
			}
			if diff := cmp.Diff(c.wantFields, names); diff != "" || got.Action != c.wantAction || ok != c.wantKept {
				t.Errorf("action %s, kept %t, fields (-want +got):\n%s", got.Action, ok, diff)
			}
			line := kept
			if got.Action == connector.ActKeep {
				line = got
			}
			if (ok || got.Action == connector.ActKeep) && (line.Action != connector.ActKeep || line.Because != connector.BecauseExemption || line.Reason != "tax law" || len(line.Fields)+len(line.Before) > 0) {
				t.Errorf("what is kept: %s, because %s: %s", line.Action, line.Because, line.Reason)
			}
			for _, b := range got.Before {
				if b.Name == "total" {
					t.Error("what is kept is in the proof of what changed")
				}
			}
		})
	}
}

// TestRecordsKeptInPartAreStillFound: a dry run that keeps a field of a record has found that record.
func TestRecordsKeptInPartAreStillFound(t *testing.T) {
	for name, c := range map[string]struct {
		counts []PlanCount
		found  int
		want   int
	}{
		"one in part":           {[]PlanCount{{Collection: "c", Action: connector.ActMask, Records: 1}, {Collection: "c", Action: connector.ActKeep, Records: 1}}, 1, 1},
		"one whole, one erased": {[]PlanCount{{Collection: "c", Action: connector.ActDelete, Records: 1}, {Collection: "c", Action: connector.ActKeep, Records: 1}}, 2, 1},
		"all kept":              {[]PlanCount{{Collection: "c", Action: connector.ActKeep, Records: 2}}, 2, 0},
	} {
		tk := &task{}
		tk.st.Collections = []connector.CollectionResult{{Collection: "c", Outcome: connector.Found, Records: c.found}}
		tk.retainedOf(PlanRef{Counts: c.counts})
		got := 0
		for _, r := range tk.st.Collections {
			if r.Outcome == connector.Found {
				got = r.Records
			}
		}
		if got != c.want {
			t.Errorf("%s: %d records are left to change, want %d", name, got, c.want)
		}
	}
}
