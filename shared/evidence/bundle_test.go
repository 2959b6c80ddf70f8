package evidence_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
)

var update = flag.Bool("update", false, "rewrite golden files")

// unzip returns the files of a bundle by name.
func unzip(t testing.TB, raw []byte) map[string]string {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range zr.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(content)
	}
	return files
}

// TestBundleFormatIsFixed compares a bundle with the golden one, byte for byte and file by file: entries, checkpoint and key
// of every bundle ever exported must stay verifiable.
func TestBundleFormatIsFixed(t *testing.T) {
	files := unzip(t, writeBundle(t, exampleInput(t)))
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var got strings.Builder
	for _, name := range names {
		got.WriteString("-- " + name + " --\n" + files[name])
	}
	const golden = "testdata/bundle.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the format changed (-golden +got):\n%s", diff)
	}
}

func TestBundleObeysItsSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(evidence.BundleSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("bundle.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("bundle.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	empty := exampleInput(t)
	empty.Entries, empty.Heads = entrySeq(nil), nil
	for name, in := range map[string]evidence.BundleInput{"example": exampleInput(t), "nothing": empty} {
		text := unzip(t, writeBundle(t, in))["bundle.json"]
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(map[string]any){
		"other version": func(m map[string]any) { m["schemaVersion"] = 2 },
		"extra member":  func(m map[string]any) { m["x"] = 1 },
		"no heads":      func(m map[string]any) { delete(m, "heads") },
		"bad time":      func(m map[string]any) { m["exportedAt"] = "yesterday" },
		"bad chain":     func(m map[string]any) { m["heads"].([]any)[0].(map[string]any)["chain"] = "task/a/b" },
		"bad key name":  func(m map[string]any) { m["keyName"] = "acme" },
	} {
		var m map[string]any
		if err := json.Unmarshal([]byte(unzip(t, writeBundle(t, exampleInput(t)))["bundle.json"]), &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		if schema.Validate(m) == nil {
			t.Errorf("the schema takes a bundle with %s", name)
		}
	}
}

func TestWriteBundleSignsNothingDamaged(t *testing.T) {
	entries, heads := exampleChains(t, "acme", "case-1")
	foreign, _ := exampleChains(t, "globex", "case-1")
	edit := func(i int, change func(*evidence.Entry)) []evidence.Entry {
		out := slices.Clone(entries)
		change(&out[i])
		return out
	}
	swapped := slices.Clone(entries)
	swapped[1], swapped[2] = swapped[2], swapped[1]
	for name, damaged := range map[string][]evidence.Entry{
		"edited facts":  edit(1, func(e *evidence.Entry) { e.Facts = json.RawMessage(`{"level":"none"}`) }),
		"edited actor":  edit(1, func(e *evidence.Entry) { e.Actor = evidence.Subject }),
		"edited hash":   edit(1, func(e *evidence.Entry) { e.Hash = strings.Repeat("0", 64) }),
		"missing first": entries[1:],
		"missing":       slices.Delete(slices.Clone(entries), 1, 2),
		"cut off":       entries[:len(entries)-1],
		"no task":       entries[:6],
		"reordered":     swapped,
		"twice":         slices.Insert(slices.Clone(entries), 1, entries[0]),
		"foreign":       slices.Replace(slices.Clone(entries), 0, 1, foreign[0]),
		"chains mixed":  append(slices.Clone(entries), entries[0]),
		"empty":         nil,
	} {
		t.Run(name, func(t *testing.T) {
			in := exampleInput(t)
			in.Entries, in.Heads = entrySeq(damaged), heads
			if err := evidence.WriteBundle(t.Context(), io.Discard, in); !fault.Has(err, fault.Internal) {
				t.Errorf("got %v, want internal", err)
			}
		})
	}
}

// full is a disk without room.
type full struct{ left int }

var errFull = errors.New("disk full")

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteBundleReportsFailures(t *testing.T) {
	whole := writeBundle(t, exampleInput(t))
	for _, room := range []int{0, 10, len(whole) / 2, len(whole) - 1} {
		if err := evidence.WriteBundle(t.Context(), &full{room}, exampleInput(t)); !errors.Is(err, errFull) {
			t.Errorf("room for %d bytes: %v", room, err)
		}
	}
	broken := fault.New(fault.Unavailable, "ledger not reachable")
	in := exampleInput(t)
	in.Entries = func(yield func(evidence.Entry, error) bool) { yield(evidence.Entry{}, broken) }
	if err := evidence.WriteBundle(t.Context(), io.Discard, in); !errors.Is(err, broken) {
		t.Errorf("a broken ledger: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := evidence.WriteBundle(ctx, io.Discard, exampleInput(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
	for name, change := range map[string]func(*evidence.BundleInput){
		"tenant":    func(in *evidence.BundleInput) { in.Tenant = "a b" },
		"case":      func(in *evidence.BundleInput) { in.Case = "" },
		"time":      func(in *evidence.BundleInput) { in.ExportedAt = time.Time{} },
		"reference": func(in *evidence.BundleInput) { in.Reference = strings.Repeat("x", 65) },
	} {
		in := exampleInput(t)
		change(&in)
		if err := evidence.WriteBundle(t.Context(), io.Discard, in); !fault.Has(err, fault.Invalid) {
			t.Errorf("bad %s: %v, want invalid", name, err)
		}
	}
}
