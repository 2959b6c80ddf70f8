package connector

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/redact"
)

func anyValue() *rapid.Generator[Value] {
	return rapid.Custom(func(t *rapid.T) Value {
		switch rapid.IntRange(0, 9).Draw(t, "type") {
		case 0:
			return Null()
		case 1:
			return Bool(rapid.Bool().Draw(t, "bool"))
		case 2:
			return Int(rapid.Int64().Draw(t, "int"))
		case 3:
			return Float(rapid.Float64().Draw(t, "float"))
		case 4:
			return Decimal(rapid.StringMatching(`-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?`).Draw(t, "decimal"))
		case 5:
			return Bytes(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		case 6:
			sec, off := rapid.Int64Range(-60_000_000_000, 250_000_000_000).Draw(t, "sec"), rapid.IntRange(-14*60, 14*60).Draw(t, "offset")
			return Time(time.Unix(sec, rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")).In(time.FixedZone("", off*60)))
		case 7:
			return JSON([]byte(rapid.SampledFrom([]string{`{"a": [1, "x\"y"], "b": null}`, `[]`, `[ 1.50, {"c":"ü "} ]`, `{}`}).Draw(t, "json")))
		case 8:
			return Withheld(WithheldThirdParty)
		}
		return Text(rapid.String().Draw(t, "text"))
	})
}

func TestValuesDoNotPrint(t *testing.T) {
	const secret = "Zq7Canary"
	v := Text(secret)
	rec := Record{Collection: "c", Key: Key{v}, Fields: []Field{{"name", v}}}
	change := Change{Collection: "c", Key: Key{v}, Action: ActSet, Fields: rec.Fields, Via: rec.Fields, HoldKey: v}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text := fmt.Sprintf(verb+" "+verb+" "+verb+" "+verb+" "+verb, v, rec, &rec, change, rec.Key)
		if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
			t.Errorf("%s prints the value: %s", verb, text)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v, "rec", rec, "change", change, "key", rec.Key)
	if strings.Contains(log.String(), secret) {
		t.Errorf("slog prints the value: %s", log.String())
	}
	for _, x := range []any{v, rec, change, rec.Key, []Value{v}} {
		if b, err := json.Marshal(x); err == nil {
			t.Errorf("%T marshals to %s, want %v", x, b, redact.ErrMarshal)
		}
	}
}

func TestRecordsSurviveTheirJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rec := Record{Collection: "c"}
		for i, v := range rapid.SliceOfN(anyValue(), 0, 8).Draw(t, "values") {
			rec.Fields = append(rec.Fields, Field{fmt.Sprintf("f\"%d\n", i), v})
		}
		line := rec.AppendJSON(nil)
		if !json.Valid(line) || bytes.ContainsAny(line, "\n\r") {
			t.Fatalf("not a line of JSON: %q", line)
		}
		var back Record
		if err := DecodeRecord(line, &back); err != nil {
			t.Fatalf("decoding %q: %v", line, err)
		}
		if again := back.AppendJSON(nil); !bytes.Equal(line, again) {
			t.Fatalf("decoded and encoded:\n%s\nwant\n%s", again, line)
		}
		for i, f := range rec.Fields {
			if f.Value.Type() == TypeInt && back.Fields[i].Value != f.Value {
				t.Fatalf("the integer of field %d changed", i)
			}
		}
	})
}

func TestJSONFormOfValues(t *testing.T) {
	at := time.Date(2027, 3, 1, 9, 30, 0, 120_000_000, time.FixedZone("", 2*3600))
	for want, v := range map[string]Value{
		"null": Null(), "true": Bool(true), "9223372036854775807": Int(math.MaxInt64), "-9223372036854775808": Int(math.MinInt64),
		"12345678901234567890.0100": Decimal("12345678901234567890.0100"), `"1.2.3"`: Decimal("1.2.3"), `"NaN"`: Float(math.NaN()), "0.1": Float(0.1),
		`"2027-03-01T09:30:00.12+02:00"`: Time(at), `"AP8="`: Bytes([]byte{0, 255}), `{"a":[1,2]}`: JSON([]byte(`{ "a" : [1, 2] }`)), `"{"`: JSON([]byte("{")),
		`{"$withheld":"third_party"}`: Withheld(WithheldThirdParty), `"<\/script>"`: Text("<\\/script>"), `"\u2028\u0001\ufffd"`: Text("\u2028\x01\xff"),
	} {
		got := string(v.AppendJSON(nil))
		if want == `"<\/script>"` {
			want = `"<\\/script>"`
		}
		if got != want {
			t.Errorf("JSON form %s, want %s", got, want)
		}
	}
}

func TestKeysSurviveAndSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOfN(anyValue(), 0, 4).Draw(t, "a")
		enc := AppendKey(nil, a)
		back, err := DecodeKey(enc)
		if err != nil || len(back) != len(a) {
			t.Fatalf("decoding a key: %v", err)
		}
		for i := range a {
			if a[i] != back[i] {
				t.Fatalf("value %d of a key changed", i)
			}
		}
		x, y := rapid.Int64().Draw(t, "x"), rapid.Int64().Draw(t, "y")
		if c := bytes.Compare(AppendKey(nil, []Value{Int(x)}), AppendKey(nil, []Value{Int(y)})); (x < y) != (c < 0) {
			t.Fatalf("integers %d and %d sort %d", x, y, c)
		}
		p, q := rapid.String().Draw(t, "p"), rapid.String().Draw(t, "q")
		if c := bytes.Compare(AppendKey(nil, []Value{Text(p)}), AppendKey(nil, []Value{Text(q)})); strings.Compare(p, q) != c {
			t.Fatalf("texts %q and %q sort %d", p, q, c)
		}
	})
}

func TestKeysThatLookAlikeDiffer(t *testing.T) {
	seen := map[string]int{}
	for i, key := range []Key{
		{Null()}, {Text("")}, {Int(0)}, {Text("0")}, {Bool(false)}, {Float(0)}, {Decimal("0")}, {Bytes(nil)}, {Text(""), Text("a")}, {Text("a"), Text("")}, {Text("\x00a")}, {},
	} {
		enc := string(AppendKey(nil, key))
		if j, dup := seen[enc]; dup {
			t.Errorf("keys %d and %d have one form", i, j)
		}
		seen[enc] = i
	}
}

func FuzzDecodeKey(f *testing.F) {
	f.Add(AppendKey(nil, []Value{Int(5), Text("x\x00y"), Null(), Time(time.Unix(0, 5)), Bytes([]byte{1})}))
	f.Fuzz(func(t *testing.T, b []byte) {
		values, err := DecodeKey(b)
		if err != nil {
			return
		}
		if again := AppendKey(nil, values); !bytes.Equal(again, b) {
			t.Fatalf("%x decodes and encodes to %x", b, again)
		}
	})
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":[1,{"c":"]"}],"d":{"$withheld":"denied"},"e":"\u0041","f":-1.5e3}`))
	f.Add([]byte(`{"a": tru}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var rec Record
		if err := DecodeRecord(b, &rec); err != nil {
			return
		}
		line := rec.AppendJSON(nil)
		var again Record
		if err := DecodeRecord(line, &again); err != nil {
			t.Fatalf("%q was read, and what was written of it (%q) is not: %v", b, line, err)
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	rec := benchRecord()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = rec.AppendJSON(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkDecodeRecord(b *testing.B) {
	line := benchRecord().AppendJSON(nil)
	var rec Record
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if err := DecodeRecord(line, &rec); err != nil {
			b.Fatal(err)
		}
	}
}

func benchRecord() *Record {
	return &Record{Collection: "orders", Key: Key{Text("ordL_00000001")}, Fields: []Field{
		{"id", Text("ordL_00000001")},
		{"customer_id", Int(900000001)},
		{"shipping_address_id", Int(2000000002)},
		{"payment_card_id", Text("pay_large")},
		{"placed", Time(time.Unix(1_640_995_200, 0))},
		{"total", Decimal("123.45")},
		{"recipient_name", Text("Large Customer")},
		{"note", Text("Please ring twice, order 1")},
	}}
}
