package spool_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/enginetest"
	"github.com/habeas-dsar/habeas/shared/connector/spool"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

var _ connector.Spool = (*spool.Spool)(nil)

// boundSealer changes every byte and refuses another label: enough to see what is sealed and where.
type boundSealer struct{}

func (boundSealer) SealDoc(label string, plain []byte) []byte {
	out := append([]byte(label), 0)
	for _, b := range plain {
		out = append(out, b^0xa5)
	}
	return out
}

func (boundSealer) OpenDoc(label string, sealed []byte) (redact.Bytes, error) {
	body, ok := bytes.CutPrefix(sealed, append([]byte(label), 0))
	if !ok {
		return redact.Bytes{}, fault.New(fault.Internal, "sealed for something else")
	}
	plain := make([]byte, len(body))
	for i, b := range body {
		plain[i] = b ^ 0xa5
	}
	return redact.NewBytes(plain), nil
}

func TestSpoolBehavesLikeSetsWhateverTheBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		store := enginetest.NewStore()
		budget := rapid.SampledFrom([]int{0, 200, 2000, 1 << 20}).Draw(t, "budget")
		s := spool.New(store, boundSealer{}, "spool/t/c/k", 0, budget)
		model := map[string]map[string]bool{}
		turn := 0
		key := rapid.SliceOfN(rapid.Byte(), 0, 12)
		name := rapid.SampledFrom([]string{"a", "b"})
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			n := name.Draw(t, "set")
			switch rapid.IntRange(0, 20).Draw(t, "op") {
			case 0:
				s.Drop(n)
				delete(model, n)
			case 1:
				if err := s.Save(ctx); err != nil {
					t.Fatal(err)
				}
				turn++
				again, err := spool.Open(ctx, store, boundSealer{}, "spool/t/c/k", turn, budget)
				if err != nil {
					t.Fatal(err)
				}
				s = again
			case 2:
				k := key.Draw(t, "key")
				got, err := s.Has(ctx, n, k)
				if err != nil || got != model[n][string(k)] {
					t.Fatalf("Has = %v, %v", got, err)
				}
			default:
				k := key.Draw(t, "key")
				got, err := s.Add(ctx, n, k)
				if err != nil || got == model[n][string(k)] {
					t.Fatalf("Add = %v, %v", got, err)
				}
				if model[n] == nil {
					model[n] = map[string]bool{}
				}
				model[n][string(k)] = true
			}
		}
		for n, want := range model {
			var after []byte
			if rapid.Bool().Draw(t, "from the middle") {
				after = key.Draw(t, "after")
			}
			keys := slices.Sorted(maps.Keys(want))
			keys = slices.DeleteFunc(keys, func(k string) bool { return after != nil && k <= string(after) })
			var got []string
			for k, err := range s.Scan(ctx, n, after) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(k))
			}
			if !slices.Equal(got, keys) || s.Len(n) != int64(len(want)) {
				t.Fatalf("Scan gave %d keys, want %d; Len %d, want %d", len(got), len(keys), s.Len(n), len(want))
			}
		}
	})
}

func TestSmallSpoolWritesNothing(t *testing.T) {
	store := enginetest.NewStore()
	s := spool.New(store, boundSealer{}, "spool/t/c/k", 0, 8<<20)
	for i := range 200 {
		if _, err := s.Add(t.Context(), "seen", []byte(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if s.Wrote() || len(store.Names()) != 0 {
		t.Fatalf("a small spool wrote %d objects", len(store.Names()))
	}
}

func TestRepeatedTurnFindsTheSpoolAsItWas(t *testing.T) {
	ctx := t.Context()
	store := enginetest.NewStore()
	s := spool.New(store, boundSealer{}, "spool/t/c/k", 0, 4096)
	add(t, s, 0, 1000)
	if err := s.Save(ctx); err != nil {
		t.Fatal(err)
	}
	// A turn that dies after having spilled must leave no trace for the one that repeats it.
	dead, err := spool.Open(ctx, store, boundSealer{}, "spool/t/c/k", 1, 4096)
	if err != nil {
		t.Fatal(err)
	}
	add(t, dead, 1000, 3000)
	again, err := spool.Open(ctx, store, boundSealer{}, "spool/t/c/k", 1, 4096)
	if err != nil {
		t.Fatal(err)
	}
	if again.Len("seen") != 1000 {
		t.Fatalf("the repeated turn begins with %d keys, want 1000", again.Len("seen"))
	}
	add(t, again, 1000, 2000)
	if err := spool.Clear(ctx, store, "spool/t/c/k"); err != nil {
		t.Fatal(err)
	}
	if len(store.Names()) != 0 {
		t.Fatalf("%d objects stay after Clear", len(store.Names()))
	}
}

func add(t *testing.T, s *spool.Spool, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if fresh, err := s.Add(t.Context(), "seen", fmt.Appendf(nil, "key %06d", i)); err != nil || !fresh {
			t.Fatalf("adding key %d: fresh %v, %v", i, fresh, err)
		}
	}
}

func TestRunsHoldNothingInTheOpen(t *testing.T) {
	store := enginetest.NewStore()
	s := spool.New(store, boundSealer{}, "spool/t/c/k", 0, 1024)
	for i := range 500 {
		if _, err := s.Add(t.Context(), "seen", fmt.Appendf(nil, "canary-%d@example.com", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(store.Names()) == 0 {
		t.Fatal("nothing was spilled")
	}
	if store.Contains([]byte("canary")) {
		t.Fatal("a key lies in the object store in the open")
	}
}

func BenchmarkAdd(b *testing.B) {
	s := spool.New(enginetest.NewStore(), boundSealer{}, "spool/t/c/k", 0, 64<<20)
	key := make([]byte, 0, 32)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		key = fmt.Appendf(key[:0], "ordL_%08d", i%100_000)
		if _, err := s.Add(context.Background(), "seen", key); err != nil {
			b.Fatal(err)
		}
	}
}
