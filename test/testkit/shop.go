package testkit

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"

	_ "modernc.org/sqlite" // the driver named "sqlite"
)

// People of the demo and what they show; the demo's first page lists them.
const (
	Typical      = "ines.marchetti@example.com"   // customer of the shop and member of the club
	Busy         = "tobias.lindqvist@example.com" // hundreds of orders
	TwoMails     = "amara.okonkwo@example.com"    // a second address leads to more
	SecondMail   = "amara@okonkwo-studio.test"
	NoOrders     = "noor.haddad@example.com"
	Household    = "hana.sato@example.com" // shares a home with the next
	Housemate    = "kenji.sato@example.com"
	SharedPhone  = "rosa.ferreira@example.com" // shares a telephone with the next: ambiguous
	SharedPhone2 = "luis.ferreira@example.com"
	ClubOnly     = "orla.brennan@mail.test"
	Stranger     = "nobody@example.com" // known to no system
)

// Open opens a database of the demo (shop.db, club.db) beside the running process.
func (s *Site) Open(name string) *sql.DB {
	s.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.Dir, "demo", name)+"?_pragma=busy_timeout(5000)")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = db.Close() })
	return db
}

// held says, per collection of the shop, which rows are a customer's. $id is the customer's number, $mails are the addresses.
var held = map[string]string{
	"customers": `SELECT * FROM customers WHERE id = $id`,
	"addresses": `SELECT * FROM addresses WHERE id IN (SELECT home_address_id FROM customers WHERE id = $id UNION
		SELECT shipping_address_id FROM orders WHERE $id IN (customer_id, gift_for_id))`,
	"orders":      `SELECT * FROM orders WHERE $id IN (customer_id, gift_for_id)`,
	"order_items": `SELECT * FROM order_items WHERE order_id IN (SELECT id FROM orders WHERE $id IN (customer_id, gift_for_id))`,
	"payments":    `SELECT * FROM payments WHERE customer_id = $id`,
	"reviews": `WITH RECURSIVE mine(id) AS (SELECT id FROM reviews WHERE customer_id = $id UNION
		SELECT r.id FROM reviews r JOIN mine ON r.reply_to = mine.id) SELECT * FROM reviews WHERE id IN mine`,
	"newsletter_subscriptions": `SELECT * FROM newsletter_subscriptions WHERE lower(email) IN ($mails)`,
	"tickets":                  `SELECT * FROM tickets WHERE email IN ($mails) OR customer_id = $id`,
	"ticket_messages":          `SELECT * FROM ticket_messages WHERE ticket_id IN (SELECT id FROM tickets WHERE email IN ($mails) OR customer_id = $id)`,
	"logins":                   `SELECT * FROM logins WHERE customer_id = $id`,
	"employees":                `SELECT * FROM employees WHERE email IN ($mails)`,
}

// keyOf names the columns that identify a row of a collection.
var keyOf = map[string][]string{
	"order_items": {"order_id", "line_no"}, "newsletter_subscriptions": {"email", "list"}, "ticket_messages": {"ticket_id", "seq"},
}

// Row is one row as text, by column; a column that is NULL is absent.
type Row map[string]string

// Held returns what the shop holds about a customer: per collection its rows by key. It asks the database itself.
func (s *Site) Held(email string) map[string]map[string]Row {
	s.Helper()
	db := s.Open("shop.db")
	var id int64
	var second sql.NullString
	if err := db.QueryRow("SELECT id, alt_email FROM customers WHERE email = ?", email).Scan(&id, &second); err != nil {
		s.Fatal(err)
	}
	mails := "'" + email + "'"
	if second.Valid {
		mails += ",'" + second.String + "'"
	}
	out := map[string]map[string]Row{}
	for collection, query := range held {
		query = strings.NewReplacer("$id", fmt.Sprint(id), "$mails", mails).Replace(query)
		out[collection] = map[string]Row{}
		for _, row := range s.rows(db, query) {
			out[collection][key(collection, func(c string) string { return row[c] })] = row
		}
	}
	return out
}

func key(collection string, field func(string) string) string {
	columns := keyOf[collection]
	if columns == nil {
		columns = []string{"id"}
	}
	var parts []string
	for _, c := range columns {
		parts = append(parts, field(c))
	}
	return strings.Join(parts, "/")
}

func (s *Site) rows(db *sql.DB, query string) []Row {
	s.Helper()
	rows, err := db.Query(query)
	if err != nil {
		s.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		s.Fatal(err)
	}
	var out []Row
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			s.Fatal(err)
		}
		row := Row{}
		for i, v := range values {
			if v.Valid {
				row[columns[i]] = v.String
			}
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		s.Fatal(err)
	}
	return out
}

// WantHeld fails the test unless the package has exactly what the shop holds about the customer: every row, no other, and
// every value that is not withheld.
func (s *Site) WantHeld(p *Package, email string) {
	s.Helper()
	for collection, rows := range s.Held(email) {
		records, err := p.Records("shop", collection)
		if err != nil {
			s.Fatal(err)
		}
		seen := map[string]bool{}
		for _, r := range records {
			k := key(collection, func(c string) string { return fmt.Sprint(r[c]) })
			row, ok := rows[k]
			if !ok || seen[k] {
				s.Errorf("%s: record %s is not this person's, or there twice", collection, k)
				continue
			}
			seen[k] = true
			for column, v := range r {
				if want, got := row[column], plain(v); got != want && got != withheld && !sameTime(got, want) && !sameJSON(v, want) {
					s.Errorf("%s %s: %s is %q, the shop holds %q", collection, k, column, got, want)
				}
			}
		}
		for k := range rows {
			if !seen[k] {
				s.Errorf("%s: the shop holds %s, the package does not", collection, k)
			}
		}
	}
}

const withheld = "\x00withheld"

// plain brings a JSON value to the form in which SQLite gives it as text.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return "1"
		}
		return "0"
	case map[string]any:
		if _, ok := v["$withheld"]; ok {
			return withheld
		}
	}
	return fmt.Sprint(v)
}

// sameJSON reports whether a value is the document that the text holds.
func sameJSON(v any, text string) bool {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var want any
	return d.Decode(&want) == nil && reflect.DeepEqual(v, want)
}

// sameTime reports whether two texts are the same instant or day in the spellings of SQLite and of its driver.
func sameTime(a, b string) bool {
	trim := func(s string) string {
		return strings.TrimSuffix(strings.TrimSuffix(strings.Replace(s, "T", " ", 1), "Z"), " 00:00:00")
	}
	return len(a) >= 10 && len(b) >= 10 && trim(a) == trim(b)
}
