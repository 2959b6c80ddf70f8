package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/restores"
	"github.com/habeas-dsar/habeas/functions/internal/systems"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Asked reports whether a payload is for a desk and not a task.
func Asked(payload json.RawMessage) bool {
	var in struct {
		Desk string `json:"desk"`
	}
	return json.Unmarshal(payload, &in) == nil && in.Desk != ""
}

// lookWithin bounds a look: a caller that is itself called over HTTP has 29 seconds, a cold start of the worker included.
const lookWithin = 15 * time.Second

// Serve returns what answers payloads that are Asked. It fails only when an answer cannot be written; all else is an answer.
func Serve(opener systems.Opener, compare restores.Checker, log *slog.Logger) func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
	s := server{opener, compare}
	return func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
		out, err := s.answer(ctx, payload)
		if err != nil {
			// The caller hears the class and the outermost text.
			log.LogAttrs(ctx, fault.RuleFor(fault.ClassOf(err)).Level, "a desk could not do what was asked",
				slog.String("class", string(fault.ClassOf(err))), slog.String("error", err.Error()))
			out.Error = failureOf(err)
		}
		return encode(out)
	}
}

func encode(out answer) (json.RawMessage, error) {
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encoding the answer of a desk: %w", err)
	}
	if len(raw) > MaxBytes {
		raw, err = json.Marshal(answer{Error: failureOf(fault.New(fault.Internal, "the answer is longer than a function may give"))})
	}
	return raw, err
}

type server struct {
	opener  systems.Opener
	compare restores.Checker
}

func (s server) answer(ctx context.Context, payload json.RawMessage) (answer, error) {
	var in request
	if err := json.Unmarshal(payload, &in); err != nil {
		return answer{}, fault.New(fault.Invalid, "the request is not what a desk expects")
	}
	switch in.Desk {
	case kinds:
		return s.kinds(ctx)
	case look:
		return s.look(ctx, in)
	case restoreCheck, restoreApply:
		report, err := s.compare.Check(ctx, in.Tenant, in.System, in.Desk == restoreApply, in.By, in.Cursor)
		if err != nil {
			return answer{}, err
		}
		return answer{Report: &report}, nil
	}
	return answer{}, fault.InvalidField(noDesk, "there is no such desk here")
}

// noDesk is the field of the failure by which a caller knows a worker of another version.
const noDesk = "/desk"

func (s server) kinds(ctx context.Context) (answer, error) {
	list, err := s.opener.Kinds(ctx)
	out := answer{Kinds: []kind{}}
	for _, k := range list {
		out.Kinds = append(out.Kinds, kind(k))
	}
	return out, err
}

func (s server) look(ctx context.Context, in request) (answer, error) {
	if in.Registered == nil {
		return answer{}, fault.New(fault.Invalid, "a look needs a system")
	}
	sys, err := in.Registered.unpack(in.Tenant, in.System)
	if err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	found, err := s.opener.Look(ctx, sys)
	return answer{Finding: findingOf(found)}, err
}
