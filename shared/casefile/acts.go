package casefile

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Acts returns the task that stands for each system: the newest that acts on it, in the order in which systems first came up.
// An older one was replaced by a new plan or a supplement.
func (f *File) Acts() []*Task {
	var out []*Task
	at := map[string]int{}
	for _, t := range f.Tasks {
		if !t.Acts() {
			continue
		}
		if i, ok := at[t.System]; ok {
			out[i] = t
			continue
		}
		at[t.System] = len(out)
		out = append(out, t)
	}
	return out
}

// Act returns the newest task that acts on the system, or nil.
func (f *File) Act(system string) *Task {
	for _, t := range f.Acts() {
		if t.System == system {
			return t
		}
	}
	return nil
}

// Checking returns the newest verification of an act, or nil.
func (f *File) Checking(act *Task) *Task {
	var out *Task
	for _, t := range f.Tasks {
		if t.Action == dsar.VerifyAfter && t.Of == act.ID {
			out = t
		}
	}
	return out
}

// Planned returns the dry run of the present plan on the system, or nil.
func (f *File) Planned(system string) *Task {
	for _, t := range f.Tasks {
		if t.Action == dsar.DryRun && t.System == system && t.Planning == f.Case.Planning {
			return t
		}
	}
	return nil
}

// ListOf decodes the reference to the sealed list of a task, in the form R that the connector engine gave it. The zero R when
// there is none.
func ListOf[R any](t *Task) (R, error) {
	var r R
	if len(t.List) > 0 && json.Unmarshal(t.List, &r) != nil {
		return r, fault.New(fault.Internal, "decoding the reference to a list")
	}
	return r, nil
}

// Guard reads what a task asks before each batch: the generation of the case, and whether it is about to end otherwise.
func (s *Store) Guard(ctx context.Context, tenant, id string) (generation int, stopping bool, err error) {
	it, err := s.table.Get(ctx, table.Key{Table: table.Cases, PK: pkCase(tenant, id), SK: skGuard})
	if err != nil {
		return 0, false, fmt.Errorf("reading the guard of a case: %w", err)
	}
	var g guard
	if json.Unmarshal(it.Body, &g) != nil {
		return 0, false, errDecode("guard")
	}
	return g.Generation, g.Stopping, nil
}
