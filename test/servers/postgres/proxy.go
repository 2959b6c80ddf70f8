package postgres

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
)

// Fault is what befalls a request that passes a Proxy. The zero value is none.
type Fault struct {
	Code      string // the request is answered with this SQLSTATE, and the connection ends
	Silent    bool   // the request is never answered
	Garbage   bool   // the answer is no message
	AfterRows int    // the connection breaks when that many rows of one answer have passed
	Lost      bool   // the request, a COMMIT, is carried out and its answer lost with the connection
}

// Proxy stands between clients and a server, without TLS, and lets requests fail. A request is the execution of one prepared
// statement, or a new connection while every request fails.
type Proxy struct {
	Host string
	Port int

	server string
	listen net.Listener

	mu    sync.Mutex
	conns map[net.Conn]bool
	fault Fault
	skip  int
	times int // left; below 0 = all
	seen  int // requests so far
	ended bool
}

// NewProxy starts a proxy before the server that ends with the test.
func (s *Server) NewProxy(tb testing.TB) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(s.Host, "0"))
	if err != nil {
		tb.Fatalf("starting a proxy: %v", err)
	}
	p := &Proxy{
		Host: s.Host, Port: l.Addr().(*net.TCPAddr).Port, server: net.JoinHostPort(s.Host, portText(s.Port)), listen: l, conns: map[net.Conn]bool{},
	}
	go p.accept()
	tb.Cleanup(p.close)
	return p
}

// Fail makes requests fail after skip that succeed: as many as times says, 0 = all until healed by another call.
func (p *Proxy) Fail(f Fault, skip, times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if times == 0 {
		times = -1
	}
	p.fault, p.skip, p.times = f, skip, times
}

// Requests returns how many statements were executed so far.
func (p *Proxy) Requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// Cut breaks every connection.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *Proxy) close() {
	_ = p.listen.Close()
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.Cut()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listen.Accept()
		if err != nil {
			return
		}
		go p.serve(client)
	}
}

func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	return !p.ended
}

func (p *Proxy) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close()
}

// next counts a request and returns the fault that befalls it. Faults that need an answer of a certain kind are counted when
// they come about.
func (p *Proxy) next(commit bool) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen++
	if p.times == 0 || p.fault == (Fault{}) || p.fault.Lost && !commit {
		return Fault{}
	}
	if p.skip > 0 {
		p.skip--
		return Fault{}
	}
	if p.times > 0 && p.fault.AfterRows == 0 {
		p.times--
	}
	return p.fault
}

func (p *Proxy) cameAbout() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.times > 0 {
		p.times--
	}
}

// refuses returns the answer to new connections while every request fails with a code.
func (p *Proxy) refuses() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.skip == 0 && p.times < 0 {
		return p.fault.Code
	}
	return ""
}

// link is one client with its connection to the server.
type link struct {
	proxy          *Proxy
	client, server net.Conn
	statements     map[string]string // name -> text
	bound          string            // text of the statement bound last

	mu        sync.Mutex
	afterRows int  // the answer at hand breaks after so many rows; 0 = it does not
	rows      int  // of the answer at hand
	lost      bool // the answer at hand is not passed on
}

func (p *Proxy) serve(client net.Conn) {
	defer p.drop(client)
	if code := p.refuses(); code != "" {
		var length [4]byte
		if _, err := io.ReadFull(client, length[:]); err == nil {
			_, _ = io.CopyN(io.Discard, client, int64(binary.BigEndian.Uint32(length[:]))-4)
		}
		_, _ = client.Write(errorMessage(code))
		return
	}
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer p.drop(server)
	if !p.keep(client) || !p.keep(server) {
		return
	}
	l := &link{proxy: p, client: client, server: server, statements: map[string]string{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.answers()
		_ = client.Close()
	}()
	l.requests()
	_ = server.Close()
	<-done
}

// requests passes on what the client says.
func (l *link) requests() {
	var startup [4]byte
	if _, err := io.ReadFull(l.client, startup[:]); err != nil {
		return
	}
	if _, err := l.server.Write(startup[:]); err != nil {
		return
	}
	if _, err := io.CopyN(l.server, l.client, int64(binary.BigEndian.Uint32(startup[:]))-4); err != nil {
		return
	}
	for {
		kind, body, err := readMessage(l.client)
		if err != nil || !l.request(kind, body) {
			return
		}
		if _, err := l.server.Write(message(kind, body)); err != nil {
			return
		}
	}
}

// request looks at one message; false ends the connection.
func (l *link) request(kind byte, body []byte) bool {
	first, rest, _ := bytes.Cut(body, []byte{0})
	second, _, _ := bytes.Cut(rest, []byte{0})
	switch kind {
	case 'P':
		l.statements[string(first)] = string(second)
	case 'B':
		l.bound = l.statements[string(second)]
	case 'E':
		f := l.proxy.next(l.bound == "COMMIT")
		switch {
		case f.Code != "":
			_, _ = l.client.Write(errorMessage(f.Code))
			return false
		case f.Garbage:
			_, _ = l.client.Write([]byte("\x01this is no message of the protocol"))
			return false
		case f.Silent:
			_, _ = io.Copy(io.Discard, l.client)
			return false
		}
		l.mu.Lock()
		l.afterRows, l.rows, l.lost = f.AfterRows, 0, f.Lost
		l.mu.Unlock()
	}
	return true
}

// answers passes on what the server says.
func (l *link) answers() {
	for {
		kind, body, err := readMessage(l.server)
		if err != nil {
			return
		}
		l.mu.Lock()
		if kind == 'D' {
			l.rows++
		}
		broken, lost := l.afterRows > 0 && l.rows > l.afterRows, l.lost
		l.mu.Unlock()
		switch {
		case broken:
			l.proxy.cameAbout()
			return
		case lost && kind == 'Z':
			return
		case lost:
			continue
		}
		if _, err := l.client.Write(message(kind, body)); err != nil {
			return
		}
	}
}

func readMessage(r io.Reader) (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	body = make([]byte, binary.BigEndian.Uint32(head[1:])-4)
	_, err = io.ReadFull(r, body)
	return head[0], body, err
}

func message(kind byte, body []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4))
	return append(b, body...)
}

func errorMessage(code string) []byte {
	return message('E', []byte("SFATAL\x00VFATAL\x00C"+code+"\x00Mthe proxy says so\x00\x00"))
}
