package smtpmail_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
)

// stage is a moment of the dialogue at which a server may misbehave.
type stage string

const (
	atGreeting stage = "greeting"
	atMail     stage = "mail"
	atRcpt     stage = "rcpt"
	atData     stage = "content read"
	inData     stage = "content under way"
	afterTaken stage = "taken, before the reply"
)

// server is a mail server in this process. At each stage it can answer with a refusal, drop the connection or hang.
type server struct {
	addr  *net.TCPAddr
	roots *x509.CertPool

	mu     sync.Mutex
	taken  [][]byte
	rcpts  []string
	refuse map[stage]*gosmtp.SMTPError
	drop   map[stage]bool
	hang   map[stage]chan struct{}
	user   string
	pass   string
	secure bool // whether the last mail came over TLS
}

func newServer(t testing.TB, implicit bool) *server {
	t.Helper()
	s := &server{refuse: map[stage]*gosmtp.SMTPError{}, drop: map[stage]bool{}, hang: map[stage]chan struct{}{}}
	cert := s.certificate(t)
	g := gosmtp.NewServer(gosmtp.BackendFunc(func(c *gosmtp.Conn) (gosmtp.Session, error) {
		return &session{s, c}, s.reach(atGreeting, c)
	}))
	g.Domain, g.AllowInsecureAuth = "mx.example.com", true
	g.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	g.ErrorLog = quiet{}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().(*net.TCPAddr)
	if implicit {
		l = tls.NewListener(l, g.TLSConfig)
	}
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	t.Cleanup(func() {
		// The server may not have begun to serve yet, and then does not know its listener.
		for _, err := range []error{g.Close(), l.Close(), <-done} {
			if err != nil && !errors.Is(err, gosmtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		}
	})
	return s
}

// quiet drops what the server says about connections that the tests break.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// certificate makes an authority of its own for the server.
func (s *server) certificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// reach does at a stage what the test asked for.
func (s *server) reach(at stage, c *gosmtp.Conn) error {
	s.mu.Lock()
	refusal, drop, hang := s.refuse[at], s.drop[at], s.hang[at]
	s.mu.Unlock()
	if hang != nil {
		<-hang
	}
	if drop {
		_ = c.Conn().Close()
	}
	if refusal != nil {
		return refusal
	}
	return nil
}

func (s *server) delivered() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken)
}

type session struct {
	s *server
	c *gosmtp.Conn
}

func (x *session) Reset()        {}
func (x *session) Logout() error { return nil }

func (x *session) Mail(string, *gosmtp.MailOptions) error { return x.s.reach(atMail, x.c) }

func (x *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	if err := x.s.reach(atRcpt, x.c); err != nil {
		return err
	}
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.rcpts = append(x.s.rcpts, to)
	return nil
}

func (x *session) Data(r io.Reader) error {
	if err := x.s.reach(inData, x.c); err != nil {
		return err
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := x.s.reach(atData, x.c); err != nil {
		return err
	}
	_, secure := x.c.TLSConnectionState()
	x.s.mu.Lock()
	x.s.taken, x.s.secure = append(x.s.taken, raw), secure
	x.s.mu.Unlock()
	return x.s.reach(afterTaken, x.c)
}

// AuthMechanisms and Auth make sign-in possible, with user and pass of the server.
func (x *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (x *session) Auth(mechanism string) (sasl.Server, error) {
	if mechanism != sasl.Plain {
		return nil, gosmtp.ErrAuthUnknownMechanism
	}
	return sasl.NewPlainServer(func(_, user, pass string) error {
		if user != x.s.user || pass != x.s.pass || user == "" {
			return gosmtp.ErrAuthFailed
		}
		return nil
	}), nil
}
