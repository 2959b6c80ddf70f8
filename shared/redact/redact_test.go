package redact_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/redact"
)

const canary = "canary-7f3a@example.com"

// TestNothingPrints tries every verb, slog and the encoders on the types themselves, inside structs, pointers and maps.
func TestNothingPrints(t *testing.T) {
	text, raw := redact.NewText(canary), redact.NewBytes([]byte(canary))
	type holder struct {
		T redact.Text
		B redact.Bytes
		P *redact.Text
	}
	type private struct {
		t redact.Text
		b redact.Bytes
	}
	type deeper struct{ p private }
	values := []any{deeper{private{text, raw}}, &deeper{private{text, raw}}, []private{{text, raw}}, map[string]private{"k": {text, raw}}, text, raw, &text, &raw, holder{text, raw, &text}, &holder{text, raw, &text}, []redact.Text{text}, map[string]redact.Bytes{"k": raw}}
	hexed, decimal := fmt.Sprintf("%x", canary), strings.Trim(fmt.Sprint([]byte(canary)), "[]")
	for _, v := range values {
		for verb := range strings.SplitSeq("v +v #v s q d x X T p", " ") {
			got := fmt.Sprintf("%"+verb, v)
			if strings.Contains(got, canary) || strings.Contains(strings.ToLower(got), hexed) || strings.Contains(got, decimal) {
				t.Errorf("%%%s of %T prints the value", verb, v)
			}
		}
		var buf bytes.Buffer
		for _, h := range []slog.Handler{slog.NewJSONHandler(&buf, nil), slog.NewTextHandler(&buf, nil)} {
			slog.New(h).Info("x", "v", v)
		}
		if strings.Contains(buf.String(), canary) {
			t.Errorf("slog of %T prints the value", v)
		}
		if out, err := json.Marshal(v); err == nil && !bytes.Contains(out, []byte(canary)) {
			continue // unexported fields are left out
		} else if !errors.Is(err, redact.ErrMarshal) {
			t.Errorf("marshalling %T: %v", v, err)
		}
	}
	if text.Reveal() != canary || string(raw.Reveal()) != canary {
		t.Error("Reveal")
	}
}

func TestTextReadsJSON(t *testing.T) {
	var v struct{ Name redact.Text }
	if err := json.Unmarshal([]byte(`{"Name":"Ann"}`), &v); err != nil || v.Name.Reveal() != "Ann" {
		t.Errorf("got %q, %v", v.Name.Reveal(), err)
	}
	if err := json.Unmarshal([]byte(`{"Name":{"x":"`+canary+`"}}`), &v); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("a wrong type must fail without quoting the input: %v", err)
	}
}
