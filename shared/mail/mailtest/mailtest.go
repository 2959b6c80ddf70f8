// Package mailtest is the conformance suite of mail.Sender. A driver passes when Run finds nothing.
package mailtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Harness is a sender to be tested and what is known of its next hop.
type Harness struct {
	Sender    mail.Sender
	Delivered func() [][]byte // what the next hop took, oldest first
	CanTell   bool            // Lookup is definite, and the same MessageID is taken once only
}

// Run holds a driver to the contract of package mail. open returns a sender whose next hop has taken nothing yet.
func Run(t *testing.T, open func(t testing.TB) Harness) {
	for _, tt := range []struct {
		name string
		test func(*testing.T, Harness)
	}{
		{"arrives", arrives},
		{"html", html},
		{"any text arrives", anyText},
		{"deterministic", deterministic},
		{"injection", injection},
		{"ended context", ended},
		{"lookup", lookup},
		{"twice", twice},
		{"at once", atOnce},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t)) })
	}
}

// Message returns a valid message; n tells messages apart.
func Message(n int) mail.Message {
	return mail.Message{
		MessageID: fmt.Sprintf("018f2f6e-7c1a-7000-8000-000000000001.acknowledged.%d@acme.example.com", n),
		From:      "Acme Privacy <privacy@acme.example.com>",
		To:        redact.NewText("ann@example.com"),
		Subject:   "Your request",
		Text:      redact.NewText("Dear Ann,\n\nwe received your request.\n"),
		Date:      time.Date(2027, 1, 31, 9, 0, 0, 0, time.UTC),
	}
}

func send(t testing.TB, h Harness, m mail.Message) {
	t.Helper()
	if state, err := h.Sender.Send(context.Background(), m); state != mail.Sent || err != nil {
		t.Fatalf("Send: %s, %v", state, err)
	}
}

// parse returns header and text of the only delivered mail.
func parse(t testing.TB, h Harness) (netmail.Header, string) {
	t.Helper()
	got := h.Delivered()
	if len(got) != 1 {
		t.Fatalf("%d mails were delivered, want 1", len(got))
	}
	m, err := netmail.ReadMessage(bytes.NewReader(got[0]))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(m.Body)
	if err != nil {
		t.Fatal(err)
	}
	return m.Header, string(body)
}

func decodeQP(t testing.TB, s string) string {
	t.Helper()
	out, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(s)))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(out), "\r\n", "\n")
}

func arrives(t *testing.T, h Harness) {
	m := Message(1)
	m.ReplyTo = "case+7K3QX@acme.example.com"
	m.Subject = "Ihre Anfrage – Eingang bestätigt"
	m.Headers = map[string]string{"X-Habeas-Kind": "acknowledged", "auto-submitted": "auto-replied"}
	send(t, h, m)
	header, body := parse(t, h)
	for name, want := range map[string]string{
		"Message-ID": "<" + m.MessageID + ">", "From": `"Acme Privacy" <privacy@acme.example.com>`, "To": "<ann@example.com>",
		"Reply-To": "<case+7K3QX@acme.example.com>", "X-Habeas-Kind": "acknowledged", "Auto-Submitted": "auto-replied",
		"Mime-Version": "1.0",
	} {
		if got := header[netmailKey(name)]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q once", name, got, want)
		}
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
	if err != nil || subject != m.Subject {
		t.Errorf("subject %q (%v)", subject, err)
	}
	// Nobody leaves a list by a letter about their own request, and a receiver trusts no mail with two of a kind (RFC 5322, 3.6).
	if len(header["Date"]) != 1 || header["List-Unsubscribe"] != nil {
		t.Errorf("%d dates, List-Unsubscribe %q", len(header["Date"]), header["List-Unsubscribe"])
	}
	if date, err := header.Date(); err != nil || !date.Equal(m.Date) {
		t.Errorf("date %s (%v), want %s", date, err, m.Date)
	}
	if got := decodeQP(t, body); strings.TrimRight(got, "\n") != strings.TrimRight(m.Text.Reveal(), "\n") {
		t.Errorf("text %q", got)
	}
	if kind, params, err := mime.ParseMediaType(header.Get("Content-Type")); err != nil || kind != "text/plain" || !strings.EqualFold(params["charset"], "utf-8") {
		t.Errorf("content type %q", header.Get("Content-Type"))
	}
}

func netmailKey(name string) string {
	if name == "Message-ID" {
		return "Message-Id"
	}
	return name
}

func html(t *testing.T, h Harness) {
	m := Message(1)
	m.HTML = redact.NewText("<p>Dear Ann, we received your request.</p>")
	send(t, h, m)
	header, body := parse(t, h)
	if got := header.Get("Auto-Submitted"); got != "auto-generated" {
		t.Errorf("Auto-Submitted is %q", got)
	}
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %q (%v)", kind, err)
	}
	parts := multipart.NewReader(strings.NewReader(body), params["boundary"])
	for _, want := range []struct{ kind, content string }{{"text/plain", m.Text.Reveal()}, {"text/html", m.HTML.Reveal()}} {
		p, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(p) // multipart decodes quoted-printable
		if err != nil || !strings.HasPrefix(p.Header.Get("Content-Type"), want.kind) ||
			strings.TrimSpace(strings.ReplaceAll(string(content), "\r\n", "\n")) != strings.TrimSpace(want.content) {
			t.Errorf("part %s (%v): %q", p.Header.Get("Content-Type"), err, content)
		}
	}
	if _, err := parts.NextPart(); err != io.EOF {
		t.Errorf("more than two parts: %v", err)
	}
}

// anyText: lines that mean something to SMTP or MIME arrive as they are.
func anyText(t *testing.T, h Harness) {
	m := Message(1)
	text := "From me\n.\n..\nQUIT\n--boundary\n\nSubject: other\n=3D = \t\n" + strings.Repeat("lang ä ", 400) + "\nend"
	m.Text = redact.NewText(text)
	send(t, h, m)
	_, body := parse(t, h)
	if got := strings.TrimRight(decodeQP(t, body), "\n"); got != text {
		t.Errorf("the text arrives as %d bytes, want %d: %.80q", len(got), len(text), got)
	}
	for line := range strings.SplitSeq(body, "\r\n") {
		if len(line) > 78 {
			t.Errorf("a line of %d characters", len(line))
		}
	}
}

func deterministic(t *testing.T, h Harness) {
	m := Message(1)
	m.HTML = redact.NewText("<p>x</p>")
	m.Headers = map[string]string{"X-A": "1", "X-B": "2", "X-C": "3"}
	want, err := mail.Render(m)
	if err != nil {
		t.Fatal(err)
	}
	send(t, h, m)
	if got := h.Delivered()[0]; !bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(want)) {
		t.Errorf("delivered %d bytes, want the %d of Render", len(got), len(want))
	}
}

// injection: nothing in a message can add a header, a recipient, a part or a command.
func injection(t *testing.T, h Harness) {
	attack := "x\r\nBcc: victim@example.com\r\n\r\nhello"
	for name, change := range map[string]func(*mail.Message){
		"subject":                func(m *mail.Message) { m.Subject = attack },
		"subject, bare LF":       func(m *mail.Message) { m.Subject = "x\nBcc: victim@example.com" },
		"subject, bare CR":       func(m *mail.Message) { m.Subject = "x\rBcc: victim@example.com" },
		"subject, NUL":           func(m *mail.Message) { m.Subject = "x\x00" },
		"subject, next line":     func(m *mail.Message) { m.Subject = "x\u0085y" },
		"no subject":             func(m *mail.Message) { m.Subject = " " },
		"no text":                func(m *mail.Message) { m.Text = redact.Text{} },
		"no date":                func(m *mail.Message) { m.Date = time.Time{} },
		"from":                   func(m *mail.Message) { m.From = attack },
		"from with name":         func(m *mail.Message) { m.From = "\"x\r\nBcc: v@example.com\" <a@example.com>" },
		"two from":               func(m *mail.Message) { m.From = "a@example.com, b@example.com" },
		"to":                     func(m *mail.Message) { m.To = redact.NewText("ann@example.com\r\nRCPT TO:<victim@example.com>") },
		"two to":                 func(m *mail.Message) { m.To = redact.NewText("ann@example.com, victim@example.com") },
		"to with name":           func(m *mail.Message) { m.To = redact.NewText("Ann <ann@example.com>") },
		"to a group":             func(m *mail.Message) { m.To = redact.NewText("all: ann@example.com;") },
		"no to":                  func(m *mail.Message) { m.To = redact.Text{} },
		"reply to":               func(m *mail.Message) { m.ReplyTo = attack },
		"message id":             func(m *mail.Message) { m.MessageID = "a@example.com>\r\nBcc: victim@example.com" },
		"message id with a path": func(m *mail.Message) { m.MessageID = "../../a@example.com" },
		"hidden message id":      func(m *mail.Message) { m.MessageID = ".a@example.com" },
		"no message id":          func(m *mail.Message) { m.MessageID = "" },
		"message id without @":   func(m *mail.Message) { m.MessageID = "example.com" },
		"header value":           func(m *mail.Message) { m.Headers = map[string]string{"X-A": attack} },
		"header name":            func(m *mail.Message) { m.Headers = map[string]string{"X-A: 1\r\nBcc": "victim@example.com"} },
		"header with colon":      func(m *mail.Message) { m.Headers = map[string]string{"X-A:": "1"} },
		"bcc":                    func(m *mail.Message) { m.Headers = map[string]string{"bCC": "victim@example.com"} },
		"second subject":         func(m *mail.Message) { m.Headers = map[string]string{"SUBJECT": "y"} },
		"content type":           func(m *mail.Message) { m.Headers = map[string]string{"content-type": "text/html"} },
		"empty header":           func(m *mail.Message) { m.Headers = map[string]string{"X-A": ""} },
	} {
		m := Message(1)
		change(&m)
		state, err := h.Sender.Send(t.Context(), m)
		if state != mail.Failed || !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: %s, %v, want failed and invalid", name, state, err)
		} else if strings.Contains(err.Error(), "victim") || strings.Contains(err.Error(), "ann@") {
			t.Errorf("%s: the error quotes the message", name)
		}
	}
	if got := h.Delivered(); len(got) != 0 {
		t.Errorf("%d mails were delivered all the same", len(got))
	}
}

func ended(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if state, err := h.Sender.Send(ctx, Message(1)); state != mail.Claimed || !fault.Has(err, fault.Unavailable) {
		t.Errorf("Send: %s, %v, want claimed and unavailable", state, err)
	}
	if len(h.Delivered()) != 0 {
		t.Error("the mail was delivered")
	}
}

func lookup(t *testing.T, h Harness) {
	check := func(n int, want mail.State) {
		t.Helper()
		if !h.CanTell {
			want = mail.Unknown
		}
		if state, err := h.Sender.Lookup(t.Context(), Message(n).MessageID); state != want || err != nil {
			t.Errorf("Lookup: %s, %v, want %s", state, err, want)
		}
	}
	check(1, mail.Claimed)
	send(t, h, Message(1))
	check(1, mail.Sent)
	check(2, mail.Claimed)
	if _, err := h.Sender.Lookup(t.Context(), "../x"); !fault.Has(err, fault.Invalid) {
		t.Errorf("Lookup of a bad id: %v, want invalid", err)
	}
}

func twice(t *testing.T, h Harness) {
	send(t, h, Message(1))
	send(t, h, Message(1))
	want := 2
	if h.CanTell {
		want = 1
	}
	if got := len(h.Delivered()); got != want {
		t.Errorf("%d mails were delivered, want %d", got, want)
	}
}

func atOnce(t *testing.T, h Harness) {
	const n = 20
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if state, err := h.Sender.Send(t.Context(), Message(i)); state != mail.Sent || err != nil {
				t.Errorf("Send: %s, %v", state, err)
			}
		})
	}
	wg.Wait()
	var ids []string
	for _, raw := range h.Delivered() {
		m, err := netmail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.Header.Get("Message-ID"))
	}
	slices.Sort(ids)
	if len(ids) != n || len(slices.Compact(ids)) != n {
		t.Errorf("%d mails were delivered, want %d different ones", len(ids), n)
	}
}
