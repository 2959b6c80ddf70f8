package disclosure_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/disclosure"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

func TestPackageIsWhatItsManifestSays(t *testing.T) {
	in := typical()
	r, z := assembled(t, in)
	m := manifestOf(t, z)
	validate(t, content(t, z, "manifest.json"))
	var paths []string
	for _, f := range z.File {
		paths = append(paths, f.Name)
	}
	if got := paths[len(paths)-2:]; !slices.Equal(got, []string{"index.html", "manifest.json"}) {
		t.Errorf("the package ends with %v, want index.html and manifest.json", got)
	}
	var listed []string
	for _, f := range m.Files {
		b := content(t, z, f.Path)
		sum := sha256.Sum256(b)
		if int64(len(b)) != f.Bytes || hex.EncodeToString(sum[:]) != f.SHA256 {
			t.Errorf("%s is not what the manifest says", f.Path)
		}
		listed = append(listed, f.Path)
	}
	if diff := cmp.Diff(append(listed, "manifest.json"), paths); diff != "" {
		t.Errorf("files in the zip differ from those of the manifest:\n%s", diff)
	}
	sum := sha256.Sum256(content(t, z, "manifest.json"))
	if r.ManifestSHA256 != hex.EncodeToString(sum[:]) {
		t.Error("the result has another hash of manifest.json")
	}
	var records int64
	for i, s := range m.Systems {
		for k, c := range s.Collections {
			if c.Outcome != in.Systems[i].Collections[k].Outcome || c.Records != in.Systems[i].Collections[k].Records {
				t.Errorf("%s.%s: manifest and input differ", s.Name, c.Name)
			}
			checkRows(t, z, c)
			records += c.Records
		}
	}
	if records != 21 || r.Records != records {
		t.Errorf("have %d records in the manifest and %d in the result, want 21", records, r.Records)
	}
	if got := r.Volumes[0].Name; got != "personal-data-7K3QX-9M2DA.zip" {
		t.Errorf("the file is called %s", got)
	}
}

// checkRows compares the count of a collection with the rows of its files.
func checkRows(t *testing.T, z *zip.Reader, c disclosure.ManifestCollection) {
	t.Helper()
	var inJSON, inCSV int64
	for _, path := range c.Files {
		if strings.HasSuffix(path, ".json") {
			var list []map[string]any
			if err := json.Unmarshal(content(t, z, path), &list); err != nil {
				t.Errorf("%s is no JSON array: %v", path, err)
			}
			inJSON += int64(len(list))
		} else {
			inCSV += int64(len(table(t, z, path)) - 1)
		}
	}
	if inJSON != c.Records || inCSV != c.Records {
		t.Errorf("%s has %d records in JSON and %d in CSV, want %d", c.Name, inJSON, inCSV, c.Records)
	}
}

// table reads a CSV file; encoding/csv checks that every row has the same number of cells.
func table(t *testing.T, z *zip.Reader, path string) [][]string {
	t.Helper()
	b, ok := bytes.CutPrefix(content(t, z, path), []byte("\xef\xbb\xbf"))
	if !ok {
		t.Errorf("%s has no byte order mark", path)
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatalf("reading %s: %v", path, err)
	}
	return rows
}

// validate checks a manifest against the published schema.
func validate(t *testing.T, manifest []byte) {
	t.Helper()
	if err := violation(t, manifest); err != nil {
		t.Errorf("manifest.json breaks its schema: %v", err)
	}
}

func violation(t *testing.T, manifest []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(disclosure.ManifestSchema()))
	if err != nil {
		t.Fatalf("reading the schema: %v", err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("manifest.schema.json", doc); err != nil {
		t.Fatalf("adding the schema: %v", err)
	}
	schema, err := c.Compile("manifest.schema.json")
	if err != nil {
		t.Fatalf("compiling the schema: %v", err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(manifest))
	if err != nil {
		t.Fatalf("reading the manifest: %v", err)
	}
	return schema.Validate(value)
}

func TestSchemaRefuses(t *testing.T) {
	_, z := assembled(t, typical())
	manifest := content(t, z, "manifest.json")
	for old, changed := range map[string]string{
		`"outcome": "found"`:         `"outcome": ""`,
		`"outcome": "nothing_held"`:  `"outcome": "found"`,
		`"reference": "7K3QX-9M2DA"`: `"reference": ""`,
		`"path": "index.html"`:       `"path": "../index.html"`,
		`"records": 2,`:              `"records": -1,`,
		`"right": "access"`:          `"right": "erasure"`,
	} {
		if !bytes.Contains(manifest, []byte(old)) {
			t.Errorf("the manifest has no %s to break", old)
			continue
		}
		if violation(t, bytes.ReplaceAll(manifest, []byte(old), []byte(changed))) == nil {
			t.Errorf("the schema accepts %s", changed)
		}
	}
}

func TestGolden(t *testing.T) {
	_, z := assembled(t, typical())
	for _, path := range []string{"index.html", "manifest.json", "data/shop/orders.json", "data/shop/orders.csv", "data/shop/payment_card.csv"} {
		golden := filepath.Join("testdata", "golden", filepath.Base(path))
		got := content(t, z, path)
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatalf("reading golden file: %v", err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s differs (-update rewrites):\n%s", path, diff)
		}
	}
}

func TestSameInputSameBytes(t *testing.T) {
	var first []byte
	for range 3 {
		put := stored{}
		if _, err := assembler(t, disclosure.Options{}).Assemble(context.Background(), many(5000), put.put); err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(first, put[1]) {
			t.Fatal("the same input gave other bytes")
		}
		first = put[1]
	}
}

func TestMixedCollectionsAndFieldsThatComeLater(t *testing.T) {
	records := []disclosure.Record{}
	for _, p := range [][2]string{
		{"a", `{"id":1,"x":"one, two"}`},
		{"b", `{"id":1}`},
		{"a", `{"id":2,"new":"line\r\nbreak \"q\"","x":null}`},
		{"b", `{}`},
		{"a", `{"x":"last"}`},
		{"a", `{"id":4,"x":"y","new":[1,{"k":"v"}],"id2":-7}`},
		{"b", `{"other":true}`},
	} {
		records = append(records, lines(p[0], p[1])...)
	}
	_, z := assembled(t, input(system("s", records...)))
	want := [][]string{{"id", "x", "new", "id2"}, {"1", "one, two", "", ""}, {"2", "", "line\nbreak \"q\"", ""}, {"", "last", "", ""}, {"4", "y", `[1,{"k":"v"}]`, "-7"}}
	if diff := cmp.Diff(want, table(t, z, "data/s/a.csv")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][]string{{"id", "other"}, {"1", ""}, {"", ""}, {"", "true"}}, table(t, z, "data/s/b.csv")); diff != "" {
		t.Error(diff)
	}
	if raw := content(t, z, "data/s/a.csv"); !bytes.Contains(raw, []byte("line\r\nbreak")) {
		t.Error("a line break inside a value was changed")
	}
	want2 := "[\n{\"id\":1},\n{},\n{\"other\":true}\n]\n"
	if got := string(content(t, z, "data/s/b.json")); got != want2 {
		t.Errorf("JSON is %q, want %q", got, want2)
	}
}

func TestEmptyRowsAreRows(t *testing.T) {
	_, z := assembled(t, input(system("s", append(append(lines("one", `{"a":null}`, `{"a":""}`, `{"a":1}`), lines("none", `{}`, `{}`)...),
		lines("late", `{}`, `{"a":1,"b":null}`, `{}`)...)...)))
	for path, want := range map[string][][]string{
		"data/s/one.csv":  {{"a"}, {""}, {""}, {"1"}},
		"data/s/none.csv": {{""}, {""}, {""}},
		"data/s/late.csv": {{"a", "b"}, {"", ""}, {"1", ""}, {"", ""}},
	} {
		if diff := cmp.Diff(want, table(t, z, path)); diff != "" {
			t.Errorf("%s:\n%s", path, diff)
		}
	}
}

func TestColumnsAreBounded(t *testing.T) {
	var records []disclosure.Record
	for i := range 300 {
		name := func(k int) string { return "f" + strings.Repeat("x", k) }
		records = append(records, lines("docs", encode(connector.Field{Name: "id", Value: connector.Int(int64(i))},
			connector.Field{Name: name(2 * i), Value: connector.Text("even")}, connector.Field{Name: name(2*i + 1), Value: connector.Text("odd")}))...)
	}
	_, z := assembled(t, input(system("s", records...)))
	rows := table(t, z, "data/s/docs.csv")
	if len(rows) != 301 || len(rows[0]) != 513 {
		t.Fatalf("have %d rows of %d columns, want 301 of 513", len(rows), len(rows[0]))
	}
	last := rows[300]
	if last[0] != "299" || !strings.Contains(last[512], `"even"`) || !strings.Contains(last[512], `"odd"`) {
		t.Error("the fields that have no column of their own are lost")
	}
}

func TestNothingAnywhereIsAPackageToo(t *testing.T) {
	none := disclosure.System{Name: "crm", Outcome: dsar.NothingHeld, Collections: []disclosure.Collection{{Name: "people", Outcome: dsar.NothingHeld}}}
	r, z := assembled(t, input(none))
	if len(z.File) != 2 || r.Records != 0 {
		t.Errorf("have %d files and %d records, want 2 and 0", len(z.File), r.Records)
	}
	if m := manifestOf(t, z); m.Systems[0].Collections[0].Outcome != dsar.NothingHeld {
		t.Error("the empty collection is not listed")
	}
	if !bytes.Contains(content(t, z, "index.html"), []byte("hold no data about you")) {
		t.Error("index.html does not say that nothing is held")
	}
}

func TestRefusals(t *testing.T) {
	broken := errors.New("disk on fire")
	for name, c := range map[string]struct {
		change func(*disclosure.Input)
		want   fault.Class
	}{
		"fewer records than said": {func(in *disclosure.Input) { in.Systems[0].Collections[0].Records = 2 }, fault.Internal},
		"more records than said":  {func(in *disclosure.Input) { in.Systems[0].Collections[3].Records-- }, fault.Internal},
		"a foreign collection": {func(in *disclosure.Input) {
			in.Systems[0].Collections = slices.Delete(in.Systems[0].Collections, 0, 1)
		}, fault.Internal},
		"no record at all":       {func(in *disclosure.Input) { in.Systems[0].Records = from(lines("customer", `[1]`)...) }, fault.Internal},
		"a source that fails":    {func(in *disclosure.Input) { in.Systems[0].Records = failing(broken) }, fault.Unavailable},
		"a source that is not":   {func(in *disclosure.Input) { in.Systems[0].Records = nil }, fault.Invalid},
		"no outcome":             {func(in *disclosure.Input) { in.Systems[0].Collections[0].Outcome = "" }, fault.Invalid},
		"no outcome of a system": {func(in *disclosure.Input) { in.Systems[1].Outcome = "" }, fault.Invalid},
		"found nothing":          {func(in *disclosure.Input) { in.Systems[1].Collections[0].Outcome = dsar.Found }, fault.Invalid},
		"the same system twice":  {func(in *disclosure.Input) { in.Systems[1].Name = "shop" }, fault.Invalid},
		"another right":          {func(in *disclosure.Input) { in.Right = dsar.Erasure }, fault.Invalid},
		"no reference":           {func(in *disclosure.Input) { in.Reference = "" }, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			in := typical()
			c.change(&in)
			put := stored{}
			_, err := assembler(t, disclosure.Options{}).Assemble(context.Background(), in, put.put)
			if fault.ClassOf(err) != c.want {
				t.Errorf("have class %q (%v), want %q", fault.ClassOf(err), err, c.want)
			}
			if len(put) != 0 {
				t.Error("a volume was stored nevertheless")
			}
		})
	}
	if _, err := disclosure.New(disclosure.Options{}); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("New without Temp: %v", err)
	}
}

func failing(err error) func(context.Context, int64) iter.Seq2[disclosure.Record, error] {
	return func(context.Context, int64) iter.Seq2[disclosure.Record, error] {
		return func(yield func(disclosure.Record, error) bool) {
			if yield(lines("customer", `{"id":1}`)[0], nil) {
				yield(disclosure.Record{}, fault.Wrap(fault.Unavailable, err, "opening results"))
			}
		}
	}
}

func TestCancelledContextStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	in := many(100_000)
	read := 0
	records := in.Systems[0].Records
	in.Systems[0].Records = func(ctx context.Context, skip int64) iter.Seq2[disclosure.Record, error] {
		return func(yield func(disclosure.Record, error) bool) {
			for r, err := range records(ctx, skip) {
				if read++; read == 3000 {
					cancel()
				}
				if !yield(r, err) {
					return
				}
			}
		}
	}
	_, err := assembler(t, disclosure.Options{}).Assemble(ctx, in, stored{}.put)
	if !errors.Is(err, context.Canceled) || read > 5000 {
		t.Errorf("have %v after %d records, want the context's error soon after 3000", err, read)
	}
}

func TestErrorsAndStateHoldNothingPersonal(t *testing.T) {
	const canary = "canary-7f3a"
	in := input(system(canary+"-no", lines("people", `{"name":"`+canary+`"}`)...))
	in.Systems[0].Name = "shop"
	in.Subject = redact.NewText(canary)
	put := stored{}
	s, err := assembler(t, disclosure.Options{}).Step(context.Background(), in, disclosure.State{}, put.put)
	if err != nil {
		t.Fatal(err)
	}
	state, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	result, err := json.Marshal(s.Result(in))
	if err != nil {
		t.Fatal(err)
	}
	in.Systems[0].Records = from(lines("people", `{"name":"`+canary+`"`)...)
	_, failed := assembler(t, disclosure.Options{}).Assemble(context.Background(), in, put.put)
	if failed == nil {
		t.Fatal("a broken record was accepted")
	}
	for name, text := range map[string]string{"state": string(state), "result": string(result), "error": failed.Error()} {
		if strings.Contains(text, canary) {
			t.Errorf("%s holds a personal value", name)
		}
	}
	z := unzip(t, put[1])
	if !bytes.Contains(content(t, z, "data/shop/people.json"), []byte(canary)) {
		t.Error("the canary is not in the package: the test looks for nothing")
	}
}

func TestPutThatDoesNotWrite(t *testing.T) {
	a := assembler(t, disclosure.Options{})
	_, err := a.Step(context.Background(), typical(), disclosure.State{}, func(context.Context, int, func(io.Writer) error) error { return nil })
	if !fault.Has(err, fault.Internal) {
		t.Errorf("a volume that nobody wrote counts as stored: %v", err)
	}
	twice := func(_ context.Context, _ int, write func(io.Writer) error) error {
		return errors.Join(write(io.Discard), write(io.Discard))
	}
	if _, err := a.Step(context.Background(), typical(), disclosure.State{}, twice); !fault.Has(err, fault.Internal) {
		t.Errorf("a volume written twice: %v", err)
	}
}
