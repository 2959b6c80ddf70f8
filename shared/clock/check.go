package clock

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// maxVectorFile bounds a file of vectors; the largest known has 200 KB.
const maxVectorFile = 8 << 20

// Mismatch is one value of a vector that the clock does not agree with.
type Mismatch struct {
	ID    string `json:"id"`
	Line  int    `json:"line"`
	Field string `json:"field"` // as in the file: expected_due, expected_weekday, unrolled, excluded_days or start_date
	Got   string `json:"got"`   // what the clock computes
	Want  string `json:"want"`  // what the file says
}

// Fault is a calendar or vector that cannot be understood.
type Fault struct {
	ID   string `json:"id"` // of the vector or calendar, empty when it has none
	Line int    `json:"line"`
	Text string `json:"text"`
}

// Report is what Check found.
type Report struct {
	Vectors    int        `json:"vectors"` // in the file
	Passed     int        `json:"passed"`
	Mismatches []Mismatch `json:"mismatches"`
	Faults     []Fault    `json:"faults"`
}

// OK reports whether every vector was understood and agrees.
func (r Report) OK() bool {
	return r.Vectors == r.Passed && len(r.Mismatches) == 0 && len(r.Faults) == 0
}

// Check computes every vector of a file and compares. date_vectors name their period themselves and use the calendars of
// test_calendars; law_vectors are requests under the laws given, see lawEntry for their keys. Other top-level keys, and keys of a date
// vector that are none of ours, are not looked at. A vector that is malformed or incomplete is a Fault of the report and does not
// stop the others. The error is fault.Invalid when the input is not YAML, is larger than 8 MiB or has no vectors.
func Check(r io.Reader, laws *policy.Set) (Report, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxVectorFile+1))
	if err != nil {
		return Report{}, fault.Wrap(fault.Invalid, err, "reading date vectors")
	}
	if len(content) > maxVectorFile {
		return Report{}, fault.New(fault.Invalid, "the file of date vectors is larger than 8 MiB")
	}
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		return Report{}, fault.New(fault.Invalid, "parsing date vectors: "+yamlText(err))
	}
	c := checker{report: Report{Mismatches: []Mismatch{}, Faults: []Fault{}}, calendars: map[string]policy.Calendar{}, seen: map[string]bool{}, laws: laws}
	for _, doc := range file.Docs {
		c.document(doc)
	}
	if c.report.Vectors == 0 && len(c.report.Faults) == 0 {
		return Report{}, fault.New(fault.Invalid, "the file has no date_vectors and no law_vectors")
	}
	return c.report, nil
}

// checker works through one file.
type checker struct {
	report    Report
	calendars map[string]policy.Calendar
	seen      map[string]bool
	laws      *policy.Set
}

func (c *checker) fault(id string, line int, text string) {
	c.report.Faults = append(c.report.Faults, Fault{id, line, text})
}

func (c *checker) document(doc *ast.DocumentNode) {
	lists := map[string]ast.Node{}
	for key, value := range entries(doc.Body) {
		switch key {
		case "test_calendars":
			for name, node := range entries(value) {
				c.calendar(name, node)
			}
		case "date_vectors", "law_vectors":
			lists[key] = value
		}
	}
	c.list("date_vectors", lists["date_vectors"], c.dateVector)
	c.list("law_vectors", lists["law_vectors"], c.lawVector)
}

// list computes every vector of a list.
func (c *checker) list(key string, node ast.Node, compute func(ast.Node) (id string, _ []Mismatch, _ error)) {
	if node == nil {
		return
	}
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		c.fault("", line(node), key+" must be a list")
		return
	}
	for _, node := range list.Values {
		c.report.Vectors++
		id, differences, err := compute(node)
		switch {
		case id != "" && c.seen[id]:
			c.fault(id, line(node), "there is another vector of this id")
		case err != nil:
			c.fault(id, line(node), err.Error())
		case len(differences) == 0:
			c.report.Passed++
		}
		c.seen[id] = true
		for _, m := range differences {
			m.ID, m.Line = id, line(node)
			c.report.Mismatches = append(c.report.Mismatches, m)
		}
	}
}

// calendarEntry is one value of test_calendars.
type calendarEntry struct {
	Weekend      []string   `yaml:"weekend"`
	Holidays     []string   `yaml:"holidays"`
	ClosedRanges [][]string `yaml:"closed_ranges"` // pairs
}

func (c *checker) calendar(name string, node ast.Node) {
	var e calendarEntry
	if err := yaml.NodeToValue(node, &e, yaml.Strict()); err != nil {
		c.fault(name, line(node), yamlText(err))
		return
	}
	cal, err := e.calendar(name)
	if err != nil {
		c.fault(name, line(node), err.Error())
		return
	}
	c.calendars[name] = cal
}

func (e calendarEntry) calendar(name string) (policy.Calendar, error) {
	var weekend []time.Weekday
	for _, w := range e.Weekend {
		day, ok := policy.ParseWeekday(w)
		if !ok {
			return policy.Calendar{}, fault.New(fault.Invalid, "weekend: want mon, tue, wed, thu, fri, sat or sun")
		}
		weekend = append(weekend, day)
	}
	var holidays []civil.Date
	for _, h := range e.Holidays {
		d, err := civil.Parse(h)
		if err != nil {
			return policy.Calendar{}, fmt.Errorf("reading holidays: %w", err)
		}
		holidays = append(holidays, d)
	}
	var closed []policy.Range
	for _, pair := range e.ClosedRanges {
		if len(pair) != 2 {
			return policy.Calendar{}, fault.New(fault.Invalid, "closed_ranges: want pairs of dates")
		}
		from, err := civil.Parse(pair[0])
		to, err2 := civil.Parse(pair[1])
		if err := errors.Join(err, err2); err != nil {
			return policy.Calendar{}, fmt.Errorf("reading closed_ranges: %w", err)
		}
		closed = append(closed, policy.Range{From: from, To: to})
	}
	return policy.NewCalendar(name, weekend, holidays, closed)
}

// dateVector computes one value of date_vectors and returns where it disagrees with the file.
func (c *checker) dateVector(node ast.Node) (id string, _ []Mismatch, _ error) {
	var e vectorEntry
	if err := yaml.NodeToValue(node, &e); err != nil {
		return e.ID, nil, fault.New(fault.Invalid, yamlText(err))
	}
	v, err := c.parse(e)
	if err != nil {
		return e.ID, nil, err
	}
	return e.ID, v.compare(), nil
}

// entries returns the keys and values of a mapping node, in order; nothing for any other node.
func entries(node ast.Node) func(yield func(string, ast.Node) bool) {
	return func(yield func(string, ast.Node) bool) {
		m, ok := node.(ast.MapNode)
		if !ok {
			return
		}
		for it := m.MapRange(); it.Next(); {
			if !yield(strings.Trim(it.Key().String(), `"'`), it.Value()) {
				return
			}
		}
	}
}

func line(node ast.Node) int {
	if node == nil || node.GetToken() == nil {
		return 0
	}
	return node.GetToken().Position.Line
}

// yamlText returns the message of the YAML library without the excerpt of the file it likes to add.
func yamlText(err error) string {
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
		return "line " + strconv.Itoa(e.GetToken().Position.Line) + ": " + e.GetMessage()
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}
