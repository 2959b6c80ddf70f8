package lambdaboot

import (
	"context"
	"encoding/json"
	"testing"
)

// TestAWorkerTellsDesksFromTasks: the same function has both, and the state machine's payloads stay as they are.
func TestAWorkerTellsDesksFromTasks(t *testing.T) {
	says := func(what string) handler {
		return func(context.Context, json.RawMessage) (json.RawMessage, error) { return json.RawMessage(what), nil }
	}
	h := either(says("desk"), says("task"))
	for payload, want := range map[string]string{
		`{"desk":"kinds","schemaVersion":1}`: "desk",
		`{"desk":"dance"}`:                   "desk", // which says that it has none
		`{"tenant":"acme","caseId":"c","taskId":"t","generation":1,"schemaVersion":1}`: "task",
		`{}`: "task", `nonsense`: "task",
	} {
		if got, err := h(t.Context(), json.RawMessage(payload)); err != nil || string(got) != want {
			t.Errorf("%s went to the %s, want the %s (%v)", payload, got, want, err)
		}
	}
}
