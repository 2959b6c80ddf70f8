// Package smtpmail hands mail to a mail server by SMTP (RFC 5321): the mail.Sender of a real installation.
//
// Every mail has a connection of its own and at most Options.Timeout. SMTP cannot tell afterwards what became of a mail, so
// Lookup always answers Unknown.
package smtpmail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Security is how the connection is protected. Setting values.
type Security string

// The kinds of protection.
const (
	StartTLS Security = "starttls" // begins in the clear; without TLS nothing is sent (usual port 587)
	Implicit Security = "implicit" // TLS from the first byte (usual port 465)
	None     Security = "none"     // only to a server on this machine
)

// Auth is how the client signs in, when it has a user name. Setting values.
type Auth string

// The ways of signing in.
const (
	Plain Auth = "plain"
	Login Auth = "login"
)

// Options are the settings of a sender. Host and Port are required.
type Options struct {
	Host     string
	Port     int
	Security Security // "" = starttls
	Username string   // "" = does not sign in
	Password redact.Text
	Auth     Auth           // "" = plain
	Hello    string         // name in EHLO; "" = the name of this machine
	Timeout  time.Duration  // for one mail, from dialling to the reply; 0 = 60 s
	RootCAs  *x509.CertPool // nil = those of the system
}

// Sender is a mail.Sender over SMTP. Make one with New; safe for use by several goroutines.
type Sender struct {
	opts Options
	tls  *tls.Config
}

var _ mail.Sender = (*Sender)(nil)

// New checks the settings; what cannot work is fault.Misconfigured. It does not connect.
func New(opts Options) (*Sender, error) {
	if opts.Security == "" {
		opts.Security = StartTLS
	}
	if opts.Auth == "" {
		opts.Auth = Plain
	}
	if opts.Timeout == 0 {
		opts.Timeout = time.Minute
	}
	switch {
	case opts.Host == "" || opts.Port < 1 || opts.Port > 65535:
		return nil, fault.New(fault.Misconfigured, "the mail server needs a host and a port")
	case opts.Security != StartTLS && opts.Security != Implicit && opts.Security != None:
		return nil, fault.New(fault.Misconfigured, "the security of the mail server is starttls, implicit or none")
	case opts.Auth != Plain && opts.Auth != Login:
		return nil, fault.New(fault.Misconfigured, "signing in at the mail server is plain or login")
	case opts.Security == None && !isLoopbackName(opts.Host):
		return nil, fault.New(fault.Misconfigured, "mail goes without TLS only to a server on this machine")
	case opts.Timeout < 0:
		return nil, fault.New(fault.Misconfigured, "the timeout of the mail server is below zero")
	}
	return &Sender{opts, &tls.Config{ServerName: opts.Host, RootCAs: opts.RootCAs, MinVersion: tls.VersionTLS12}}, nil
}

func isLoopbackName(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// Format implements fmt.Formatter: it holds a password.
func (Sender) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redact.Mask) }

// Send implements mail.Sender. Replies: 4xx is Claimed with throttled or unavailable; 5xx to sender, recipient or content is
// Failed, with invalid for the recipient and misconfigured otherwise; 5xx before that (greeting, TLS, signing in) is Claimed
// with misconfigured, because the mail itself was not refused. A connection lost once the content is under way is Unknown
// with unavailable.
func (s *Sender) Send(ctx context.Context, m mail.Message) (mail.State, error) {
	msg, err := mail.Compose(m)
	if err != nil {
		return mail.Failed, err
	}
	if err := ctx.Err(); err != nil {
		return mail.Claimed, fault.Wrap(fault.Unavailable, err, "sending mail")
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	wire := &connection{}
	defer wire.close()
	// go-mail watches the context only while it dials.
	defer context.AfterFunc(ctx, wire.close)()

	client, err := s.client(wire)
	if err != nil {
		return mail.Claimed, err
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return mail.Claimed, connecting(err)
	}
	err = client.SendWithSMTPClient(session, msg)
	state, err := settle(msg.IsDelivered(), err)
	if state != mail.Unknown {
		// Never after a broken content: QUIT would end it as if it were whole. The reply no longer matters.
		_ = session.Quit()
	}
	return state, err
}

// Lookup implements mail.Sender: always Unknown.
func (s *Sender) Lookup(_ context.Context, messageID string) (mail.State, error) {
	return mail.Unknown, mail.CheckMessageID(messageID)
}

// client returns a go-mail client for one mail, whose connection is wire.
func (s *Sender) client(wire *connection) (*gomail.Client, error) {
	options := []gomail.Option{
		gomail.WithPort(s.opts.Port), gomail.WithTimeout(s.opts.Timeout), gomail.WithTLSConfig(s.tls), gomail.WithoutRset(), gomail.WithoutNoop(),
		gomail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			return s.dial(ctx, wire, network, address)
		}),
	}
	switch s.opts.Security {
	case StartTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case Implicit:
		options = append(options, gomail.WithSSL())
	case None:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.opts.Hello != "" {
		options = append(options, gomail.WithHELO(s.opts.Hello))
	}
	if s.opts.Username != "" {
		auth := smtp.PlainAuth("", s.opts.Username, s.opts.Password.Reveal(), s.opts.Host, false)
		if s.opts.Auth == Login {
			auth = smtp.LoginAuth(s.opts.Username, s.opts.Password.Reveal(), s.opts.Host, false)
		}
		options = append(options, gomail.WithSMTPAuthCustom(auth))
	}
	c, err := gomail.NewClient(s.opts.Host, options...)
	if err != nil {
		return nil, fault.New(fault.Misconfigured, "the settings of the mail server cannot be used")
	}
	return c, nil
}

func (s *Sender) dial(ctx context.Context, wire *connection, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err //nolint:wrapcheck // classified by connecting
	}
	wire.set(conn)
	if s.opts.Security == None {
		// A name may lead anywhere.
		if a, ok := conn.RemoteAddr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
			return nil, fault.New(fault.Misconfigured, "mail goes without TLS only to a server on this machine")
		}
	}
	if s.opts.Security == Implicit {
		secure := tls.Client(conn, s.tls)
		return secure, secure.HandshakeContext(ctx)
	}
	return conn, nil
}

// connection is the network connection of one mail, closed at its end or when the context ends, whichever is first.
type connection struct {
	mu     sync.Mutex
	conn   net.Conn
	closed bool
}

func (c *connection) set(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
	if c.closed {
		_ = conn.Close()
	}
}

func (c *connection) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil && !c.closed {
		_ = c.conn.Close() // nothing to save: the reply counts, not the farewell
	}
	c.closed = true
}

// connecting classifies what went wrong before the mail was offered. Texts of go-mail and of the server are dropped: both
// may quote.
func connecting(err error) error {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var cert x509.CertificateInvalidError
	reply, replied := errors.AsType[*textproto.Error](err)
	switch {
	case errors.As(err, &unknown) || errors.As(err, &name) || errors.As(err, &cert):
		return fault.New(fault.Misconfigured, "the certificate of the mail server is not valid")
	case fault.Has(err, fault.Misconfigured):
		return fmt.Errorf("connecting to mail server: %w", err)
	case replied && reply.Code >= 500:
		return fault.New(fault.Misconfigured, fmt.Sprintf("the mail server refused the connection or the sign-in (reply %d)", reply.Code))
	case replied:
		return fault.New(fault.Unavailable, fmt.Sprintf("the mail server is not ready (reply %d)", reply.Code))
	case strings.Contains(err.Error(), "STARTTLS"):
		return fault.New(fault.Misconfigured, "the mail server does not offer STARTTLS")
	case strings.Contains(err.Error(), "AUTH") || strings.Contains(err.Error(), "unencrypted"):
		return fault.New(fault.Misconfigured, "the mail server does not offer this way of signing in")
	}
	return fault.New(fault.Unavailable, "the mail server cannot be reached")
}

// settle says where the mail stands after the dialogue with the server.
func settle(delivered bool, err error) (mail.State, error) {
	if delivered {
		return mail.Sent, nil
	}
	refused, ok := errors.AsType[*gomail.SendError](err)
	if !ok {
		return mail.Unknown, fault.New(fault.Internal, "the mail client gave no reason")
	}
	code, enhanced := refused.ErrorCode(), refused.EnhancedStatusCode()
	text := func(what string) string { return fmt.Sprintf("the mail server %s (reply %d)", what, code) }
	content := refused.Reason == gomail.ErrSMTPDataClose || refused.Reason == gomail.ErrWriteContent
	switch {
	case code >= 500 && refused.Reason == gomail.ErrSMTPRcptTo && !strings.HasPrefix(enhanced, "5.7."):
		return mail.Failed, fault.New(fault.Invalid, text("refuses the recipient"))
	case code >= 500:
		// 5.7.x is policy (RFC 3463): the sender is not welcome, not the recipient unknown.
		return mail.Failed, fault.New(fault.Misconfigured, text("refuses the message"))
	case code == 421 || code == 452 || (code >= 400 && strings.HasPrefix(enhanced, "4.7.")):
		return mail.Claimed, fault.New(fault.Throttled, text("takes no more for now"))
	case code >= 400:
		return mail.Claimed, fault.New(fault.Unavailable, text("cannot take the message now"))
	case content:
		return mail.Unknown, fault.New(fault.Unavailable, "the connection broke after the content was handed over")
	}
	return mail.Claimed, fault.New(fault.Unavailable, "the connection broke before the content was handed over")
}
