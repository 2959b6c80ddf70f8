package connectortest

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// ByPerson returns a harness for a kind whose systems people act on: the settings are one mail address, and there is nothing
// to seed, to read or to break.
func ByPerson(f connector.Factory) Harness {
	h := Harness{
		Factory: f, Settings: json.RawMessage(`{"email": "archive@example.com"}`),
		BadSettings: []json.RawMessage{
			json.RawMessage(`{}`), json.RawMessage(`[]`), json.RawMessage(`{"email": ""}`), json.RawMessage(`{"email": "nobody"}`),
			json.RawMessage(`{"email": "a b@example.com"}`), json.RawMessage(`{"email": 7}`), json.RawMessage(`{"email": "archive@example.com", "phone": "x"}`),
		},
		Seed: func(testing.TB, World) {}, Dump: func(testing.TB) []*connector.Record { return nil },
		Fault: func(testing.TB, Fault) {}, Close: func(testing.TB) {}, Cannot: map[FaultKind]string{},
	}
	for _, kind := range FaultKinds() {
		h.Cannot[kind] = "no machine reaches it"
	}
	return h
}

// notByMachine reports why a case is not for a kind that declares that people act on its systems: no search, no change and
// no fault of a system can happen to it.
func (c Case) notByMachine(h Harness) string {
	if !h.Factory.ByPerson || slices.Contains([]string{"descriptor", "privacy", "concurrency"}, c.Group) {
		return ""
	}
	return "the descriptor declares that no machine acts on the system"
}

// actsNowhere holds a kind whose systems people act on to what that means: no right, no search, no data map.
func actsNowhere(r *rig, d connector.Descriptor) {
	if len(d.Rights) > 0 || len(d.Identifiers) > 0 || d.HasCollections {
		r.Error("people act on the system, and the descriptor lists rights, identifier kinds or collections")
	}
	for _, q := range []connector.Query{{}, {Proven: []subject.Identifier{person{n: 1}.identifier(r)}}} {
		if _, err := r.conn.Locate(context.Background(), q); !fault.Has(err, fault.Invalid) {
			r.Errorf("searching a system that people act on: %v, want invalid", err)
		}
	}
}
