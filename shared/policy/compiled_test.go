package policy_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// TestCompiledPacksAreCurrent: what is built in is what the YAML says, fits the schema, and loses nothing on the way.
func TestCompiledPacksAreCurrent(t *testing.T) {
	want, err := policy.Compile(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("packs/compiled.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatal("packs/compiled.jsonl is not what the packs and calendars give: run go generate ./shared/policy")
	}
	strict, err := policy.LoadFS(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	same := cmp.Options{cmp.AllowUnexported(policy.Calendar{}, policy.Pack{}), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(strict.Packs(), load(t).Packs(), same); diff != "" {
		t.Errorf("the packs that are built in are others than those that were checked (-checked +built in):\n%s", diff)
	}
	if diff := cmp.Diff(strict.Index(), load(t).Index()); diff != "" {
		t.Errorf("index (-checked +built in):\n%s", diff)
	}
}

// TestIndexSaysWhatThePackSays: who reads the index alone is not told something else.
func TestIndexSaysWhatThePackSays(t *testing.T) {
	set := load(t)
	for _, head := range set.Index() {
		p, err := set.Pack(head.ID)
		if err != nil {
			t.Fatal(err)
		}
		want := policy.Head{
			ID: p.ID, Version: p.Version, Current: true, Name: p.Name, Law: p.Law, Short: p.Short, Status: p.Status,
			Valid: p.Valid, Territory: p.Territory, Confidence: p.Confidence, Draft: p.Draft(),
		}
		if diff := cmp.Diff(want, head); diff != "" {
			t.Errorf("%s (-pack +index):\n%s", head.ID, diff)
		}
	}
}

// TestReleasedVersionsStayLoadable: a case that was pinned to a version finds it for ever.
func TestReleasedVersionsStayLoadable(t *testing.T) {
	list, err := os.ReadFile("packs/released.txt")
	if err != nil {
		t.Fatal(err)
	}
	set, n := load(t), 0
	for line := range strings.Lines(string(list)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, _, _ := strings.Cut(line, "@")
		p, err := set.At(policy.ID(id), policy.Version(line))
		if err != nil || string(p.Version) != line {
			t.Errorf("%s was released and is gone: %v. Put the file as it was into packs/superseded, and its calendars into calendars/superseded when they changed", line, err)
		}
		n++
	}
	if n < 3 {
		t.Errorf("%d versions were ever released", n)
	}
}

func TestCompileRefusesWhatLoadingRefuses(t *testing.T) {
	files := withFixture(t)
	edit(t, files, fixture, "short: Data Act", "shorts: Data Act")
	if _, err := policy.Compile(files); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("got %v, want misconfigured", err)
	}
}

// BenchmarkLoad is what every function does when it starts.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := policy.Load(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoadAndPack is what a function does that works on one case.
func BenchmarkLoadAndPack(b *testing.B) {
	for b.Loop() {
		set, err := policy.Load()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := set.Pack("us-ca"); err != nil {
			b.Fatal(err)
		}
	}
}
