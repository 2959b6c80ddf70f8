package limits

import (
	"fmt"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// The quotas, and where AWS documents them.
const (
	maxLambdaPayload = 6 << 20   // AWS Lambda Developer Guide, "Lambda quotas": request and response, synchronous
	maxEntry         = 256 << 10 // Amazon EventBridge User Guide, "Amazon EventBridge quotas": PutEvents entry size
	maxMessage       = 10 << 20  // Amazon SES Developer Guide, "Service quotas in Amazon SES": message size, SES API v1; v2 takes 40 MB
	maxItem          = 400 << 10 // Amazon DynamoDB Developer Guide, "Quotas": item size
	maxTransaction   = 4 << 20   // the same: TransactWriteItems, aggregate size
	maxActions       = 100       // the same: TransactWriteItems, items
	maxEvents        = 25_000    // AWS Step Functions Developer Guide, "Service quotas": execution event history size
	maxPayload       = 256 << 10 // the same: maximum input or output size
	mostTurns        = 400       // of a task's execution, after which another part goes on (infra/workflow/task.asl.json)
)

// TestConstantsAreTheQuotas: what the ports of both engines enforce is no more than AWS allows.
func TestConstantsAreTheQuotas(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ ours, theirs int }{
		"bytes of an item": {table.MaxItemBytes, maxItem}, "bytes of a transaction": {table.MaxTransactionBytes, maxTransaction},
		"items of a transaction": {table.MaxTransactionItems, maxActions}, "events of an execution": {workflow.MaxHistoryEvents, maxEvents},
		"bytes of a payload": {workflow.MaxPayloadBytes, maxPayload},
	} {
		if c.ours <= 0 || c.ours > c.theirs {
			t.Errorf("%s: %d are allowed here, %d there", what, c.ours, c.theirs)
		}
	}
}

// within holds everything that was measured to its limit.
func (m measured) within(t *testing.T) {
	t.Helper()
	t.Logf("largest: item %d bytes, transaction %d bytes and %d writes, payload %d, event %d, letter %d; calls %v",
		m.item, m.transaction, m.writes, m.payload, m.event, m.mail, m.turns)
	for what, c := range map[string]struct{ got, most int }{
		"an item": {m.item, maxItem}, "a transaction": {m.transaction, maxTransaction}, "writes of a transaction": {m.writes, maxActions},
		"a payload of a machine": {m.payload, maxPayload}, "a payload of a function": {m.payload, maxLambdaPayload},
		"an event": {m.event, maxEntry}, "a letter": {m.mail * 4 / 3, maxMessage}, // as base64
	} {
		if c.got == 0 || c.got > c.most {
			t.Errorf("%s has %d, and may have %d", what, c.got, c.most)
		}
	}
}

// TestSixtySystems answers a request over 60 systems, all of which hold the person, with names as long as they come.
func TestSixtySystems(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for n := range 60 {
		r.register(fmt.Sprintf("system-with-a-long-name-%02d", n), 1000)
	}
	r.hold(3)
	c := r.answer()
	if c.Status != dsar.Fulfilled {
		t.Fatalf("the case is %s in %s", c.Status, c.Phase)
	}
	r.seen.within(t)
	if n := r.events("case", c.ID+"-g1"); n == 0 || n >= maxEvents {
		t.Errorf("the history has %d events", n)
	} else {
		t.Logf("the history of the case has %d events", n)
	}
	if n := r.seen.turns["RunTask"]; n < 120 {
		t.Errorf("tasks were called %d times: 60 systems are searched and read", n)
	}
	// The case's row grows with its systems. At 60 there is room for as much again.
	if r.seen.item > maxItem/2 {
		t.Errorf("the largest item has %d bytes", r.seen.item)
	}
}

// TestTwoThousandPages reads a system that shows the person's 20,000 records ten at a time, and takes two seconds for each page: a turn
// of 30 seconds ends after 15 of them.
func TestTwoThousandPages(t *testing.T) {
	t.Parallel()
	const pages, perPage = 2000, 10
	r := newRig(t)
	r.register("archive", perPage)
	r.hold(pages * perPage)
	r.slow(2 * time.Second)
	c := r.answer()
	if c.Status != dsar.Fulfilled {
		t.Fatalf("the case is %s in %s", c.Status, c.Phase)
	}
	r.seen.within(t)
	if n := r.seen.turns["RunTask"]; n > mostTurns || n < pages/30 {
		t.Errorf("it took %d turns", n)
	}
	if t.Logf("%d pages were read", r.pages); r.pages < pages {
		t.Errorf("%d pages were read", r.pages)
	}
	for _, machine := range []string{"case", "task"} {
		names := r.executions(machine)
		if len(names) == 0 {
			t.Errorf("there was no execution of %s", machine)
		}
		for _, name := range names {
			n := r.events(machine, name)
			t.Logf("an execution of %s has %d events", machine, n)
			if n >= maxEvents {
				t.Errorf("an execution of %s has %d events", machine, n)
			}
		}
	}
	f, err := r.set.Cases.Load(t.Context(), tenant, c.ID)
	r.ok(err)
	var records int64
	for _, task := range f.Tasks {
		for _, col := range task.Collections {
			if task.Action == dsar.ReadOut {
				records += col.Records
			}
		}
	}
	if records != pages*perPage {
		t.Errorf("%d records were read", records)
	}
}
