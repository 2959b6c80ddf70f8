package disclosure_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/disclosure"
	"github.com/habeas-dsar/habeas/shared/redact"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// person has records of every length with a word in them that nobody else has.
func person(n int) (in disclosure.Input, word string) {
	word = fmt.Sprintf("canary-%02d-of-person", n)
	var r []disclosure.Record
	for i := range 400 * (1 + n%3) {
		r = append(r, lines([]string{"notes", "orders", "visits"}[i%3], encode(
			connector.Field{Name: "id", Value: connector.Int(int64(i))},
			connector.Field{Name: "text", Value: connector.Text(strings.Repeat(word+" ", 1+(i*7+n)%40))},
			connector.Field{Name: "about", Value: connector.Withheld(connector.WithheldThirdParty)},
		))...)
	}
	in = input(system("shop", r...))
	in.Subject = redact.NewText(word)
	return in, word
}

// TestNobodyElsesData assembles the packages of many people at once with one assembler, whose buffers they share: no package
// holds a byte of another person, and each is the one that is made when nobody else is there.
func TestNobodyElsesData(t *testing.T) {
	a := assembler(t, disclosure.Options{MemoryBytes: 4 << 10})
	const people = 12
	packages := make([]stored, people)
	var wg sync.WaitGroup
	for n := range people {
		packages[n] = stored{}
		wg.Go(func() {
			in, _ := person(n)
			if _, err := a.Assemble(context.Background(), in, packages[n].put); err != nil {
				t.Errorf("person %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	for n := range people {
		in, own := person(n)
		z := unzip(t, packages[n][1])
		for _, f := range z.File {
			b := content(t, z, f.Name)
			rest := bytes.ReplaceAll(b, []byte(own), nil)
			if bytes.Contains(rest, []byte("canary")) {
				t.Errorf("%s of person %d has somebody else's data", f.Name, n)
			}
			if f.Name == "index.html" && len(rest) == len(b) {
				t.Errorf("index.html of person %d has nothing of the person", n)
			}
		}
		alone := stored{}
		if _, err := assembler(t, disclosure.Options{}).Assemble(context.Background(), in, alone.put); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(alone[1], packages[n][1]) {
			t.Errorf("the package of person %d depends on who else is served", n)
		}
	}
}
