// Package awsfault owns the one table from failures of AWS services to fault classes: by error code, then by HTTP status, then
// by what became of the connection. Every driver for AWS classifies through it. Drivers and wiring import it; domain packages
// see fault classes only.
//
// The message of an AWS error is never quoted: it can hold names, keys and values. An error that was wrapped here says what was
// being done and the error code, and the original stays reachable for errors.Is and errors.As.
package awsfault

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"

	"github.com/aws/smithy-go"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// maxCode is the length of the longest error code that is repeated; codes come over the wire.
const maxCode = 80

// Class returns the class of an error that an AWS SDK client returned. An error that carries a class already keeps it; nil is the
// empty class.
func Class(err error) fault.Class {
	class, _ := classify(err)
	return class
}

// Wrap gives an error of an AWS SDK client its class and says what was being done ("reading item"). How long to wait, when somebody
// said so, stays with it. A nil err gives nil.
func Wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	class, text := classify(err)
	wrapped := fault.Wrap(class, &reason{text: text, err: err}, doing)
	if e, ok := errors.AsType[*fault.Error](wrapped); ok {
		return e.After(fault.WaitOf(err))
	}
	return wrapped
}

// Code returns the error code of the service ("ThrottlingException"), or "" when it was not the service that failed.
func Code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// reason stands in front of an error and hides its text.
type reason struct {
	text string
	err  error
}

func (r *reason) Error() string { return r.text }

func (r *reason) Unwrap() error { return r.err }

// classify returns the class of err and a text about it that names nothing.
func classify(err error) (fault.Class, string) {
	if err == nil {
		return "", ""
	}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Class, e.Error()
	}
	code := Code(err)
	if class, ok := ofCode(code); ok {
		return class, code
	}
	status := statusOf(err)
	if status == http.StatusBadRequest && unreadable(err) {
		status = 0 // what services call most of their errors, conditions and throttles too: it says nothing without the code
	}
	if status >= http.StatusBadRequest {
		return ofStatus(status), join(code, "HTTP status "+strconv.Itoa(status))
	}
	switch {
	case errors.Is(err, context.Canceled):
		return fault.Unavailable, "cancelled"
	case errors.Is(err, context.DeadlineExceeded), timedOut(err):
		return fault.Unavailable, "timed out"
	case disconnected(err):
		return fault.Unavailable, "the connection failed"
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok && e.ErrorFault() == smithy.FaultServer {
		return fault.Unavailable, join(code, "the service failed")
	}
	return fault.Internal, join(code, "an unknown failure")
}

// join returns the code when it is one that may be repeated, and else.
func join(code, otherwise string) string {
	if code == "" || len(code) > maxCode {
		return otherwise
	}
	for _, c := range []byte(code) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '.' {
			return otherwise
		}
	}
	return code + " (" + otherwise + ")"
}

func statusOf(err error) int {
	if e, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err); ok {
		return e.HTTPStatusCode()
	}
	return 0
}

func timedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// disconnected reports whether no whole answer came: what was asked may have been done or not.
func disconnected(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) {
		return true
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return true
	}
	if unreadable(err) {
		return true
	}
	e, ok := errors.AsType[interface {
		error
		ConnectionError() bool
	}](err)
	return ok && e.ConnectionError()
}

// unreadable reports whether an answer was cut off, or was one of something that stands between us and AWS.
func unreadable(err error) bool {
	_, ok := errors.AsType[*smithy.DeserializationError](err)
	return ok
}
