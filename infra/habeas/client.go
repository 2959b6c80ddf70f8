package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Bounds of a conversation with a server.
const (
	callTimeout = 2 * time.Minute // of one call, and of the wait for a download to begin
	maxAnswer   = 32 << 20        // of an answer that is read whole
)

// remote are the flags of commands that talk to a server.
type remote struct{ server, token, tenant string }

func (r *remote) flags(c *cobra.Command) {
	f := c.PersistentFlags()
	f.StringVar(&r.server, "server", "", "address of the server (HABEAS_SERVER; default http://127.0.0.1:8080)")
	f.StringVar(&r.token, "token", "", "token of a staff account (HABEAS_TOKEN)")
	f.StringVar(&r.tenant, "tenant", "", "tenant (default: the first of the token)")
}

// client talks to one server in the name of one token.
type client struct {
	base   *url.URL
	token  string
	tenant string
	http   *http.Client
}

// connect reads flags and environment; nothing is sent yet.
func (r remote) connect(cmd *cobra.Command) (*client, error) {
	base, err := url.Parse(cmp.Or(r.server, os.Getenv("HABEAS_SERVER"), "http://127.0.0.1:8080"))
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.User != nil {
		return nil, usage("--server wants an address such as https://privacy.example.com")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = callTimeout
	c := &client{base: base, token: cmp.Or(r.token, os.Getenv("HABEAS_TOKEN")), tenant: r.tenant, http: &http.Client{Transport: transport, CheckRedirect: keepBearer}}
	// The address of a portal, as serve prints it, names its tenant.
	if before, rest, ok := strings.Cut(base.Path, "/t/"); ok {
		base.Path = before
		c.tenant = cmp.Or(c.tenant, strings.Trim(rest, "/"))
	}
	base.Path = strings.TrimSuffix(strings.TrimSuffix(base.Path, "/"), "/api/v1")
	if base.Scheme == "http" && !isLoopback(base.Hostname()) {
		progress(cmd, "warning: %s is not encrypted; tokens and personal data travel in clear", base.Host)
	}
	return c, nil
}

// staff is connect for commands of the privacy team.
func (r remote) staff(cmd *cobra.Command) (*client, error) {
	c, err := r.connect(cmd)
	if err == nil && c.token == "" {
		return nil, usage("this wants the token of a staff account: --token or HABEAS_TOKEN")
	}
	return c, err
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// problem is the problem document of a refused call (RFC 9457).
type problem struct {
	Title  string      `json:"title"`
	Status int         `json:"status"`
	Detail string      `json:"detail"`
	Class  fault.Class `json:"class"`
	Errors []struct {
		Pointer string `json:"pointer"`
		Detail  string `json:"detail"`
	} `json:"errors"`
}

// Error says what the server said, with every field that was wrong on a line of its own.
func (p *problem) Error() string {
	var b strings.Builder
	b.WriteString(cmp.Or(p.Detail, p.Title))
	fmt.Fprintf(&b, " (%d)", p.Status)
	for _, e := range p.Errors {
		fmt.Fprintf(&b, "\n  %s: %s", e.Pointer, e.Detail)
	}
	return b.String()
}

// Unwrap gives the class.
func (p *problem) Unwrap() error { return fault.New(p.Class, "the server refused") }

// api calls the staff API and returns the answer as it came; in is the body, nil for none.
func (c *client) api(ctx context.Context, method, path string, query url.Values, in any) (json.RawMessage, error) {
	if query == nil {
		query = url.Values{}
	}
	if c.tenant != "" {
		query.Set("tenant", c.tenant)
	}
	return c.call(ctx, method, "/api/v1"+path, query, c.token, in)
}

// call returns the body of an answer that is read whole.
func (c *client) call(ctx context.Context, method, path string, query url.Values, bearer string, in any) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, err := c.open(ctx, method, c.address(path, query), bearer, in)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	raw, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reading the answer")
	}
	if len(raw) > maxAnswer {
		return nil, fault.New(fault.Internal, "the answer of the server is too long")
	}
	return raw, nil
}

func (c *client) address(path string, query url.Values) *url.URL {
	u := *c.base
	u.Path += path
	u.RawQuery = query.Encode()
	return &u
}

// open sends a call and returns the body of its answer. The caller closes the body.
func (c *client) open(ctx context.Context, method string, to *url.URL, bearer string, in any) (io.ReadCloser, error) {
	res, err := c.send(ctx, method, to, bearer, in)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

// keepBearer follows redirects as usual, and takes the bearer from a request to another host or port: it goes to the server alone,
// not to where an answer may point.
func keepBearer(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return fault.New(fault.Internal, "the server leads in circles")
	}
	if req.URL.Host != via[0].URL.Host {
		req.Header.Del("Authorization")
	}
	return nil
}

// send sends a call and returns its answer, which is a success. The caller closes the body.
func (c *client) send(ctx context.Context, method string, to *url.URL, bearer string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encoding the call: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, to.String(), body)
	if err != nil {
		return nil, fmt.Errorf("preparing the call: %w", err)
	}
	req.Header.Set("User-Agent", "habeas")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" && to.Host == c.base.Host {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	if method == http.MethodPost && strings.HasPrefix(to.Path, c.base.Path+"/api/v1/") {
		req.Header.Set("Idempotency-Key", uuid.NewString()) // the transport may then repeat it on a connection that broke
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, plain(err), "reaching the server")
	}
	if res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close()
	return nil, refused(res)
}

// plain takes the address out of an error of the transport: it may hold a single-use link.
func plain(err error) error {
	if e, ok := err.(*url.Error); ok { //nolint:errorlint // http.Client.Do returns it unwrapped
		return e.Err
	}
	return err
}

func refused(res *http.Response) error {
	p := &problem{}
	raw, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil || json.Unmarshal(raw, p) != nil || p.Title == "" {
		*p = problem{Title: "the server answered " + http.StatusText(res.StatusCode)}
	}
	p.Status = res.StatusCode
	if !p.Class.Valid() {
		p.Class = classOf(res.StatusCode)
	}
	return p
}

// classOf is the class of an answer that names none, such as that of a proxy.
func classOf(status int) fault.Class {
	for _, r := range fault.Rules() {
		if r.Status == status {
			return r.Class
		}
	}
	if status >= http.StatusInternalServerError {
		return fault.Unavailable
	}
	return fault.Invalid
}

// decode reads the part of an answer that is shown to people. Fields it does not name are left alone.
func decode[T any](raw json.RawMessage) (T, error) {
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fault.Wrap(fault.Internal, err, "reading the answer of the server")
	}
	return v, nil
}

// ask calls the staff API and shows the answer.
func ask[T any](cmd *cobra.Command, c *client, method, path string, query url.Values, in any, text func(w io.Writer, v T)) error {
	raw, err := c.api(cmd.Context(), method, path, query, in)
	if err != nil {
		return err
	}
	v, err := decode[T](raw)
	if err != nil {
		return err
	}
	return show(cmd, raw, func(w io.Writer) { text(w, v) })
}
