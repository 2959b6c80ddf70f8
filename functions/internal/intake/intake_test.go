package intake_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/intake"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

var received = time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)

func read(t testing.TB, text string) (intake.Request, error) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(text))
	r.Header.Set("Content-Type", "application/json")
	var in intake.Request
	err := web.ReadJSON(httptest.NewRecorder(), r, &in)
	return in, err
}

func open(t testing.TB, text string) (casefile.Opening, error) {
	t.Helper()
	in, err := read(t, text)
	if err != nil {
		return casefile.Opening{}, err
	}
	return in.Opening("alder", "api", "subject", received)
}

func TestTheLeastAndTheMost(t *testing.T) {
	o, err := open(t, `{"right":"access","email":" ada@example.com "}`)
	if err != nil || o.Right != dsar.Access || o.Tenant != "alder" || o.Channel != "api" || o.Actor != "subject" || !o.ReceivedAt.Equal(received) || o.Person.Email.Value.Reveal() != "ada@example.com" {
		t.Errorf("the least: %+v %v", o, err)
	}
	o, err = open(t, `{"right":"correction","email":"ada@example.com","name":" Ada ","country":"de","region":" Berlin ","locale":"de-AT",
		"identifiers":[{"kind":"customer_id","value":"77"},{"kind":"phone","value":"+1 (555) 010-1234"}],
		"corrections":[{"system":"shop","field":"customers.name","value":"Ada L."}],"details":"line\nline\ttab","agent":{"name":"Bob","email":"bob@example.com","mandate":"a letter"}}`)
	if err != nil {
		t.Fatal(err)
	}
	p := o.Person
	if p.Name.Reveal() != "Ada" || o.Country != "DE" || p.Region.Reveal() != "Berlin" || o.Locale != "de-AT" || len(p.Claimed) != 2 || p.Claimed[0].Kind != subject.CustomerID ||
		p.Corrections[0].Field != "customers.name" || p.Corrections[0].Value.Reveal() != "Ada L." || p.Details.Reveal() != "line\nline\ttab" || p.Agent.Name.Reveal() != "Bob" {
		t.Error("the most is not what was given")
	}
	if len(p.Proven) != 0 {
		t.Error("nothing is proven by being claimed")
	}
}

func TestWhatIsWrongIsNamedAndNeverQuoted(t *testing.T) {
	const v = "Quillfeather"
	long := func(n int) string { return strings.Repeat("x", n) }
	many := func(n int, one string) string { return "[" + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + "]" }
	base := func(more string) string { return `{"right":"access","email":"ada@example.com"` + more + `}` }
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"nothing at all":         {`{}`, []string{"/right", "/email"}},
		"no such right":          {`{"right":"` + v + `","email":"ada@example.com"}`, []string{"/right"}},
		"right in capitals":      {`{"right":"Access","email":"ada@example.com"}`, []string{"/right"}},
		"no address":             {`{"right":"access","email":"` + v + `"}`, []string{"/email"}},
		"two addresses":          {`{"right":"access","email":"` + v + `@example.com, b@example.com"}`, []string{"/email"}},
		"address with a name":    {`{"right":"access","email":"` + v + ` <a@example.com>"}`, []string{"/email"}},
		"address over two lines": {`{"right":"access","email":"` + v + `@example.com\nBcc: b@example.com"}`, []string{"/email"}},
		"address without a dot":  {`{"right":"access","email":"` + v + `@localhost"}`, []string{"/email"}},
		"long address":           {`{"right":"access","email":"` + v + long(320) + `@example.com"}`, []string{"/email"}},
		"long name":              {base(`,"name":"` + v + long(200) + `"`), []string{"/name"}},
		"name over two lines":    {base(`,"name":"` + v + `\r\nx"`), []string{"/name"}},
		"name with a NUL":        {base(`,"name":"` + v + `\u0000"`), []string{"/name"}},
		"country in words":       {base(`,"country":"` + v + `"`), []string{"/country"}},
		"country in digits":      {base(`,"country":"12"`), []string{"/country"}},
		"long region":            {base(`,"region":"` + v + long(60) + `"`), []string{"/region"}},
		"region with a script":   {base(`,"region":"<` + v + `>"`), []string{"/region"}},
		"locale":                 {base(`,"locale":"` + v + `!"`), []string{"/locale"}},
		"long locale":            {base(`,"locale":"en-` + strings.Repeat("abcdefgh-", 4) + `x"`), []string{"/locale"}},
		"long details":           {base(`,"details":"` + v + long(4000) + `"`), []string{"/details"}},
		"details with an escape": {base(`,"details":"` + v + `\u001b[2J"`), []string{"/details"}},
		"kind of identifier":     {base(`,"identifiers":[{"kind":"email","value":"b@example.com"},{"kind":"` + v + `","value":"1"}]`), []string{"/identifiers/1"}},
		"empty identifier":       {base(`,"identifiers":[{"kind":"phone","value":" "}]`), []string{"/identifiers/0"}},
		"long identifier":        {base(`,"identifiers":[{"kind":"phone","value":"` + v + long(320) + `"}]`), []string{"/identifiers/0"}},
		"too many identifiers":   {base(`,"identifiers":` + many(11, `{"kind":"phone","value":"1"}`)), []string{"/identifiers"}},
		"field to correct":       {base(`,"corrections":[{"field":"` + v + `; DROP","value":"x"}]`), []string{"/corrections/0/field"}},
		"system to correct":      {base(`,"corrections":[{"system":"` + v + ` x","field":"a","value":"x"}]`), []string{"/corrections/0/system"}},
		"no field to correct":    {base(`,"corrections":[{"value":"x"}]`), []string{"/corrections/0/field"}},
		"long correction":        {base(`,"corrections":[{"field":"a","value":"` + v + long(4000) + `"}]`), []string{"/corrections/0/value"}},
		"too many corrections":   {base(`,"corrections":` + many(21, `{"field":"a","value":"1"}`)), []string{"/corrections"}},
		"nameless agent":         {base(`,"agent":{"email":"b@example.com"}`), []string{"/agent/name"}},
		"agent's address":        {base(`,"agent":{"name":"` + v + `","email":"` + v + `"}`), []string{"/agent/email"}},
		"agent's long mandate":   {base(`,"agent":{"name":"B","email":"b@example.com","mandate":"` + v + long(4000) + `"}`), []string{"/agent/mandate"}},
		"several at once":        {`{"right":"x","email":"x","country":"x","locale":"!"}`, []string{"/locale", "/right", "/email", "/country"}},
		"a wrong type":           {base(`,"name":17`), []string{"/name"}},
		"a wrong type in a list": {base(`,"identifiers":[{"kind":17,"value":"` + v + `"}]`), []string{"/identifiers"}},
		"an unknown field":       {base(`,"` + v + `":1`), nil},
		"no JSON":                {v, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, tc.text)
			if !fault.Has(err, fault.Invalid) {
				t.Fatalf("got %v", err)
			}
			w := httptest.NewRecorder()
			web.WriteProblem(w, err)
			var p web.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range p.Errors {
				got = append(got, e.Pointer)
				if e.Detail == "" {
					t.Errorf("%s is wrong without saying why", e.Pointer)
				}
			}
			if len(got) != len(tc.want) || !containsAll(got, tc.want) {
				t.Errorf("names %q, want %q", got, tc.want)
			}
			if strings.Contains(w.Body.String(), v) || strings.Contains(err.Error(), v) {
				t.Errorf("quotes the value: %s", w.Body)
			}
		})
	}
}

// containsAll reports whether every pointer of want is in got, or the beginning of one that is.
func containsAll(got, want []string) bool {
	return !slices.ContainsFunc(want, func(w string) bool {
		return !slices.ContainsFunc(got, func(g string) bool { return g == w || strings.HasPrefix(g, w+"/") })
	})
}

// What stands in the open part of a case comes from short lists of codes.
func TestTheOpenPartTakesNoFreeText(t *testing.T) {
	for locale, want := range map[string]string{
		"": "", "en": "en", "de-at": "de-AT", "zh-Hant-TW": "zh-Hant-TW", "en-x-quill": "en", "de-DE-u-co-phonebk": "de-DE", "sl-rozaj-biske": "sl", "EN-us": "en-US",
	} {
		o, err := open(t, `{"right":"access","email":"ada@example.com","locale":"`+locale+`"}`)
		if err != nil || o.Locale != want {
			t.Errorf("%q is kept as %q: %v", locale, o.Locale, err)
		}
	}
}

func TestMessages(t *testing.T) {
	if m, err := intake.Message("/text", "  two\nlines "); err != nil || m.Reveal() != "two\nlines" {
		t.Errorf("got %v", err)
	}
	for _, bad := range []string{"", " \n ", strings.Repeat("é", 4001), "a\x00b", "a\xffb", "a\x7fb", "\x1b[31m"} {
		_, err := intake.Message("/text", bad)
		var f web.Fields
		if !errors.As(err, &f) || f[0].Pointer != "/text" {
			t.Errorf("%.10q: %v", bad, err)
		}
	}
	if _, err := intake.Message("/text", strings.Repeat("é", 4000)); err != nil {
		t.Errorf("4000 characters: %v", err)
	}
}

// whole holds an opening to what the rest of the product relies on.
func whole(t *testing.T, o casefile.Opening) {
	t.Helper()
	p := o.Person
	texts := []redact.Text{p.Name, p.Details, p.Region, p.Email.Value}
	for _, c := range p.Corrections {
		texts = append(texts, c.Value)
	}
	if a := p.Agent; a != nil {
		texts = append(texts, a.Name, a.Email, a.Mandate)
	}
	for _, x := range texts {
		s := x.Reveal()
		if strings.ToValidUTF8(s, "") != s || strings.ContainsAny(s, "\x00\x1b\x7f") || len(s) > 4*4000 {
			t.Fatalf("a text that was let through: %q", s)
		}
	}
	if strings.ContainsAny(p.Email.Value.Reveal(), "\r\n,<> ") || p.Email.Kind != subject.Email || !o.Right.Valid() || len(o.Country) != 0 && len(o.Country) != 2 {
		t.Fatalf("let through: %q %q %q", p.Email.Value.Reveal(), o.Right, o.Country)
	}
	if len(p.Claimed) > 10 || len(p.Corrections) > 20 || len(o.Locale) > 35 {
		t.Fatal("more than is allowed")
	}
	for _, i := range p.Claimed {
		if !i.Kind.Valid() || i.Value.IsZero() {
			t.Fatal("an identifier that is none")
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"right":"access","email":"ada@example.com"}`, `{"right":"erasure","email":"a@b.c","identifiers":[{"kind":"phone","value":"+15550101234"}]}`,
		`{"right":"correction","email":"\u202e@example.com","corrections":[{"field":"a.b","value":"\ud800"}]}`, `{"agent":{}}`, `[]`, `{"locale":"i-klingon"}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := open(t, s)
		if err == nil {
			whole(t, o)
		} else if !fault.Has(err, fault.Invalid) {
			t.Fatalf("%q: %v", s, err)
		}
	})
}

func FuzzFields(f *testing.F) {
	f.Add("access", "ada@example.com", "Ada", "DE", "Berlin", "details", "de")
	f.Add("opt_out", "\"a b\"@example.com", "\x00", "us", "California", "\r\n", "en-x-a")
	f.Add("erasure", "a@[127.0.0.1].x", "\u202e", "ſſ", "Île", "\xff", "mul")
	f.Fuzz(func(t *testing.T, right, email, name, country, region, details, locale string) {
		o, err := intake.Request{
			Right: dsar.Right(right), Email: redact.NewText(email), Name: redact.NewText(name), Country: country, Region: region,
			Details: redact.NewText(details), Locale: locale,
		}.Opening("alder", "portal", "subject", received)
		if err == nil {
			whole(t, o)
		} else if !fault.Has(err, fault.Invalid) {
			t.Fatalf("%v", err)
		}
	})
}
