// Package step is the shape every workflow step shares: what the machine sends, what it gets back, and the loop that reads
// the case, lets the step change it and commits, again and again until nobody else was faster.
//
// A step is idempotent and restartable from the case's record: whatever it finds there decides, never what it remembers.
package step

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Input is the payload of every step: references only, never personal data.
type Input struct {
	Tenant        string `json:"tenant"`
	CaseID        string `json:"caseId"`
	TaskID        string `json:"taskId,omitempty"`
	Generation    int    `json:"generation"`
	SchemaVersion int    `json:"schemaVersion"`
	State         string `json:"state,omitempty"` // name of the state, for steps that wait
	Token         string `json:"token,omitempty"` // task token, for steps that wait
	Phase         string `json:"phase,omitempty"` // for opentasks: locate or run
	Fault         string `json:"fault,omitempty"` // for needsoperator
}

// The answers that a Choice of the case machine knows. Anything else goes to an operator.
const (
	Proceed    = "proceed"
	Verified   = "verified"
	Tasks      = "tasks"
	Review     = "review"
	Again      = "again"
	Edited     = "edited"
	Redacted   = "redacted"
	Replan     = "replan"
	More       = "more"
	Close      = "close"
	Superseded = "superseded"
	Supplement = "supplement" // from the delivery back to the tasks
)

// Answer is what a step of the case machine returns. Every field is always there: Step Functions fails on a missing path.
type Answer struct {
	Next  string `json:"next"`
	Items []Item `json:"items"`
}

// Item is one task for a Map.
type Item struct {
	TaskID string `json:"taskId"`
	Worker string `json:"worker"`
	Part   int    `json:"part"`
}

// To returns an answer without items.
func To(next string) Answer { return Answer{Next: next, Items: []Item{}} }

// repeat is no answer: it makes Run commit and call the step again. It never reaches a machine.
const repeat = "repeat"

// Repeat makes Run commit what was done so far and call the step again, for a case with more tasks than one transaction takes.
func Repeat() Answer { return To(repeat) }

// The answers that the task machine knows.
const (
	TaskFinished   = "finished"
	TaskSuperseded = "superseded"
	TaskMore       = "more"
	TaskWaiting    = "waiting"
	TaskSystem     = "system"
	TaskPerson     = "person"
)

// TaskAnswer is what a step of the task machine returns.
type TaskAnswer struct {
	Status      string `json:"status"`
	WaitSeconds int    `json:"waitSeconds"`
}

const attempts = 8

// Run reads the case, calls do and commits what it changed. A lost race repeats it from a fresh read; so do must have no
// effect outside the file. A stale generation answers superseded without calling do.
func Run(ctx context.Context, cases *casefile.Store, in Input, do func(ctx context.Context, f *casefile.File) (Answer, error)) (Answer, error) {
	for {
		var out Answer
		err := Change(ctx, cases, in.Tenant, in.CaseID, func(ctx context.Context, f *casefile.File) error {
			if f.Case.Generation != in.Generation {
				out = To(Superseded)
				return nil
			}
			var err error
			out, err = do(ctx, f)
			if out.Items == nil {
				out.Items = []Item{}
			}
			return err
		})
		if err != nil || out.Next != repeat {
			return out, err
		}
	}
}

// Change reads the case, calls do and commits, repeating lost races. It is the one loop for everybody who changes a case.
func Change(ctx context.Context, cases *casefile.Store, tenant, id string, do func(ctx context.Context, f *casefile.File) error) error {
	for n := 0; ; n++ {
		f, err := cases.Load(ctx, tenant, id)
		if err != nil {
			return err
		}
		if err := do(ctx, f); err != nil {
			return err
		}
		err = cases.Commit(ctx, append(f.Joined(), f)...)
		if err == nil {
			return nil
		}
		if !fault.Has(err, fault.Conflict) || n+1 == attempts {
			return err
		}
	}
}

// Enter moves a case to a phase and its status with it, unless it is already there or has gone on.
func Enter(f *casefile.File, phase dsar.Phase, status dsar.Status) error {
	f.Case.Phase = phase
	if f.Case.Status == status {
		return nil
	}
	if err := f.Case.Become(status); err != nil {
		return fmt.Errorf("entering phase: %w", err)
	}
	return nil
}

// Await leaves the token of a waiting state in the case. When what the state waits for is already decided the case signals
// itself, so that an early decision is not lost.
func Await(f *casefile.File, in Input, decided bool) error {
	if in.Token == "" {
		return fault.New(fault.Invalid, "a waiting step was called without a token")
	}
	f.Await(in.State, in.TaskID, in.Token)
	if decided {
		f.Signal()
	}
	return nil
}

// Handler turns a typed step into the function that an engine invokes: JSON in, JSON out.
func Handler[I, O any](handle func(context.Context, I) (O, error)) func(context.Context, json.RawMessage) (json.RawMessage, error) {
	return func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
		var in I
		if err := json.Unmarshal(payload, &in); err != nil {
			return nil, fault.New(fault.Invalid, "the payload of a step is not what the step expects")
		}
		out, err := handle(ctx, in)
		if err != nil {
			return nil, err
		}
		raw, err := json.Marshal(out)
		if err != nil {
			return nil, fmt.Errorf("encoding the answer of a step: %w", err)
		}
		return raw, nil
	}
}
