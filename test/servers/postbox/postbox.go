// Package postbox is a mail server on this machine that takes every mail and keeps it.
package postbox

import (
	"errors"
	"io"
	"net"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// Server is a running mail server.
type Server struct {
	Addr string // host:port
	Post *testkit.Post
}

// maxMail is the largest mail that is taken.
const maxMail = 1 << 20

// Start starts a server that ends with the test. A mail has arrived when its content is here as a whole, whether or not the
// client lives to see the reply.
func Start(tb testing.TB) *Server {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("starting a mail server: %v", err)
	}
	s := &Server{Addr: l.Addr().String(), Post: new(testkit.Post)}
	g := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return session{s}, nil }))
	g.Domain, g.MaxMessageBytes, g.ErrorLog = "mx.example.com", maxMail, quiet{}
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(l) }()
	tb.Cleanup(func() {
		for _, err := range []error{g.Close(), l.Close(), <-ended} {
			if err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				tb.Errorf("ending the mail server: %v", err)
			}
		}
	})
	return s
}

type session struct{ s *Server }

func (session) Reset()                               {}
func (session) Logout() error                        { return nil }
func (session) Mail(string, *smtp.MailOptions) error { return nil }
func (session) Rcpt(string, *smtp.RcptOptions) error { return nil }

func (x session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err //nolint:wrapcheck // the connection broke: the mail has not arrived
	}
	return x.s.Post.Arrive(raw)
}

// quiet drops what the server says about connections that tests break.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}
