package local_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// The clock set by hand drives every attempt to tell a recipient, at the instants that are declared, and the reminder.
func TestTheManualClockDrivesNotices(t *testing.T) {
	t.Setenv("TEST_HOOK_SECRET", "whsec_"+base64.StdEncoding.EncodeToString([]byte("a secret of thirty-two bytes, yes")))
	s := open(t)
	s.idle()
	var mu sync.Mutex
	var called []time.Duration
	began := s.app.Clock.Now()
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		called = append(called, s.app.Clock.Now().Sub(began))
		if len(called) <= 3 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(hook.Close)
	tenants, err := s.app.Registry.Tenants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tenant := tenants[0].Name
	for _, v := range []registry.Recipient{
		{Tenant: tenant, Name: "hook", Title: "Hook", Webhook: hook.URL, Secret: "env:TEST_HOOK_SECRET", AllowPrivate: true},
		{Tenant: tenant, Name: "post", Title: "Post", Email: "privacy@post.test"},
	} {
		if err := s.app.Registry.PutRecipient(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	who, err := subject.New(subject.Email, "nobody.known@example.com")
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.app.Cases.Create(t.Context(), casefile.Opening{
		Tenant: tenant, Right: dsar.Erasure, Channel: "portal", Country: "DE", ReceivedAt: began, Actor: evidence.Subject, Person: casefile.Person{Email: who},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.idle()
	s.prove(c, who)
	s.advance(24 * time.Hour)
	want := []time.Duration{0, time.Minute, 11 * time.Minute, 71 * time.Minute}
	mu.Lock()
	if !slices.Equal(called, want) {
		t.Errorf("called after %v, want %v", called, want)
	}
	mu.Unlock()
	if n := s.noticeTo(c, "hook"); n.Status != casefile.NoticeSent || !n.Settled() {
		t.Errorf("%+v", n)
	}
	if n := s.noticeTo(c, "post"); n.Status != casefile.NoticeSent || n.Reminders != 0 {
		t.Errorf("%+v", n)
	}
	s.advance(casefile.RemindAfter)
	if n := s.noticeTo(c, "post"); n.Status != casefile.NoticeSent || n.Reminders != 1 || !n.Settled() {
		t.Errorf("%+v", n)
	}
	if got := s.mailsTo("privacy@post.test"); got != 2 {
		t.Errorf("%d letters", got)
	}
}

// prove does what the portal and a verified erasure do: the address is proven, and two recipients have to be told. A step that was
// faster makes it start over.
func (s *site) prove(c casefile.Case, who subject.Identifier) {
	s.t.Helper()
	for range 20 {
		f, err := s.app.Cases.Load(s.t.Context(), c.Tenant, c.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		p, err := f.Person()
		if err != nil {
			s.t.Fatal(err)
		}
		p.Proven = []subject.Identifier{who}
		if _, err := f.Inform(s.t.Context(), []string{"hook", "post"}, "shop", dsar.Erased); err != nil {
			s.t.Fatal(err)
		}
		if err = s.app.Cases.Commit(s.t.Context(), f); err == nil {
			return
		}
		if !fault.Has(err, fault.Conflict) {
			s.t.Fatal(err)
		}
	}
	s.t.Fatal("the case never comes to rest")
}

func (s *site) advance(d time.Duration) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	if err := s.app.Advance(ctx, s.app.Clock.Now().Add(d)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) noticeTo(c casefile.Case, recipient string) *casefile.Notice {
	s.t.Helper()
	f, err := s.app.Cases.Load(s.t.Context(), c.Tenant, c.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	n, err := f.NoticeTo(s.t.Context(), recipient)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *site) mailsTo(address string) (n int) {
	s.t.Helper()
	list, _ := s.call(http.MethodGet, "/dev/mail", "", nil, http.StatusOK)["messages"].([]any)
	for _, m := range list {
		one, _ := m.(map[string]any)
		if to, _ := one["to"].(string); strings.Contains(to, address) {
			n++
		}
	}
	return n
}
