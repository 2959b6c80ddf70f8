package desk_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/habeas-dsar/habeas/functions/internal/desk"
	"github.com/habeas-dsar/habeas/functions/internal/systems"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/erasureledger"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// said is what a caller goes by.
type said struct {
	System   registry.System
	Problems []connector.Problem
	Health   connector.Health
	Class    fault.Class
	Text     string
	Field    string
	Invalid  []connector.Problem
}

func saying(sys registry.System, problems []connector.Problem, h connector.Health, err error) said {
	s := said{System: sys, Problems: problems, Health: h, Class: fault.ClassOf(err)}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		s.Field = e.Field
		if s.Class == fault.Invalid { // the only text of these that reaches people
			s.Text = e.Text
		}
	}
	if invalid, ok := errors.AsType[*connector.InvalidDataset](err); ok {
		s.Invalid = invalid.Problems
	}
	return s
}

// TestRegisteringThroughAWorkerIsRegistering: whoever opens the system, the console says and stores the same.
func TestRegisteringThroughAWorkerIsRegistering(t *testing.T) {
	change := func(f func(*rig, *registry.System)) func(*rig) registry.System {
		return func(r *rig) registry.System {
			sys := r.system(one(idField, mailField, "{name: note}"))
			f(r, &sys)
			return sys
		}
	}
	for name, system := range map[string]func(*rig) registry.System{
		"a good one":                 change(func(*rig, *registry.System) {}),
		"with some rights":           change(func(_ *rig, s *registry.System) { s.Rights = []dsar.Right{dsar.Access, dsar.Portability} }),
		"with a right that none has": change(func(_ *rig, s *registry.System) { s.Rights = []dsar.Right{dsar.Objection} }),
		"of no kind":                 change(func(_ *rig, s *registry.System) { s.Kind = "oracle" }),
		"with foreign settings":      change(func(_ *rig, s *registry.System) { s.Settings = json.RawMessage(`{"path":7}`) }),
		"with a secret it has not":   change(func(_ *rig, s *registry.System) { s.Secrets = map[string]string{"password": "env:SHOP"} }),
		"without a data map":         change(func(_ *rig, s *registry.System) { s.Dataset = "" }),
		"with half a data map":       change(func(_ *rig, s *registry.System) { s.Dataset = "dataset: [" }),
		"with a column that is not":  change(func(_ *rig, s *registry.System) { s.Dataset = one(idField, mailField, "{name: nick}") }),
		"with a type that is not": change(func(_ *rig, s *registry.System) {
			s.Dataset = one(idField, "{name: note, fides_meta: {data_type: object_id}}", mailField)
		}),
		"of a file that is not there": change(func(r *rig, s *registry.System) {
			s.Settings, _ = json.Marshal(map[string]string{"path": filepath.Join(r.TempDir(), "x", "y.db")})
		}),
		"with a name that is none": change(func(_ *rig, s *registry.System) { s.Name = "Shop of horrors" }),
		"that a person looks after": change(func(_ *rig, s *registry.System) {
			s.Kind, s.Dataset, s.Settings = "person", "", json.RawMessage(`{"email":"owner@example.com"}`)
		}),
		"with a path from its file": change(func(r *rig, s *registry.System) {
			s.BaseDir, s.Settings = filepath.Dir(r.path), json.RawMessage(`{"path":"shop.db"}`)
		}),
		"with a data map that is long": change(func(_ *rig, s *registry.System) { s.Dataset += strings.Repeat("# \"quoted\"\n", 100_000) }),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			sys := system(r)
			here, problems, err := r.here.Apply(t.Context(), sys)
			want := saying(here, problems, connector.Health{}, err)
			there, problems, err := r.away.Apply(t.Context(), sys)
			ignore := cmpopts.IgnoreFields(registry.System{}, "Version")
			if diff := cmp.Diff(want, saying(there, problems, connector.Health{}, err), ignore, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("over a worker (-here +there):\n%s", diff)
			}
			stored, errHere := r.hereReg.System(t.Context(), "acme", sys.Name)
			storedThere, errThere := r.reg.System(t.Context(), "acme", sys.Name)
			if diff := cmp.Diff(stored, storedThere, cmpopts.EquateEmpty()); diff != "" || fault.ClassOf(errHere) != fault.ClassOf(errThere) {
				t.Errorf("stored otherwise: %v and %v\n%s", errHere, errThere, diff)
			}
			if errHere != nil {
				return
			}
			h1, err := r.here.Check(t.Context(), "acme", sys.Name)
			want = saying(registry.System{}, nil, h1, err)
			h2, err := r.away.Check(t.Context(), "acme", sys.Name)
			if diff := cmp.Diff(want, saying(registry.System{}, nil, h2, err), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("checked otherwise (-here +there):\n%s", diff)
			}
			if a, b := r.here.Ready(t.Context(), "acme", sys.Name), r.away.Ready(t.Context(), "acme", sys.Name); a != b {
				t.Errorf("ready: %t here, %t there", a, b)
			}
		})
	}
}

// TestNothingPersonalAndNoSecretTravels: what a worker is asked with are settings and references.
func TestNothingPersonalAndNoSecretTravels(t *testing.T) {
	r := newRig(t)
	sys := r.system(one(idField, mailField))
	sys.Secrets, sys.Facts.Retention = map[string]string{"password": "env:SHOP_PASSWORD"}, "ten years"
	if _, _, err := r.away.Probe(t.Context(), sys); !fault.Has(err, fault.Invalid) {
		t.Fatalf("a secret that the kind does not know: %v", err)
	}
	if _, err := r.client.Kinds(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.calls) < 3 {
		t.Fatalf("%d calls", len(r.calls))
	}
	for _, c := range r.calls {
		for _, canary := range []string{"owner@example.com", "tr0ub4dor", "ten years", `"Shop"`} {
			if strings.Contains(c, canary) {
				t.Errorf("%q travels in %.200s", canary, c)
			}
		}
	}
	if !strings.Contains(r.calls[0], "env:SHOP_PASSWORD") {
		t.Error("the reference did not travel: the test proves nothing")
	}
}

// TestAWorkerThatDoesNotAnswerIsNoFindingAboutASystem: nothing is stored, and the class says what to do.
func TestAWorkerThatDoesNotAnswerIsNoFindingAboutASystem(t *testing.T) {
	answers := func(raw string) func(string) (json.RawMessage, error) {
		return func(string) (json.RawMessage, error) { return json.RawMessage(raw), nil }
	}
	fails := func(err error) func(string) (json.RawMessage, error) {
		return func(string) (json.RawMessage, error) { return nil, fmt.Errorf("calling a function: %w", err) }
	}
	long := `{"finding":{"opened":true,"reachable":true,"collections":["` + strings.Repeat("x", desk.MaxBytes) + `"]}}`
	for name, tc := range map[string]struct {
		fail func(string) (json.RawMessage, error)
		want fault.Class
		wait time.Duration
	}{
		"throttled":              {fails(fault.New(fault.Throttled, "TooManyRequestsException").After(7 * time.Second)), fault.Throttled, 7 * time.Second},
		"timed out":              {fails(fault.New(fault.Unavailable, "timed out")), fault.Unavailable, 0},
		"not there":              {fails(fault.New(fault.Misconfigured, "ResourceNotFoundException")), fault.Internal, 0},
		"not for this caller":    {fails(fault.New(fault.Forbidden, "AccessDeniedException")), fault.Internal, 0},
		"ran out of memory":      {fails(errors.New("signal: killed")), fault.Internal, 0},
		"an answer that is none": {answers("null and void"), fault.Internal, 0},
		"an empty answer":        {answers("{}"), fault.Internal, 0},
		"a longer answer":        {answers(long), fault.Internal, 0},
		"of an older version":    {answers(`{"error":{"class":"invalid","field":"/desk"}}`), fault.Internal, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			sys := r.system(one(idField, mailField))
			r.fail = tc.fail
			_, problems, err := r.away.Apply(t.Context(), sys)
			if _, ok := errors.AsType[*systems.Unasked](err); !ok || !fault.Has(err, tc.want) || fault.WaitOf(err) != tc.wait || len(problems) > 0 {
				t.Errorf("registering: %v (%s), %v", err, fault.ClassOf(err), problems)
			}
			if _, err := r.reg.System(t.Context(), "acme", "shop"); !fault.Has(err, fault.NotFound) {
				t.Errorf("it is registered all the same: %v", err)
			}
			r.fail = nil
			before, _, err := r.away.Apply(t.Context(), sys)
			if err != nil {
				t.Fatal(err)
			}
			r.now, r.fail = r.now.Add(time.Hour), tc.fail
			if _, err := r.away.Check(t.Context(), "acme", "shop"); !fault.Has(err, tc.want) {
				t.Errorf("checking: %v", err)
			}
			if r.away.Ready(t.Context(), "acme", "shop") {
				t.Error("a system that nobody looked at is ready")
			}
			after, err := r.reg.System(t.Context(), "acme", "shop")
			if err != nil || after.Problem != "" || !after.CheckedAt.Equal(before.CheckedAt) {
				t.Errorf("the failure of a worker is noted as one of the system: %q, %v", after.Problem, err)
			}
		})
	}
}

// TestUnknownKindsNameThoseOfAllWorkers and not of the one that was asked.
func TestUnknownKindsNameThoseOfAllWorkers(t *testing.T) {
	r := newRig(t)
	sys := r.system("")
	sys.Kind = "oracle"
	_, _, err := r.away.Probe(t.Context(), sys)
	if e, ok := errors.AsType[*fault.Error](err); !ok || e.Field != "/kind" || !strings.HasSuffix(e.Text, "known kinds: person, sqlite") {
		t.Errorf("%v", err)
	}
}

// TestKindsAreAskedForOnceInAWhile and outlive a worker that does not answer.
func TestKindsAreAskedForOnceInAWhile(t *testing.T) {
	r := newRig(t)
	want, err := r.here.Kinds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same := func(calls int) {
		t.Helper()
		got, err := r.away.Kinds(t.Context())
		if err != nil || len(r.calls) != calls {
			t.Errorf("%v after %d calls, want %d", err, len(r.calls), calls)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b json.RawMessage) bool { return compact(t, a) == compact(t, b) })); diff != "" {
			t.Error(diff)
		}
	}
	down := func(string) (json.RawMessage, error) { return nil, fault.New(fault.Unavailable, "gone") }
	r.fail = down
	if _, err := r.away.Kinds(t.Context()); !fault.Has(err, fault.Unavailable) {
		t.Errorf("while nobody answers: %v", err)
	}
	r.fail, r.calls = nil, nil
	same(2)
	same(2)
	r.now = r.now.Add(6 * time.Minute)
	same(4)
	r.now, r.fail = r.now.Add(6*time.Minute), down
	same(5)
}

func compact(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestComparisonsAreCarriedOutByTheWorkerOfTheKind.
func TestComparisonsAreCarriedOutByTheWorkerOfTheKind(t *testing.T) {
	r := newRig(t)
	if _, err := r.client.Check(t.Context(), "acme", "shop", false, "staff:1", ""); !fault.Has(err, fault.NotFound) {
		t.Errorf("of a system that is not registered: %v", err)
	}
	if _, _, err := r.away.Apply(t.Context(), r.system(one(idField, mailField))); err != nil {
		t.Fatal(err)
	}
	for _, apply := range []bool{false, true} {
		want, _ := ledger{}.Check(t.Context(), "acme", "shop", apply, "staff:1", "c")
		got, err := r.client.Check(t.Context(), "acme", "shop", apply, "staff:1", "c")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("apply %t: %v\n%s", apply, err, diff)
		}
	}
	if last := r.calls[len(r.calls)-1]; !strings.HasPrefix(last, databases+" ") {
		t.Errorf("asked %.40s", last)
	}
	_, err := r.client.Check(t.Context(), "acme", "shop", false, "staff:1", "gone")
	if !fault.Has(err, fault.Unavailable) || fault.WaitOf(err) != 90*time.Second {
		t.Errorf("a system that is down: %v, wait %v", err, fault.WaitOf(err))
	}
	_, err = r.client.Check(t.Context(), "acme", "shop", false, "staff:1", "bad")
	if e, ok := errors.AsType[*fault.Error](err); !ok || e.Class != fault.Invalid || e.Field != "/cursor" {
		t.Errorf("a cursor that is none: %v", err)
	}
	r.fail = func(string) (json.RawMessage, error) { return nil, fault.New(fault.Throttled, "busy") }
	if got, err := r.client.Check(t.Context(), "acme", "shop", true, "staff:1", ""); !fault.Has(err, fault.Throttled) || !cmp.Equal(got, erasureledger.Report{}) {
		t.Errorf("a busy worker: %v", err)
	}
}
