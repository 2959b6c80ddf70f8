package byperson_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/connectors/internal/byperson"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func TestReadNeverQuotesTheAddress(t *testing.T) {
	for settings, ok := range map[string]bool{
		`{"email":"archive@example.com"}`: true, `{"email":"Archive+dsar@sub.example.com"}`: true,
		``: false, `null`: false, `{}`: false, `{"email":""}`: false, `{"email":"zq7-nobody"}`: false, `{"email":"zq7@"}`: false, `{"email":"@zq7"}`: false,
		`{"email":"a@example.com\nBcc: zq7@example.com"}`: false, `{"email":"a@example.com","zq7":1}`: false, `{"email":"a@example.com"} {}`: false,
	} {
		got, err := byperson.Read("person", json.RawMessage(settings))
		if ok != (err == nil) || ok == got.Email.IsZero() {
			t.Errorf("%s: %v", settings, err)
		}
		if err != nil && (!fault.Has(err, fault.Misconfigured) || strings.Contains(err.Error(), "zq7")) {
			t.Errorf("%s: %v", settings, err)
		}
	}
}

func TestAnEndedContextStops(t *testing.T) {
	c, err := byperson.Factory("person", []byte(`{}`)).Open(t.Context(), connector.OpenInput{Settings: json.RawMessage(`{"email":"archive@example.com"}`)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Check(ctx); !fault.Has(err, fault.Unavailable) {
		t.Errorf("check: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Check(t.Context()); !fault.Has(err, fault.Internal) {
		t.Errorf("check after close: %v", err)
	}
}
