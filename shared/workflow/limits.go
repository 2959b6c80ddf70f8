package workflow

import (
	"encoding/json"
	"strings"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
)

// Lengths in bytes of what ends an execution or a task early (API reference, StopExecution and SendTaskFailure). Engines cut
// what is longer.
const (
	MaxErrorLength = 256
	MaxCauseLength = 32_768
)

// CheckName returns fault.Invalid, field /name, for a name that an execution cannot have: names have 1 to 80 characters of
// A-Z a-z 0-9 - _. (The service takes more, but not where executions are logged: API reference, StartExecution.)
func CheckName(name string) error {
	other := func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}
	if name == "" || len(name) > MaxNameLength || strings.ContainsFunc(name, other) {
		return fault.InvalidField("/name", "an execution name has 1 to 80 characters of A-Z a-z 0-9 - _")
	}
	return nil
}

// Canonical checks a payload from outside and gives equal payloads one text; an empty one is {}. It returns fault.Invalid,
// field /input, for what is not JSON or exceeds MaxPayloadBytes.
func Canonical(payload json.RawMessage) (json.RawMessage, error) {
	if len(payload) == 0 {
		return json.RawMessage("{}"), nil
	}
	if len(payload) > MaxPayloadBytes {
		return nil, fault.InvalidField("/input", "the payload exceeds 256 KiB")
	}
	v, err := asl.Decode(payload)
	if err != nil {
		return nil, fault.InvalidField("/input", "the payload is not JSON")
	}
	out, err := asl.Encode(v)
	if err != nil || len(out) > MaxPayloadBytes {
		return nil, fault.InvalidField("/input", "the payload exceeds 256 KiB")
	}
	return out, nil
}

// Cut returns the first n bytes of a text, whole characters only.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
