// Package fault owns the nine failure classes of Habeas and the one table that maps a class to an HTTP status, a retry
// decision, a Step Functions errorType and a log level.
//
// Error texts never contain identifiers or record values: the Lambda runtime prints them and Step Functions keeps them in
// its history. Callers wrap with fmt.Errorf("doing x: %w", err); the class survives wrapping.
package fault

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Class says what kind of failure an error is. Values are wire values; they are never renamed.
type Class string

// The failure classes. The zero value is not a class.
const (
	Invalid         Class = "invalid"         // the input breaks a rule; repeating it cannot help
	Unauthenticated Class = "unauthenticated" // nobody proved who they are
	Forbidden       Class = "forbidden"       // proved, but not allowed
	NotFound        Class = "not_found"       // no such thing, or not for this caller
	Conflict        Class = "conflict"        // somebody else changed it first; read again and repeat
	Throttled       Class = "throttled"       // too many; wait as told
	Unavailable     Class = "unavailable"     // not reachable now; repeat later
	Misconfigured   Class = "misconfigured"   // a person must change a setting or a credential
	Internal        Class = "internal"        // a defect of ours
)

// Rule is one row of the class table.
type Rule struct {
	Class  Class
	Status int        // HTTP status
	Retry  bool       // whether repeating the same call may succeed
	Level  slog.Level // level to log at
	Title  string     // title of the problem document (RFC 9457)
}

var rules = []Rule{
	{Invalid, 400, false, slog.LevelInfo, "The request is not valid"},
	{Unauthenticated, 401, false, slog.LevelInfo, "Please sign in"},
	{Forbidden, 403, false, slog.LevelWarn, "Not allowed"},
	{NotFound, 404, false, slog.LevelInfo, "Not found"},
	{Conflict, 409, true, slog.LevelInfo, "Changed in the meantime"},
	{Throttled, 429, true, slog.LevelWarn, "Too many requests"},
	{Unavailable, 503, true, slog.LevelWarn, "Not available at the moment"},
	{Misconfigured, 502, false, slog.LevelError, "A system is not set up correctly"},
	{Internal, 500, false, slog.LevelError, "Something went wrong on our side"},
}

// Rules returns the class table, one row per class, in a fresh slice.
func Rules() []Rule { return append([]Rule(nil), rules...) }

// RuleFor returns the row of a class; an unknown class has the row of Internal.
func RuleFor(c Class) Rule {
	for _, r := range rules {
		if r.Class == c {
			return r
		}
	}
	return rules[len(rules)-1]
}

// Valid reports whether c is one of the nine classes.
func (c Class) Valid() bool { return RuleFor(c).Class == c }

// Error is an error with a class. Field and Wait are optional facts for the caller.
type Error struct {
	Class Class
	Text  string        // for people who operate or use the system; no identifiers
	Field string        // JSON pointer of the offending input, for Invalid
	Wait  time.Duration // for Throttled and Unavailable: do not repeat before; 0 = unknown
	cause error
}

// New returns an error of the class with the text.
func New(c Class, text string) *Error { return &Error{Class: c, Text: text} }

// Wrap gives err a class and says what was being done ("reading hold index"). A nil err gives nil.
func Wrap(c Class, err error, doing string) error {
	if err == nil {
		return nil
	}
	return &Error{Class: c, Text: doing, cause: err}
}

// InvalidField returns an Invalid error that names the offending input by JSON pointer ("/identifiers/0/kind").
func InvalidField(pointer, text string) *Error {
	return &Error{Class: Invalid, Text: text, Field: pointer}
}

// After returns a copy of the error that asks the caller to wait d before repeating.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.Wait = d
	return &c
}

// Error returns the text, followed by the cause when there is one.
func (e *Error) Error() string {
	if e.cause == nil {
		return e.Text
	}
	return e.Text + ": " + e.cause.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is(err, fault.New(class, "")) match by class, whatever the text.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Text == "" && t.Class == e.Class
}

// ClassOf returns the class of the outermost classified error in the chain. A context that ended is Unavailable; anything
// else unclassified is Internal; nil is the empty class.
func ClassOf(err error) Class {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return Unavailable
	}
	return Internal
}

// Has reports whether err is of the class.
func Has(err error, c Class) bool { return err != nil && ClassOf(err) == c }

// WaitOf returns how long the caller was asked to wait before repeating; 0 when nobody said.
func WaitOf(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Wait
	}
	return 0
}
