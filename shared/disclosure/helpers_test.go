package disclosure_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"iter"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/blobs/sealedtemp"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/disclosure"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/redact"
)

var update = flag.Bool("update", false, "rewrite golden files")

var berlin = time.FixedZone("CET", 3600)

// stored is what put wrote, by number.
type stored map[int][]byte

func (s stored) put(_ context.Context, n int, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	s[n] = b.Bytes()
	return nil
}

func assembler(t testing.TB, o disclosure.Options) *disclosure.Assembler {
	t.Helper()
	if o.Temp == nil {
		dir := t.TempDir()
		o.Temp = func(context.Context) (disclosure.Temp, error) { return sealedtemp.New(dir) }
	}
	a, err := disclosure.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return a
}

// lines makes records of one collection from JSON objects.
func lines(collection string, objects ...string) []disclosure.Record {
	var out []disclosure.Record
	for _, o := range objects {
		out = append(out, disclosure.Record{Collection: collection, Line: redact.NewBytes([]byte(o))})
	}
	return out
}

// from serves records as a system does.
func from(records ...disclosure.Record) func(context.Context, int64) iter.Seq2[disclosure.Record, error] {
	return func(_ context.Context, skip int64) iter.Seq2[disclosure.Record, error] {
		return func(yield func(disclosure.Record, error) bool) {
			for _, r := range records[min(skip, int64(len(records))):] {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// system makes a system of collections in the order in which records name them first.
func system(name string, records ...disclosure.Record) disclosure.System {
	s := disclosure.System{Name: name, Outcome: dsar.Found, Records: from(records...)}
	at := map[string]int{}
	for _, r := range records {
		i, ok := at[r.Collection]
		if !ok {
			i = len(s.Collections)
			at[r.Collection] = i
			s.Collections = append(s.Collections, disclosure.Collection{Name: r.Collection, Outcome: dsar.Found})
		}
		s.Collections[i].Records++
	}
	return s
}

func input(systems ...disclosure.System) disclosure.Input {
	return disclosure.Input{
		Reference: "7K3QX-9M2DA", Right: dsar.Access, Locale: "en",
		GeneratedAt: time.Date(2026, 11, 22, 16, 30, 7, 0, berlin), ReceivedAt: time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC),
		Subject:    redact.NewText("Ada Example"),
		Controller: disclosure.Controller{Title: "Fernweh Shop", Name: "Fernweh Shop GmbH, Musterstrasse 1, 10115 Berlin", Contact: "privacy@fernweh.example.com"},
		Law: disclosure.Law{
			Name: "General Data Protection Regulation", Citation: "GDPR Art. 15", GDPR: true, Rights: dsar.Rights(),
			Complaint: []disclosure.Route{{Name: "The authority", URL: "https://authority.example.com/complain", Text: "You can complain to a data protection authority (GDPR Art. 77)."}},
		},
		Systems: systems,
	}
}

// typical is a person of an ordinary shop: 21 records in 11 collections, two of which hold nothing.
func typical() disclosure.Input {
	day := func(n int) string { return time.Date(2025, 1, 1+n, 9, 30, n, 0, time.UTC).Format(time.RFC3339) }
	var r []disclosure.Record
	r = append(r, lines("customer", `{"id":41,"email":"ada@example.com","name":"Ada Example","phone":"+44 7700 900123","created":"`+day(0)+`","address_id":77}`)...)
	r = append(r, lines("address", `{"id":77,"house":"12","street":"Sample Road","city":"Springfield","state":"","zip":"00501"}`,
		`{"id":78,"house":"9b","street":"Probeweg","city":"Köln","state":null,"zip":"50667"}`)...)
	r = append(r, lines("payment_card", `{"id":"pay_1","name":"Ada Example","ccn":{"$withheld":"denied"},"code":{"$withheld":"denied"},"preferred":true,"customer_id":41,"billing_address_id":77}`)...)
	for i := range 4 {
		r = append(r, lines("orders", fmt.Sprintf(`{"id":"ord_%d","customer_id":41,"shipping_address_id":78,"payment_card_id":"pay_1","placed":"%s","total":%d.90,"recipient_name":{"$withheld":"third_party"},"note":"Please ring twice"}`, i, day(i), 1200+i))...)
	}
	for i := range 6 {
		r = append(r, lines("order_item", fmt.Sprintf(`{"order_id":"ord_%d","item_no":%d,"product_id":%d,"quantity":2}`, i%4, i, 900+i))...)
	}
	for i := range 4 {
		r = append(r, lines("login", fmt.Sprintf(`{"id":%d,"customer_id":41,"time":"%s","ip":"192.0.2.%d","user_agent":"Mozilla/5.0 (X11; Linux x86_64)"}`, i, day(i), i))...)
	}
	for i := range 3 {
		r = append(r, lines("visit", fmt.Sprintf(`{"id":%d,"email":"ada@example.com","last_visit":"%s","ip":"192.0.2.1"}`, i, day(i)))...)
	}
	shop := system("shop", r...)
	shop.Title = "Web shop"
	read := time.Date(2026, 11, 22, 15, 2, 0, 0, time.UTC)
	for i := range shop.Collections {
		shop.Collections[i].ReadFrom, shop.Collections[i].ReadTo = read, read.Add(2*time.Second)
		shop.Collections[i].Categories = []string{"user.contact.email", "user.name", "user.behavior.purchase_history"}
	}
	for _, n := range []string{"employee", "report"} {
		shop.Collections = append(shop.Collections, disclosure.Collection{Name: n, Outcome: dsar.NothingHeld, ReadFrom: read, ReadTo: read.Add(2 * time.Second)})
	}
	shop.Collections[0].Retention = "P7Y"
	shop.Facts = disclosure.SystemFacts{Purposes: []string{"to deliver what you order", "to answer your questions"}, Retention: "P10Y", Source: "you", Recipients: []string{"Parcel Express"}}
	archive := disclosure.System{Name: "archive", Title: "Paper archive", Outcome: dsar.NotDone, Note: "The archive is searched by hand. You will get a supplement."}
	crm := disclosure.System{Name: "crm", Title: "Newsletter", Outcome: dsar.NothingHeld, Collections: []disclosure.Collection{{Name: "subscribers", Outcome: dsar.NothingHeld, ReadFrom: read, ReadTo: read}}}
	in := input(shop, crm, archive)
	in.Recipients = []disclosure.Recipient{{Title: "Parcel Express", Country: "NL", Purpose: "delivery"}, {Title: "Card Bank", Country: "US"}}
	return in
}

// assembled makes a package in one volume and opens it.
func assembled(t testing.TB, in disclosure.Input) (disclosure.Result, *zip.Reader) {
	t.Helper()
	put := stored{}
	r, err := assembler(t, disclosure.Options{}).Assemble(context.Background(), in, put.put)
	if err != nil {
		t.Fatalf("Assemble: %v", err)
	}
	if len(r.Volumes) != 1 {
		t.Fatalf("have %d volumes, want 1", len(r.Volumes))
	}
	return r, unzip(t, put[1])
}

func unzip(t testing.TB, b []byte) *zip.Reader {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatalf("opening the zip: %v", err)
	}
	return z
}

// content reads a file of a zip; archive/zip checks size and CRC.
func content(t testing.TB, z *zip.Reader, path string) []byte {
	t.Helper()
	f, err := z.Open(path)
	if err != nil {
		t.Fatalf("opening %s: %v", path, err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatalf("reading %s: %v", path, err)
	}
	return b
}

func manifestOf(t testing.TB, z *zip.Reader) disclosure.Manifest {
	t.Helper()
	var m disclosure.Manifest
	if err := json.Unmarshal(content(t, z, "manifest.json"), &m); err != nil {
		t.Fatalf("reading manifest.json: %v", err)
	}
	return m
}

// encode makes a line of a record the way the engine does.
func encode(fields ...connector.Field) string {
	r := connector.Record{Fields: fields}
	return string(r.AppendJSON(nil))
}
