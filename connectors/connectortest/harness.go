package connectortest

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Harness is a system of one kind that a test owns, and how connectors to it are made. Run asks for a fresh one per case.
type Harness struct {
	Factory     connector.Factory
	Settings    json.RawMessage        // of the system
	BadSettings []json.RawMessage      // each must be refused
	Secrets     map[string]redact.Text // unmistakable values: the suite looks for them in what is printed
	BaseDir     string

	// Seed makes the system hold exactly the records, in collections as the data map declares them.
	Seed func(tb testing.TB, w World)
	// Dump returns everything the system holds, read past the connector.
	Dump func(tb testing.TB) []*connector.Record
	// Fault makes requests of open connectors fail, or heals the system (the zero Fault).
	Fault func(tb testing.TB, f Fault)
	// Cannot names the faults that a system of the kind cannot have, with the reason; it is printed.
	Cannot map[FaultKind]string
	// Close releases the system. The suite closes connectors itself.
	Close func(tb testing.TB)

	// Large is how many records the graph with cycles has; default 100,000.
	Large int
}

// World is what a system holds and the data map that describes it.
type World struct {
	Dataset *connector.Dataset
	Records []*connector.Record
}

// FaultKind is a way in which a request fails.
type FaultKind string

// The faults. What a connector must make of each stands beside it.
const (
	Throttled    FaultKind = "throttled"    // HTTP 429 and the like, "wait 7 s" -> throttled, with that wait
	ServerError  FaultKind = "server_error" // HTTP 5xx, a locked or failing database -> unavailable
	Timeout      FaultKind = "timeout"      // no answer in time -> unavailable
	Unauthorised FaultKind = "unauthorised" // HTTP 401, a refused password -> misconfigured
	Malformed    FaultKind = "malformed"    // an answer that cannot be read -> an error that is not passing
	DropMidPage  FaultKind = "drop_midpage" // the connection breaks after Fault.Row records of a page -> unavailable
	LostAnswer   FaultKind = "lost_answer"  // a change is made, its answer is lost -> unavailable
)

// FaultKinds lists the faults.
func FaultKinds() []FaultKind {
	return []FaultKind{Throttled, ServerError, Timeout, Unauthorised, Malformed, DropMidPage, LostAnswer}
}

// ThrottledWait is the wait that a throttled system asks for.
const ThrottledWait = 7 * time.Second

// Fault says which requests fail: after Skip requests that succeed, Times requests do (0 = all, until healed).
type Fault struct {
	Kind  FaultKind
	Skip  int
	Times int
	Row   int // DropMidPage: records given before the connection breaks; at least 1
}

// Case is one test of the suite.
type Case struct {
	Group string          // the heading it belongs to
	Name  string          //
	Right connector.Right // the right it exercises; a connector without it skips the case. Empty: none in particular
	Fault FaultKind       // the fault it needs; a harness that cannot have it skips the case
	run   func(r *rig)
}

// Cases returns every case of the suite.
func Cases() []Case {
	var all []Case
	for _, group := range [][]Case{
		descriptorCases(), locateCases(), correctCases(), eraseCases(), restrictCases(), driftCases(), safetyCases(), faultCases(), privacyCases(), concurrencyCases(),
	} {
		all = append(all, group...)
	}
	return all
}

// Run holds a connector to the suite. open returns a fresh harness; it is called once per case.
func Run(t *testing.T, open func(tb testing.TB) Harness) {
	m := matrix{exercised: map[string]map[string]int{}}
	for _, c := range Cases() {
		t.Run(c.Group+"/"+c.Name, func(t *testing.T) {
			if reason := c.Exec(t, open(t)); reason != "" {
				m.skip(c, reason)
				t.Skip(reason)
			}
			m.count(c)
		})
	}
	probe := open(t)
	rights := probe.rights(t)
	probe.Close(t)
	t.Log("\n" + m.String(rights))
	if t.Failed() || m.cases < len(Cases()) {
		return // a selection of cases says nothing about the rest
	}
	for _, right := range rights {
		if m.total(string(right)) == 0 {
			t.Errorf("the descriptor declares %s, and no case exercised it", right)
		}
	}
}

// Exec runs one case against a harness and closes it. A reason means that the connector declares that the case is not for
// it; failures go to tb.
func (c Case) Exec(tb testing.TB, h Harness) (skipped string) {
	defer h.Close(tb)
	if reason := c.notByMachine(h); reason != "" {
		return reason
	}
	if c.Fault != "" {
		if reason := h.Cannot[c.Fault]; reason != "" {
			return "a system of this kind cannot be " + string(c.Fault) + ": " + reason
		}
	}
	if c.Right != "" && !slices.Contains(h.rights(tb), c.Right) {
		return "the descriptor declares no right of " + string(c.Right)
	}
	c.run(newRig(tb, h))
	return ""
}

// rights asks a connector on an empty system what it declares.
func (h Harness) rights(tb testing.TB) []connector.Right {
	tb.Helper()
	w := World{Dataset: dataset(tb, "suite")}
	h.Seed(tb, w)
	c := h.open(tb, w.Dataset)
	defer closeQuietly(tb, c)
	return c.Describe().Rights
}

func closeQuietly(tb testing.TB, c connector.Connector) {
	tb.Helper()
	if err := c.Close(); err != nil {
		tb.Errorf("closing the connector: %v", err)
	}
}

// input is what the harness opens connectors with.
func (h Harness) input(ds *connector.Dataset) connector.OpenInput {
	return connector.OpenInput{Settings: h.Settings, Secrets: h.Secrets, Dataset: ds, BaseDir: h.BaseDir, Now: time.Now}
}

func (h Harness) open(tb testing.TB, ds *connector.Dataset) connector.Connector {
	tb.Helper()
	c, err := h.Factory.Open(context.Background(), h.input(ds))
	if err != nil {
		tb.Fatalf("opening a connector: %v", err)
	}
	return c
}

// matrix is what the run prints: cases per group and right, and what was skipped why.
type matrix struct {
	mu        sync.Mutex
	groups    []string
	exercised map[string]map[string]int
	skipped   []string
	cases     int
}

const noRight = "-"

func (m *matrix) count(c Case) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cases++
	if m.exercised[c.Group] == nil {
		m.groups = append(m.groups, c.Group)
		m.exercised[c.Group] = map[string]int{}
	}
	right := string(c.Right)
	if right == "" {
		right = noRight
	}
	m.exercised[c.Group][right]++
}

func (m *matrix) skip(c Case, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cases++
	m.skipped = append(m.skipped, c.Group+"/"+c.Name+": "+reason)
}

func (m *matrix) total(right string) int {
	n := 0
	for _, g := range m.exercised {
		n += g[right]
	}
	return n
}

func (m *matrix) String(rights []connector.Right) string {
	var b strings.Builder
	columns := []string{noRight}
	for _, r := range rights {
		columns = append(columns, string(r))
	}
	fmt.Fprintf(&b, "%-14s", "cases")
	for _, c := range columns {
		fmt.Fprintf(&b, "%13s", c)
	}
	for _, g := range m.groups {
		fmt.Fprintf(&b, "\n%-14s", g)
		for _, c := range columns {
			fmt.Fprintf(&b, "%13d", m.exercised[g][c])
		}
	}
	for _, s := range m.skipped {
		fmt.Fprintf(&b, "\nskipped %s", s)
	}
	return b.String()
}

// heap returns the bytes in use after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // pools give up what they hold in the second round
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}
