package asl

import (
	"encoding/json"
	"math"
	"strings"
	"time"
)

// Retrier is one element of Retry.
type Retrier struct {
	equals   []string
	interval int64
	attempts int64
	rate     float64
	maxDelay int64 // 0 = no limit
	jitter   bool
}

// Catcher is one element of Catch.
type Catcher struct {
	Next       string
	ResultPath ResultPlace
	equals     []string
}

// RetryAfter says whether and after how long the state is tried again. used counts the attempts each retrier has already
// made since the state was entered, one number per retrier; the caller adds one to used[index]. Each retrier counts for
// itself (specification, "Errors"): the first that names the error decides, and when it is used up there is no retry.
// random is in [0,1) and asked only for jitter.
func (s *State) RetryAfter(name string, used []int, random func() float64) (delay time.Duration, index int, ok bool) {
	for i := range s.Retry {
		r := &s.Retry[i]
		if !matches(r.equals, name) {
			continue
		}
		n := 0
		if i < len(used) {
			n = used[i]
		}
		if int64(n) >= r.attempts {
			return 0, 0, false
		}
		return r.delay(n, random), i, true
	}
	return 0, 0, false
}

func (r *Retrier) delay(n int, random func() float64) time.Duration {
	seconds := float64(r.interval) * math.Pow(r.rate, float64(n))
	if r.maxDelay > 0 {
		seconds = min(seconds, float64(r.maxDelay))
	}
	seconds = min(seconds, MaxTimeout)
	if r.jitter {
		// FULL: anything between none and all of the delay.
		seconds *= random()
	}
	return time.Duration(seconds * float64(time.Second))
}

// Caught returns the catcher that takes the error; nil when none does.
func (s *State) Caught(name string) *Catcher {
	for i := range s.Catch {
		if matches(s.Catch[i].equals, name) {
			return &s.Catch[i]
		}
	}
	return nil
}

func (d *loader) list(f *fields, name string) []*node {
	n := f.take(name)
	if n == nil {
		return nil
	}
	if n.array == nil {
		d.problem(n, "want an array")
	}
	return n.array
}

func (d *loader) retriers(f *fields) []Retrier {
	var out []Retrier
	nodes := d.list(f, "Retry")
	for i, n := range nodes {
		r := d.fields(n)
		r.text("Comment")
		t := Retrier{
			equals:   d.errorEquals(r, i == len(nodes)-1),
			interval: r.whole("IntervalSeconds", 1, 1, MaxTimeout),
			attempts: r.whole("MaxAttempts", 3, 0, MaxTimeout),
			rate:     d.rate(r),
		}
		delay := r.rest["MaxDelaySeconds"]
		t.maxDelay = r.whole("MaxDelaySeconds", 0, 1, 31_622_400)
		if delay != nil && t.maxDelay != 0 && t.maxDelay <= t.interval {
			d.problem(delay, "MaxDelaySeconds is greater than IntervalSeconds")
		}
		switch jitter := r.rest["JitterStrategy"]; r.text("JitterStrategy") {
		case "FULL":
			t.jitter = true
		case "NONE":
		default:
			if jitter != nil {
				d.problem(jitter, "want FULL or NONE")
			}
		}
		r.done()
		out = append(out, t)
	}
	return out
}

func (d *loader) rate(f *fields) float64 {
	n := f.take("BackoffRate")
	if n == nil {
		return 2
	}
	if v, ok := n.scalar.(json.Number); ok {
		if rate, err := v.Float64(); err == nil && rate >= 1 {
			return rate
		}
	}
	d.problem(n, "want a number of at least 1")
	return 2
}

func (d *loader) catchers(f *fields) []Catcher {
	var out []Catcher
	nodes := d.list(f, "Catch")
	for i, n := range nodes {
		c := d.fields(n)
		c.text("Comment")
		out = append(out, Catcher{
			equals:     d.errorEquals(c, i == len(nodes)-1),
			ResultPath: d.resultPlace(c),
			Next:       c.required("Next"),
		})
		c.done()
	}
	return out
}

// errorEquals reads the names of errors. States.ALL stands alone and in the last element (specification, "Errors"); other
// names that start with "States." are those the documents define.
func (d *loader) errorEquals(f *fields, last bool) []string {
	n := f.take("ErrorEquals")
	if n == nil || len(n.array) == 0 {
		d.problem(f.node, "ErrorEquals is missing or empty")
		return nil
	}
	out := make([]string, 0, len(n.array))
	for _, e := range n.array {
		name, ok := e.scalar.(string)
		switch {
		case !ok || name == "":
			d.problem(e, "want the name of an error")
		case name == ErrorAll && (len(n.array) > 1 || !last):
			d.problem(e, "States.ALL stands alone and last")
		case strings.HasPrefix(name, "States.") && !predefined(name):
			d.problem(e, "no error of that name is defined")
		}
		out = append(out, name)
	}
	return out
}
