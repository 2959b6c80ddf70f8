package testkit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Mail is one mail of the site's mailbox.
type Mail struct {
	ID, To, Subject string
	Date            time.Time
	Raw             []byte
	Header          mail.Header
	Text, HTML      string
}

type listedMail struct {
	ID, To, Subject string
	Date            time.Time
}

func (s *Site) mailbox() []listedMail {
	s.Helper()
	var list struct{ Messages []listedMail }
	s.Call("GET", "/dev/mail", "", nil).Want(200).JSON(&list)
	return list.Messages
}

// Subjects returns the subjects of the mails to an address about a reference (empty: any), oldest first.
func (s *Site) Subjects(to, reference string) []string {
	s.Helper()
	out := []string{}
	for _, m := range s.mailbox() {
		if m.To == to && strings.Contains(m.Subject, reference) {
			out = append(out, m.Subject)
		}
	}
	return out
}

// LastMail returns the newest mail to the address whose subject contains the words.
func (s *Site) LastMail(to, words string) Mail {
	s.Helper()
	list := s.mailbox()
	for _, l := range slices.Backward(list) {
		if l.To == to && strings.Contains(l.Subject, words) {
			return s.mail(l)
		}
	}
	s.Fatalf("there is no mail about %q", words)
	return Mail{}
}

func (s *Site) mail(l listedMail) Mail {
	s.Helper()
	a := s.Call("GET", "/dev/mail/"+l.ID, "", nil).Want(200)
	if got := a.Header.Get("Content-Type"); got != "message/rfc822" {
		s.Fatalf("a mail is served as %s", got)
	}
	m, err := ParseMail(a.Body)
	if err != nil {
		s.Fatalf("reading a mail: %v", err)
	}
	if m.ID = l.ID; m.To != l.To || m.Subject != l.Subject || !m.Date.Equal(l.Date.Truncate(time.Second)) {
		s.Fatalf("the mailbox lists %+v, the mail says %s, %s, %s", l, m.To, m.Subject, m.Date)
	}
	return m
}

// ParseMail reads a mail of one text and one HTML part.
func ParseMail(raw []byte) (m Mail, err error) {
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return m, err
	}
	m.Raw, m.Header = raw, msg.Header
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		return m, err
	}
	if m.Date, err = msg.Header.Date(); err != nil {
		return m, err
	}
	to, err := msg.Header.AddressList("To")
	if err != nil || len(to) != 1 {
		return m, fmt.Errorf("the mail goes to %d addresses: %w", len(to), err)
	}
	m.To = to[0].Address
	_, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		return m, err
	}
	return m, m.parts(multipart.NewReader(msg.Body, params["boundary"]))
}

func (m *Mail) parts(parts *multipart.Reader) error {
	for {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var body io.Reader = p
		if strings.EqualFold(p.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
			body = quotedprintable.NewReader(p)
		}
		raw, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			m.HTML = string(raw)
		} else {
			m.Text = string(raw)
		}
	}
}

var (
	codePattern = regexp.MustCompile(`(?m)^\s+(\d{4}) ?(\d{4})\s*$`)
	linkPattern = regexp.MustCompile(`(?m)^https?://\S+`)
)

// Code returns the code in the mail; empty when there is none.
func (m Mail) Code() string {
	c := codePattern.FindStringSubmatch(m.Text)
	if c == nil {
		return ""
	}
	return c[1] + c[2]
}

// Link returns the first link in the mail; empty when there is none.
func (m Mail) Link() string { return strings.TrimSpace(linkPattern.FindString(m.Text)) }
