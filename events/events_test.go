package events_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/habeas-dsar/habeas/events"
)

// TestWireFormat holds the JSON to its schema and to the golden line, which never changes once shipped.
func TestWireFormat(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	e := events.Event{
		ID: "0195f7a0-0000-7000-8000-000000000001/7", Type: events.CaseClosed, SchemaVersion: events.SchemaVersion, Tenant: "default",
		CaseID: "0195f7a0-0000-7000-8000-000000000001", Reference: "7K3QX-9M2DA", Right: "access", Status: "fulfilled",
		Law: "eu@sha256:0123456789abcdef", ReceivedAt: at, DueAt: at.AddDate(0, 1, 0), ClosedAt: at, At: at,
	}
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	const golden = `{"id":"0195f7a0-0000-7000-8000-000000000001/7","type":"case.closed","schemaVersion":1,"tenant":"default","caseId":"0195f7a0-0000-7000-8000-000000000001","reference":"7K3QX-9M2DA","right":"access","status":"fulfilled","law":"eu@sha256:0123456789abcdef","receivedAt":"2026-11-22T09:00:00Z","dueAt":"2026-12-22T09:00:00Z","closedAt":"2026-11-22T09:00:00Z","at":"2026-11-22T09:00:00Z"}`
	if diff := cmp.Diff(golden, string(raw)); diff != "" {
		t.Error(diff)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(events.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("event.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("event.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	inst, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(inst); err != nil {
		t.Error(err)
	}
}
