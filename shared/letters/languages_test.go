package letters_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// forms are the plural categories of each language (CLDR, for whole numbers); "other" alone is a message that counts nothing.
var forms = map[string][]string{
	"en": {"one", "other"}, "de": {"one", "other"}, "nl": {"one", "other"}, "pl": {"few", "many", "one", "other"},
	"fr": {"many", "one", "other"}, "es": {"many", "one", "other"}, "it": {"many", "one", "other"}, "pt": {"many", "one", "other"},
}

var placeholder = regexp.MustCompile(`\{\{[^}]*\}\}`)

// messages reads a catalogue: for each key its texts by plural form.
func messages(t *testing.T, language string) map[string]map[string]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("catalogue", "active."+language+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var read map[string]any
	if err := yaml.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]string{}
	for key, v := range read {
		out[key] = map[string]string{}
		switch v := v.(type) {
		case map[string]any:
			for form, text := range v {
				out[key][form], _ = text.(string)
			}
		case string:
			out[key]["other"] = v
		default:
			t.Errorf("%s: %s is no text", language, key)
		}
	}
	return out
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// names lists the placeholders of a message, each once; they are all simple names.
func names(t *testing.T, where string, texts map[string]string) []string {
	t.Helper()
	seen := map[string]bool{}
	for _, text := range texts {
		for _, p := range placeholder.FindAllString(text, -1) {
			if !regexp.MustCompile(`^\{\{\.[A-Z][A-Za-z]*\}\}$`).MatchString(p) {
				t.Errorf("%s has the placeholder %s", where, p)
			}
			seen[p] = true
		}
		if strings.ContainsAny(placeholder.ReplaceAllString(text, ""), "{}<>") {
			t.Errorf("%s has a brace or a mark of HTML", where)
		}
	}
	return keys(seen)
}

// TestLanguagesSayTheSame: every language has every message of English with the same facts in it, and the plural forms of its own.
func TestLanguagesSayTheSame(t *testing.T) {
	english := messages(t, "en")
	for _, language := range letters.Languages()[1:] {
		own := messages(t, language)
		for key, texts := range english {
			if _, ok := own[key]; !ok {
				t.Errorf("%s lacks %s", language, key)
				continue
			}
			if diff := cmp.Diff(names(t, "en "+key, texts), names(t, language+" "+key, own[key])); diff != "" {
				t.Errorf("%s says other facts in %s (-en +%s):\n%s", language, key, language, diff)
			}
			if (len(texts) > 1) != (len(own[key]) > 1) {
				t.Errorf("%s: %s counts in one of two languages", language, key)
			}
		}
		for key, texts := range own {
			if _, ok := english[key]; !ok && !regexp.MustCompile(`^(step|asked|law|short)\.`).MatchString(key) {
				t.Errorf("%s has %s, which nothing says", language, key)
			}
			if len(texts) > 1 && !slices.Equal(keys(texts), forms[language]) {
				t.Errorf("%s: %s has the forms %v", language, key, keys(texts))
			}
		}
	}
}

// TestEveryStepIsSaidInEveryLanguage: the clock can give no reason that a letter says in English.
func TestEveryStepIsSaidInEveryLanguage(t *testing.T) {
	for _, language := range letters.Languages()[1:] {
		own := messages(t, language)
		known := map[string]bool{}
		for _, code := range clock.StepCodes() {
			var want []string
			for _, a := range code.Args {
				want = append(want, "{{."+strings.ToUpper(a.Name[:1])+a.Name[1:]+"}}")
			}
			slices.Sort(want)
			known["step."+code.Code] = true
			if diff := cmp.Diff(slices.Compact(want), names(t, language+" "+code.Code, own["step."+code.Code])); diff != "" {
				t.Errorf("%s: step %s (-clock +language):\n%s", language, code.Code, diff)
			}
		}
		for _, e := range []policy.StopEvent{policy.IdentityRequested, policy.ClarificationRequested, policy.FeeRequested} {
			known["asked."+string(e)] = true
			if own["asked."+string(e)] == nil {
				t.Errorf("%s does not know what is asked for: %s", language, e)
			}
		}
		for key := range own {
			if (strings.HasPrefix(key, "step.") || strings.HasPrefix(key, "asked.")) && !known[key] {
				t.Errorf("%s has %s, which the clock never says", language, key)
			}
		}
		for _, d := range policy.Doubts() {
			if own["doubt."+string(d)] == nil {
				t.Errorf("%s does not say the doubt %s", language, d)
			}
		}
	}
}

// english are words that stand in almost every English sentence and are none of the other seven languages.
var english = regexp.MustCompile(`(?i)\b(the|your|you|and|with|this|that|from|have|which|been|our)\b`)

// facts that are the same in every language, as whole lines.
func given(f letters.Facts) []string {
	out := []string{f.Tenant.Controller, f.Tenant.Title, f.Pack.Law, f.Pack.Short, f.Pack.Name, f.Task.System, "Ada <b>Example</b>", f.Authority}
	for _, r := range []*policy.Route{f.Pack.Complaint.Authority, f.Pack.Complaint.Internal, f.Pack.Complaint.Court} {
		if r != nil {
			out = append(out, r.Name, r.Post)
		}
	}
	for _, s := range f.DueSteps {
		out = append(out, s.Citation)
		for _, a := range s.Args {
			if a.Kind == clock.TextArg {
				out = append(out, a.Value)
			}
		}
	}
	for _, r := range f.Reasons {
		out = append(out, words(r.Text.Reveal()), r.Citation)
	}
	out = append(out, "We found two accounts.", "Which one is <yours>?")
	slices.SortFunc(out, func(a, b string) int { return len(b) - len(a) }) // the name of a country may be part of that of an authority
	return out
}

// TestNoLetterFallsBack renders every letter under five laws in every language, and looks for anything English in it.
func TestNoLetterFallsBack(t *testing.T) {
	c := catalogue(t)
	for _, id := range []policy.ID{"eu", "uk", "us-ca", "br", "in"} {
		for _, kind := range letters.Kinds() {
			for _, right := range dsar.Rights() {
				if id != "eu" && right != dsar.Access && right != dsar.Erasure || kind == letters.ResponseReady && !right.Discloses() {
					continue
				}
				f := factsFor(t, kind, id, right)
				if kind == letters.Extension && f.ExtensionReason == "" {
					continue // the law has no extension for the right
				}
				f.Doubt = policy.RegionUnknown
				for _, language := range letters.Languages() {
					checkLetter(t, c, kind, language, f)
				}
			}
		}
	}
}

func checkLetter(t *testing.T, c *letters.Catalogue, kind letters.Kind, language string, f letters.Facts) {
	t.Helper()
	where := string(f.Pack.ID) + " " + string(kind) + " " + string(f.Right) + " in " + language
	got, err := c.Render(kind, language, f)
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	if got.FellBack || got.Locale != language {
		t.Errorf("%s: in %s, fell back %v", where, got.Locale, got.FellBack)
	}
	if n := len([]rune(got.Subject)); n > 78 {
		t.Errorf("%s: a subject of %d characters", where, n)
	}
	for _, broken := range []string{"<no value>", "{{", "}}", "%!"} {
		if strings.Contains(got.Subject+got.Text.Reveal(), broken) {
			t.Errorf("%s: has %q", where, broken)
		}
	}
	if language == "en" {
		return
	}
	text := words(got.Subject + "\n" + address.ReplaceAllString(strings.ReplaceAll(got.Text.Reveal(), "> ", ""), ""))
	for _, fact := range given(f) {
		if fact = words(fact); fact != "" {
			text = strings.ReplaceAll(text, fact, "")
			text = strings.ReplaceAll(text, strings.ReplaceAll(fact, "GDPR", shortEU[language]), "")
		}
	}
	if m := english.FindStringIndex(text); m != nil {
		t.Errorf("%s: is partly English: %q", where, text[max(0, m[0]-60):min(len(text), m[1]+60)])
	}
}

var address = regexp.MustCompile(`https?://\S+`)

var shortEU = map[string]string{"de": "DSGVO", "fr": "RGPD", "es": "RGPD", "it": "GDPR", "nl": "AVG", "pl": "RODO", "pt": "RGPD"}

// TestRefusalsUnderEveryLaw: whatever law a pack is of, a refusal can be written, in every language and with nothing missing.
func TestRefusalsUnderEveryLaw(t *testing.T) {
	c := catalogue(t)
	set, err := packs()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, k := range letters.Kinds() {
		kinds[string(k)] = true
	}
	for _, p := range set.Packs() {
		for name := range p.Letters {
			if !kinds[name] {
				t.Errorf("%s says what a letter %s must state, and there is none", p.ID, name)
			}
		}
		for _, kind := range []letters.Kind{letters.Refused, letters.Acknowledgement, letters.Extension, letters.Done, letters.AppealDecided} {
			f := factsFor(t, kind, p.ID, dsar.Access)
			if kind == letters.Extension && f.ExtensionReason == "" {
				continue
			}
			f.Reasons = []letters.Reason{{Text: redact.NewText("0815"), Citation: "Art. 1"}}
			for _, language := range letters.Languages() {
				checkLetter(t, c, kind, language, f)
			}
		}
	}
}

// TestGallery keeps every letter in every language as a reader gets it, one file per language.
func TestGallery(t *testing.T) {
	c := catalogue(t)
	for _, language := range letters.Languages()[1:] {
		var out strings.Builder
		for _, s := range samples(t) {
			got, err := c.Render(s.kind, language, s.facts)
			if err != nil {
				t.Fatalf("%s in %s: %v", s.file, language, err)
			}
			out.WriteString(strings.Repeat("=", 72) + "\n" + s.file + ": " + got.Subject + "\n\n" + got.Text.Reveal() + "\n")
		}
		golden(t, filepath.Join("languages", language+".txt"), out.String())
	}
}

// TestPluralsAndNumbers: each language counts and separates thousands in its own way.
func TestPluralsAndNumbers(t *testing.T) {
	c := catalogue(t)
	for _, x := range []struct {
		language string
		records  int
		want     string
	}{
		{"en", 1041, "1,041 records"},
		{"de", 1041, "1.041 Datensätze"},
		{"fr", 1041, "1 041 enregistrements"},
		{"es", 1041, "1.041 registros"},
		{"fr", 0, "0 enregistrement vous"},
		{"fr", 2_000_000, "2 000 000 d'enregistrements"},
		{"it", 1, "1 registrazione che"},
		{"nl", 1, "1 record over"},
		{"pl", 1, "1 rekord Państwa"},
		{"pl", 3, "3 rekordy"},
		{"pl", 12, "12 rekordów"},
		{"pl", 22, "22 rekordy"},
		{"pl", 0, "0 rekordów"},
		{"pt", 0, "0 registos"},
		{"pt", 1, "1 registo sobre"},
		{"pt", 1041, "1 041 registos"},
	} {
		f := factsFor(t, letters.ResponseReady, "eu", dsar.Access)
		f.Systems[0].Records = x.records
		got, err := c.Render(letters.ResponseReady, x.language, f)
		if err != nil || !strings.Contains(words(got.Text.Reveal()), x.want) {
			t.Errorf("%s: no %q, %v", x.language, x.want, err)
		}
	}
}

// TestOldStepsAreShownAsTheyAre: a case from before steps had codes gets its reason in English, and the letter says that it fell back.
func TestOldStepsAreShownAsTheyAre(t *testing.T) {
	f := factsFor(t, letters.Acknowledgement, "eu", dsar.Access)
	f.DueSteps = []clock.Step{{N: 1, Text: "The request arrived on a day."}}
	got, err := catalogue(t).Render(letters.Acknowledgement, "de", f)
	if err != nil || !got.FellBack || !strings.Contains(got.Text.Reveal(), f.DueSteps[0].Text) {
		t.Errorf("fell back %v, %v", got.FellBack, err)
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		catalogue(b)
	}
}

func BenchmarkFirstLetter(b *testing.B) {
	f := factsFor(b, letters.Expired, "eu", dsar.Access)
	for b.Loop() {
		if _, err := catalogue(b).Render(letters.Expired, "pl", f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	c, f := catalogue(b), factsFor(b, letters.Acknowledgement, "eu", dsar.Access)
	for b.Loop() {
		if _, err := c.Render(letters.Acknowledgement, "de", f); err != nil {
			b.Fatal(err)
		}
	}
}
