package disclosure_test

import (
	"html"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/disclosure"
)

// messagesOf reads a catalogue: for each key its texts by plural form.
func messagesOf(t *testing.T, language string) map[string]map[string]string {
	t.Helper()
	raw, err := os.ReadFile("active." + language + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var read map[string]any
	if err := yaml.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]string{}
	for key, v := range read {
		forms := map[string]string{}
		switch v := v.(type) {
		case map[string]any:
			for form, text := range v {
				forms[form], _ = text.(string)
			}
		case string:
			forms["other"] = v
		default:
			t.Errorf("%s: %s is no text", language, key)
		}
		out[key] = forms
	}
	return out
}

func sorted[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func factsIn(forms map[string]string) []string {
	seen := map[string]bool{}
	for _, text := range forms {
		for _, p := range regexp.MustCompile(`\{\{[^}]*\}\}`).FindAllString(text, -1) {
			seen[p] = true
		}
	}
	return sorted(seen)
}

// TestLanguagesSayTheSame: every language has every message of English, with the same facts and the plural forms of its own.
func TestLanguagesSayTheSame(t *testing.T) {
	plural := map[string][]string{
		"de": {"one", "other"}, "nl": {"one", "other"}, "pl": {"few", "many", "one", "other"},
		"fr": {"many", "one", "other"}, "es": {"many", "one", "other"}, "it": {"many", "one", "other"}, "pt": {"many", "one", "other"},
	}
	english := messagesOf(t, "en")
	for language, forms := range plural {
		own := messagesOf(t, language)
		if diff := cmp.Diff(sorted(english), sorted(own)); diff != "" {
			t.Errorf("%s has other messages (-en +%s):\n%s", language, language, diff)
			continue
		}
		for key, texts := range english {
			if diff := cmp.Diff(factsIn(texts), factsIn(own[key])); diff != "" {
				t.Errorf("%s says other facts in %s:\n%s", language, key, diff)
			}
			if len(texts) > 1 && !slices.Equal(sorted(own[key]), forms) || len(texts) == 1 && len(own[key]) > 1 {
				t.Errorf("%s: %s has the forms %v", language, key, sorted(own[key]))
			}
		}
	}
}

var (
	stylesOf = regexp.MustCompile(`(?s)<style>.*?</style>|<[^>]*>`)
	// Words that stand in almost every English sentence and are none of the other seven languages.
	englishWords = regexp.MustCompile(`(?i)\b(the|your|you|and|with|this|that|from|have|which|been|our)\b`)
)

// TestThePageSpeaksTheLanguageOfThePerson: nothing of the page's own words is English, and the page says which language it is in.
func TestThePageSpeaksTheLanguageOfThePerson(t *testing.T) {
	for locale, want := range map[string]string{
		"de-AT": "de", "fr": "fr", "es-MX": "es", "it": "it", "nl-BE": "nl", "pl": "pl", "pt-BR": "pt-PT", "sv": "en", "": "en", "not a locale": "en",
	} {
		in := typical()
		in.Locale, in.Law.Complaint, in.Law.Name = locale, nil, "GDPR"
		for i := range in.Systems {
			in.Systems[i].Facts.Purposes, in.Systems[i].Note = nil, ""
			for c := range in.Systems[i].Collections {
				in.Systems[i].Collections[c].Purpose, in.Systems[i].Collections[c].Note = "", ""
			}
		}
		if got, _, _ := strings.Cut(want, "-"); assembler(t, disclosure.Options{}).Language(locale) != got {
			t.Errorf("%q: the page is said to be in another language than %s", locale, got)
		}
		_, z := assembled(t, in)
		page := string(content(t, z, "index.html"))
		if !strings.Contains(page, `<html lang="`+want+`">`) {
			t.Errorf("%q: the page is not in %s", locale, want)
		}
		text := strings.Join(strings.Fields(html.UnescapeString(stylesOf.ReplaceAllString(page, " "))), " ")
		for _, recorded := range []string{"Please ring twice", "you"} {
			if recorded != "you" || want != "en" {
				text = strings.ReplaceAll(text, " "+recorded+" ", " ")
			}
		}
		if m := englishWords.FindStringIndex(text); (m != nil) != (want == "en") {
			at := 0
			if m != nil {
				at = m[0]
			}
			t.Errorf("%q: English words: %v, at %q", locale, m != nil, text[max(0, at-60):min(len(text), at+60)])
		}
		if strings.Contains(text, "{{") || strings.Contains(text, "<no value>") {
			t.Errorf("%q: a fact was not filled in", locale)
		}
	}
}
