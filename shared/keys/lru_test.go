package keys

import "testing"

func TestLRUIsBounded(t *testing.T) {
	l := newLRU[int, string](3)
	for i := range 3 {
		l.put(i, "old")
	}
	l.get(0)        // 1 is now the oldest
	l.put(2, "new") // no new entry
	l.put(3, "new") // drops 1
	l.drop(9)       // was never there
	for k, want := range map[int]string{0: "old", 2: "new", 3: "new"} {
		if got, ok := l.get(k); !ok || got != want {
			t.Errorf("entry %d is %q, want %q", k, got, want)
		}
	}
	if _, ok := l.get(1); ok || l.order.Len() != 3 || len(l.byKey) != 3 {
		t.Errorf("%d entries are kept, want 3 without the oldest", len(l.byKey))
	}
	l.drop(0)
	if _, ok := l.get(0); ok || l.order.Len() != 2 || len(l.byKey) != 2 {
		t.Error("a dropped entry is still there")
	}
}
