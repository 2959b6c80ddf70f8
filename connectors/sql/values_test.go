package sql_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// TestValuesAreExact: what is disclosed is what is stored, whatever the declared type would make of it.
func TestValuesAreExact(t *testing.T) {
	s := newSystem(t, `
dataset:
  - fides_key: v
    collections:
      - name: v
        fields:
          - {name: email, data_categories: [user.contact.email], fides_meta: {primary_key: True, identity: email}}
          - {name: big, data_categories: [user.content]}
          - {name: small, data_categories: [user.content]}
          - {name: price, data_categories: [user.content]}
          - {name: digits, data_categories: [user.content]}
          - {name: yes, data_categories: [user.content]}
          - {name: maybe, data_categories: [user.content]}
          - {name: born, data_categories: [user.content]}
          - {name: seen, data_categories: [user.content]}
          - {name: epoch, data_categories: [user.content]}
          - {name: doc, data_categories: [user.content]}
          - {name: list, data_categories: [user.content], fides_meta: {data_type: "string[]"}}
          - {name: broken, data_categories: [user.content]}
          - {name: raw, data_categories: [user.content]}
          - {name: none, data_categories: [user.content]}
          - {name: empty, data_categories: [user.content]}
          - {name: zero, data_categories: [user.content]}
          - {name: latin1, data_categories: [user.content]}
          - {name: nul, data_categories: [user.content]}
          - {name: script, data_categories: [user.content]}
`, `CREATE TABLE v (email TEXT PRIMARY KEY, big INTEGER, small INTEGER, price NUMERIC(10,2), digits DECIMAL_TEXT, yes BOOLEAN, maybe BOOLEAN, born DATE, seen DATETIME, epoch TIMESTAMP,
		doc JSON, list TEXT, broken JSON, raw BLOB, none TEXT, empty TEXT, zero BLOB, latin1 TEXT, nul TEXT, script TEXT, secret TEXT)`,
		`INSERT INTO v VALUES ('ann@example.com', 9223372036854775807, -9223372036854775808, 12.5, '0.10000000000000000001', 1, 7, '1990-02-30', '2024-01-01 10:00:00+02', 1700000000,
		' {"b": 1.10, "a": [9007199254740993]}', '["x", "y"]', '{"no', x'00ff10', NULL, '', x'', CAST(x'4dfc6c6c6572' AS TEXT), 'a' || char(0) || 'b', '林 Ωμέγα 🙂', 'undeclared')`)
	records, _ := s.access(t, 0, mail(t, "ann@example.com")...)
	if len(records) != 1 {
		t.Fatalf("%d records", len(records))
	}
	want := map[string]connector.Value{
		"email": connector.Text("ann@example.com"), "big": connector.Int(9223372036854775807), "small": connector.Int(-9223372036854775808),
		"price": connector.Float(12.5), "digits": connector.Decimal("0.10000000000000000001"), "yes": connector.Bool(true), "maybe": connector.Int(7),
		"born": connector.Text("1990-02-30"), "seen": connector.Text("2024-01-01 10:00:00+02"), "epoch": connector.Int(1700000000),
		"doc": connector.JSON([]byte(`{"b": 1.10, "a": [9007199254740993]}`)), "list": connector.JSON([]byte(`["x", "y"]`)), "broken": connector.Text(`{"no`),
		"raw": connector.Bytes([]byte{0, 0xff, 0x10}), "none": connector.Null(), "empty": connector.Text(""), "zero": connector.Bytes([]byte{}),
		"latin1": connector.Bytes([]byte("M\xfcller")), "nul": connector.Text("a\x00b"), "script": connector.Text("林 Ωμέγα 🙂"),
	}
	for _, f := range records[0].Fields {
		if f.Value != want[f.Name] {
			t.Errorf("%s: type %d, %q", f.Name, f.Value.Type(), f.Value.RevealText())
		}
		delete(want, f.Name)
	}
	if len(want) != 0 {
		t.Errorf("%d fields are missing", len(want))
	}
}

const matching = `
dataset:
  - fides_key: m
    collections:
      - name: folded
        fields:
          - {name: id, data_categories: [user.content], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}, habeas_meta: {match: casefold}}
      - name: indexed
        fields:
          - {name: id, data_categories: [user.content], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}, habeas_meta: {match: casefold}}
      - name: normal
        fields:
          - {name: id, data_categories: [user.content], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}, habeas_meta: {match: normalised}}
      - name: plain
        fields:
          - {name: id, data_categories: [user.content], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
      - name: strict
        fields:
          - {name: id, data_categories: [user.content], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}, habeas_meta: {match: exact}}
      - name: called
        fields:
          - {name: id, data_categories: [user.content], fides_meta: {primary_key: True}}
          - {name: phone, data_categories: [user.contact.phone_number], fides_meta: {identity: phone}, habeas_meta: {match: normalised}}
`

func newMatching(t *testing.T) system {
	statements := []string{
		`CREATE TABLE folded (id INTEGER PRIMARY KEY, email TEXT)`, `CREATE TABLE normal (id INTEGER PRIMARY KEY, email TEXT)`,
		`CREATE TABLE indexed (id INTEGER PRIMARY KEY, email TEXT COLLATE NOCASE)`, `CREATE INDEX indexed_email ON indexed(email)`,
		`CREATE TABLE plain (id INTEGER PRIMARY KEY, email TEXT)`, `CREATE TABLE strict (id INTEGER PRIMARY KEY, email TEXT)`,
		`CREATE TABLE called (id INTEGER PRIMARY KEY, phone TEXT)`,
		`INSERT INTO called VALUES (1, '+1 (555) 010-0001'), (2, '0015550100001'), (3, '+15550100001'), (4, '15550100001'), (5, '0 1 555 010 0001'), (6, NULL), (7, 'none')`,
	}
	for _, table := range []string{"folded", "indexed", "normal", "plain", "strict"} {
		statements = append(statements, `INSERT INTO `+table+` VALUES (1, 'ask@example.com'), (2, 'Ask@Example.COM'), (3, 'aſk@example.com'), (4, 'as`+"\u212a"+`@example.com'), (5, 'ask@example.test'),
			(6, 'straße@example.com'), (7, 'STRASSE@example.com'), (8, 'ÉLAN@example.com'), (9, 'élan@example.com'), (10, NULL), (11, 'xask@example.com'), (12, 'ask@example.com ')`)
	}
	return newSystem(t, matching, statements...)
}

func TestWaysToCompare(t *testing.T) {
	s := newMatching(t)
	for _, tc := range []struct {
		kind  subject.Kind
		value string
		want  string
	}{
		{subject.Email, "ask@example.com", "folded 1 2 3 4;indexed 1 2 3 4;normal 1 2 3 4;plain 1 2 3 4;strict 1"},
		{subject.Email, "ASK@example.com", "folded 1 2 3 4;indexed 1 2 3 4;normal 1 2 3 4;plain 1 2 3 4"},
		// plain asks for no comparison: where the column holds capitals, the value as given and its normal form strasse@... are
		// found letter case aside.
		{subject.Email, "straße@example.com", "folded 6;indexed 6;normal 6 7;plain 6 7;strict 6"},
		{subject.Email, "STRASSE@EXAMPLE.COM", "folded 7;indexed 7;normal 6 7;plain 7"},
		{subject.Email, "élan@example.com", "folded 8 9;indexed 8 9;normal 8 9;plain 8 9;strict 9"},
		{subject.Phone, "+1 555 010 0001", "called 1 2 3"},
	} {
		records, _ := s.access(t, 2, identifier(t, tc.kind, tc.value))
		got := map[string][]string{}
		for _, r := range records {
			got[r.Collection] = append(got[r.Collection], r.Key[0].RevealText())
		}
		var parts []string
		for _, c := range []string{"called", "folded", "indexed", "normal", "plain", "strict"} {
			if len(got[c]) > 0 {
				parts = append(parts, c+" "+strings.Join(got[c], " "))
			}
		}
		if diff := cmp.Diff(tc.want, strings.Join(parts, ";")); diff != "" {
			t.Errorf("%s %q (-want +got):\n%s", tc.kind, tc.value, diff)
		}
	}
}

// TestNestedValues finds rows by values inside JSON columns, in objects and in arrays, and sets them there.
func TestNestedValues(t *testing.T) {
	s := newSystem(t, `
dataset:
  - fides_key: n
    collections:
      - name: account
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - name: contact
            fides_meta: {data_type: object}
            fields:
              - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email, data_type: string}, habeas_meta: {on_erase: mask}}
              - {name: note, data_categories: [user.content], fides_meta: {data_type: string}, habeas_meta: {on_erase: "null"}}
          - {name: tags, data_categories: [user.content], fides_meta: {data_type: "string[]"}, habeas_meta: {on_erase: {action: keep, reason: not personal}}}
      - name: event
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - name: accounts
            data_categories: [user.unique_id]
            fides_meta: {data_type: "integer[]", references: [{dataset: n, field: account.id, direction: from}]}
`, `CREATE TABLE account (id INTEGER PRIMARY KEY, contact TEXT, tags TEXT)`, `CREATE TABLE event (id INTEGER PRIMARY KEY, accounts TEXT)`,
		`INSERT INTO account VALUES (1, '{"email":"ann@example.com","note":"n1"}', '["a"]'), (2, '{"email":"bob@example.com","note":"ann@example.com"}', '["b"]'), (3, 'no json', NULL), (4, NULL, NULL)`,
		`INSERT INTO event VALUES (1, '[1,2]'), (2, '[2]'), (3, '[11]'), (4, '["1"]'), (5, '{'), (6, NULL)`)
	records, _ := s.access(t, 0, mail(t, "ann@example.com")...)
	want := []string{
		`account {"id":1,"contact":{"email":"ann@example.com","note":"n1"},"tags":["a"]}`,
		`event {"id":1,"accounts":[1]}`, `event {"id":4,"accounts":["1"]}`,
	}
	if diff := cmp.Diff(want, lines(records)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.erase(t, s.plan(t, mail(t, "ann@example.com")...))
	if n := s.count(t, `SELECT count(*) FROM account WHERE id = 1 AND contact = '{"email":"[erased]","note":null}' AND tags = '["a"]'`); n != 1 {
		t.Error("the nested fields are not in their end state")
	}
	if n := s.count(t, `SELECT count(*) FROM account WHERE contact = '{"email":"bob@example.com","note":"ann@example.com"}'`); n != 1 {
		t.Error("somebody else's row was changed")
	}
}
