package sendgridmail_test

import (
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
)

const key = "SG.canary-key"

// request is the part of the documented body of POST /v3/mail/send that a sender may use: a field that is not here is refused.
type request struct {
	From             address  `json:"from"`
	ReplyTo          *address `json:"reply_to"`
	Subject          string   `json:"subject"`
	Personalizations []struct {
		To []address `json:"to"`
	} `json:"personalizations"`
	Content    []struct{ Type, Value string } `json:"content"`
	Headers    map[string]string              `json:"headers"`
	CustomArgs map[string]string              `json:"custom_args"`
	Tracking   struct {
		Click           map[string]bool `json:"click_tracking"`
		Open            map[string]bool `json:"open_tracking"`
		Subscription    map[string]bool `json:"subscription_tracking"`
		GoogleAnalytics map[string]bool `json:"ganalytics"`
	} `json:"tracking_settings"`
	MailSettings map[string]map[string]bool `json:"mail_settings"`
}

type address struct{ Name, Email string }

func (a address) String() string {
	if a.Name == "" {
		return a.Email
	}
	return (&netmail.Address{Name: a.Name, Address: a.Email}).String()
}

// service stands in for SendGrid: it takes what the documentation of the two operations allows and answers as it says. At each
// point it can be told to answer otherwise, to drop the connection or to hang.
type service struct {
	*httptest.Server
	t     testing.TB
	roots *x509.CertPool

	mu     sync.Mutex
	taken  [][]byte
	last   request
	erased []string
	status int // 0 = as documented
	header http.Header
	body   string
	drop   string // "before" or "after" the request is read
	hang   chan struct{}
	peers  map[string]bool // connections that calls came over
}

func newService(t testing.TB) *service {
	t.Helper()
	s := &service{t: t, peers: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v3/mail/send", s.entry(s.send))
	mux.HandleFunc("POST /v3/recipients/erasejob", s.entry(s.erase))
	s.Server = httptest.NewUnstartedServer(mux)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug) // of connections that the tests break
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	s.roots = x509.NewCertPool()
	s.roots.AddCert(s.Certificate())
	return s
}

func (s *service) entry(next func(w http.ResponseWriter, body []byte)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		drop, hang := s.drop, s.hang
		s.peers[r.RemoteAddr] = true
		s.mu.Unlock()
		if drop == "before" {
			panic(http.ErrAbortHandler)
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, 30<<20))
		if err != nil {
			return // the client went away
		}
		if hang != nil {
			<-hang
		}
		if r.Header.Get("Authorization") != "Bearer "+key || r.Header.Get("Content-Type") != "application/json" {
			problem(w, http.StatusUnauthorized, "null")
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.status != 0 {
			maps.Copy(w.Header(), s.header)
			w.WriteHeader(s.status)
			_, _ = io.WriteString(w, s.body)
			return
		}
		next(w, body)
		if drop == "after" {
			panic(http.ErrAbortHandler)
		}
	}
}

func problem(w http.ResponseWriter, status int, field string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"message": "canary: ann@example.com", "field": field}}})
}

// reserved are the headers that the documentation says nobody may override.
var reserved = []string{
	"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding", "to", "from", "subject", "reply-to", "cc", "bcc",
}

func (s *service) send(w http.ResponseWriter, body []byte) {
	var q request
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		s.t.Errorf("the body is not as documented: %v", err)
		problem(w, http.StatusBadRequest, "null")
		return
	}
	if len(q.Personalizations) != 1 || len(q.Personalizations[0].To) != 1 || len(q.Content) == 0 || q.Content[0].Type != "text/plain" {
		s.t.Errorf("%d recipients, %d bodies", len(q.Personalizations), len(q.Content))
		problem(w, http.StatusBadRequest, "personalizations")
		return
	}
	m := mail.Message{
		From: q.From.String(), To: redact.NewText(q.Personalizations[0].To[0].String()), Subject: q.Subject, Text: redact.NewText(q.Content[0].Value),
		Headers: map[string]string{},
	}
	if len(q.Content) == 2 && q.Content[1].Type == "text/html" {
		m.HTML = redact.NewText(q.Content[1].Value)
	}
	if q.ReplyTo != nil {
		m.ReplyTo = q.ReplyTo.String()
	}
	var err error
	for name, value := range q.Headers {
		switch lower := strings.ToLower(name); {
		case slices.Contains(reserved, lower):
			s.t.Errorf("header %s may not be set", name)
		case lower == "message-id":
			m.MessageID = strings.Trim(value, "<>")
		case lower == "date":
			m.Date, err = time.Parse(time.RFC1123Z, value)
		default:
			m.Headers[name] = value
		}
	}
	raw, rerr := mail.Render(m)
	if err != nil || rerr != nil {
		s.t.Errorf("the mail cannot be put together: %v, %v", err, rerr)
		problem(w, http.StatusBadRequest, "null")
		return
	}
	s.taken, s.last = append(s.taken, raw), q
	w.Header().Set("X-Message-Id", "canary")
	w.WriteHeader(http.StatusAccepted)
}

func (s *service) erase(w http.ResponseWriter, body []byte) {
	var q struct {
		EmailAddresses []string `json:"email_addresses"`
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil || len(q.EmailAddresses) == 0 || len(q.EmailAddresses) > 5000 {
		s.t.Errorf("the erase job is not as documented: %v", err)
		problem(w, http.StatusBadRequest, "email_addresses")
		return
	}
	s.erased = append(s.erased, q.EmailAddresses...)
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"job_id":"12a975bd-c742-4713-8f47-cb3ae4e56c74"}`)
}

func (s *service) delivered() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken)
}
