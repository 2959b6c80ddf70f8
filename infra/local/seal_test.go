package local_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// TestClockworkSeals: when the clock has moved, what was due until then is sealed, and the metrics say so.
func TestClockworkSeals(t *testing.T) {
	s := open(t)
	ben, err := subject.New(subject.Email, "ben@example.com")
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.app.Cases.Create(t.Context(), casefile.Opening{
		Tenant: "lumen", Right: dsar.Access, Channel: "portal", Locale: "en", Country: "DE", ReceivedAt: s.app.Clock.Now(),
		Actor: evidence.Subject, Person: casefile.Person{Email: ben},
	})
	if err != nil {
		t.Fatal(err)
	}
	size := func() int64 {
		t.Helper()
		log, err := s.app.Cases.Log(t.Context(), "lumen")
		if err != nil {
			t.Fatal(err)
		}
		checkpoint, err := log.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return checkpoint.Size
	}
	if err := s.app.Advance(t.Context(), s.app.Clock.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	before := size()
	if before == 0 {
		t.Error("nothing is sealed")
	}
	// Nothing changes, nothing is sealed again.
	if err := s.app.Advance(t.Context(), s.app.Clock.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if after := size(); after != before {
		t.Errorf("%d leaves, and then %d", before, after)
	}
	for shard := range uint32(casefile.SealShards) {
		if list, _, err := s.app.Cases.Unsealed(t.Context(), shard, 10, ""); err != nil || len(list) != 0 {
			t.Errorf("%d cases are not sealed, %s among them: %v", len(list), c.Reference, err)
		}
	}
	res, err := http.Get(s.srv.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "\nhabeas_unsealed_age_seconds 0\n") || strings.Contains(string(text), "\nhabeas_sealed_cases_total 0\n") {
		t.Error("the metrics do not say that everything is sealed")
	}
}
