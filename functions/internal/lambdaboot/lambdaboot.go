// Package lambdaboot is the shell around every Lambda of Habeas, and the only one: it reads the settings, opens the drivers that
// the one handler of the binary needs, and gives each invocation a logger with its request id, a deadline that leaves time to
// put things away, metrics, and the class of a failure as the errorType that Retry and Catch of the state machines name.
//
// A main is one statement: what it builds of the parts, and as ports what it needs beyond records and keys. The builders that pages
// and steps of a case have are plain functions of *parts.Parts, not generic ones: a type argument puts the types around it into a
// dictionary that counts as reflection, and then templates, which call methods by name, have the linker keep all of Parts.
package lambdaboot

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// Port opens one of the ports of a handler.
type Port func(ctx context.Context, c *cloud.Cloud, p *parts.Ports) error

// CaseStep is a step of a case.
type CaseStep interface {
	Handle(ctx context.Context, in step.Input) (step.Answer, error)
}

// TaskStep is a step of one of its tasks.
type TaskStep interface {
	Handle(ctx context.Context, in step.Input) (step.TaskAnswer, error)
}

// Step runs a step of a case.
func Step(build func(*parts.Parts) (CaseStep, error), ports ...Port) {
	run(ports, func(a *parts.Parts) (handler, error) {
		h, err := build(a)
		if err != nil {
			return nil, err
		}
		return step.Handler(h.Handle), nil
	})
}

// Task runs a step of a task.
func Task(build func(*parts.Parts) (TaskStep, error), ports ...Port) {
	run(ports, func(a *parts.Parts) (handler, error) {
		h, err := build(a)
		if err != nil {
			return nil, err
		}
		return step.Handler(h.Handle), nil
	})
}

// Clockwork runs what a schedule calls; what it returns besides an error is logged by itself.
func Clockwork(build func(*parts.Parts) (func(ctx context.Context) error, error), ports ...Port) {
	run(ports, func(a *parts.Parts) (handler, error) {
		work, err := build(a)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) {
			return json.RawMessage("{}"), work(ctx)
		}, nil
	})
}

// handler is what an invocation runs.
type handler func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error)

// run opens what the handler needs and serves invocations. A cold start that fails ends the process: the platform starts another.
func run(ports []Port, build func(*parts.Parts) (handler, error)) {
	log := logger(os.Stdout)
	s, err := boot(context.Background(), log, ports, build)
	if err != nil {
		log.Error("cold start failed", "class", string(fault.ClassOf(err)), "error", err.Error())
		os.Exit(1)
	}
	lambda.Start(s)
}

// coldStart bounds what is done before the first invocation; the platform allows ten seconds.
const coldStart = 8 * time.Second

func boot(ctx context.Context, log *slog.Logger, ports []Port, build func(*parts.Parts) (handler, error)) (*shell, error) {
	ctx, cancel := context.WithTimeout(ctx, coldStart)
	defer cancel()
	settings, err := cloud.Read(os.Getenv)
	if err != nil {
		return nil, err
	}
	s := &shell{log: log, name: functionName(settings.Prefix, os.Getenv("AWS_LAMBDA_FUNCTION_NAME")), stage: settings.Stage, now: time.Now}
	var meter cloud.Meter
	if settings.Count {
		meter = &s.used
	}
	now := time.Now
	var hand *handClock
	if settings.Manual {
		hand = &handClock{}
		now = hand.Now
	}
	c := cloud.Open(cloud.Lambda(os.Getenv), settings, now, meter)
	p, err := open(ctx, c, log, now)
	if err != nil {
		return nil, err
	}
	if hand != nil {
		hand.table = p.Table
		s.before = append(s.before, hand.read)
		if err := hand.read(ctx); err != nil {
			return nil, err
		}
	}
	for _, port := range ports {
		if err := port(ctx, c, p); err != nil {
			return nil, err
		}
	}
	a := parts.New(*p)
	// Others register systems and tenants: what this process remembers of an invocation before may be old.
	s.before = append(s.before, func(context.Context) error { a.Registry.Forget(); return nil })
	s.handle, err = build(a)
	return s, err
}

// open makes the ports that every handler has.
func open(ctx context.Context, c *cloud.Cloud, log *slog.Logger, now func() time.Time) (*parts.Ports, error) {
	records, err := c.Table()
	if err != nil {
		return nil, err
	}
	base, err := c.Address(ctx, records)
	if err != nil {
		return nil, err
	}
	keeper, err := c.Keeper()
	if err != nil {
		return nil, err
	}
	limits := verification.DefaultLimits()
	if c.Manual {
		limits = verification.Limits{} // stories would meet them at once
	}
	return &parts.Ports{
		Table: records, Keeper: keeper, Now: now, Pace: time.Now, Worker: c.Worker, Log: log, BaseURL: base,
		MailDomain: c.MailDomain, Limits: limits, Rules: verification.DefaultRules(), Demo: c.Demo, Manual: c.Manual,
		MailCopies: c.Mail == cloud.SendGrid,
		Poke:       func([]casefile.OutboxRow) {}, // the stream of the table tells
		Secret: func(string) (redact.Text, error) {
			return redact.Text{}, fault.New(fault.Internal, "this function does not read secrets")
		},
	}, nil
}
