package sesmail_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
)

// call is the body of SendEmail as the API reference has it, as far as a sender may use it: a field that is not here is refused.
type call struct {
	Content                struct{ Raw struct{ Data []byte } }
	Destination            struct{ ToAddresses []string }
	FromEmailAddress       string
	ConfigurationSetName   string
	EmailTags              []struct{ Name, Value string }
	ConfigurationOverrides struct {
		Tracking struct{ ClickTrackingEnabled, OpenTrackingEnabled string }
	}
}

// service stands in for SES: it takes what the API reference allows and answers as it says. It can be told to answer otherwise,
// to drop the connection or to hang.
type service struct {
	*httptest.Server
	t testing.TB

	mu     sync.Mutex
	taken  [][]byte
	calls  int
	last   call
	status int // 0 = as documented
	code   string
	text   string
	broken bool   // the answer is no document
	drop   string // "before" or "after" the request is read
	hang   chan struct{}
	peers  map[string]bool // connections that calls came over
}

func newService(t testing.TB) *service {
	t.Helper()
	s := &service{t: t, peers: map[string]bool{}}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.entry))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug) // of connections that the tests break
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// client is a client of SES as wiring makes it, with the retries of the SDK.
func (s *service) client() *sesv2.Client {
	return sesv2.New(sesv2.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(s.URL), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), RetryMaxAttempts: 3,
	})
}

func (s *service) entry(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	drop, hang := s.drop, s.hang
	s.calls++
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
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case s.status != 0:
		w.Header().Set("X-Amzn-Errortype", s.code)
		w.WriteHeader(s.status)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": s.text})
	case s.broken:
		_, _ = io.WriteString(w, `{"MessageId"`)
	default:
		s.send(w, r, body)
	}
	if drop == "after" {
		panic(http.ErrAbortHandler)
	}
}

func (s *service) send(w http.ResponseWriter, r *http.Request, body []byte) {
	var q call
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil || r.Method != http.MethodPost || r.URL.Path != "/v2/email/outbound-emails" {
		s.t.Errorf("%s %s is not as documented: %v", r.Method, r.URL.Path, err)
	}
	s.last = q
	s.taken = append(s.taken, q.Content.Raw.Data)
	_ = json.NewEncoder(w).Encode(map[string]string{"MessageId": "0102018f-example-000000"})
}

func (s *service) delivered() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken)
}

// answer makes it answer with an error from now on.
func (s *service) answer(status int, code, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.code, s.text, s.calls = status, code, text, 0
}
