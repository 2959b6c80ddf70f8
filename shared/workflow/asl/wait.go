package asl

import (
	"errors"
	"time"
)

// Wait says until when a Wait state waits: exactly one of its four ways is set.
type Wait struct {
	seconds       int64
	hasSeconds    bool
	secondsPath   *Path
	timestamp     time.Time
	timestampPath *Path
}

// Until returns the instant at which the state goes on, which may lie in the past. The scope's input is the effective input,
// entered the instant at which the state was entered.
func (w *Wait) Until(sc *Scope, entered time.Time) (time.Time, error) {
	switch {
	case w.hasSeconds:
		return entered.Add(time.Duration(w.seconds) * time.Second), nil
	case w.secondsPath != nil:
		v, err := w.secondsPath.Get(sc)
		if err != nil {
			return time.Time{}, Runtime("Invalid path '%s' in SecondsPath: it names no value", w.secondsPath.text)
		}
		n, ok := integer(v)
		if !ok || n < 0 || n > MaxTimeout {
			return time.Time{}, Runtime("SecondsPath must give an integer from 0 to %d", MaxTimeout)
		}
		return entered.Add(time.Duration(n) * time.Second), nil
	case w.timestampPath != nil:
		v, err := w.timestampPath.Get(sc)
		if err != nil {
			return time.Time{}, Runtime("Invalid path '%s' in TimestampPath: it names no value", w.timestampPath.text)
		}
		t, ok := timestamp(v)
		if !ok {
			return time.Time{}, Runtime("TimestampPath must give a timestamp such as 2026-08-18T17:33:00Z")
		}
		return t, nil
	}
	return w.timestamp, nil
}

// timestamp reads the RFC 3339 profile of ISO 8601, with T and, without an offset, Z in capitals (specification, "Wait
// State").
func timestamp(v any) (time.Time, bool) {
	s, ok := v.(string)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

func (d *loader) wait(f *fields) *Wait {
	w, ways := &Wait{}, 0
	for _, name := range []string{"Seconds", "SecondsPath", "Timestamp", "TimestampPath"} {
		if f.rest[name] != nil {
			ways++
		}
	}
	if ways != 1 {
		d.problem(f.node, "want exactly one of Seconds, SecondsPath, Timestamp and TimestampPath")
	}
	w.hasSeconds = f.rest["Seconds"] != nil
	w.seconds = f.whole("Seconds", 0, 0, MaxTimeout)
	w.secondsPath = f.path("SecondsPath")
	w.timestampPath = f.path("TimestampPath")
	if n := f.take("Timestamp"); n != nil {
		t, ok := timestamp(n.scalar)
		if !ok {
			d.problem(n, "want a timestamp such as 2026-08-18T17:33:00Z")
		}
		w.timestamp = t
	}
	return w
}

// Fail is what a Fail state reports.
type Fail struct{ name, cause computed }

// computed is a string of the definition or the result of a path or function.
type computed struct {
	text string
	path *Path
	call *Call
}

// Failure returns the error. The scope's input is the state's raw input.
func (f *Fail) Failure(sc *Scope) (*Failure, error) {
	name, err := f.name.eval(sc, "ErrorPath")
	if err != nil {
		return nil, err
	}
	cause, err := f.cause.eval(sc, "CausePath")
	if err != nil {
		return nil, err
	}
	return &Failure{Name: name, Cause: cause}, nil
}

func (c computed) eval(sc *Scope, field string) (string, error) {
	if c.path == nil && c.call == nil {
		return c.text, nil
	}
	v, err := compute(sc, c.path, c.call, field)
	if err != nil {
		// A Fail state has no Catch: whatever goes wrong in it ends the execution.
		f := &Failure{}
		if errors.As(err, &f) && f.Name == ErrorRuntime {
			return "", err
		}
		return "", Runtime("%s cannot be computed", field)
	}
	s, ok := v.(string)
	if !ok {
		return "", Runtime("%s must give a string", field)
	}
	return s, nil
}

func (d *loader) fail(f *fields) *Fail {
	return &Fail{name: d.computed(f, "Error", "ErrorPath"), cause: d.computed(f, "Cause", "CausePath")}
}

func (d *loader) computed(f *fields, name, pathName string) computed {
	c := computed{}
	if f.rest[name] != nil && f.rest[pathName] != nil {
		d.problem(f.node, "want at most one of %s and %s", name, pathName)
	}
	c.text = f.text(name)
	if n := f.take(pathName); n != nil {
		c.path, c.call = d.expression(n)
	}
	return c
}
