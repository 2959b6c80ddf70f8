package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Limits of a call.
const (
	timeout   = 10 * time.Second // for the whole call
	maxAnswer = 64 << 10         // bytes of the answer that are read, so that the other side sees its answer taken
	maxWait   = 24 * time.Hour   // longest Retry-After that is believed
)

// Call is one message to one address.
type Call struct {
	URL          string
	Header       http.Header
	Body         []byte
	AllowPrivate bool // the address may be private or of this machine
}

// Post delivers a message; any 2xx is delivery, whatever the answer says. Errors have the classes misconfigured (the address
// cannot be called, or refuses: 3xx, 4xx), throttled (429) and unavailable (everything that may pass). It follows no redirect, uses
// no proxy, and speaks plain http to this machine only.
func Post(ctx context.Context, c Call) error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return fault.New(fault.Misconfigured, "the address of a webhook cannot be called")
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(c.Body))
	if err != nil {
		return fault.New(fault.Misconfigured, "the address of a webhook cannot be called")
	}
	maps.Copy(r.Header, c.Header)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Habeas")
	transport := &http.Transport{
		DialContext: (&net.Dialer{Timeout: timeout, Control: guard(u.Scheme, c.AllowPrivate)}).DialContext, DisableKeepAlives: true,
		TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout, MaxResponseHeaderBytes: maxAnswer,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		if errors.Is(err, errAddress) {
			return fault.New(fault.Misconfigured, "the address of a webhook is private, or plain http to another machine")
		}
		return fault.New(fault.Unavailable, "the webhook cannot be reached") // the error of the client quotes the address
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer)) // the status is the answer
	return answered(res)
}

func answered(res *http.Response) error {
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusTooManyRequests:
		return fault.New(fault.Throttled, "the webhook asks to wait").After(retryAfter(res))
	case code == http.StatusRequestTimeout || code >= 500:
		return fault.New(fault.Unavailable, "the webhook answers with a failure of its own").After(retryAfter(res))
	}
	return fault.New(fault.Misconfigured, "the webhook refuses")
}

func retryAfter(res *http.Response) time.Duration {
	n, err := strconv.Atoi(res.Header.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0 // a date would be of the other side's clock
	}
	return min(time.Duration(n)*time.Second, maxWait)
}

var errAddress = errors.New("webhook: this address is not called")

// guard looks at the address that a name resolved to, right before it is dialled: a name cannot point elsewhere afterwards.
func guard(scheme string, allowPrivate bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return errAddress
		}
		ip := at.Addr().Unmap()
		if scheme == "http" && !ip.IsLoopback() {
			return errAddress
		}
		if !allowPrivate && !public(ip) {
			return errAddress
		}
		return nil
	}
}

// special are ranges that package netip does not count as private and that lead into somebody's network all the same: shared
// address space (RFC 6598), this network (RFC 791), benchmarks (RFC 2544), 6to4, Teredo and NAT64, which carry IPv4 inside.
func special() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("2002::/16"),
		netip.MustParsePrefix("2001::/32"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
	}
}

func public(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, p := range special() {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}
