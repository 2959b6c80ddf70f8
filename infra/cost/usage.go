package cost

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Usage is what was used. The zero value is nothing; methods add to it.
type Usage struct {
	Functions   map[string]Work  `json:"functions"`   // by name in the inventory
	Reported    Reported         `json:"reported"`    // what Lambda says itself, where its reports are in the log
	Tables      map[string]Units `json:"tables"`      // by full name
	Calls       map[string]Calls `json:"calls"`       // by "Service:Operation" as the SDK names them; an SDK's repetition counts once
	Transitions map[string]int   `json:"transitions"` // by state machine
	Executions  map[string]int   `json:"executions"`  // by state machine
	LogBytes    int64            `json:"logBytes"`    // of everything that was read
}

// Work is how often a function ran, and for how long altogether: as its shell measured it, each run rounded up to a millisecond.
type Work struct {
	Invocations  int   `json:"invocations"`
	Failed       int   `json:"failed"`
	Milliseconds int64 `json:"milliseconds"`
}

// Reported is the sum of the REPORT lines of Lambda: cold starts are in it.
type Reported struct {
	Invocations int     `json:"invocations"`
	GBSeconds   float64 `json:"gbSeconds"`
}

// Units are capacity units as DynamoDB counted them.
type Units struct {
	Read  float64 `json:"read"`
	Write float64 `json:"write"`
}

// Calls are calls of a service that were answered.
type Calls struct {
	Times  int `json:"times"`
	Failed int `json:"failed"` // of Times
}

// line is one line of a log, of any of the kinds that count. A pointer is nil where the field is not in the line.
type line struct {
	Call     string          `json:"call"`
	Times    int             `json:"times"`
	Failed   bool            `json:"failed"`
	Units    string          `json:"units"`
	Read     float64         `json:"read"`
	Write    float64         `json:"write"`
	Metrics  json.RawMessage `json:"_aws"`
	Function string          `json:"Function"`
	Duration *float64        `json:"Duration"`
	Failures float64         `json:"Failed"`
}

// maxLine bounds a line of a log; CloudWatch Logs keeps none that is longer than 1 MiB.
const maxLine = 1<<20 + 1<<10

// report is the line that Lambda writes after a run (AWS Lambda Developer Guide, "Example REPORT line").
var report = regexp.MustCompile(`REPORT RequestId: \S+.*?Billed Duration: (\d+) ms.*?Memory Size: (\d+) MB`)

// Read adds up a log of functions. Something may stand before what counts in a line, such as a time; lines of other kinds count with
// their length alone. A function that the inventory does not know is fault.Invalid: its memory, and so its price, is unknown.
func Read(r io.Reader) (Usage, error) {
	var u Usage
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 64<<10), maxLine)
	for n := 1; sc.Scan(); n++ {
		u.LogBytes += int64(len(sc.Bytes())) + 1
		if err := u.line(sc.Text()); err != nil {
			return Usage{}, fmt.Errorf("reading line %d of the log: %w", n, err)
		}
	}
	if err := sc.Err(); err != nil {
		return Usage{}, fault.Wrap(fault.Invalid, err, "reading the log")
	}
	return u, nil
}

func (u *Usage) line(text string) error {
	if m := report.FindStringSubmatch(text); m != nil {
		billed, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return fault.New(fault.Invalid, "a report of Lambda has no duration")
		}
		memory, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return fault.New(fault.Invalid, "a report of Lambda has no memory size")
		}
		u.Reported.Invocations++
		u.Reported.GBSeconds += billed / 1000 * memory / 1024
		return nil
	}
	at := strings.Index(text, `{"`)
	if at < 0 {
		return nil
	}
	l, ok := decode(text[at:])
	if !ok {
		return nil // a line of another program
	}
	switch {
	case l.Call != "" && l.Times > 0:
		c := u.Calls[l.Call]
		c.Times += l.Times
		if l.Failed {
			c.Failed += l.Times
		}
		put(&u.Calls, l.Call, c)
	case l.Units != "":
		t := u.Tables[l.Units]
		put(&u.Tables, l.Units, Units{t.Read + l.Read, t.Write + l.Write})
	case l.Metrics != nil && l.Duration != nil && l.Function != "":
		if _, ok := memory(l.Function); !ok {
			return fault.New(fault.Invalid, "a function is not in the inventory")
		}
		w := u.Functions[l.Function]
		put(&u.Functions, l.Function, Work{w.Invocations + 1, w.Failed + int(l.Failures), w.Milliseconds + int64(math.Ceil(*l.Duration))})
	}
	return nil
}

// decode reads the fields that count, by their exact names: encoding/json would take "failed" and "Failed" for the same.
func decode(text string) (l line, ok bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &fields) != nil {
		return line{}, false
	}
	get := func(name string, to any) {
		if raw, there := fields[name]; there && ok {
			ok = json.Unmarshal(raw, to) == nil
		}
	}
	ok = true
	for name, to := range map[string]any{
		"call": &l.Call, "times": &l.Times, "failed": &l.Failed, "units": &l.Units, "read": &l.Read, "write": &l.Write,
		"_aws": &l.Metrics, "Function": &l.Function, "Duration": &l.Duration, "Failed": &l.Failures,
	} {
		get(name, to)
	}
	return l, ok
}

func put[V any](m *map[string]V, key string, v V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = v
}

// Execution adds one execution of a state machine, by the types of the events of its history, as GetExecutionHistory names them. AWS
// charges each step that is executed, repetitions of a step that failed, and the way to the end (AWS Step Functions pricing).
func (u *Usage) Execution(machine string, events iter.Seq[string]) {
	entered, tasks, scheduled := 0, 0, 0
	for e := range events {
		switch e {
		case "TaskStateEntered":
			tasks++
		case "TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled":
			scheduled++
		}
		if strings.HasSuffix(e, "StateEntered") {
			entered++
		}
	}
	put(&u.Transitions, machine, u.Transitions[machine]+entered+max(0, scheduled-tasks)+1)
	put(&u.Executions, machine, u.Executions[machine]+1)
}

// Add adds what was used elsewhere.
func (u *Usage) Add(v Usage) {
	for k, w := range v.Functions {
		have := u.Functions[k]
		put(&u.Functions, k, Work{have.Invocations + w.Invocations, have.Failed + w.Failed, have.Milliseconds + w.Milliseconds})
	}
	for k, t := range v.Tables {
		have := u.Tables[k]
		put(&u.Tables, k, Units{have.Read + t.Read, have.Write + t.Write})
	}
	for k, c := range v.Calls {
		have := u.Calls[k]
		put(&u.Calls, k, Calls{have.Times + c.Times, have.Failed + c.Failed})
	}
	for k, n := range v.Transitions {
		put(&u.Transitions, k, u.Transitions[k]+n)
	}
	for k, n := range v.Executions {
		put(&u.Executions, k, u.Executions[k]+n)
	}
	u.Reported.Invocations += v.Reported.Invocations
	u.Reported.GBSeconds += v.Reported.GBSeconds
	u.LogBytes += v.LogBytes
}

// Invocations is how often functions ran.
func (u Usage) Invocations() (n int) {
	for _, w := range u.Functions {
		n += w.Invocations
	}
	return n
}

// GBSeconds is memory times duration: as Lambda reported it where there is a report of every run, otherwise as the shells measured it
// with the memory of the inventory, cold starts left out.
func (u Usage) GBSeconds() float64 {
	if n := u.Invocations(); u.Reported.Invocations > 0 && u.Reported.Invocations >= n {
		return u.Reported.GBSeconds
	}
	total := 0.0
	for name, w := range u.Functions {
		mb, _ := memory(name) // Read let no other in
		total += float64(w.Milliseconds) / 1000 * float64(mb) / 1024
	}
	return total
}

func memory(function string) (mb int, ok bool) {
	all := inventory.Functions()
	i := slices.IndexFunc(all, func(f inventory.Function) bool { return f.Name == function })
	if i < 0 {
		return 0, false
	}
	return all[i].MemoryMB, true
}

// triggered is how often functions with the trigger ran.
func (u Usage) triggered(by inventory.Trigger) (n int) {
	for _, f := range inventory.Functions() {
		if f.Trigger == by {
			n += u.Functions[f.Name].Invocations
		}
	}
	return n
}
