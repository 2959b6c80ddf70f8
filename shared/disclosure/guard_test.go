package disclosure_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/disclosure"
	"github.com/habeas-dsar/habeas/shared/dsar"
)

func TestFormulasInCSV(t *testing.T) {
	for _, c := range []struct {
		name  string
		value connector.Value
		want  string
	}{
		{"plain", connector.Text("hello"), "hello"},
		{"formula", connector.Text(`=HYPERLINK("http://evil.example.com")`), `'=HYPERLINK("http://evil.example.com")`},
		{"plus", connector.Text("+44 7700 900123"), "'+44 7700 900123"},
		{"minus", connector.Text("-2+3+cmd|' /C calc'!A0"), "'-2+3+cmd|' /C calc'!A0"},
		{"at", connector.Text("@SUM(1+1)"), "'@SUM(1+1)"},
		{"tab", connector.Text("\t=1+1"), "'\t'=1+1"},
		{"carriage return", connector.Text("\r=1+1"), "'\r'=1+1"},
		{"line feed", connector.Text("\n=1+1"), "\n'=1+1"},
		{"blanks first", connector.Text("  =1+1"), "  '=1+1"},
		{"no-break space first", connector.Text("\u00a0=1+1"), "\u00a0'=1+1"},
		{"zero-width first", connector.Text("\u200b=1+1"), "\u200b'=1+1"},
		{"byte order mark first", connector.Text("\ufeff=1+1"), "\ufeff'=1+1"},
		{"NUL first", connector.Text("\x00=1+1"), "\x00'=1+1"},
		{"full width", connector.Text("＝1+1"), "'＝1+1"},
		{"quote first", connector.Text(`"=1+1"`), `"'=1+1"`},
		{"read with semicolons", connector.Text(`nice;=1+1`), `nice;'=1+1`},
		{"read with semicolons and quotes", connector.Text(`nice;"=1+1`), `nice;"'=1+1`},
		{"read with tabs", connector.Text("nice\t@x"), "nice\t'@x"},
		{"inside a word", connector.Text("a=b, c-d; e@example.com"), "a=b, c-d; e@example.com"},
		{"negative number as text", connector.Text("-12.50"), "-12.50"},
		{"negative number", connector.Int(-5), "-5"},
		{"decimal", connector.Decimal("-0.10"), "-0.10"},
		{"lone minus", connector.Text("-"), "'-"},
		{"nested", connector.JSON([]byte(`{"a":"=1"}`)), `{"a":"=1"}`}, // the cell starts with a brace
		{"truth", connector.Bool(true), "true"},
		{"null", connector.Null(), ""},
		{"large number", connector.Decimal("123456789012345678901234567890"), "123456789012345678901234567890"},
		{"broken UTF-8", connector.Text("a\xffb"), "a\uFFFDb"},
		{"other people's", connector.Withheld(connector.WithheldThirdParty), "[withheld: about other people]"},
		{"denied", connector.Withheld(connector.WithheldDenied), "[withheld: by decision]"},
		{"unknown reason", connector.Withheld("=cmd"), "[withheld]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			line := encode(connector.Field{Name: "id", Value: connector.Int(1)}, connector.Field{Name: "v", Value: c.value})
			_, z := assembled(t, input(system("s", lines("c", line)...)))
			// encoding/csv turns \r\n in a value into \n; the raw bytes are looked at instead.
			raw := strings.TrimSuffix(string(content(t, z, "data/s/c.csv")), "\r\n")
			_, cell, _ := strings.Cut(raw, "\r\n1,")
			if strings.HasPrefix(cell, `"`) {
				cell = strings.ReplaceAll(cell[1:len(cell)-1], `""`, `"`)
			} else if strings.ContainsAny(cell, ",\"\r\n;\t") {
				t.Errorf("cell %q is not quoted", cell)
			}
			if cell != c.want {
				t.Errorf("have %q, want %q", cell, c.want)
			}
			if got := string(content(t, z, "data/s/c.json")); got != "[\n"+line+"\n]\n" {
				t.Errorf("JSON was changed: %q", got)
			}
		})
	}
}

// formula finds what starts a cell, or would start one under another separator, and is a formula.
var formula = regexp.MustCompile(`^[\s\x{200b}\x{feff}"]*[=+@＝＋－＠]|^-[^0-9]|^-$`)

func TestNoFormulaUnderAnySeparator(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringOfN(rapid.RuneFrom([]rune("ab1=+-@;\t\r\n\", '＝\u00a0\u200b.")), 0, 12, -1).Draw(t, "value")
		var b strings.Builder
		for _, cell := range disclosure.CSVCell(value) {
			b.WriteRune(cell)
		}
		line := "1," + b.String() + ",2\r\n"
		rows, err := csv.NewReader(strings.NewReader(line)).ReadAll()
		if err != nil || len(rows) != 1 || len(rows[0]) != 3 {
			t.Fatalf("%q is not one row of three cells: %v", line, err)
		}
		if formula.MatchString(rows[0][1]) {
			t.Fatalf("%q starts a formula", rows[0][1])
		}
		for _, cell := range strings.FieldsFunc(line, func(r rune) bool { return r == ';' || r == '\t' || r == '\r' || r == '\n' }) {
			if cell != line && formula.MatchString(cell) {
				t.Fatalf("read with another separator, %q has the formula %q", line, cell)
			}
		}
	})
}

func TestHostileValuesStayText(t *testing.T) {
	hostile := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</style><script>alert(1)</script>`, `'-alert(1)-'`,
		`javascript:alert(1)`, `{{.In.Subject}}`, `{{template "orNot"}}`, "\u2028<b>", "a\x00<svg/onload=alert(1)>", `]]><script>`, `<!--`, `--><script>alert(1)</script>`,
	}
	in := typical()
	s := &in.Systems[0]
	var fields []connector.Field
	for _, h := range hostile {
		fields = append(fields, connector.Field{Name: h, Value: connector.Text(h)}, connector.Field{Name: h + "2", Value: connector.JSON([]byte(encode(connector.Field{Name: h, Value: connector.Text(h)})))})
	}
	fields = append(fields, connector.Field{Name: "w", Value: connector.Withheld(hostile[0])})
	for i, h := range hostile {
		records := lines(h, encode(fields...), encode(fields...))
		if i%2 == 0 {
			records = records[:1]
		}
		s.Records = from(records...)
		s.Collections = []disclosure.Collection{{
			Name: h, Outcome: dsar.Found, Records: int64(len(records)), Note: h, Title: h, Purpose: h, Retention: h, Categories: []string{h},
		}}
		s.Name, s.Title, s.Note = h, h, h
		s.Facts = disclosure.SystemFacts{Purposes: []string{h}, Source: h, Retention: h, Recipients: []string{h}}
		in.Controller = disclosure.Controller{Title: h, Name: h, Contact: h}
		in.Facts = disclosure.Facts{AutomatedDecisions: h, Transfers: h, Authority: h}
		in.Recipients = []disclosure.Recipient{{Title: h, Country: h, Purpose: h}}
		in.Law = disclosure.Law{Name: h, Citation: h, Complaint: []disclosure.Route{{Name: h, URL: h, Text: h}, {Name: h, URL: "https://authority.example.com/" + h, Text: h}}}
		in.Reference = h
		_, z := assembled(t, in)
		checkInert(t, content(t, z, "index.html"))
	}
}

// checkInert parses a page as a browser does: it has the elements and attributes of the template and no others, and what is
// hostile is text.
func checkInert(t *testing.T, page []byte) {
	t.Helper()
	elements := " html head meta title style body header p main h1 h2 h3 h4 section dl div dt dd nav ul li a table caption thead tbody tfoot tr th td small span code strong "
	attributes := " lang charset name content http-equiv class id aria-labelledby aria-label href rel scope colspan role tabindex aria-hidden "
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.CommentToken:
			t.Error("the page has a comment")
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			if !strings.Contains(elements, " "+token.Data+" ") {
				t.Errorf("the page has an element %s", token.Data)
			}
			for _, a := range token.Attr {
				if !strings.Contains(attributes, " "+a.Key+" ") {
					t.Errorf("%s has an attribute %s", token.Data, a.Key)
				}
				if a.Key == "href" && !regexp.MustCompile(`^(#[a-z0-9-]+|data/[A-Za-z0-9._~/-]+|https://authority\.example\.com/\S*)$`).MatchString(a.Val) {
					t.Errorf("a link goes to %s", a.Val)
				}
			}
		}
	}
}

func TestFileNames(t *testing.T) {
	var s disclosure.System
	names := []string{
		"orders", "Orders", "ORDERS", "a/b", "../../etc/passwd", `..\..\x`, "C:evil", "con", "NUL.txt", "com1", ".hidden", "trailing.", "trailing", "", "straße",
		"кириллица", "é", "e\u0301", "orders-2", "~part2", strings.Repeat("x", 300), strings.Repeat("x", 301), "a\x00b", "a\nb", "*?<>|\"",
	}
	var records []disclosure.Record
	for _, n := range names {
		if n != "" {
			records = append(records, lines(n, `{"id":1}`)...)
		}
	}
	s = system("../sys", records...)
	other := system("../SYS", lines("x", `{"id":1}`)...)
	_, z := assembled(t, input(s, other))
	seen := map[string]bool{}
	for _, f := range z.File {
		lower := strings.ToLower(f.Name)
		if seen[lower] {
			t.Errorf("%s is there twice", f.Name)
		}
		seen[lower] = true
		if !regexp.MustCompile(`^(data/[A-Za-z0-9_-][A-Za-z0-9._-]*/[A-Za-z0-9_-][A-Za-z0-9._-]*\.(json|csv)|index\.html|manifest\.json)$`).MatchString(f.Name) {
			t.Errorf("the zip has a file %q", f.Name)
		}
		for segment := range strings.SplitSeq(lower, "/") {
			stem, _, _ := strings.Cut(segment, ".")
			if stem == "con" || stem == "nul" || stem == "com1" || strings.HasSuffix(segment, ".") || len(segment) > 100 {
				t.Errorf("%s is no file name on Windows", f.Name)
			}
		}
	}
	if len(seen) != 2*len(records)+2+2 {
		t.Errorf("have %d files, want %d", len(seen), 2*len(records)+4)
	}
	m := manifestOf(t, z)
	for i, c := range m.Systems[0].Collections {
		if c.Name != s.Collections[i].Name && json.Valid([]byte(c.Name)) {
			t.Errorf("the manifest calls %q %q", s.Collections[i].Name, c.Name)
		}
		checkRows(t, z, c)
	}
}
