// Package outbound makes HTTP transports for connectors that reach addresses an operator typed: they dial public addresses
// only, unless the operator allowed others. The address is checked when it is dialled, after every name is resolved, so that
// a name that changes its mind (DNS rebinding) does not get round the check.
package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// ErrAddress is in the chain of every error about an address that must not be reached. Its text names no address.
var ErrAddress = errors.New("the name leads to an address that is not public, which nobody has allowed")

// Options say what a transport may reach.
type Options struct {
	AllowPrivate bool          // loopback, private and link-local addresses too
	Plain        string        // "host:port" that is reached without TLS; it must lead to a loopback address. Empty: none
	Timeout      time.Duration // for connecting, the TLS handshake and the head of an answer, each
	MaxIdle      int           // connections kept per host
	Resolver     *net.Resolver // nil: that of the machine
	TLS          *tls.Config   // nil: the roots of the machine, TLS 1.2 or later
}

// Transport returns a transport. It uses no proxy: behind one, the address that is dialled would not be the system's, and
// the check would mean nothing.
func Transport(o Options) *http.Transport {
	config := o.TLS
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return &http.Transport{
		DialContext:            o.dial,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    o.Timeout,
		ResponseHeaderTimeout:  o.Timeout,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    o.MaxIdle,
		IdleConnTimeout:        90 * time.Second,
		ForceAttemptHTTP2:      true,
	}
}

func (o Options) dial(ctx context.Context, network, address string) (net.Conn, error) {
	allow := Public
	switch {
	case o.Plain != "" && strings.EqualFold(address, o.Plain):
		// What is sent without TLS must not leave the machine, whatever the name says today.
		allow = netip.Addr.IsLoopback
	case o.AllowPrivate:
		allow = netip.Addr.IsValid
	}
	d := net.Dialer{Timeout: o.Timeout, KeepAlive: 30 * time.Second, Resolver: o.Resolver, Control: func(_, resolved string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(resolved)
		if err != nil || !allow(at.Addr().Unmap()) {
			return ErrAddress
		}
		return nil
	}}
	return d.DialContext(ctx, network, address)
}

// notPublic lists what is unicast and yet not of the public Internet (IANA special-purpose address registries).
func notPublic() []netip.Prefix {
	var list []netip.Prefix
	for _, p := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}

// Public reports whether an address belongs to the public Internet. Addresses that carry another one inside (6to4, Teredo,
// NAT64, IPv4-compatible) do not.
func Public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	if a.Is6() && !netip.MustParsePrefix("2000::/3").Contains(a) {
		return false
	}
	for _, p := range notPublic() {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// Loopback reports whether a host as written in a URL is this machine: a loopback address, or localhost.
func Loopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// Address returns "host:port" of a URL, with the port of the scheme when there is none.
func Address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// SameOrigin reports whether two URLs have the same scheme, host and port (RFC 6454, section 5).
func SameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(Address(a), Address(b))
}
