package testkit

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/evidence"
)

// Request is one request of a data subject, seen through the public API.
type Request struct {
	Site      *Site
	Tenant    string
	Email     string
	Reference string
	Session   string
}

// Status is the answer to GET /requests/{reference}.
type Status struct {
	Reference   string    `json:"reference"`
	Right       string    `json:"right"`
	Status      string    `json:"status"`
	ReceivedAt  time.Time `json:"receivedAt"`
	DueAt       time.Time `json:"dueAt"`
	Law         string    `json:"law"`
	Assumption  string    `json:"assumption"`
	JoinedTo    string    `json:"joinedTo"`
	Explanation []struct {
		Text     string `json:"text"`
		Citation string `json:"citation"`
	} `json:"explanation"`
	Systems []struct {
		Name        string `json:"name"`
		Outcome     string `json:"outcome"`
		Progress    string `json:"progress"`
		Records     int64  `json:"records"`
		Collections []struct {
			Name    string `json:"name"`
			Outcome string `json:"outcome"`
			Records int64  `json:"records"`
		} `json:"collections"`
	} `json:"systems"`
	Recipients []struct {
		Name string `json:"name"`
	} `json:"recipients"`
	Messages []struct {
		From string `json:"from"`
		Text string `json:"text"`
	} `json:"messages"`
	Package *struct {
		Ready     bool      `json:"ready"`
		ExpiresAt time.Time `json:"expiresAt"`
		Volumes   []struct {
			Volume int    `json:"volume"`
			Bytes  int64  `json:"bytes"`
			SHA256 string `json:"sha256"`
		} `json:"volumes"`
	} `json:"package"`
}

// API returns the path of the tenant's public API.
func API(tenant string) string { return "/t/" + tenant + "/api/v1/requests" }

// Ask makes a request; fields beyond right and email are optional. It returns once the first letter is in the mailbox.
func (s *Site) Ask(tenant, right, email string, more ...map[string]any) *Request {
	s.Helper()
	body := map[string]any{"right": right, "email": email, "country": "DE"}
	for _, m := range more {
		maps.Copy(body, m)
	}
	r := &Request{Site: s, Tenant: tenant, Email: email}
	var answer struct{ Reference, Next string }
	s.Call("POST", API(tenant), "", body).Want(202).JSON(&answer)
	if answer.Reference == "" || answer.Next == "" {
		s.Fatal("the answer to a request lacks reference or next")
	}
	r.Reference = answer.Reference
	s.Settle()
	return r
}

// Path returns the path of the request in the public API with what follows.
func (r *Request) Path(rest string) string { return API(r.Tenant) + "/" + r.Reference + rest }

// Page returns the path of the request's page with what follows.
func (r *Request) Page(rest string) string {
	return "/t/" + r.Tenant + "/requests/" + url.PathEscape(r.Reference) + rest
}

// Mail returns the newest mail about the request whose subject contains the words.
func (r *Request) Mail(words string) Mail {
	r.Site.Helper()
	s := r.Site
	list := s.mailbox()
	for _, l := range slices.Backward(list) {
		if m := l; m.To == r.Email && strings.Contains(m.Subject, r.Reference) && strings.Contains(m.Subject, words) {
			return s.mail(m)
		}
	}
	s.Fatalf("there is no mail about %q: %v", words, r.Subjects())
	return Mail{}
}

// Subjects returns the subjects of the mails about the request, oldest first, without the reference.
func (r *Request) Subjects() []string {
	r.Site.Helper()
	var out []string
	for _, s := range r.Site.Subjects(r.Email, r.Reference) {
		out = append(out, strings.TrimSpace(strings.ReplaceAll(s, r.Reference, "")))
	}
	return out
}

// Code returns the newest code mailed for the request.
func (r *Request) Code() string {
	r.Site.Helper()
	s := r.Site
	list := s.mailbox()
	for _, l := range slices.Backward(list) {
		if m := l; m.To == r.Email && strings.Contains(m.Subject, r.Reference) {
			if c := s.mail(m).Code(); c != "" {
				return c
			}
		}
	}
	s.Fatal("there is no mail with a code")
	return ""
}

// NewCode asks for another code and returns it.
func (r *Request) NewCode() string {
	r.Site.Helper()
	r.Site.Call("POST", r.Path("/code"), "", map[string]any{}).Want(202)
	r.Site.Settle()
	return r.Code()
}

// Try tries a code.
func (r *Request) Try(code string) *Answer {
	r.Site.Helper()
	return r.Site.Call("POST", r.Path("/verification"), "", map[string]string{"code": code})
}

// Verify enters the mailed code, keeps the session and returns once everything that follows has run.
func (r *Request) Verify() *Request {
	r.Site.Helper()
	r.Enter(r.Code())
	r.Site.Settle()
	return r
}

// Enter enters a code, which must fit, and keeps the session.
func (r *Request) Enter(code string) {
	r.Site.Helper()
	var answer struct{ Session string }
	r.Try(code).Want(200).JSON(&answer)
	if answer.Session == "" {
		r.Site.Fatal("verification gave no session")
	}
	r.Session = answer.Session
}

// Refresh opens a new session with a new code.
func (r *Request) Refresh() *Request {
	r.Site.Helper()
	r.Enter(r.NewCode())
	return r
}

// Status returns the request as its page shows it.
func (r *Request) Status() Status {
	r.Site.Helper()
	var st Status
	r.Site.Call("GET", r.Path(""), r.Session, nil).Want(200).JSON(&st)
	return st
}

// WantStatus fails the test unless the request has the status.
func (r *Request) WantStatus(want string) Status {
	r.Site.Helper()
	st := r.Status()
	if st.Status != want {
		raw, _ := json.Marshal(st)
		r.Site.Fatalf("status is %s, want %s: %s", st.Status, want, raw)
	}
	return st
}

// Link makes a single-use link to the package.
func (r *Request) Link() string {
	r.Site.Helper()
	var answer struct{ URL string }
	r.Site.Call("POST", r.Path("/package"), r.Session, map[string]any{}).Want(200).JSON(&answer)
	return answer.URL
}

// Follow fetches a volume through a link with the request's session. One that is being prepared (202) is asked for again, an answer
// that sends on (303) is followed.
func (r *Request) Follow(link string, volume int) *Answer {
	r.Site.Helper()
	a := r.Site.Call("POST", link, r.Session, map[string]int{"volume": volume})
	for n := 0; a.Status == 202 && n < 60; n++ {
		wait, err := strconv.Atoi(a.Header.Get("Retry-After"))
		if err != nil || wait < 1 || wait > 60 {
			r.Site.Fatalf("a volume that is being prepared says to come back after %q", a.Header.Get("Retry-After"))
		}
		time.Sleep(time.Duration(wait) * time.Second)
		a = r.Site.Call("POST", link, r.Session, map[string]int{"volume": volume})
	}
	if a.Status == 303 {
		a = r.Site.Call("GET", a.Header.Get("Location"), "", nil)
	}
	return a
}

// Fetch returns the package's only volume.
func (r *Request) Fetch() *Package {
	r.Site.Helper()
	a := r.Follow(r.Link(), 1).Want(200)
	p, err := OpenPackage(a.Body)
	if err != nil {
		r.Site.Fatalf("opening the package: %v", err)
	}
	return p
}

// Evidence returns the evidence bundle.
func (r *Request) Evidence() []byte {
	r.Site.Helper()
	return r.Site.Call("GET", r.Path("/evidence"), r.Session, nil).Want(200).Body
}

// WantEvidence fails the test unless the evidence bundle verifies and is about this request.
func (r *Request) WantEvidence() evidence.Report {
	r.Site.Helper()
	raw := r.Evidence()
	report, err := evidence.VerifyBundle(bytes.NewReader(raw), int64(len(raw)), evidence.VerifyOptions{})
	if err != nil {
		r.Site.Fatal(err)
	}
	if !report.OK() || report.Reference != r.Reference || report.Tenant != r.Tenant || report.Entries == 0 {
		r.Site.Fatalf("the evidence does not verify: %+v", report)
	}
	return report
}

// Save writes bytes to a file of the test and returns its path.
func (s *Site) Save(name string, raw []byte) string {
	s.Helper()
	path := filepath.Join(filepath.Dir(s.Dir), name)
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		s.Fatal(err)
	}
	return path
}
