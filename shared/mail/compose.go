package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	netmail "net/mail"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Limits of a message.
const (
	MaxMessageID = 200     // characters
	MaxTenant    = 200     // bytes
	MaxSubject   = 300     // bytes
	MaxHeader    = 900     // bytes of an extra header's value; RFC 5322 allows 998 in a line
	MaxBody      = 1 << 20 // bytes of Text and of HTML
)

// Check returns fault.Invalid unless the message can be sent: a well-formed MessageID, single addresses, subject and text
// present, no control character where a header is written, and no extra header that the message sets itself. The error
// does not quote the message.
func (m Message) Check() error {
	switch {
	case CheckMessageID(m.MessageID) != nil:
		return CheckMessageID(m.MessageID)
	case !isAddress(m.From):
		return fault.InvalidField("/from", "the sender is not an e-mail address")
	case !isBareAddress(m.To.Reveal()):
		return fault.InvalidField("/to", "the recipient is not a single e-mail address without a name")
	case m.ReplyTo != "" && !isAddress(m.ReplyTo):
		return fault.InvalidField("/replyTo", "the address for replies is not an e-mail address")
	case strings.TrimSpace(m.Subject) == "" || len(m.Subject) > MaxSubject || hasControl(m.Subject):
		return fault.InvalidField("/subject", "the subject is empty, too long or holds a control character")
	case m.Text.IsZero() || len(m.Text.Reveal()) > MaxBody || len(m.HTML.Reveal()) > MaxBody:
		return fault.InvalidField("/text", "the text is empty, or a body is larger than 1 MiB")
	case m.Date.IsZero():
		return fault.InvalidField("/date", "the message has no date")
	case len(m.Tenant) > MaxTenant || hasControl(m.Tenant):
		return fault.InvalidField("/tenant", "the tenant's name is too long or holds a control character")
	}
	for name, value := range m.Headers {
		if !isHeaderName(name) || value == "" || len(value) > MaxHeader || hasControl(value) {
			return fault.InvalidField("/headers", "an extra header is not well formed, or is one that the message sets itself")
		}
	}
	return nil
}

// CheckMessageID returns fault.Invalid unless id is of the form "<left>@<domain>" with letters, digits, dots, hyphens and, on
// the left, underscores. Such an id is also a safe file name.
func CheckMessageID(id string) error {
	left, domain, ok := strings.Cut(id, "@")
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	if !ok || left == "" || domain == "" || len(id) > MaxMessageID || left[0] == '.' ||
		strings.Trim(left, letters+"._-") != "" || strings.Trim(domain, letters+".-") != "" {
		return fault.InvalidField("/messageId", "the message id is not well formed")
	}
	return nil
}

// Compose returns the message in the form of go-mail, checked. Composing the same message twice gives the same bytes.
func Compose(m Message) (*gomail.Msg, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithBoundary(boundary(m)), gomail.WithEncoding(gomail.EncodingQP))
	// RFC 3834: other machines do not answer a mail that a machine sent.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	for name, value := range m.Headers {
		msg.SetGenHeader(gomail.Header(canonicalName(name)), value)
	}
	err := msg.From(m.From)
	if err == nil {
		err = msg.To(m.To.Reveal())
	}
	if err == nil && m.ReplyTo != "" {
		err = msg.ReplyTo(m.ReplyTo)
	}
	if err != nil {
		// go-mail quotes the address.
		return nil, fault.New(fault.Invalid, "an address of the message is not well formed")
	}
	msg.Subject(m.Subject)
	msg.SetMessageIDWithValue(m.MessageID)
	msg.SetDateWithValue(m.Date.UTC())
	msg.SetBodyString(gomail.TypeTextPlain, m.Text.Reveal())
	if !m.HTML.IsZero() {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML.Reveal())
	}
	return msg, nil
}

// Render returns the message as it is sent (message/rfc822, CRLF line ends).
func Render(m Message) ([]byte, error) {
	msg, err := Compose(m)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if _, err := msg.WriteTo(&buf); err != nil {
		return nil, fault.New(fault.Internal, "the message cannot be rendered")
	}
	return buf.Bytes(), nil
}

// boundary separates the parts of a message. It is a hash over them, so none of them can contain it.
func boundary(m Message) string {
	h := sha256.New()
	for _, part := range []string{m.MessageID, m.Text.Reveal(), m.HTML.Reveal()} {
		sum := sha256.Sum256([]byte(part))
		_, _ = h.Write(sum[:]) // never fails (hash.Hash)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func isAddress(s string) bool {
	_, err := netmail.ParseAddress(s)
	return err == nil && len(s) <= 400 && !hasControl(s)
}

func isBareAddress(s string) bool {
	a, err := netmail.ParseAddress(s)
	return err == nil && a.Name == "" && a.Address == s && len(s) <= 320 && !hasControl(s)
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || (r >= 0x7f && r < 0xa0) || r == 0x2028 || r == 0x2029 || r == 0xfffd
	})
}

// isHeaderName reports whether an extra header may have the name: a token (RFC 5322, 3.6.8) that is not one of those the
// message, its transport or its signature sets.
func isHeaderName(name string) bool {
	if name == "" || len(name) > 60 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
		return false
	}
	switch lower := strings.ToLower(name); lower {
	case "from", "to", "cc", "bcc", "reply-to", "sender", "subject", "date", "message-id", "mime-version", "return-path", "received", "dkim-signature":
		return false
	default:
		return !strings.HasPrefix(lower, "content-") && !strings.HasPrefix(lower, "resent-")
	}
}

// canonicalName makes two spellings of a header one.
func canonicalName(name string) string {
	parts := strings.Split(strings.ToLower(name), "-")
	for i, p := range parts {
		if p != "" {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "-")
}
