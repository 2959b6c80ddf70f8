package table_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

func put(pk, sk string) table.Write {
	return table.Write{Op: table.Put, Item: table.Item{Key: table.Key{Table: table.Cases, PK: pk, SK: sk}}}
}

func with(w table.Write, change func(*table.Write)) table.Write {
	change(&w)
	return w
}

func many(n, body int) []table.Write {
	writes := make([]table.Write, n)
	for i := range writes {
		writes[i] = with(put("p", strconv.Itoa(1000+i)), func(w *table.Write) { w.Item.Body = make([]byte, body) })
	}
	return writes
}

func TestValidate(t *testing.T) {
	long, longest := strings.Repeat("k", table.MaxKeyBytes+1), strings.Repeat("k", table.MaxKeyBytes)
	room := table.MaxItemBytes - table.ItemOverhead - 2 // body beside keys "p" and "s"
	share := table.MaxTransactionBytes/64 - table.ItemOverhead - 5
	tests := []struct {
		name   string
		writes []table.Write
		field  string // of the error; "-" = valid
	}{
		{"smallest", []table.Write{put("p", "s")}, "-"},
		{"none", nil, ""},
		{"most writes", many(100, 0), "-"},
		{"one write too many", many(101, 0), ""},
		{"unknown operation", []table.Write{with(put("p", "s"), func(w *table.Write) { w.Op = 0 })}, "/0/op"},
		{"operation of the future", []table.Write{with(put("p", "s"), func(w *table.Write) { w.Op = table.Check + 1 })}, "/0/op"},
		{"unknown table", []table.Write{with(put("p", "s"), func(w *table.Write) { w.Item.Table = "people" })}, "/0/item/table"},
		{"empty pk", []table.Write{put("p", "s"), put("", "s")}, "/1/item/pk"},
		{"empty sk", []table.Write{put("p", "")}, "/0/item/sk"},
		{"longest key", []table.Write{put(longest, longest)}, "-"},
		{"pk too long", []table.Write{put(long, "s")}, "/0/item/pk"},
		{"sk too long", []table.Write{put("p", long)}, "/0/item/sk"},
		{"key not UTF-8", []table.Write{put("p", "s\xff")}, "/0/item/sk"},
		{"ipk alone", []table.Write{with(put("p", "s"), func(w *table.Write) { w.Item.IPK = "i" })}, "/0/item/isk"},
		{"isk alone", []table.Write{with(put("p", "s"), func(w *table.Write) { w.Item.ISK = "i" })}, "/0/item/isk"},
		{"ipk too long", []table.Write{with(put("p", "s"), func(w *table.Write) { w.Item.IPK, w.Item.ISK = long, "i" })}, "/0/item/ipk"},
		{"isk not UTF-8", []table.Write{with(put("p", "s"), func(w *table.Write) { w.Item.IPK, w.Item.ISK = "i", "\xc3" })}, "/0/item/isk"},
		{"largest item", []table.Write{with(put("p", "s"), func(w *table.Write) { w.Item.Body = make([]byte, room) })}, "-"},
		{"item too large", []table.Write{with(put("p", "s"), func(w *table.Write) { w.Item.Body = make([]byte, room+1) })}, "/0/item/body"},
		{"largest transaction", many(64, share), "-"},
		{"transaction too large", append(many(64, share), with(put("q", "s"), func(w *table.Write) { w.Op = table.Delete })), ""},
		{"same key twice", []table.Write{put("p", "s"), with(put("p", "s"), func(w *table.Write) { w.Op, w.If = table.Check, 1 })}, "/1/item/sk"},
		{"same key twice among many", append(many(60, 0), put("p", "1003")), "/60/item/sk"},
		{"same key in two tables", []table.Write{put("p", "s"), with(put("p", "s"), func(w *table.Write) { w.Item.Table = table.Ledger })}, "-"},
		{"condition below any", []table.Write{with(put("p", "s"), func(w *table.Write) { w.If = -2 })}, "/0/if"},
		{"check of anything", []table.Write{with(put("p", "s"), func(w *table.Write) { w.Op, w.If = table.Check, table.AnyVersion })}, "/0/if"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantField(t, table.Validate(tt.writes...), tt.field) })
	}
}

func TestValidateQuery(t *testing.T) {
	long := strings.Repeat("k", table.MaxKeyBytes+1)
	good := table.Query{Table: table.Cases, PK: "p"}
	tests := []struct {
		name   string
		change func(*table.Query)
		field  string
	}{
		{"smallest", func(*table.Query) {}, "-"},
		{"unknown table", func(q *table.Query) { q.Table = "" }, "/table"},
		{"no pk", func(q *table.Query) { q.PK = "" }, "/pk"},
		{"pk not UTF-8", func(q *table.Query) { q.PK = "\x80" }, "/pk"},
		{"prefix", func(q *table.Query) { q.Prefix = "a" }, "-"},
		{"bounds", func(q *table.Query) { q.From, q.To = "a", "b" }, "-"},
		{"empty range", func(q *table.Query) { q.From, q.To = "b", "a" }, "-"},
		{"prefix and from", func(q *table.Query) { q.Prefix, q.From = "a", "b" }, "/prefix"},
		{"prefix and to", func(q *table.Query) { q.Prefix, q.To = "a", "b" }, "/prefix"},
		{"long prefix", func(q *table.Query) { q.Prefix = long }, "/prefix"},
		{"long from", func(q *table.Query) { q.From = long }, "/from"},
		{"to not UTF-8", func(q *table.Query) { q.To = "\xff" }, "/to"},
		{"largest page", func(q *table.Query) { q.Limit = table.MaxPage }, "-"},
		{"page too large", func(q *table.Query) { q.Limit = table.MaxPage + 1 }, "/limit"},
		{"negative page", func(q *table.Query) { q.Limit = -1 }, "/limit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := good
			tt.change(&q)
			wantField(t, table.ValidateQuery(q), tt.field)
		})
	}
}

func TestValidateKey(t *testing.T) {
	wantField(t, table.ValidateKey(table.Key{Table: table.Tokens, PK: "p", SK: "\x00é"}), "-")
	wantField(t, table.ValidateKey(table.Key{Table: table.Tokens, PK: "p"}), "/sk")
	wantField(t, table.ValidateKey(table.Key{PK: "p", SK: "s"}), "/table")
	for _, n := range table.Names() {
		if !n.Valid() {
			t.Errorf("%s is listed but not valid", n)
		}
	}
}

func TestStoredExpiry(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))
	tests := []struct{ in, want time.Time }{
		{time.Time{}, time.Time{}},
		{at, at.UTC()},
		{at.Add(1), at.UTC().Add(time.Second)},
		{at.Add(time.Second - 1), at.UTC().Add(time.Second)},
		{time.Unix(-1, 5), time.Unix(0, 0).UTC()},
	}
	for _, tt := range tests {
		if got := table.StoredExpiry(tt.in); got != tt.want {
			t.Errorf("StoredExpiry(%v) = %v, want %v", tt.in, got, tt.want)
		}
	}
	it := table.Item{ExpiresAt: at}
	if it.Expired(at.Add(-1)) || !it.Expired(at) || (&table.Item{}).Expired(at) {
		t.Error("an item expires exactly at ExpiresAt, and one without never")
	}
}

// wantField fails unless err is fault.Invalid and points at field, or nil when field is "-".
func wantField(t *testing.T, err error, field string) {
	t.Helper()
	if field == "-" {
		if err != nil {
			t.Errorf("got %v, want valid", err)
		}
		return
	}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Class != fault.Invalid || e.Field != field {
		t.Errorf("got %#v, want invalid at %q", err, field)
	}
}
