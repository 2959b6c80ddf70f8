package engine_test

import (
	"context"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/connector/enginetest"
)

// written runs one access turn that gives n records to each of three collections in turn, with small parts.
func written(t *testing.T, n int) (*enginetest.Kit, []engine.PartRef) {
	t.Helper()
	k := enginetest.New(t, func(c *engine.Config) { c.PartBytes = 300 })
	turn, err := k.Engine.Turn(t.Context(), instruction(t, k, scripted{access: func(ctx context.Context, call connector.Call) (connector.Progress, error) {
		var list []connector.CollectionResult
		for i := range n {
			for _, name := range []string{"a", "b", "c"} {
				rec := &connector.Record{Collection: name, Key: connector.Key{connector.Int(int64(i))}, Fields: []connector.Field{{Name: "n", Value: connector.Int(int64(i))}}}
				if err := call.Records.Put(ctx, rec); err != nil {
					return connector.Progress{}, err
				}
			}
		}
		for _, name := range []string{"a", "b", "c"} {
			list = append(list, connector.CollectionResult{Collection: name, Outcome: connector.Found, Records: n})
		}
		return connector.Progress{Finished: true, Collections: list}, nil
	}}))
	if err != nil || turn.Status != engine.Finished {
		t.Fatalf("%s: %s, %v", turn.Status, turn.Reason, err)
	}
	return k, turn.Parts
}

func count(ctx context.Context, p *engine.Parts, collection string) (n int, err error) {
	for line, err := range p.Records(ctx, collection) {
		if err != nil {
			return n, err
		}
		var rec connector.Record
		if err := connector.DecodeRecord(line, &rec); err != nil {
			return n, err
		}
		if v, _ := rec.Get("n"); v != connector.Int(int64(n)) {
			return n, io.ErrUnexpectedEOF
		}
		n++
	}
	return n, nil
}

func TestPartsReadCollectionByCollection(t *testing.T) {
	const n = 200
	k, refs := written(t, n)
	if len(refs) < 10 {
		t.Fatalf("%d parts, want many", len(refs))
	}
	parts := k.Parts(refs)
	want := []engine.Content{{Collection: "a", Records: n}, {Collection: "b", Records: n}, {Collection: "c", Records: n}}
	if d := cmp.Diff(want, parts.Contents()); d != "" {
		t.Errorf("contents (-want +got):\n%s", d)
	}
	for _, name := range []string{"c", "a", "b", "a"} {
		if got, err := count(t.Context(), parts, name); got != n || err != nil {
			t.Errorf("%s: %d records in order, %v; want %d", name, got, err, n)
		}
	}
	if got, err := count(t.Context(), parts, "nothing"); got != 0 || err != nil {
		t.Errorf("a collection that is not there: %d records, %v", got, err)
	}
}

func TestSpoiltPartsAreErrors(t *testing.T) {
	for name, spoil := range map[string]func(k *enginetest.Kit, refs []engine.PartRef){
		"missing":        func(k *enginetest.Kit, refs []engine.PartRef) { _ = k.Store.Delete(t.Context(), refs[1].Name) },
		"another one":    func(_ *enginetest.Kit, refs []engine.PartRef) { refs[1].Name = refs[0].Name },
		"another digest": func(_ *enginetest.Kit, refs []engine.PartRef) { refs[1].SHA256 = refs[0].SHA256 },
		"more records":   func(_ *enginetest.Kit, refs []engine.PartRef) { refs[1].Sections[0].Records++ },
		"cut section":    func(_ *enginetest.Kit, refs []engine.PartRef) { refs[1].Sections[0].Bytes-- },
		"beyond the end": func(_ *enginetest.Kit, refs []engine.PartRef) { refs[1].Sections[0].Offset = 1 << 40 },
		"foreign keys":   func(k *enginetest.Kit, _ []engine.PartRef) { k.Keys = enginetest.NewKeys(t) },
	} {
		k, refs := written(t, 50)
		spoil(k, refs)
		if n, err := count(t.Context(), k.Parts(refs), "a"); err == nil {
			t.Errorf("%s: %d records and no error", name, n)
		}
	}
}
