// Package web is what every HTTP handler shares: problem documents (RFC 9457), bounded strict JSON, security headers, the
// caller's network address and a request log without personal data.
package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// MaxBody bounds the body of every request but uploads.
const MaxBody = 64 << 10

// Problem is an error as the API answers it.
type Problem struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail,omitempty"`
	Class  fault.Class  `json:"class"`
	Errors []FieldError `json:"errors,omitempty"`
}

// FieldError is one thing wrong with the input.
type FieldError struct {
	Pointer string `json:"pointer"` // JSON pointer (RFC 6901)
	Detail  string `json:"detail"`
}

// Fields is bad input: an error of class invalid that names every field at once.
type Fields []FieldError

// Error says how many fields are wrong; which ones is for the caller only.
func (f Fields) Error() string { return fmt.Sprintf("%d fields are not valid", len(f)) }

// Unwrap gives the class.
func (f Fields) Unwrap() error { return fault.New(fault.Invalid, "the input is not valid") }

// Add appends a problem.
func (f *Fields) Add(pointer, detail string) { *f = append(*f, FieldError{pointer, detail}) }

// Err returns f as an error, or nil when nothing is wrong.
func (f Fields) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// WriteProblem answers with the problem document of err. What a caller may not know (texts of internal, misconfigured and
// unavailable errors) is left out.
func WriteProblem(w http.ResponseWriter, err error) {
	class := fault.ClassOf(err)
	rule := fault.RuleFor(class)
	p := Problem{Type: "about:blank", Title: rule.Title, Status: rule.Status, Class: rule.Class}
	var e *fault.Error
	if errors.As(err, &e) && e.Class == class {
		switch class {
		case fault.Internal, fault.Misconfigured, fault.Unavailable:
		default:
			p.Detail = e.Text
		}
		if e.Field != "" && p.Detail != "" {
			p.Errors = append(p.Errors, FieldError{e.Field, e.Text})
		}
	}
	if fields, ok := errors.AsType[Fields](err); ok && class == fault.Invalid {
		p.Errors = fields
	}
	RetryAfter(w, err)
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the connection may be gone; there is nobody left to tell
}

// WriteMethodNotAllowed answers a call with a method that its address does not take; the header Allow is set before.
func WriteMethodNotAllowed(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusMethodNotAllowed)
	_ = json.NewEncoder(w).Encode(Problem{ // the connection may be gone
		Type: "about:blank", Title: "Not possible here", Status: http.StatusMethodNotAllowed, Class: fault.Invalid,
		Detail: "this address takes other methods; see the header Allow",
	})
}

// RetryAfter tells how long to wait, when the error says so. The status must not be written yet.
func RetryAfter(w http.ResponseWriter, err error) {
	if wait := fault.WaitOf(err); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
	}
}

// WriteJSON answers with v.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		WriteProblem(w, fmt.Errorf("encoding answer: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}

// ReadJSON reads a JSON body of at most MaxBody into v. Unknown fields, trailing content and other media types are
// fault.Invalid (ISO/IEC 27701 7.4.1: nothing is taken that nobody asked for). Values are never quoted.
func ReadJSON(w http.ResponseWriter, r *http.Request, v any) error {
	return ReadLongJSON(w, r, v, MaxBody)
}

// ReadLongJSON is ReadJSON for the few calls whose body may be longer: at most limit bytes.
func ReadLongJSON(w http.ResponseWriter, r *http.Request, v any, limit int64) error {
	mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mt != "application/json" {
		return fault.New(fault.Invalid, "the body must be application/json")
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return badJSON(v, err)
	}
	if !utf8.Valid(raw) { // the decoder would put other characters in place of what a person wrote
		return fault.New(fault.Invalid, "the body is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return badJSON(v, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "there is something behind the JSON document")
	}
	return nil
}

func badJSON(into any, err error) error {
	var big *http.MaxBytesError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &big):
		return fault.New(fault.Invalid, fmt.Sprintf("the body is longer than %d KiB", big.Limit>>10))
	case errors.As(err, &typ):
		return fault.InvalidField(pointer(reflect.TypeOf(into), typ.Field), "this has the wrong type, or something in it")
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		// The name of the field comes from the caller: it is not repeated.
		return fault.New(fault.Invalid, "the body has a field that this call does not know")
	case errors.Is(err, io.EOF):
		return fault.New(fault.Invalid, "the body is empty")
	}
	return fault.New(fault.Invalid, "the body is not valid JSON for this call")
}

// pointer turns the path that package json names into a JSON pointer. The path tells no place in a list: the pointer ends there.
func pointer(t reflect.Type, path string) string {
	var at strings.Builder
	for name := range strings.SplitSeq(path, ".") {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if name == "" || t.Kind() != reflect.Struct {
			break
		}
		at.WriteString("/" + name)
		for _, f := range reflect.VisibleFields(t) {
			if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); strings.EqualFold(tag, name) {
				t = f.Type
				break
			}
		}
	}
	return at.String()
}

// Secure sets the headers every answer carries: no script, no frame, no sniffing, no referrer, nothing from elsewhere.
func Secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), interest-cohort=()")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// Protect wraps a mux with what every answer needs: security headers and, for browsers, refusal of cross-origin acts.
func Protect(next http.Handler) http.Handler {
	return Secure(http.NewCrossOriginProtection().Handler(next))
}

// ClientAddress returns the caller's network: the address itself, for IPv6 its /64. Only a proxy on loopback is believed
// when it names another address: the last entry of the last X-Forwarded-For, which is the one it added itself.
func ClientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return "unknown"
	}
	if addr.IsLoopback() {
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if far, err := netip.ParseAddr(strings.TrimSpace(hops[len(hops)-1])); err == nil {
			addr = far
		}
	}
	addr = addr.Unmap()
	if addr.Is6() {
		p, _ := addr.Prefix(64)
		return p.String()
	}
	return addr.String()
}

// Pace waits until at least d has passed since start, so that how long an answer took does not tell what was found.
func Pace(ctx context.Context, start time.Time, d time.Duration) {
	t := time.NewTimer(d - time.Since(start))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Bearer returns the bearer token of the request, or "".
func Bearer(r *http.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// Log logs an error by its class; the text of an error holds no personal data (package fault).
func Log(ctx context.Context, log *slog.Logger, what string, err error) {
	class := fault.ClassOf(err)
	log.LogAttrs(ctx, fault.RuleFor(class).Level, what, slog.String("class", string(class)), slog.String("error", err.Error()))
}
