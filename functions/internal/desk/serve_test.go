package desk_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/functions/internal/desk"
	"github.com/habeas-dsar/habeas/functions/internal/systems"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

var update = flag.Bool("update", false, "write the golden files anew")

// opener finds what it is told to.
type opener func(ctx context.Context, sys registry.System) (systems.Finding, error)

func (o opener) Look(ctx context.Context, sys registry.System) (systems.Finding, error) {
	return o(ctx, sys)
}

func (opener) Kinds(context.Context) ([]systems.Kind, error) {
	return []systems.Kind{{Name: "rest", Settings: json.RawMessage(`{"type":"object"}`), Schemas: map[string]json.RawMessage{"connector.schema.json": json.RawMessage(`true`)}}}, nil
}

func serve(t *testing.T, o opener, payload string) map[string]any {
	t.Helper()
	raw, err := desk.Serve(o, ledger{}, slog.New(slog.DiscardHandler))(t.Context(), json.RawMessage(payload))
	if err != nil || len(raw) > desk.MaxBytes {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestWhatIsForADesk: the state machine never names one.
func TestWhatIsForADesk(t *testing.T) {
	for payload, want := range map[string]bool{
		`{"desk":"kinds","schemaVersion":1}`:                                           true,
		`{"tenant":"acme","caseId":"c","taskId":"t","generation":1,"schemaVersion":1}`: false,
		`{"desk":""}`: false, `{"desk":7}`: false, `null`: false, `[]`: false, ``: false,
	} {
		if desk.Asked(json.RawMessage(payload)) != want {
			t.Errorf("%s: want %t", payload, want)
		}
	}
}

// TestWhatNoDeskUnderstandsIsAnAnswer, so that a caller of another version hears why.
func TestWhatNoDeskUnderstandsIsAnAnswer(t *testing.T) {
	found := opener(func(context.Context, registry.System) (systems.Finding, error) {
		return systems.Finding{Opened: true}, nil
	})
	for payload, field := range map[string]any{
		`{"desk":"dance"}`: "/desk", `{"desk":"look"}`: nil, `{"desk":"look","registered":{"kind":"rest","dataset":"bm90IHBhY2tlZA=="}}`: nil, `{"desk":"kinds","tenant":7}`: nil,
	} {
		failed, _ := serve(t, found, payload)["error"].(map[string]any)
		if failed["class"] != "invalid" || failed["field"] != field {
			t.Errorf("%s: %v", payload, failed)
		}
	}
}

// TestAnswersAreBounded, whatever a system finds wrong with its data map.
func TestAnswersAreBounded(t *testing.T) {
	many := make([]connector.Problem, 100_000)
	for i := range many {
		many[i] = connector.Problem{Collection: "person", Field: fmt.Sprint("field", i), Text: "the table has no column of this name, as it stands"}
	}
	ask := `{"desk":"look","registered":{"kind":"rest"}}`
	out := serve(t, func(context.Context, registry.System) (systems.Finding, error) {
		return systems.Finding{Opened: true, Health: connector.Health{Problems: many}}, nil
	}, ask)
	listed := out["finding"].(map[string]any)["problems"].([]any)
	if last := listed[len(listed)-1].(map[string]any)["text"]; len(listed) != 1001 || last != "99000 more problems are not listed" {
		t.Errorf("%d problems, the last: %v", len(listed), last)
	}
	out = serve(t, func(context.Context, registry.System) (systems.Finding, error) {
		return systems.Finding{}, &connector.InvalidDataset{Problems: many}
	}, ask)
	if failed := out["error"].(map[string]any); failed["class"] != "misconfigured" || len(failed["problems"].([]any)) != 1001 {
		t.Errorf("class %v with %d problems", failed["class"], len(failed["problems"].([]any)))
	}
	out = serve(t, func(context.Context, registry.System) (systems.Finding, error) {
		return systems.Finding{Opened: true, Collections: []string{strings.Repeat("x", desk.MaxBytes)}}, nil
	}, ask)
	if failed, _ := out["error"].(map[string]any); failed["class"] != "internal" || out["finding"] != nil {
		t.Errorf("an answer that is too long: %.200v", out)
	}
}

// TestALookEndsBeforeItsCallerGivesUp: what a system leaves hanging is a finding, not a worker that does not answer.
func TestALookEndsBeforeItsCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		out := serve(t, func(ctx context.Context, _ registry.System) (systems.Finding, error) {
			<-ctx.Done()
			return systems.Finding{}, fault.Wrap(fault.Unavailable, ctx.Err(), "connecting")
		}, `{"desk":"look","registered":{"kind":"rest"}}`)
		if took := time.Since(start); took > 20*time.Second || out["error"].(map[string]any)["class"] != "unavailable" {
			t.Errorf("after %v: %v", took, out)
		}
	})
}

// TestTheWireStaysAsItIs: a console and a worker of different versions talk to each other while a deployment is under way. Files of
// shipped versions are kept; a new field gets a default, a changed one a new version.
func TestTheWireStaysAsItIs(t *testing.T) {
	found := opener(func(_ context.Context, sys registry.System) (systems.Finding, error) {
		f := systems.Finding{
			Opened: true, Identifiers: []subject.Kind{subject.Email}, Collections: []string{"person"}, Rights: []connector.Right{connector.Access},
			Health: connector.Health{Reachable: true, Rights: []connector.Right{connector.Access}, Problems: []connector.Problem{{Collection: "person", Field: "mail", Line: 6, Text: "no index"}}},
		}
		if sys.Name == "spoilt" {
			return systems.Finding{}, fault.Wrap(fault.Misconfigured, &connector.InvalidDataset{Problems: f.Health.Problems}, "opening system")
		}
		return f, nil
	})
	files, err := filepath.Glob(filepath.Join("testdata", "*.request.json"))
	if err != nil || len(files) < 6 {
		t.Fatalf("%d requests, %v", len(files), err)
	}
	for _, file := range files {
		payload, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.MarshalIndent(serve(t, found, string(payload)), "", "  ")
		if err != nil || !desk.Asked(payload) {
			t.Fatalf("%s: %v", file, err)
		}
		golden := strings.Replace(file, ".request.", ".answer.", 1)
		if *update {
			if err := os.WriteFile(golden, append(got, '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.TrimSpace(string(want)), string(got)); diff != "" {
			t.Errorf("%s:\n%s", file, diff)
		}
	}
}
