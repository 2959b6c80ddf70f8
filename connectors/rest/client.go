package rest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/habeas-dsar/habeas/connectors/internal/outbound"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// client sends requests to one API. It is safe for concurrent use. No error of it repeats an address, a query, a header or
// anything an answer held.
type client struct {
	http     *http.Client
	base     *url.URL // without a slash at the end
	headers  http.Header
	auth     authoriser
	limit    *rate.Limiter // nil: none
	timeout  time.Duration
	maxBytes int64
	now      func() time.Time
}

// call is a request ready to be sent. Its address is within the base URL's origin.
type call struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
	kind   string // media type of the body
}

// answer is what came back, whole.
type answer struct {
	status int
	header http.Header
	body   []byte
	from   *url.URL // where it came from, for relative links
	proof  string   // the Authorization that was sent
}

// maxRedirects bounds how often a read may be sent elsewhere on the same host.
const maxRedirects = 3

var (
	errRedirectHost   = errors.New("the system redirects to another host, which is not followed")
	errRedirectChange = errors.New("the system redirects a request that is no plain GET, which is not followed")
	errRedirectLoop   = errors.New("the system redirects too often")
)

// stayAtHome is the redirect policy: only a GET, only within the origin it went to.
func stayAtHome(req *http.Request, via []*http.Request) error {
	switch {
	case req.Method != http.MethodGet || via[0].Method != http.MethodGet:
		return errRedirectChange
	case !outbound.SameOrigin(req.URL, via[0].URL):
		return errRedirectHost
	case len(via) > maxRedirects:
		return errRedirectLoop
	}
	return nil
}

// build renders a request of the file. The path is put behind the base URL as text, so that nothing a value holds can be
// taken for a host, a query or another path.
func (c *client) build(r request, v values) (*call, error) {
	path, err := r.path.renderPath(v)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(c.base.String() + path)
	if err != nil || !outbound.SameOrigin(u, c.base) || u.RawQuery != "" || u.Fragment != "" {
		return nil, fault.New(fault.Misconfigured, "a path of the connector file does not make an address of the system")
	}
	query, err := renderPairs(r.query, v)
	if err != nil {
		return nil, err
	}
	u.RawQuery = query.Encode()
	out := &call{method: r.method, url: u, header: http.Header{}}
	headers, err := renderPairs(r.headers, v)
	if err != nil {
		return nil, err
	}
	for name, list := range headers {
		for _, s := range list {
			if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				return nil, fault.New(fault.Invalid, "a value with control characters cannot stand in a header")
			}
			out.header.Add(name, s)
		}
	}
	switch {
	case r.json != nil:
		raw, _, err := r.json.render(v)
		if err != nil {
			return nil, err
		}
		out.body, out.kind = raw, "application/json"
	case r.form != nil:
		form, err := renderPairs(r.form, v)
		if err != nil {
			return nil, err
		}
		out.body, out.kind = []byte(form.Encode()), "application/x-www-form-urlencoded"
	}
	return out, nil
}

// follow returns a plain GET of an address that an answer gave, with the headers of another call. Anything but the origin of
// the base URL is refused.
func (c *client) follow(address string, like *call) (*call, error) {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Opaque != "" {
		return nil, fault.New(fault.Invalid, "the system's answer has a link that is no address")
	}
	if !outbound.SameOrigin(u, c.base) {
		return nil, fault.New(fault.Invalid, "the system's answer has a link to another host, which is not followed")
	}
	u.Fragment = ""
	return &call{method: http.MethodGet, url: u, header: like.header}, nil
}

// send sends a call and reads the whole answer, whatever its status. A refused token is replaced once.
func (c *client) send(ctx context.Context, out *call) (*answer, error) {
	a, err := c.once(ctx, out)
	if err != nil || a.status != http.StatusUnauthorized || !c.auth.refused(a.proof) {
		return a, err
	}
	return c.once(ctx, out)
}

func (c *client) once(ctx context.Context, out *call) (*answer, error) {
	if c.limit != nil {
		if err := c.limit.Wait(ctx); err != nil {
			return nil, fault.Wrap(fault.Unavailable, ended(ctx), "waiting for the rate limit")
		}
	}
	callCtx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(callCtx, out.method, out.url.String(), bytes.NewReader(out.body))
	if err != nil {
		return nil, fault.New(fault.Misconfigured, "a request of the connector file cannot be made")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Habeas")
	for _, h := range []http.Header{c.headers, out.header} {
		for name, list := range h {
			req.Header[http.CanonicalHeaderKey(name)] = list
		}
	}
	if out.kind != "" {
		req.Header.Set("Content-Type", out.kind)
	}
	if err := c.auth.authorise(callCtx, req); err != nil {
		return nil, c.unreached(ctx, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreached(ctx, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBytes+1))
	switch {
	case err != nil:
		return nil, c.unreached(ctx, err)
	case int64(len(raw)) > c.maxBytes:
		return nil, fault.New(fault.Invalid, fmt.Sprintf("the system's answer is larger than %d bytes", c.maxBytes))
	}
	return &answer{status: resp.StatusCode, header: resp.Header, body: raw, from: resp.Request.URL, proof: req.Header.Get("Authorization")}, nil
}

func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return context.DeadlineExceeded // a limiter gives up early when the deadline would pass meanwhile
}

// unreached classifies the failure of a request that has no answer. Texts of the transport name addresses, so only ours go
// on.
func (c *client) unreached(ctx context.Context, err error) error {
	if classified, ok := errors.AsType[*fault.Error](err); ok {
		return classified
	}
	for _, known := range []error{outbound.ErrAddress, errRedirectHost, errRedirectChange, errRedirectLoop} {
		if errors.Is(err, known) {
			return fault.New(fault.Misconfigured, known.Error())
		}
	}
	if ctx.Err() != nil {
		return fault.Wrap(fault.Unavailable, ctx.Err(), "asking the system")
	}
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, otherName := errors.AsType[x509.HostnameError](err)
	switch {
	case unverified || unknown || otherName:
		return fault.New(fault.Misconfigured, "the system's certificate is not trusted")
	case errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.Unavailable, "the system did not answer in time")
	}
	return fault.New(fault.Unavailable, "the system is not reachable, or broke off its answer")
}

// failure classifies an answer whose status is not one that was asked for. doing says what was asked ("reading contacts").
func (c *client) failure(a *answer, doing string) error {
	text := fmt.Sprintf("%s: the system answered %d", doing, a.status)
	switch s := a.status; {
	case s == http.StatusTooManyRequests:
		return fault.New(fault.Throttled, text).After(c.retryAfter(a))
	case s == http.StatusRequestTimeout, s >= 500 && s != http.StatusNotImplemented:
		return fault.New(fault.Unavailable, text).After(c.retryAfter(a))
	case s == http.StatusBadRequest, s == http.StatusUnprocessableEntity, s == http.StatusPartialContent:
		return fault.New(fault.Invalid, text)
	case s == http.StatusConflict, s == http.StatusPreconditionFailed, s == http.StatusLocked:
		return fault.New(fault.Conflict, text)
	case s >= 300:
		return fault.New(fault.Misconfigured, text)
	}
	return fault.New(fault.Invalid, text)
}

// retryAfter returns the wait that an answer asks for (RFC 9110, section 10.2.3): seconds, or a date, which is compared with
// the system's own clock where the answer shows it.
func (c *client) retryAfter(a *answer) time.Duration {
	s := strings.TrimSpace(a.header.Get("Retry-After"))
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(s)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		now = c.now()
	}
	return max(at.Sub(now), 0)
}
