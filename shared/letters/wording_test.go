package letters_test

import (
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
)

func own(language, key string, p letters.Phrase) letters.Wording {
	return letters.Wording{Version: 7, Phrases: map[string]map[string]letters.Phrase{language: {key: p}}}
}

func TestOwnWordsReplaceTheCatalogues(t *testing.T) {
	c := catalogue(t)
	f := factsFor(t, letters.Refused, "eu", dsar.Access)
	f.Wording = own("de", "refused.intro", letters.Phrase{"other": "Zu Ihrer Bitte um {{.Right}} sagen wir nein."})
	f.Wording.Phrases["de"]["signature"] = letters.Phrase{"other": "Mit freundlichen Grüßen\n\nIhr Datenschutzteam von {{.Tenant}}"}
	f.Wording.Phrases["de"]["refused.extra"] = letters.Phrase{"other": "Unser Büro ist montags offen."}
	f.Wording.Phrases["fr"] = map[string]letters.Phrase{"refused.extra": {"other": "Bonjour à tous."}}
	got, err := c.Render(letters.Refused, "de-AT", f)
	if err != nil || got.Wording != 7 || got.FellBack {
		t.Fatalf("wording %d, fell back %v, %v", got.Wording, got.FellBack, err)
	}
	text := words(got.Text.Reveal())
	for _, want := range []string{"sagen wir nein", "Ihr Datenschutzteam von Lumen Books", "Unser Büro ist montags offen.", "Mit freundlichen Grüßen Ihr"} {
		if !strings.Contains(text, want) {
			t.Errorf("the letter lacks %q", want)
		}
	}
	if strings.Contains(text, "nicht zu entsprechen") || strings.Contains(text, "Bonjour") {
		t.Error("the letter has the catalogue's words, or those of another language")
	}
	if strings.Index(text, "montags") > strings.Index(text, "Wenn Sie nicht einverstanden sind") || strings.Index(text, "freundlichen") < strings.Index(text, "DSGVO") {
		t.Error("what was added stands in the wrong place")
	}
	other, err := c.Render(letters.Done, "de", factsFor(t, letters.Done, "eu", dsar.Erasure))
	if err != nil || other.Wording != 0 || strings.Contains(other.Text.Reveal(), "Datenschutzteam von") {
		t.Errorf("a letter of another tenant has these words: %v", err)
	}
}

func TestOwnWordsCount(t *testing.T) {
	f := factsFor(t, letters.ResponseReady, "eu", dsar.Access)
	f.Volumes = 3
	f.Wording = own("pl", "response_ready.volumes", letters.Phrase{"one": "{{.N}} plik A", "few": "{{.N}} pliki B", "many": "{{.N}} plików C", "other": "{{.N}} pliku D"})
	got, err := catalogue(t).Render(letters.ResponseReady, "pl", f)
	if err != nil || !strings.Contains(got.Text.Reveal(), "3 pliki B") {
		t.Errorf("the form for three is wrong: %v", err)
	}
}

// TestEveryMessageMayBeItsOwnReplacement: what the catalogue says passes its own check, in every language, or it is fixed.
func TestEveryMessageMayBeItsOwnReplacement(t *testing.T) {
	c := catalogue(t)
	keys, err := c.Keys()
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, language := range letters.Languages() {
		for _, key := range keys {
			p, err := c.Message(language, key)
			if err != nil {
				t.Errorf("%s %s: %v", language, key, err)
				continue
			}
			if p["other"] == "" {
				continue // may be added
			}
			if err := c.CheckPhrase(language, key, p); err != nil {
				t.Errorf("%s %s: %v", language, key, err)
			}
			checked++
		}
	}
	if checked < 8*200 {
		t.Errorf("only %d messages can be replaced", checked)
	}
}

func TestWordsThatCannotStand(t *testing.T) {
	c := catalogue(t)
	for name, x := range map[string]struct {
		language, key string
		p             letters.Phrase
		want          fault.Class
	}{
		"an unknown message":          {"de", "refused.nonsense", letters.Phrase{"other": "Nein."}, fault.NotFound},
		"an unknown language":         {"tlh", "refused.why", letters.Phrase{"other": "Nein."}, fault.NotFound},
		"a step of the clock":         {"de", "step.ends", letters.Phrase{"other": "Ende."}, fault.NotFound},
		"a date":                      {"de", "date.long", letters.Phrase{"other": "{{.Day}}"}, fault.NotFound},
		"an extra of no letter":       {"de", "nonsense.extra", letters.Phrase{"other": "Nein."}, fault.NotFound},
		"a fact too few":              {"de", "refused.intro", letters.Phrase{"other": "Wir sagen nein."}, fault.Invalid},
		"a fact too many":             {"de", "refused.why", letters.Phrase{"other": "Warum, {{.Name}}?"}, fault.Invalid},
		"a program":                   {"de", "refused.why", letters.Phrase{"other": "{{range .}}x{{end}}"}, fault.Invalid},
		"a personal fact in addition": {"de", "signature", letters.Phrase{"other": "Ihr Code: {{.Code}}"}, fault.Invalid},
		"HTML":                        {"de", "refused.why", letters.Phrase{"other": "<b>Warum</b>"}, fault.Invalid},
		"nothing":                     {"de", "refused.why", letters.Phrase{"other": "  "}, fault.Invalid},
		"nothing but a fact":          {"de", "refused.intro", letters.Phrase{"other": "{{.Right}}"}, fault.Invalid},
		"a hidden character":          {"de", "refused.why", letters.Phrase{"other": "Warum\u202e"}, fault.Invalid},
		"two lines":                   {"de", "refused.why", letters.Phrase{"other": "Warum\nnicht"}, fault.Invalid},
		"too long":                    {"de", "refused.why", letters.Phrase{"other": strings.Repeat("x", 2001)}, fault.Invalid},
		"a subject too long":          {"de", "subject.refused", letters.Phrase{"other": strings.Repeat("x", 60) + " {{.Reference}}ab cdefgh"}, fault.Invalid},
		"a subject without reference": {"de", "subject.refused", letters.Phrase{"other": "Unsere Entscheidung"}, fault.Invalid},
		"a form too few":              {"pl", "minutes", letters.Phrase{"one": "{{.N}} minutę", "other": "{{.N}} minut"}, fault.Invalid},
		"a form too many":             {"de", "minutes", letters.Phrase{"one": "{{.N}} m", "few": "{{.N}} m", "other": "{{.N}} m"}, fault.Invalid},
	} {
		if err := c.CheckPhrase(x.language, x.key, x.p); !fault.Has(err, x.want) {
			t.Errorf("%s: got %v, want %s", name, err, x.want)
		}
	}
	for _, key := range []string{"signature", "refused.extra"} {
		if err := c.CheckPhrase("de", key, letters.Phrase{"other": "Mit freundlichen Grüßen\n\n{{.Tenant}}, {{.Contact}}"}); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestPreview(t *testing.T) {
	c := catalogue(t)
	set, err := packs()
	if err != nil {
		t.Fatal(err)
	}
	tenant := letters.Tenant{Title: "Lumen Books", Controller: "Lumen Books Ltd", Contact: "privacy@example.com"}
	laws := set.Packs()
	for _, x := range []struct {
		key   string
		p     letters.Phrase
		kind  letters.Kind
		shown string
	}{
		{"refused.intro", letters.Phrase{"other": "Wir sagen nein zu: {{.Right}}"}, letters.Refused, "Wir sagen nein zu: Auskunft"},
		{"appeal.reasonable", letters.Phrase{"other": "Bitte bald."}, letters.NotIdentifiable, "Bitte bald."},
		{"subject.code", letters.Phrase{"other": "Code für {{.Reference}}"}, letters.Code, "Code für 7K3QX-9M2DA"},
		{"done.extra", letters.Phrase{"other": "Danke."}, letters.Done, "Danke."},
	} {
		got, err := c.Preview("de", x.key, own("de", x.key, x.p), tenant, laws)
		if err != nil {
			t.Errorf("%s: %v", x.key, err)
			continue
		}
		seen := false
		for _, s := range got {
			seen = seen || s.Kind == x.kind && strings.Contains(words(s.Subject+"\n"+s.Text), words(x.shown))
		}
		if !seen || len(got) > 5 {
			t.Errorf("%s: no specimen of %s among %d", x.key, x.kind, len(got))
		}
	}
}

// TestWordsThatNoLongerFit: a catalogue may change after a tenant published its words. Those that leave a fact out are passed over.
func TestWordsThatNoLongerFit(t *testing.T) {
	c := catalogue(t)
	f := factsFor(t, letters.Refused, "uk", dsar.Access)
	before, err := c.Render(letters.Refused, "de", f)
	if err != nil {
		t.Fatal(err)
	}
	f.Wording = own("de", "refused.intro", letters.Phrase{"other": "Für {{.Gone}}: nein."})
	f.Wording.Phrases["de"]["route.court"] = letters.Phrase{"other": " "}
	after, err := c.Render(letters.Refused, "de", f)
	if err != nil || before.Text != after.Text {
		t.Errorf("the letter says what no longer fits: %v", err)
	}
}
