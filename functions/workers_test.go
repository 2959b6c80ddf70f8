package functions_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/connectors/memory"
	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/functions/internal/desk"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// apart returns the handlers of the rig's installation as a function has them that opens no systems: without connectors and without
// secrets, and with a way to call the worker when it has one.
func (r *rig) apart(worker bool) (set *functions.Set, calls *int) {
	r.t.Helper()
	calls = new(int)
	p := r.ports
	p.Connectors = nil
	p.Secret = func(string) (redact.Text, error) {
		r.t.Error("a function that opens no systems read a secret")
		return redact.Text{}, fault.New(fault.Internal, "no")
	}
	if worker {
		serve := desk.Serve(r.set.Systems, r.set.Restores, slog.New(slog.DiscardHandler))
		p.Workers = []string{"worker"}
		p.Worker = func(string) string { return "worker" }
		p.Call = func(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
			*calls++
			return serve(ctx, payload)
		}
	}
	set, err := functions.New(p)
	r.ok(err)
	r.t.Cleanup(set.Systems.Close)
	return set, calls
}

// TestAPackageNeedsNoConnector: what assembling states of systems is what is registered of them, so that the function that assembles
// opens none. The package of a case is the same, byte for byte, whoever assembles it.
func TestAPackageNeedsNoConnector(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	r.register("crm")
	r.person("c-1", ada, "Ada")
	c := r.create()
	r.toRun(c)
	if next := r.assemble(c); next != step.Proceed {
		t.Fatalf("answer %s", next)
	}
	with, volumes := r.unzip(c, 1), r.one(c).Package.Volumes
	if page := with["index.html"]; !strings.Contains(page, "<p>e-mail address, identity numbers we gave you, name</p>") {
		t.Errorf("the package states no category of the data map: the test proves nothing: %s", page)
	}
	r.change(c, func(f *casefile.File) error {
		f.Case.Package, f.Case.Assembly = nil, casefile.Assembly{}
		return nil
	})
	set, _ := r.apart(false)
	r.set.Steps["AssembleResponse"] = set.Steps["AssembleResponse"]
	if next := r.assemble(c); next != step.Proceed {
		t.Fatalf("answer %s without connectors", next)
	}
	if diff := cmp.Diff(with, r.unzip(c, 1)); diff != "" {
		t.Errorf("without connectors (-with +without):\n%s", diff)
	}
	if diff := cmp.Diff(volumes, r.one(c).Package.Volumes); diff != "" {
		t.Error(diff)
	}
}

// TestSystemsAreServedThroughWorkers: the console and the sweep of an installation whose workers alone have connectors.
func TestSystemsAreServedThroughWorkers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	set, calls := r.apart(true)
	sys := registry.System{Tenant: tenant, Name: "shop", Kind: memory.Kind, Dataset: strings.ReplaceAll(dataMap, "%s", "shop"), Rights: []dsar.Right{dsar.Access}, Autopilot: true}
	if _, problems, err := set.Systems.Apply(t.Context(), sys); err != nil || len(problems) > 0 || *calls != 1 {
		t.Fatalf("registering: %v %v after %d calls", err, problems, *calls)
	}
	later, err := functions.New(r.ports) // one that has not read the registry before
	r.ok(err)
	t.Cleanup(later.Systems.Close)
	r.set = later
	stored, err := r.set.Registry.System(t.Context(), tenant, "shop")
	if err != nil || len(stored.Collections) != 1 || len(stored.Identifiers) == 0 || stored.Problem != "" {
		t.Errorf("stored is %+v, %v", stored, err)
	}
	if !set.Systems.Ready(t.Context(), tenant, "shop") || set.Systems.Ready(t.Context(), tenant, "ledger") || *calls != 2 {
		t.Errorf("ready is wrong, after %d calls", *calls)
	}
	if _, _, err := set.Systems.Open(t.Context(), tenant, "shop"); !fault.Has(err, fault.Internal) {
		t.Errorf("a system was opened without a connector: %v", err)
	}
	r.person("c-1", ada, "Ada")
	c := r.create()
	r.toRun(c)
	if got := r.task(c, "shop", dsar.ReadOut); got.Outcome != dsar.Found {
		t.Errorf("a task on it ended %q", got.Outcome)
	}
}

// TestRestoredSystemsAreComparedByWorkers: what the console is told is what the worker found.
func TestRestoredSystemsAreComparedByWorkers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	set, calls := r.apart(true)
	r.register("shop", func(s *registry.System) {
		s.Rights, s.BackupHorizon = changing, "P90D"
	})
	r.person("c-1", ada, "Ada")
	c := r.opened(dsar.Erasure)
	r.stops(c, "ReviewPlan")
	r.approve(c)
	r.stops(c, "Closed")
	r.person("c-1", ada, "Ada") // a backup brings her back
	want, err := r.set.Restores.Check(t.Context(), tenant, "shop", false, "staff:1", "")
	if err != nil || want.Back != 1 || want.Left != 1 {
		t.Fatalf("compared here: %+v, %v", want, err)
	}
	got, err := set.Restores.Check(t.Context(), tenant, "shop", false, "staff:1", "")
	if diff := cmp.Diff(want, got); diff != "" || err != nil || *calls != 1 {
		t.Errorf("compared by a worker, %d calls: %v\n%s", *calls, err, diff)
	}
	if got, err = set.Restores.Check(t.Context(), tenant, "shop", true, "staff:1", ""); err != nil || got.Back != 1 || got.Left != 0 {
		t.Errorf("erased again: %+v, %v", got, err)
	}
	if got, err = set.Restores.Check(t.Context(), tenant, "shop", false, "staff:1", ""); err != nil || got.Back != 0 {
		t.Errorf("afterwards: %+v, %v", got, err)
	}
}
