// Package oidcsignin signs staff in at an issuer of OpenID Connect: authorisation code with PKCE (RFC 7636, S256), discovery,
// an ID token that is believed only when everything about it fits. Cognito, Keycloak, Entra and Okta are such issuers; nothing
// here is about one of them but where a comment says so. It never creates, links or looks up staff.
package oidcsignin

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Limits of the conversation with an issuer.
const (
	Leeway      = time.Minute      // between our clock and the issuer's
	Fresh       = time.Hour        // how long discovery and keys are used; a key that the issuer withdrew is believed no longer
	patience    = 5 * time.Second  // for one request
	patienceAll = 12 * time.Second // for all that finishing a sign-in takes
	maxAnswer   = 1 << 20
	maxCode     = 8 << 10
)

// Options say where the issuer is and what it must prove.
type Options struct {
	Issuer string // exactly as its tokens name it: https, or http on a loopback address
	Client string // our client id
	// Secret returns the client's secret; it is asked for at each sign-in, so that a changed one works at once. nil = a public
	// client, which has PKCE alone.
	Secret func() (redact.Text, error)
	// ACR and AMR are the values of these claims of which a token must carry one: the ways of signing in that count, such as
	// with a second step. Both empty = every way counts. ACR is also asked for, in this order.
	ACR, AMR []string
	Now      func() time.Time // decides whether a token has expired
	Machine  func() time.Time // by which what is cached ages; a clock set by hand must not keep it for ever
	// Transport carries requests to the issuer; nil = one of our own.
	Transport http.RoundTripper
}

// Client signs in at one issuer. It is safe for concurrent use.
type Client struct {
	o    Options
	http *http.Client

	mu     sync.Mutex
	known  *provider
	readAt time.Time
}

// provider is what discovery told.
type provider struct {
	*oidc.Provider
	keys   oidc.KeySet
	check  *oidc.IDTokenVerifier
	style  oauth2.AuthStyle
	leave  string // end_session_endpoint
	people bool   // there is a userinfo endpoint
}

// New returns a client. It asks the issuer nothing: one that is down at the start stops nobody else. fault.Misconfigured when
// the options cannot be right.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.Issuer)
	if err != nil || !safe(u, true) || u.RawQuery != "" || u.Fragment != "" {
		return nil, fault.New(fault.Misconfigured, "the issuer of the staff's sign-in is not an https address (http is for loopback addresses) without query and fragment")
	}
	if slices.Contains(o.ACR, "") || slices.Contains(o.AMR, "") {
		return nil, fault.New(fault.Misconfigured, "a way of signing in that counts has no name")
	}
	if o.Client == "" {
		return nil, fault.New(fault.Misconfigured, "the staff's sign-in wants the id of our client at the issuer")
	}
	next := o.Transport
	if next == nil {
		t, _ := http.DefaultTransport.(*http.Transport) // the standard library's
		t = t.Clone()
		t.ResponseHeaderTimeout, t.MaxIdleConnsPerHost = patience, 4
		next = t
	}
	return &Client{o: o, http: &http.Client{
		Transport: bounded{next}, Timeout: patience,
		// A secret or a code is for the address that discovery named, and for no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// ID implements signin.Issuer.
func (c *Client) ID() string { return c.o.Issuer }

// safe reports whether an address may be asked: https, or http on this machine where that is allowed.
func safe(u *url.URL, loopback bool) bool {
	if u.Host == "" || u.User != nil || u.Opaque != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	here := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && here && loopback
}

// provider returns what discovery told, at most Fresh ago.
func (c *Client) provider(ctx context.Context) (*provider, error) {
	c.mu.Lock()
	known, age := c.known, c.o.Machine().Sub(c.readAt).Abs()
	c.mu.Unlock()
	if known != nil && age < Fresh {
		return known, nil
	}
	p, err := c.discover(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.readAt = p, c.o.Machine()
	return p, nil
}

// metadata is what a discovery document says besides what the library reads (OpenID Connect Discovery 1.0, 3).
type metadata struct {
	Keys    string   `json:"jwks_uri"`
	Leave   string   `json:"end_session_endpoint"`
	Methods []string `json:"token_endpoint_auth_methods_supported"`
}

func (c *Client) discover(ctx context.Context) (*provider, error) {
	read, err := oidc.NewProvider(oidc.ClientContext(ctx, c.http), c.o.Issuer)
	if err != nil {
		return nil, outside(ctx, err, fault.Misconfigured, "what answers at the address of the issuer is not this issuer")
	}
	var m metadata
	if read.Claims(&m) != nil {
		return nil, fault.New(fault.Misconfigured, "the discovery document of the issuer cannot be read")
	}
	issuer, _ := url.Parse(c.o.Issuer) // New has read it
	ask := []string{read.Endpoint().AuthURL, read.Endpoint().TokenURL, m.Keys}
	if read.UserInfoEndpoint() != "" {
		ask = append(ask, read.UserInfoEndpoint())
	}
	for _, s := range ask {
		if u, err := url.Parse(s); err != nil || !safe(u, issuer.Scheme == "http") {
			return nil, fault.New(fault.Misconfigured, "the issuer's discovery document names an address that is not https, or lacks one")
		}
	}
	if u, err := url.Parse(m.Leave); err != nil || !safe(u, issuer.Scheme == "http") {
		m.Leave = ""
	}
	p := &provider{Provider: read, style: style(m.Methods), leave: m.Leave, people: read.UserInfoEndpoint() != ""}
	// Keys are fetched for whoever comes first, and outlive her.
	p.keys = oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), c.http), m.Keys)
	p.check = oidc.NewVerifier(c.o.Issuer, p.keys, &oidc.Config{
		ClientID: c.o.Client, SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256},
		Now: func() time.Time { return c.o.Now().Add(-Leeway) },
	})
	return p, nil
}
