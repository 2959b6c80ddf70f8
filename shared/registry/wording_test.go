package registry_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

func said(language, key, text string) registry.Words {
	w := registry.Words{Language: language, Key: key, Reason: "House style", Staff: "ada"}
	if text != "" {
		w.Text = map[string]string{"other": text}
	}
	return w
}

func TestWordingsKeepEveryVersion(t *testing.T) {
	r := newRig(t)
	r.ok(r.store.PutTenant(t.Context(), registry.Tenant{Name: "shop", Zone: "Europe/Berlin"}))
	for i, w := range []registry.Words{
		said("de", "signature", "Ihr Team"), said("fr", "signature", "Votre équipe"), said("de", "signature", "Ihr Datenschutzteam"), said("de", "signature", ""),
	} {
		version, published, err := r.store.PublishWords(t.Context(), "shop", w)
		if err != nil || !published || version != i+1 {
			t.Fatalf("version %d, published %v, %v", version, published, err)
		}
	}
	if version, published, err := r.store.PublishWords(t.Context(), "shop", said("fr", "signature", "Votre équipe")); err != nil || published || version != 4 {
		t.Errorf("the same words again: version %d, published %v, %v", version, published, err)
	}
	all, err := r.another().Wordings(t.Context(), "shop")
	r.ok(err)
	fr := map[string]map[string]string{"signature": {"other": "Votre équipe"}}
	for version, want := range map[int]map[string]map[string]map[string]string{
		0: {},
		1: {"de": {"signature": {"other": "Ihr Team"}}},
		3: {"de": {"signature": {"other": "Ihr Datenschutzteam"}}, "fr": fr},
		4: {"de": {}, "fr": fr},
		9: {"de": {}, "fr": fr},
	} {
		if diff := cmp.Diff(want, registry.WordsAt(all, version)); diff != "" {
			t.Errorf("version %d (-want +got):\n%s", version, diff)
		}
	}
	if other, err := r.store.Wordings(t.Context(), "other"); err != nil || len(other) != 0 {
		t.Errorf("another tenant has words: %v, %v", other, err)
	}
	var entries []evidence.Entry
	for e, err := range evidence.Read(t.Context(), r.table, "shop", evidence.Wordings) {
		r.ok(err)
		entries = append(entries, e)
	}
	if len(entries) != 4 || entries[0].Actor != evidence.Staff("ada") || strings.Contains(string(entries[0].Facts), "Ihr Team") {
		t.Errorf("the journal has %d entries: %+v", len(entries), entries)
	}
}

func TestWordingsThatAreRefused(t *testing.T) {
	r := newRig(t)
	r.ok(r.store.PutTenant(t.Context(), registry.Tenant{Name: "shop", Zone: "Europe/Berlin"}))
	for name, reason := range map[string]string{"no reason": " ", "a long reason": strings.Repeat("x", 501)} {
		w := said("de", "signature", "Ihr Team")
		w.Reason = reason
		if _, _, err := r.store.PublishWords(t.Context(), "shop", w); !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := r.store.PublishWords(t.Context(), "nobody", said("de", "signature", "x")); !fault.Has(err, fault.NotFound) {
		t.Errorf("a tenant that is none: %v", err)
	}
}
