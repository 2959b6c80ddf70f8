package disclosure_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/disclosure"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// bulky is a person whose records hardly deflate and alternate between collections, one of which grows columns.
func bulky(n int) disclosure.Input {
	random := rand.New(rand.NewPCG(1, 2))
	noise := func() connector.Value {
		b := make([]byte, 300+random.IntN(600))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return connector.Text(hex.EncodeToString(b))
	}
	var big, small []disclosure.Record
	for i := range n {
		id := connector.Field{Name: "id", Value: connector.Int(int64(i))}
		body := connector.Field{Name: "body", Value: noise()}
		big = append(big, lines([]string{"mail", "chat", "calls"}[i%3], encode(id, body))...)
		if i%7 == 0 {
			big = append(big, lines("docs", encode(id, connector.Field{Name: fmt.Sprintf("field%d", i/70), Value: body.Value}))...)
		}
		small = append(small, lines("tags", encode(id, connector.Field{Name: "who", Value: connector.Withheld(connector.WithheldThirdParty)}))...)
	}
	return input(system("first", small...), system("big", big...), system("last", small[:10]...))
}

const smallVolume = 256 << 10

func TestVolumes(t *testing.T) {
	in := bulky(1500)
	put := stored{}
	r, err := assembler(t, disclosure.Options{VolumeBytes: smallVolume, MemoryBytes: 16 << 10}).Assemble(context.Background(), in, put.put)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Volumes) < 4 || len(put) != len(r.Volumes) {
		t.Fatalf("have %d volumes and %d stored, want at least 4", len(r.Volumes), len(put))
	}
	all := map[string][]byte{}
	for i, v := range r.Volumes {
		sum := sha256.Sum256(put[v.Number])
		if v.Number != i+1 || v.Bytes != int64(len(put[v.Number])) || v.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("volume %d is not what the result says", i+1)
		}
		if v.Bytes > smallVolume {
			t.Errorf("volume %d has %d bytes, more than allowed", i+1, v.Bytes)
		}
		if i < len(r.Volumes)-2 && v.Bytes < smallVolume/2 {
			t.Errorf("volume %d has only %d bytes", i+1, v.Bytes)
		}
		if want := fmt.Sprintf("personal-data-7K3QX-9M2DA-%d-of-%d.zip", i+1, len(r.Volumes)); v.Name != want {
			t.Errorf("volume %d is called %s, want %s", i+1, v.Name, want)
		}
		z := unzip(t, put[v.Number])
		note := fmt.Sprintf("volume-%d.txt", i+1)
		if last := z.File[len(z.File)-1].Name; (i < len(r.Volumes)-1 && last != note) || (i == len(r.Volumes)-1 && last != "manifest.json") {
			t.Errorf("volume %d ends with %s", i+1, last)
		}
		for _, f := range z.File {
			if _, twice := all[f.Name]; twice {
				t.Errorf("%s is in two volumes", f.Name)
			}
			all[f.Name] = content(t, z, f.Name)
		}
	}
	checkWhole(t, in, all)
	page := string(all["index.html"])
	for _, want := range []string{"This answer came as", "[withheld: about other people]", `href="data/big/docs~part2.json"`, "field0"} {
		if !strings.Contains(page, want) {
			t.Errorf("index.html lacks %q", want)
		}
	}
	if got := strings.Count(page, "<tr>"); got < 50 {
		t.Errorf("index.html shows %d rows: those of earlier volumes are missing", got)
	}
}

// checkWhole compares the records in the JSON files, part by part, with what the sources gave.
func checkWhole(t *testing.T, in disclosure.Input, all map[string][]byte) {
	t.Helper()
	validate(t, all["manifest.json"])
	var m disclosure.Manifest
	if err := json.Unmarshal(all["manifest.json"], &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Files)+1 != len(all) {
		t.Errorf("the manifest lists %d files of %d", len(m.Files), len(all)-1)
	}
	for _, f := range m.Files {
		if sum := sha256.Sum256(all[f.Path]); hex.EncodeToString(sum[:]) != f.SHA256 {
			t.Errorf("%s is not what the manifest says", f.Path)
		}
	}
	for i, s := range m.Systems {
		want := map[string][]string{}
		for r, err := range in.Systems[i].Records(context.Background(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			want[r.Collection] = append(want[r.Collection], string(r.Line.Reveal()))
		}
		for _, c := range s.Collections {
			var got []string
			rows := 0
			for _, path := range c.Files {
				if strings.HasSuffix(path, ".csv") {
					rows += bytes.Count(all[path], []byte("\r\n")) - 1
					continue
				}
				var list []json.RawMessage
				if err := json.Unmarshal(all[path], &list); err != nil {
					t.Fatalf("reading %s: %v", path, err)
				}
				for _, l := range list {
					got = append(got, string(l))
				}
			}
			if diff := cmp.Diff(want[c.Name], got); diff != "" || rows != len(got) || c.Records != int64(len(got)) {
				t.Errorf("%s.%s: %d records, %d rows, %d in the manifest", s.Name, c.Name, len(got), rows, c.Records)
			}
		}
	}
}

func TestAKilledAssemblyGoesOnAtTheBorder(t *testing.T) {
	in := bulky(900)
	whole := stored{}
	want, err := assembler(t, disclosure.Options{VolumeBytes: smallVolume}).Assemble(context.Background(), in, whole.put)
	if err != nil {
		t.Fatal(err)
	}
	resumed := stored{}
	var state []byte
	killed := errors.New("killed")
	for round := 0; ; round++ {
		var s disclosure.State
		if state != nil {
			if err := json.Unmarshal(state, &s); err != nil {
				t.Fatal(err)
			}
		}
		// A new process each time; every other one dies while it writes.
		a := assembler(t, disclosure.Options{VolumeBytes: smallVolume, MemoryBytes: 1})
		next, err := a.Step(context.Background(), in, s, func(ctx context.Context, n int, write func(io.Writer) error) error {
			if round%2 == 0 {
				return write(&dying{left: 1000 * round, err: killed})
			}
			return resumed.put(ctx, n, write)
		})
		if round%2 == 0 {
			if !errors.Is(err, killed) {
				t.Fatalf("round %d: %v", round, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if state, err = json.Marshal(next); err != nil {
			t.Fatal(err)
		}
		if next.Done {
			if diff := cmp.Diff(want, next.Result(in)); diff != "" {
				t.Errorf("the result differs from that of one go:\n%s", diff)
			}
			break
		}
	}
	if !maps.EqualFunc(whole, resumed, bytes.Equal) {
		t.Error("the volumes differ from those of one go")
	}
}

// dying fails after left bytes.
type dying struct {
	left int
	err  error
}

func (d *dying) Write(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		return 0, d.err
	}
	return len(p), nil
}

func TestARecordLargerThanAVolume(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, smallVolume)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	records := lines("c", `{"id":1}`, encode(connector.Field{Name: "blob", Value: connector.Bytes(b)}), `{"id":3}`)
	put := stored{}
	r, err := assembler(t, disclosure.Options{VolumeBytes: smallVolume}).Assemble(context.Background(), input(system("s", records...)), put.put)
	if err != nil || r.Records != 3 {
		t.Fatalf("have %d records: %v", r.Records, err)
	}
}

func TestStateOfAnotherInput(t *testing.T) {
	a := assembler(t, disclosure.Options{VolumeBytes: smallVolume})
	s, err := a.Step(context.Background(), bulky(900), disclosure.State{}, stored{}.put)
	if err != nil || s.Done {
		t.Fatalf("first step: done %v, %v", s.Done, err)
	}
	if _, err := a.Step(context.Background(), input(), s, stored{}.put); !fault.Has(err, fault.Invalid) {
		t.Errorf("a state of another input was accepted: %v", err)
	}
}

func TestSerial(t *testing.T) {
	data := map[string][]string{"a": {`{"n":1}`, `{"n":2}`}, "b": {`{"n":3}`}, "c": {`{"n":4}`, `{"n":5}`}}
	read := func(_ context.Context, collection string) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			for _, l := range data[collection] {
				if !yield([]byte(l), nil) {
					return
				}
			}
		}
	}
	records := disclosure.Serial([]disclosure.Content{{"a", 2}, {"b", 1}, {"c", 2}}, read)
	all := []string{`a{"n":1}`, `a{"n":2}`, `b{"n":3}`, `c{"n":4}`, `c{"n":5}`}
	for skip := range len(all) + 2 {
		var got []string
		for r, err := range records(context.Background(), int64(skip)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.Collection+string(r.Line.Reveal()))
		}
		if want := all[min(skip, len(all)):]; len(got) != len(want) || (len(want) > 0 && cmp.Diff(want, got) != "") {
			t.Errorf("skip %d: have %v, want %v", skip, got, want)
		}
	}
	broken := disclosure.Serial([]disclosure.Content{{"a", 2}, {"b", 1}}, func(context.Context, string) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) { yield(nil, io.ErrUnexpectedEOF) }
	})
	n := 0
	for _, err := range broken(context.Background(), 1) {
		n++
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the error of the reader is lost: %v", err)
		}
	}
	if n != 1 {
		t.Errorf("an error came %d times, want once", n)
	}
}

// TestMemoryIsBounded assembles a package many times larger than what may be held.
func TestMemoryIsBounded(t *testing.T) {
	const limit = 40 << 20
	stop := peakHeap()
	_, err := assembler(t, disclosure.Options{MemoryBytes: 1 << 20}).Assemble(context.Background(), many(150_000), discard)
	if err != nil {
		t.Fatal(err)
	}
	if peak := stop(); peak > limit {
		t.Errorf("the heap grew to %d MiB, more than %d", peak>>20, limit>>20)
	}
}
