package outbound_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/connectors/internal/outbound"
)

func TestPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"1.1.1.1": true, "8.8.8.8": true, "2606:4700::1111": true, "100.63.255.255": true, "172.32.0.1": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.31.0.1": false, "192.168.0.1": false, "169.254.169.254": false, "100.64.0.1": false,
		"0.0.0.0": false, "255.255.255.255": false, "224.0.0.1": false, "192.0.2.1": false, "198.19.0.1": false,
		"::": false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd12::1": false, "ff02::1": false, "fec0::1": false,
		"::ffff:10.0.0.1": false, "::ffff:8.8.8.8": true, "::10.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001:0:1::": false, "2001:db8::1": false,
	} {
		if got := outbound.Public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is public: %t, want %t", address, got, want)
		}
	}
	if outbound.Public(netip.Addr{}) {
		t.Error("no address at all is public")
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST.": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true,
		"localhost.example.com": false, "127.0.0.1.example.com": false, "10.0.0.1": false, "": false,
	} {
		if outbound.Loopback(host) != want {
			t.Errorf("%q is loopback: want %t", host, want)
		}
	}
}

func TestSameOrigin(t *testing.T) {
	base := "https://api.example.com/v1"
	for other, want := range map[string]bool{
		"https://api.example.com:443/x": true, "https://API.example.com/": true,
		"http://api.example.com/": false, "https://api.example.com:8443/": false, "https://example.com/": false,
		"https://api.example.com.test/": false, "https://api.example.com@evil.test/": false,
	} {
		a, errA := url.Parse(base)
		b, errB := url.Parse(other)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if outbound.SameOrigin(a, b) != want {
			t.Errorf("%s has the same origin: want %t", other, want)
		}
	}
}

// rebinding is a name server that tells everybody who asks another address than the one before.
func rebinding(t *testing.T, answers ...string) (*net.Resolver, *atomic.Int64) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	var asked atomic.Int64
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(answer(buf[:n], &asked, answers), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}, &asked
}

// answer writes a response of DNS (RFC 1035, section 4.1) to a question with one name.
func answer(question []byte, asked *atomic.Int64, answers []string) []byte {
	end := 12
	for question[end] != 0 {
		end += int(question[end]) + 1
	}
	end += 5
	out := append([]byte(nil), question[:end]...)
	out[2], out[3] = 0x81, 0x80 // a response, recursion done
	clear(out[6:12])
	if kind := binary.BigEndian.Uint16(question[end-4:]); kind != 1 {
		return out // nothing but addresses of version 4
	}
	at := int(asked.Add(1)) - 1
	out[7] = 1
	out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
	return append(out, netip.MustParseAddr(answers[min(at, len(answers)-1)]).AsSlice()...)
}

func get(t *testing.T, o outbound.Options, address string) error {
	t.Helper()
	o.Timeout = 2 * time.Second
	tr := outbound.Transport(o)
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	return err
}

func TestTransportChecksTheAddressItDials(t *testing.T) {
	hits := 0
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits++ }))
	defer srv.Close()
	port := srv.URL[strings.LastIndex(srv.URL, ":"):]
	if err := get(t, outbound.Options{}, srv.URL); !errors.Is(err, outbound.ErrAddress) {
		t.Errorf("a loopback address gives %v", err)
	}
	resolver, asked := rebinding(t, "127.0.0.1")
	if err := get(t, outbound.Options{Resolver: resolver}, "http://crm.example.com"+port); !errors.Is(err, outbound.ErrAddress) || asked.Load() == 0 {
		t.Errorf("a name that leads to a loopback address gives %v after %d questions", err, asked.Load())
	}
	if hits != 0 {
		t.Fatalf("%d requests arrived at an address that must not be reached", hits)
	}
	if err := get(t, outbound.Options{AllowPrivate: true, Resolver: resolver}, "http://crm.example.com"+port); err != nil || hits != 1 {
		t.Errorf("an allowed address gives %v, %d requests arrived", err, hits)
	}
	// Without TLS only this machine: also when private addresses are allowed, and whatever the name said before.
	other, _ := rebinding(t, "10.255.255.1")
	if err := get(t, outbound.Options{AllowPrivate: true, Plain: "crm.example.com" + port, Resolver: other}, "http://crm.example.com"+port); !errors.Is(err, outbound.ErrAddress) {
		t.Errorf("a plain connection to another machine gives %v", err)
	}
}

func TestTransportFollowsNoChangeOfMind(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the request arrived") }))
	defer srv.Close()
	port := srv.URL[strings.LastIndex(srv.URL, ":"):]
	// The first answer is public and would pass a check made ahead of dialling; the one that is dialled is not.
	resolver, asked := rebinding(t, "203.0.114.1", "127.0.0.1")
	if ips, err := resolver.LookupHost(t.Context(), "crm.example.com"); err != nil || len(ips) != 1 || !outbound.Public(netip.MustParseAddr(ips[0])) {
		t.Fatalf("the first answer is %v, %v", ips, err)
	}
	if err := get(t, outbound.Options{Resolver: resolver}, "http://crm.example.com"+port); !errors.Is(err, outbound.ErrAddress) || asked.Load() < 2 {
		t.Errorf("the second answer gives %v after %d questions", err, asked.Load())
	}
}
