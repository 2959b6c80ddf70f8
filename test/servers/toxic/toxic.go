// Package toxic puts a proxy before a server that makes the network as bad as a test asks for.
package toxic

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"strconv"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Proxy passes connections on to one server. Its methods are called by one goroutine at a time.
type Proxy struct {
	Host string
	Port int

	tb    testing.TB
	proxy *toxiproxy.Proxy
}

// Fault is one way in which a network fails.
type Fault struct {
	Name       string
	kind       string // of toxic; empty: nobody listens
	stream     string // upstream: what the client says; downstream: what the server says
	attributes map[string]any
}

// Faults returns every way in which a network fails here: slow answers, answers that break off, peers that accept and never
// answer, connections that do not end, connections that are reset, and nobody listening.
func Faults() []Fault {
	return []Fault{
		{Name: "latency", kind: "latency", stream: "downstream", attributes: map[string]any{"latency": 150, "jitter": 100}},
		{Name: "cut in mid stream", kind: "limit_data", stream: "downstream", attributes: map[string]any{"bytes": 700}},
		{Name: "half-open", kind: "timeout", stream: "downstream", attributes: map[string]any{"timeout": 0}},
		{Name: "slow close", kind: "slow_close", stream: "downstream", attributes: map[string]any{"delay": 3000}},
		{Name: "reset", kind: "reset_peer", stream: "downstream", attributes: map[string]any{"timeout": 5}},
		Refused(),
	}
}

// Refused is that nobody listens.
func Refused() Fault { return Fault{Name: "refused"} }

// Before starts a proxy before the server at addr that ends with the test.
func Before(tb testing.TB, addr string) *Proxy {
	tb.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &Proxy{tb: tb, proxy: toxiproxy.NewProxy(server, "proxy", "127.0.0.1:0", addr)}
	p.start()
	host, port, err := net.SplitHostPort(p.proxy.Listen)
	if err == nil {
		p.Port, err = strconv.Atoi(port)
	}
	if err != nil {
		tb.Fatalf("reading where the proxy listens: %v", err)
	}
	p.Host = host
	tb.Cleanup(p.proxy.Stop)
	return p
}

// Addr is where the proxy listens, also while nobody listens there.
func (p *Proxy) Addr() string { return net.JoinHostPort(p.Host, strconv.Itoa(p.Port)) }

func (p *Proxy) start() {
	p.tb.Helper()
	if err := p.proxy.Start(); err != nil {
		p.tb.Fatalf("starting a proxy: %v", err)
	}
}

// Break lets a fault begin; it lasts until Heal.
func (p *Proxy) Break(f Fault) {
	p.tb.Helper()
	if f.kind == "" {
		p.proxy.Stop()
		return
	}
	raw, err := json.Marshal(map[string]any{"name": "fault", "type": f.kind, "stream": f.stream, "toxicity": 1.0, "attributes": f.attributes})
	if err == nil {
		_, err = p.proxy.Toxics.AddToxicJson(bytes.NewReader(raw))
	}
	if err != nil {
		p.tb.Fatalf("beginning %s: %v", f.Name, err)
	}
}

// Heal ends every fault. Connections that a fault has left hanging break.
func (p *Proxy) Heal() {
	p.tb.Helper()
	p.proxy.Toxics.ResetToxics(context.Background())
	p.proxy.Stop()
	p.start()
}
