package demo

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/habeas-dsar/habeas/connectors/rest/crm"
)

// crmRecords is the file that holds the records of the CRM.
const crmRecords = "crm.json"

// content is what crmRecords holds: the records of each object.
type content map[string][]crm.Record

// crmObjects are the objects of the CRM in the order in which they are stored.
func crmObjects() []string { return []string{"contacts", "tickets", "notes"} }

// everyNth customer is in the CRM, besides those with names that people may try.
const everyNth = 7

// inventContacts makes up the CRM of the third tenant: some customers of its shop, under their numbers there, with what they
// asked and what was noted about it.
func inventContacts(ctx context.Context, dir, path string) error {
	db, err := sql.Open("sqlite", filepath.Join(dir, OakhurstDatabase))
	if err != nil {
		return fmt.Errorf("opening the shop: %w", err)
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, `SELECT id, email, alt_email, name, phone, created_at FROM customers WHERE id <= 8 OR id % ? = 0 ORDER BY id`, everyNth)
	if err != nil {
		return fmt.Errorf("reading the shop: %w", err)
	}
	defer rows.Close()
	out, rng := content{}, newRand(2)
	for rows.Next() {
		var c contact
		if err := rows.Scan(&c.id, &c.email, &c.second, &c.name, &c.phone, &c.since); err != nil {
			return fmt.Errorf("reading the shop: %w", err)
		}
		out.invent(c, rng)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading the shop: %w", err)
	}
	return out.write(path)
}

type contact struct {
	id            int
	email, name   string
	second, phone sql.NullString
	since         time.Time
}

func (out content) invent(c contact, rng *random) {
	person := crm.Record{
		"id": 70_000 + c.id, "email": c.email, "name": c.name, "customer_id": fmt.Sprint(c.id), "created_at": stamp(c.since),
		"company": nil, "city": nil, "phone": nil, "matter": nil, "restricted": false,
	}
	if c.phone.Valid {
		person["phone"] = c.phone.String
	}
	out["contacts"] = append(out["contacts"], person)
	for range 1 + rng.IntN(3) {
		number := 81_000 + len(out["tickets"])
		agent := rng.pick([]string{"Agnes Thorne", "Peter Wold", "Mina Castell"})
		opened := rng.instant(c.since)
		asked := crmQuestions()[rng.IntN(4)]
		out["tickets"] = append(out["tickets"], crm.Record{
			"id": number, "contact_id": person["id"], "subject": asked[0], "message": asked[1], "status": "closed", "opened_at": stamp(opened), "agent": agent,
		})
		if rng.chance(60) {
			out["notes"] = append(out["notes"], crm.Record{
				"id": 92_000 + len(out["notes"]), "ticket_id": number, "text": asked[2], "author": agent, "written_at": stamp(opened.Add(3 * time.Hour)),
			})
		}
	}
}

// crmQuestions are subject, message and note of a ticket.
func crmQuestions() [][3]string {
	return [][3]string{
		{"Visiting cards", "Could you print my cards on the thicker paper? My name was cut off last time.", "Called back. Wants a proof first."},
		{"Invoice by post", "Please send the invoice on paper, I keep a file.", "Copy went to the archive."},
		{"A pen came broken", "The nib was bent when it arrived.", "Replaced without asking for the old one."},
		{"Change of address", "I have moved, please use the new one from now on.", "Changed in the shop, asked the carrier too."},
	}
}

func (out content) write(path string) error {
	raw, err := json.MarshalIndent(out, "", "\t")
	if err != nil {
		return fmt.Errorf("encoding the records: %w", err)
	}
	return os.WriteFile(path, raw, 0o600)
}
