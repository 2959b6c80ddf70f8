package functions_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"sync"
	"testing"

	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

const parcels = "parcels"

var hookSecret = []byte("a secret of thirty-two bytes, yes")

// withSecret lets the recipients of a test sign.
func withSecret(p *functions.Ports) {
	p.Secret = func(reference string) (redact.Text, error) {
		if reference != "env:PARCELS" {
			return redact.Text{}, fault.New(fault.Misconfigured, "there is no such secret")
		}
		return redact.NewText("whsec_" + base64.StdEncoding.EncodeToString(hookSecret)), nil
	}
}

// signature computes the Standard Webhooks signature by hand: what is checked here was not made by the code under test.
func signature(id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, hookSecret)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// call is what a recipient's server was sent.
type call struct {
	id, timestamp, signature string
	body                     []byte
}

// listener is a recipient's server that answers with the given statuses in turn, and with 200 after them.
type listener struct {
	*httptest.Server
	mu       sync.Mutex
	calls    []call
	statuses []int
}

func listen(t testing.TB, statuses ...int) *listener {
	l := &listener{statuses: statuses}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.calls = append(l.calls, call{r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), r.Header.Get("webhook-signature"), body})
		if n := len(l.calls); n <= len(l.statuses) {
			w.WriteHeader(l.statuses[n-1])
		}
	}))
	t.Cleanup(l.Close)
	return l
}

// recipient registers the recipient that the stories tell.
func (r *rig) recipient(edit func(*registry.Recipient)) {
	r.t.Helper()
	v := registry.Recipient{Tenant: tenant, Name: parcels, Title: "Parcel service"}
	edit(&v)
	r.ok(r.set.Registry.PutRecipient(r.t.Context(), v))
}

func byMail(v *registry.Recipient) { v.Email = "privacy@parcels.test" }

func (l *listener) register(v *registry.Recipient) {
	v.Webhook, v.Secret, v.AllowPrivate = l.URL+"/hook", "env:PARCELS", true
}

// erased opens a verified request whose data was erased in the shop, which passes data on to the recipient.
func (r *rig) erased(systems ...string) casefile.Case {
	r.t.Helper()
	c := r.create(func(o *casefile.Opening) { o.Right = dsar.Erasure })
	r.verify(c)
	r.inform(c, dsar.Erased, append(systems, "shop")...)
	return c
}

func (r *rig) inform(c casefile.Case, what dsar.Outcome, systems ...string) {
	r.t.Helper()
	r.change(c, func(f *casefile.File) error {
		for _, s := range systems {
			if _, err := f.Inform(r.t.Context(), []string{parcels}, s, what); err != nil {
				return err
			}
		}
		return nil
	})
	r.drain()
}

func (r *rig) notice(c casefile.Case) casefile.Notice {
	r.t.Helper()
	n, err := r.load(c).NoticeTo(r.t.Context(), parcels)
	r.ok(err)
	return *n
}

// tell plays the notify machine until it waits or ends, and returns "waits", "finished" or "superseded".
func (r *rig) tell(c casefile.Case) string {
	r.t.Helper()
	for range 30 {
		n := r.notice(c)
		at := []func(map[string]any){with("taskId", n.ID), with("generation", n.Run)}
		a := r.step("NotifyRecipient", c, at...)
		switch a.Status {
		case step.TaskMore:
		case step.TaskSystem:
			token, given := r.token()
			r.step("NotifyRecipient", c, append(at, given)...)
			r.drain()
			if r.engine.tokens[token] == "" {
				return "waits"
			}
		default:
			r.drain()
			return a.Status
		}
	}
	r.t.Fatal("the notice neither waits nor ends")
	return ""
}

// due moves the clock to the next instant at which something is due for the notice, and carries it out.
func (r *rig) due(c casefile.Case) string {
	r.t.Helper()
	r.now = r.notice(c).DueAt
	r.sweep(0)
	r.drain()
	return r.tell(c)
}

func (r *rig) status(c casefile.Case, want casefile.NoticeStatus) casefile.Notice {
	r.t.Helper()
	n := r.notice(c)
	if n.Status != want {
		r.t.Fatalf("the notice is %s (%s), want %s", n.Status, n.Fault, want)
	}
	return n
}

// serve calls the portal, the console or a hook.
func (r *rig) serve(method, path string, header http.Header, body []byte) *httptest.ResponseRecorder {
	r.t.Helper()
	mux := http.NewServeMux()
	r.set.Register(mux)
	q := httptest.NewRequest(method, path, bytes.NewReader(body))
	maps.Copy(q.Header, header)
	w := httptest.NewRecorder()
	functions.Protect(mux).ServeHTTP(w, q)
	return w
}

var noticeLink = regexp.MustCompile(`https://privacy\.example\.com(/t/alder/notices/\S+)`)

// link returns the path of the link in the newest letter of the kind.
func (r *rig) link(c casefile.Case, kind letters.Kind) string {
	r.t.Helper()
	m := noticeLink.FindStringSubmatch(r.text(c, kind))
	if m == nil {
		r.t.Fatal("the letter has no link")
	}
	return m[1]
}

func (r *rig) confirm(path string, revision int) *httptest.ResponseRecorder {
	r.t.Helper()
	return r.serve(http.MethodPost, path, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(url.Values{"revision": {fmt.Sprint(revision)}}.Encode()))
}
