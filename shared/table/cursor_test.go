package table_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

func keyPart() *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringN(1, 12, 40), rapid.Just(strings.Repeat("k", table.MaxKeyBytes)))
}

func someQuery(t *rapid.T) table.Query {
	q := table.Query{
		Table:      rapid.SampledFrom(table.Names()).Draw(t, "table"),
		Index:      rapid.Bool().Draw(t, "index"),
		PK:         keyPart().Draw(t, "pk"),
		Descending: rapid.Bool().Draw(t, "descending"),
	}
	if rapid.Bool().Draw(t, "prefixed") {
		q.Prefix = keyPart().Draw(t, "prefix")
	} else {
		q.From, q.To = rapid.StringN(0, 3, 12).Draw(t, "from"), rapid.StringN(0, 3, 12).Draw(t, "to")
	}
	return q
}

func TestCursorReturnsItsPosition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := someQuery(t)
		it := table.Item{IPK: "i", ISK: keyPart().Draw(t, "isk")}
		it.PK, it.SK = keyPart().Draw(t, "itempk"), keyPart().Draw(t, "itemsk")
		q.Cursor = table.NewCursor(q, &it)
		q.Limit = 7 // the size of a page may change on the way
		p, started, err := table.ParseCursor(q)
		want := table.Position{SK: it.SK}
		if q.Index {
			want = table.Position{ISK: it.ISK, PK: it.PK, SK: it.SK}
		}
		if err != nil || !started || p != want {
			t.Fatalf("got %+v %t %v, want %+v", p, started, err, want)
		}
	})
}

func TestCursorOfAnotherQueryIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, other := someQuery(t), someQuery(t)
		if rapid.Bool().Draw(t, "near") {
			other = one
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				other.Descending = !other.Descending
			case 1:
				other.Index = !other.Index
			case 2:
				other.PK += "x"
			case 3:
				other.Prefix, other.From, other.To = other.Prefix+"x", "", ""
			}
		}
		if one == other {
			return
		}
		it := table.Item{Key: table.Key{PK: "p", SK: "s"}, IPK: "i", ISK: "s"}
		other.Cursor = table.NewCursor(one, &it)
		if _, _, err := table.ParseCursor(other); !fault.Has(err, fault.Invalid) {
			t.Fatalf("got %v, want invalid", err)
		}
	})
}

func TestCursorChangedAnywhereIsRefused(t *testing.T) {
	q := table.Query{Table: table.Cases, PK: "p", Prefix: "M#"}
	good := table.NewCursor(q, &table.Item{Key: table.Key{PK: "p", SK: "M#0001"}})
	for i := range len(good) {
		for _, c := range []byte("A_0=\x00") {
			bad := good[:i] + string(c) + good[i+1:]
			if bad == good {
				continue
			}
			q.Cursor = bad
			if _, _, err := table.ParseCursor(q); !fault.Has(err, fault.Invalid) {
				t.Fatalf("byte %d as %q: got %v, want invalid", i, c, err)
			}
		}
		q.Cursor = good[:i]
		if _, started, err := table.ParseCursor(q); i > 0 && !fault.Has(err, fault.Invalid) || i == 0 && started {
			t.Fatalf("cut at %d: got %t %v", i, started, err)
		}
	}
}

// FuzzParseCursor holds the parser to two promises: it never accepts what NewCursor would not have written, and what it
// accepts are keys by the key rules.
func FuzzParseCursor(f *testing.F) {
	it := table.Item{Key: table.Key{PK: "p", SK: "s"}, IPK: "i", ISK: "2026-03-01"}
	main, index := table.Query{Table: table.Cases, PK: "p"}, table.Query{Table: table.Cases, PK: "p", Index: true}
	f.Add(table.NewCursor(main, &it), false)
	f.Add(table.NewCursor(index, &it), true)
	f.Add("", false)
	f.Add("!", true)
	f.Add(base64.RawURLEncoding.EncodeToString(make([]byte, 40)), true)
	f.Add(strings.Repeat("A", 10000), false)
	f.Fuzz(func(t *testing.T, cursor string, indexed bool) {
		q := main
		if indexed {
			q = index
		}
		q.Cursor = cursor
		p, started, err := table.ParseCursor(q)
		if err != nil {
			if !fault.Has(err, fault.Invalid) {
				t.Fatalf("class of %v", err)
			}
			return
		}
		if started != (cursor != "") {
			t.Fatalf("started = %t", started)
		}
		if !started {
			return
		}
		at := table.Item{Key: table.Key{PK: p.PK, SK: p.SK}, ISK: p.ISK}
		if again := table.NewCursor(q, &at); again != cursor {
			t.Fatalf("accepted %q, would have written %q", cursor, again)
		}
		if !indexed {
			p.PK = "p" // a query of the main key says it itself
		}
		if table.ValidateKey(table.Key{Table: table.Cases, PK: p.PK, SK: p.SK}) != nil {
			t.Fatal("a position breaks the key rules")
		}
	})
}
