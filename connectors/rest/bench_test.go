package rest

import (
	"fmt"
	"testing"

	"github.com/habeas-dsar/habeas/connectors/rest/crm"
	"github.com/habeas-dsar/habeas/shared/connector"
)

// shelves is a CRM with n things of one person.
func shelves(b *testing.B, n int) (*crm.Server, *System) {
	b.Helper()
	server := startCRM(b, crm.Config{PageLimit: 1000, Objects: []crm.Object{{Name: "things", Fields: []string{"id", "email", "words", "tags"}, Key: []string{"id"}}}})
	fill(b, server, n)
	read := "{by: [email], path: /objects/things, query: {email: '{email}', cursor: '{$cursor}', limit: '{$limit}'}, records: $.results, paging: {type: cursor, next: $.next, size: 1000}}"
	yaml := "auth: {type: none}\ncheck: {path: /me}\ncollections:\n  things:\n    read:\n      - " + read +
		"\n      - {by: [id], path: '/objects/things/{id}', one: true, notFound: none}\n    erase: {method: DELETE, path: '/objects/things/{id}'}\n"
	s, err := openWith(b, yaml, server.URL(), nil)
	if err != nil {
		b.Fatal(err)
	}
	return server, s
}

func fill(b *testing.B, server *crm.Server, n int) {
	b.Helper()
	for i := range n {
		if err := server.Put("things", crm.Record{"id": i, "email": "a@example.com", "words": fmt.Sprint("some words ", i)}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAccess reads 10,000 records in pages of 1,000.
func BenchmarkAccess(b *testing.B) {
	_, s := shelves(b, 10_000)
	for b.Loop() {
		sink := &counter{}
		p, err := s.Access(b.Context(), connector.Call{Identifiers: mail(b, "a@example.com"), Spool: newSpool(b), Records: sink, Request: once})
		if err != nil || !p.Finished || sink.n != 10_000 {
			b.Fatalf("%d records, finished %t, %v", sink.n, p.Finished, err)
		}
	}
}

// BenchmarkErase reads and deletes 500 records, one request each, four at a time.
func BenchmarkErase(b *testing.B) {
	const n = 500
	server, s := shelves(b, 0)
	var batch []connector.Change
	for i := range n {
		batch = append(batch, connector.Change{Collection: "things", Key: connector.Key{connector.Int(int64(i))}, Action: connector.ActDelete})
	}
	for b.Loop() {
		b.StopTimer()
		fill(b, server, n)
		b.StartTimer()
		if effects, err := s.apply(b.Context(), batch); err != nil || len(effects) != n {
			b.Fatalf("%d effects, %v", len(effects), err)
		}
	}
}
