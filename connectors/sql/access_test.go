package sql_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/connectors/sql"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/test/bench/shop"
)

// family has what a shop has: customers who share an address, composite keys, a tree of comments, staff who answer.
const family = `
CREATE TABLE address (id INTEGER PRIMARY KEY, street TEXT);
CREATE TABLE staff (id INTEGER PRIMARY KEY, email TEXT, name TEXT);
CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT, phone TEXT, name TEXT, address_id INTEGER REFERENCES address(id), best_friend INTEGER);
CREATE INDEX customer_email ON customer(email);
CREATE TABLE sale (region TEXT, number INTEGER, customer_id INTEGER, note TEXT, PRIMARY KEY (region, number));
CREATE TABLE line (region TEXT, number INTEGER, pos INTEGER, what TEXT, PRIMARY KEY (region, number, pos)) WITHOUT ROWID;
CREATE TABLE comment (id TEXT PRIMARY KEY, customer_id INTEGER, parent TEXT, body TEXT);
CREATE TABLE request (id INTEGER PRIMARY KEY, email TEXT, staff_id INTEGER, body TEXT);
INSERT INTO address VALUES (1, 'Shared Street'), (2, 'Other Street');
INSERT INTO staff VALUES (1, 'staff@shop.test', 'Staff Person');
INSERT INTO customer VALUES (1, 'ann@example.com', '+15550100001', 'Ann', 1, 2), (2, 'bob@example.com', '+15550100002', 'Bob', 1, 1), (3, 'cyd@example.com', '+15550100003', 'Cyd', 2, NULL),
  (4, 'dee@example.com', '+15550100003', 'Dee', 2, NULL);
INSERT INTO sale VALUES ('eu', 1, 1, 'ann eu 1'), ('eu', 2, 2, 'bob eu 2'), ('us', 1, 2, 'bob us 1'), ('us', 2, 1, 'ann us 2');
INSERT INTO line VALUES ('eu', 1, 1, 'ann line'), ('eu', 2, 1, 'bob line a'), ('us', 1, 1, 'bob line b'), ('us', 2, 1, 'ann line b'), ('us', 2, 2, 'ann line c');
INSERT INTO comment VALUES ('a', 1, NULL, 'ann asks'), ('b', NULL, 'a', 'answer'), ('c', NULL, 'b', 'answer to the answer'), ('d', 2, NULL, 'bob asks'), ('e', NULL, 'e', 'answers itself');
INSERT INTO request VALUES (1, 'ann@example.com', 1, 'ann needs help'), (2, 'bob@example.com', 1, 'bob needs help');
`

const familyMap = `
dataset:
  - fides_key: family
    collections:
      - name: address
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - {name: street, data_categories: [user.contact.address.street]}
      - name: staff
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: name, data_categories: [user.name]}
      - name: customer
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: phone, data_categories: [user.contact.phone_number], fides_meta: {identity: phone}}
          - {name: name, data_categories: [user.name]}
          - {name: address_id, data_categories: [system.operations], fides_meta: {references: [{dataset: family, field: address.id, direction: to}]}}
          - {name: best_friend, data_categories: [user.unique_id], habeas_meta: {third_party: true}}
      - name: sale
        fields:
          - {name: region, data_categories: [user.behavior], fides_meta: {primary_key: True}}
          - {name: number, data_categories: [user.behavior], fides_meta: {primary_key: True}}
          - {name: customer_id, data_categories: [user.unique_id], fides_meta: {references: [{dataset: family, field: customer.id, direction: from}]}}
          - {name: note, data_categories: [user.content]}
      - name: line
        fields:
          - {name: region, data_categories: [user.behavior], fides_meta: {primary_key: True, references: [{dataset: family, field: sale.region, direction: from}]}}
          - {name: number, data_categories: [user.behavior], fides_meta: {primary_key: True, references: [{dataset: family, field: sale.number, direction: from}]}}
          - {name: pos, data_categories: [user.behavior], fides_meta: {primary_key: True}}
          - {name: what, data_categories: [user.content]}
      - name: comment
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - {name: customer_id, data_categories: [user.unique_id], fides_meta: {references: [{dataset: family, field: customer.id, direction: from}]}}
          - name: parent
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: family, field: comment.id, direction: from}]}
            habeas_meta: {self_reference: true}
          - {name: body, data_categories: [user.content]}
      - name: request
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: staff_id, data_categories: [user.unique_id], fides_meta: {references: [{dataset: family, field: staff.id, direction: from}]}}
          - {name: body, data_categories: [user.content]}
`

// TestAccessReadsOnePerson: nothing of Bob, who shares Ann's address and half of the parts of her keys; nothing of the
// member of staff who answered; the whole tree of answers.
func TestAccessReadsOnePerson(t *testing.T) {
	s := newSystem(t, familyMap, family)
	want := []string{
		`address "1"`, `comment "a"`, `comment "b"`, `comment "c"`, `customer "1"`,
		`line "eu","1","1"`, `line "us","2","1"`, `line "us","2","2"`, `request "1"`, `sale "eu","1"`, `sale "us","2"`,
	}
	for _, perCall := range []int{0, 1, 3} {
		records, p := s.access(t, perCall, mail(t, "ann@example.com")...)
		if diff := cmp.Diff(want, keysOf(records)); diff != "" {
			t.Errorf("in calls of %d (-want +got):\n%s", perCall, diff)
		}
		for _, line := range lines(records) {
			if low := strings.ToLower(line); strings.Contains(low, "bob") || strings.Contains(low, "staff person") {
				t.Error("a record of somebody else was read")
			}
		}
		if len(p.Collections) != 7 && perCall == 0 {
			t.Errorf("%d collections in the answer, want 7", len(p.Collections))
		}
	}
}

func TestAccessOfNobodyIsNothingHeld(t *testing.T) {
	s := newSystem(t, familyMap, family)
	records, p := s.access(t, 0, mail(t, "nobody@example.com")...)
	if len(records) != 0 {
		t.Errorf("%d records", len(records))
	}
	for _, c := range p.Collections {
		if c.Outcome != connector.NothingHeld {
			t.Errorf("%s: %s", c.Collection, c.Outcome)
		}
	}
}

func TestSharedTelephoneIsAmbiguous(t *testing.T) {
	s := newSystem(t, familyMap, family)
	q := connector.Query{Proven: mail(t, "cyd@example.com"), Found: []subject.Identifier{identifier(t, subject.Phone, "+15550100003")}}
	located, err := s.Locate(t.Context(), q)
	if err != nil || located.Ambiguity == nil || len(located.Identifiers) != 0 {
		t.Fatalf("ambiguity %v, %d identifiers, %v", located.Ambiguity, len(located.Identifiers), err)
	}
	if located.Ambiguity.Collection != "customer" || located.Ambiguity.By != subject.Phone {
		t.Errorf("%+v", located.Ambiguity)
	}
	records, p := s.access(t, 0, q.Known()...)
	for _, r := range records {
		if v, _ := r.Get("name"); v == connector.Text("Dee") {
			t.Error("the other person was disclosed")
		}
	}
	if !slices.ContainsFunc(p.Collections, func(c connector.CollectionResult) bool { return c.Outcome == connector.Ambiguous }) {
		t.Errorf("%+v", p.Collections)
	}
}

func TestLocateLearnsIdentifiers(t *testing.T) {
	s := newSystem(t, familyMap, family)
	located, err := s.Locate(t.Context(), connector.Query{Proven: mail(t, "ann@example.com")})
	if err != nil || located.Ambiguity != nil {
		t.Fatal(err, located.Ambiguity)
	}
	if len(located.Identifiers) != 1 || located.Identifiers[0].Reveal().Value != "+15550100001" {
		t.Errorf("learned %d identifiers", len(located.Identifiers))
	}
}

// TestAwkwardKeys: 0, the empty text, negative numbers, quotes, half-null composites and values of the wrong type are keys
// like any other.
func TestAwkwardKeys(t *testing.T) {
	s := newSystem(t, `
dataset:
  - fides_key: awkward
    collections:
      - name: person
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
      - name: thing
        fields:
          - {name: owner, data_categories: [user.unique_id], fides_meta: {primary_key: True, references: [{dataset: awkward, field: person.id, direction: from}]}}
          - {name: part, data_categories: [user.content], fides_meta: {primary_key: True}}
`, `CREATE TABLE person (id PRIMARY KEY, email TEXT)`, `CREATE TABLE thing (owner, part, PRIMARY KEY (owner, part))`,
		`INSERT INTO person VALUES (0, 'zero@example.com'), ('', 'empty@example.com'), (-5, 'minus@example.com'), ('O''Hara"; DROP TABLE person; --', 'quote@example.com'), (42, 'number@example.com'), ('042', 'text@example.com'), (x'00ff', 'bytes@example.com')`,
		`INSERT INTO thing VALUES (0, ''), (0, NULL), ('', 0), ('', 'x'), (-5, 1), ('O''Hara"; DROP TABLE person; --', ''), (42, 1), ('42', 2), ('042', 3), (x'00ff', x'')`)
	for email, want := range map[string][]string{
		"zero@example.com":   {`person "0"`, `thing "0",""`, `thing "0",NULL`},
		"empty@example.com":  {`person ""`, `thing "","0"`, `thing "","x"`},
		"minus@example.com":  {`person "-5"`, `thing "-5","1"`},
		"quote@example.com":  {`person "O'Hara\"; DROP TABLE person; --"`, `thing "O'Hara\"; DROP TABLE person; --",""`},
		"number@example.com": {`person "42"`, `thing "42","1"`, `thing "42","2"`},
		"text@example.com":   {`person "042"`, `thing "042","3"`},
		"bytes@example.com":  {`person "AP8="`, `thing "AP8=",""`},
	} {
		records, _ := s.access(t, 1, mail(t, email)...)
		if diff := cmp.Diff(want, keysOf(records)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", email, diff)
		}
	}
	if n := s.count(t, "SELECT count(*) FROM person"); n != 7 {
		t.Errorf("%d people left", n)
	}
}

// Two rows with one key, null in part, cannot be told apart: an error, not one of them.
func TestTwinKeysAreRefused(t *testing.T) {
	s := newSystem(t, `
dataset:
  - fides_key: twins
    collections:
      - name: twin
        fields:
          - {name: a, data_categories: [user.content], fides_meta: {primary_key: True}}
          - {name: b, data_categories: [user.content], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
`, `CREATE TABLE twin (a, b, email TEXT, PRIMARY KEY (a, b))`, `INSERT INTO twin VALUES (1, NULL, 'ann@example.com'), (1, NULL, 'ann@example.com')`)
	sink := &collector[*connector.Record]{copy: (*connector.Record).Clone}
	_, err := s.Access(t.Context(), connector.Call{Identifiers: mail(t, "ann@example.com"), Spool: newSpool(t), Records: sink, Request: once})
	wantClass(t, err, "invalid")
}

// Cycles of references end, over two tables and within one.
func TestCyclesEnd(t *testing.T) {
	s := newSystem(t, `
dataset:
  - fides_key: loop
    collections:
      - name: a
        fields:
          - {name: id, data_categories: [user.content], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: b, data_categories: [user.content], fides_meta: {references: [{dataset: loop, field: b.id, direction: to}]}}
      - name: b
        fields:
          - {name: id, data_categories: [user.content], fides_meta: {primary_key: True}}
          - {name: a, data_categories: [user.content], fides_meta: {references: [{dataset: loop, field: a.id, direction: to}]}}
`, `CREATE TABLE a (id INTEGER PRIMARY KEY, email TEXT, b INTEGER)`, `CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER)`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200) INSERT INTO a SELECT i, CASE i WHEN 1 THEN 'ann@example.com' END, i FROM n`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200) INSERT INTO b SELECT i, i % 1200 + 1 FROM n`)
	records, _ := s.access(t, 500, mail(t, "ann@example.com")...)
	if got := keysOf(records); len(got) != 2400 || len(slices.Compact(got)) != 2400 {
		t.Errorf("%d records, want 2,400 different ones", len(got))
	}
}

// TestPagesAreWhole reads people whose rows fill several pages by every way of finding rows, in small calls, while the table
// orders rows otherwise than by key.
func TestPagesAreWhole(t *testing.T) {
	const rows = 2345
	for _, schema := range []string{
		`CREATE TABLE entry (k TEXT PRIMARY KEY, email TEXT, n INTEGER)`,
		`CREATE TABLE entry (k TEXT PRIMARY KEY, email TEXT, n INTEGER); CREATE INDEX e ON entry(email)`,
		`CREATE TABLE entry (k TEXT PRIMARY KEY, email TEXT, n INTEGER) WITHOUT ROWID; CREATE INDEX e ON entry(email, n)`,
		`CREATE TABLE entry (rowid TEXT, k TEXT UNIQUE, email TEXT, n INTEGER); CREATE INDEX e ON entry(email)`,
		`CREATE TABLE entry (rowid TEXT, _rowid_ TEXT, oid TEXT, k TEXT PRIMARY KEY, email TEXT, n INTEGER)`,
	} {
		s := newSystem(t, `
dataset:
  - fides_key: pages
    collections:
      - name: entry
        habeas_meta: {where: {n: [0, 1, 2]}}
        fields:
          - {name: k, data_categories: [user.content], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: n, data_categories: [user.content]}
`, schema, fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO entry (k, email, n) SELECT printf('%%05d', i * 7919 %% 10007), 'ann@example.com', i %% 4 FROM n`, rows))
		s.exec(t, "INSERT INTO entry (k, email, n) SELECT k || 'x', 'bob@example.com', n FROM entry")
		records, _ := s.access(t, 100, mail(t, "ann@example.com")...)
		want := s.count(t, "SELECT count(*) FROM entry WHERE email = 'ann@example.com' AND n < 3")
		if got := keysOf(records); len(got) != want || len(slices.Compact(got)) != want {
			t.Errorf("%s: %d records, want %d different ones", schema, len(records), want)
		}
	}
}

// A row deleted between two pages takes nothing else with it.
func TestRowGoneBetweenPages(t *testing.T) {
	s := newSystem(t, familyMap, family, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
		INSERT INTO comment SELECT printf('z%05d', 5000 - i), 1, NULL, 'more' FROM n`)
	sink := &collector[*connector.Record]{copy: (*connector.Record).Clone, fullFrom: 1}
	call := connector.Call{Identifiers: mail(t, "ann@example.com"), Spool: newSpool(t), Records: sink, Request: once}
	for deleted := 0; ; {
		p, err := s.Access(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		if p.Finished {
			if deleted < 2 {
				t.Error("the rows never filled a page")
			}
			break
		}
		call.Cursor, sink.put = p.Cursor, 0
		if last := sink.items[len(sink.items)-1]; last.Collection == "comment" && deleted < 3 {
			s.exec(t, "DELETE FROM comment WHERE id = ?", last.Key[0].RevealText())
			deleted++
		}
	}
	got := map[string]bool{}
	for _, r := range sink.items {
		if k := keysOf([]*connector.Record{r})[0]; got[k] {
			t.Error("a record was read twice")
		} else {
			got[k] = true
		}
	}
	comments := 0
	for k := range got {
		if strings.HasPrefix(k, `comment "z`) {
			comments++
		}
	}
	if comments != 3000 {
		t.Errorf("%d comments, want 3,000", comments)
	}
}

func TestBenchShopGivesEveryRow(t *testing.T) {
	s := benchShop(t, 50, 2500)
	for i := 1; i <= 50; i++ {
		records, _ := s.access(t, 0, mail(t, shop.Email(i))...)
		if len(records) != shop.RowsPerCustomer {
			t.Errorf("customer %d: %d rows, want %d", i, len(records), shop.RowsPerCustomer)
		}
	}
	if n := s.readAll(t, shop.LargeEmail); n != 2500+shop.LargeRows {
		t.Errorf("the large customer: %d rows", n)
	}
}

// References between systems travel as identifiers: Locate in one names them, the other finds rows by them.
func TestReferencesBetweenSystems(t *testing.T) {
	const (
		shopMap = "dataset:\n  - fides_key: crm\n    collections:\n      - name: person\n        fields:\n" +
			"          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: True}}\n          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}\n"
		playMap = "dataset:\n  - fides_key: play\n    collections:\n      - name: score\n        fields:\n" +
			"          - {name: id, data_categories: [user.content], fides_meta: {primary_key: True}}\n          - {name: player, data_categories: [user.unique_id], fides_meta: {references: [{dataset: crm, field: person.id, direction: from}]}}\n"
	)
	crm, play := readDataset(t, shopMap), readDataset(t, playMap)
	openWith := func(own, other *connector.Dataset, statements ...string) system {
		dir, db := newDatabase(t, statements...)
		c, err := sql.SQLite().Open(t.Context(), connector.OpenInput{Settings: json.RawMessage(`{"path":"target.db"}`), Dataset: own, Others: []*connector.Dataset{other}, BaseDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return system{c.(*sql.System), db, dir}
	}
	first := openWith(crm, play, `CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT)`, `INSERT INTO person VALUES (0, 'ann@example.com'), (1, 'bob@example.com')`)
	second := openWith(play, crm, `CREATE TABLE score (id INTEGER PRIMARY KEY, player TEXT)`, `INSERT INTO score VALUES (1, '0'), (2, '1'), (3, '0'), (4, '00')`)
	located, err := first.Locate(t.Context(), connector.Query{Proven: mail(t, "ann@example.com")})
	if err != nil || len(located.Identifiers) != 1 {
		t.Fatalf("%d identifiers, %v", len(located.Identifiers), err)
	}
	records, _ := second.access(t, 0, located.Identifiers...)
	if diff := cmp.Diff([]string{`score "1"`, `score "3"`}, keysOf(records)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A database in WAL mode, with its application connected and writing, is read as it is.
func TestWriteAheadLog(t *testing.T) {
	s := newSystem(t, familyMap, "PRAGMA journal_mode = wal", family)
	s.exec(t, "BEGIN IMMEDIATE")
	s.exec(t, "UPDATE sale SET note = 'not committed' WHERE customer_id = 1")
	records, _ := s.access(t, 0, mail(t, "ann@example.com")...)
	if len(records) != 11 || strings.Contains(strings.Join(lines(records), ""), "not committed") {
		t.Errorf("%d records", len(records))
	}
	s.exec(t, "COMMIT")
	records, _ = s.access(t, 0, mail(t, "ann@example.com")...)
	if n := strings.Count(strings.Join(lines(records), ""), "not committed"); n != 2 {
		t.Errorf("%d of the changes are seen, want 2", n)
	}
}
