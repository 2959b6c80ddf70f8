// Package events owns the wire contract of what Habeas tells other systems: types, their JSON and its schema. Events hold
// references, codes and instants, never personal data. They are delivered at least once and in no order; consumers drop
// an ID they have seen.
package events

import (
	_ "embed"
	"time"
)

// Types of events. Wire values, never renamed.
const (
	CaseReceived   = "case.received"
	CaseClosed     = "case.closed"
	CaseReopened   = "case.reopened"   // a supplement follows, or a legal hold was released
	CaseDueSoon    = "case.due_soon"   // half, three quarters or nine tenths of the time to the due date are over
	ConsentChanged = "consent.changed" // a request withdrew a consent or objected: ask what may no longer be done
	CaseOverdue    = "case.overdue"    // the due date passed without an answer
)

// SchemaVersion is the version of Event.
const SchemaVersion = 1

// Event is one thing that happened to a case.
type Event struct {
	ID            string    `json:"id"` // unique and the same at every delivery: "<caseId>/<n>"
	Type          string    `json:"type"`
	SchemaVersion int       `json:"schemaVersion"`
	Tenant        string    `json:"tenant"`
	CaseID        string    `json:"caseId"`
	Reference     string    `json:"reference"`
	Right         string    `json:"right"`
	Status        string    `json:"status"`
	Law           string    `json:"law,omitempty"` // version of the pack
	ReceivedAt    time.Time `json:"receivedAt"`
	DueAt         time.Time `json:"dueAt,omitzero"`
	ClosedAt      time.Time `json:"closedAt,omitzero"`
	At            time.Time `json:"at"`
}

// Schema is the JSON Schema of Event, served at /schemas/event.schema.json.
//
//go:embed event.schema.json
var Schema []byte
