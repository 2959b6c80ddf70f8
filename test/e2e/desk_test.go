package e2e

import (
	"database/sql"
	"fmt"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// Two customers of the small systems that stories register beside the shop.
const (
	wren  = "wren.abara@example.com"
	piers = "piers.delacroix@example.com"
)

// A small system knows people, what they wrote and what they bought.
const smallTables = `
CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT NOT NULL, phone TEXT, restricted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE notes (id INTEGER PRIMARY KEY, person INTEGER NOT NULL REFERENCES people(id), body TEXT NOT NULL, written TEXT NOT NULL);
CREATE TABLE invoices (id INTEGER PRIMARY KEY, email TEXT NOT NULL, total TEXT NOT NULL);
INSERT INTO people (id, email, name, phone) VALUES (1, 'wren.abara@example.com', 'Wren Abara', '+15550101001'), (2, 'piers.delacroix@example.com', 'Piers Delacroix', '+15550101002');
INSERT INTO notes VALUES (10, 1, 'likes the heron room', '2026-05-04T10:00:00+02:00'), (11, 1, 'called twice', '2026-06-04T10:00:00-05:00'), (12, 2, 'prefers mornings', '2026-05-05T10:00:00Z');
INSERT INTO invoices VALUES (100, 'wren.abara@example.com', '12.50'), (101, 'wren.abara@example.com', '7.20'), (102, 'piers.delacroix@example.com', '99.00');
`

// smallMap is the data map of a small system.
func smallMap(key string) string {
	return fmt.Sprintf(`dataset:
  - fides_key: %[1]s
    name: %[1]s
    collections:
      - name: people
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}, habeas_meta: {match: casefold}}
          - {name: name, data_categories: [user.name]}
          - {name: phone, data_categories: [user.contact.phone_number]}
          - {name: restricted, data_categories: [system.operations], fides_meta: {data_type: integer}, habeas_meta: {on_restrict: 1}}
      - name: notes
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - name: person
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: %[1]s, field: people.id, direction: from}]}
          - {name: body, data_categories: [user.content]}
          - {name: written, data_categories: [user.behavior]}
      - name: invoices
        fields:
          - {name: id, data_categories: [user.financial], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}, habeas_meta: {match: casefold}}
          - {name: total, data_categories: [user.financial]}
`, key)
}

// small registers a small system of the shop's controller, in a database NAME.db.
func small(s *testkit.Site, name string, more ...map[string]any) *sql.DB {
	s.Helper()
	db := s.NewDatabase(name+".db", smallTables)
	s.AddDatabase("lumen", name, name+".db", smallMap(name), more...).Want(201)
	return db
}

// run runs a statement in a database of a system.
func run(s *testkit.Site, db *sql.DB, statement string, args ...any) {
	s.Helper()
	if _, err := db.Exec(statement, args...); err != nil {
		s.Fatalf("%s: %v", statement, err)
	}
}

// outcomes returns what the person sees per system.
func outcomes(st testkit.Status) map[string]string {
	out := map[string]string{}
	for _, s := range st.Systems {
		out[s.Name] = s.Outcome
	}
	return out
}
