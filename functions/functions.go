// Package functions puts the handlers together out of ports. It is the one place that sees all of them, so that the local
// engine and the Lambda shells run the same set; the handlers themselves never import each other.
package functions

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/habeas-dsar/habeas/functions/acknowledge"
	"github.com/habeas-dsar/habeas/functions/askperson"
	"github.com/habeas-dsar/habeas/functions/assembleresponse"
	"github.com/habeas-dsar/habeas/functions/awaitsystem"
	"github.com/habeas-dsar/habeas/functions/closecase"
	"github.com/habeas-dsar/habeas/functions/console"
	"github.com/habeas-dsar/habeas/functions/deliverresponse"
	"github.com/habeas-dsar/habeas/functions/disposerecords"
	"github.com/habeas-dsar/habeas/functions/internal/handovers"
	"github.com/habeas-dsar/habeas/functions/internal/owners"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/functions/internal/restores"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/systems"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/functions/needsoperator"
	"github.com/habeas-dsar/habeas/functions/notifyrecipient"
	"github.com/habeas-dsar/habeas/functions/opentasks"
	"github.com/habeas-dsar/habeas/functions/ownertask"
	"github.com/habeas-dsar/habeas/functions/plancase"
	"github.com/habeas-dsar/habeas/functions/portal"
	"github.com/habeas-dsar/habeas/functions/publishevents"
	"github.com/habeas-dsar/habeas/functions/receivehook"
	"github.com/habeas-dsar/habeas/functions/reviewplan"
	"github.com/habeas-dsar/habeas/functions/reviewresponse"
	"github.com/habeas-dsar/habeas/functions/runtask"
	"github.com/habeas-dsar/habeas/functions/sealevidence"
	"github.com/habeas-dsar/habeas/functions/sweepdeadlines"
	"github.com/habeas-dsar/habeas/functions/triage"
	"github.com/habeas-dsar/habeas/functions/verifyidentity"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/erasureledger"
	"github.com/habeas-dsar/habeas/shared/hold"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
)

// Ports are what an engine brings.
type Ports = parts.Ports

// Handler is a function as an engine invokes it: JSON in, JSON out.
type Handler func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error)

// Set is all handlers of an installation.
type Set struct {
	Steps    map[string]Handler // by the names that the state machines use
	Outbox   func(ctx context.Context, r casefile.OutboxRow) error
	Sweep    func(ctx context.Context) (int, error)
	Dispose  func(ctx context.Context) (int, error)
	Again    func(ctx context.Context, t keys.Tombstone) error // disposes of a case that a backup brought back
	Seal     func(ctx context.Context) (sealevidence.Result, error)
	Cases    *casefile.Store
	Registry *registry.Store
	Sessions *session.Store
	Vault    *keys.Vault
	Packs    *policy.Set
	Systems  *systems.Pool
	Holds    *hold.Store
	Erasures *erasureledger.Ledger
	Restores restores.Checker
	Pages    *pages.Renderer
	Portal   *portal.Handler
	Console  *console.Handler
	Owners   *owners.Desk
	Task     *ownertask.Handler // the page of a system's owner
	Hooks    *receivehook.Handler

	HandOvers *handovers.Desk
}

// New puts the handlers together.
func New(p Ports) (*Set, error) {
	a := parts.New(p)
	s := &Set{Cases: a.Cases, Registry: a.Registry, Sessions: a.Sessions, Vault: a.Vault, Systems: a.Systems, Holds: a.Holds, HandOvers: a.HandOvers(), Steps: map[string]Handler{}}
	b := builder{parts: a}
	s.Packs, s.Pages, s.Erasures, s.Restores = got(&b, a.Packs), got(&b, a.Pages), got(&b, a.Erasures), got(&b, a.Restores)
	s.Owners = got(&b, a.Owners)
	s.Portal, s.Console, s.Task, s.Hooks = made(&b, portal.New), made(&b, console.New), made(&b, ownertask.New), made(&b, receivehook.New)
	outbox, sweep, seal, dispose := made(&b, publishevents.New), made(&b, sweepdeadlines.New), made(&b, sealevidence.New), made(&b, disposerecords.New)
	s.steps(&b)
	if b.err != nil {
		return nil, b.err
	}
	s.Outbox, s.Sweep, s.Seal, s.Dispose, s.Again = outbox.Handle, sweep.Handle, seal.Handle, dispose.Handle, dispose.Again
	return s, nil
}

func (s *Set) steps(b *builder) {
	add(b, s, "Triage", triage.New)
	add(b, s, "Acknowledge", acknowledge.New)
	add(b, s, "VerifyIdentity", verifyidentity.New)
	add(b, s, "OpenTasks", opentasks.New)
	add(b, s, "PlanCase", plancase.New)
	add(b, s, "ReviewPlan", reviewplan.New)
	add(b, s, "AssembleResponse", assembleresponse.New)
	add(b, s, "ReviewResponse", reviewresponse.New)
	add(b, s, "DeliverResponse", deliverresponse.New)
	add(b, s, "CloseCase", closecase.New)
	add(b, s, "NeedsOperator", needsoperator.New)
	add(b, s, parts.Worker, runtask.New)
	add(b, s, "AwaitSystem", awaitsystem.New)
	add(b, s, "AskPerson", askperson.New)
	add(b, s, "NotifyRecipient", notifyrecipient.New)
}

// builder remembers the first failure, so that what is made of many parts reads as a list.
type builder struct {
	parts *parts.Parts
	err   error
}

func got[T any](b *builder, get func() (T, error)) T {
	v, err := get()
	if b.err == nil {
		b.err = err
	}
	return v
}

func made[T any](b *builder, build func(*parts.Parts) (T, error)) T {
	return got(b, func() (T, error) { return build(b.parts) })
}

// handler is a step of a machine; O is step.Answer or step.TaskAnswer.
type handler[O any] interface {
	Handle(ctx context.Context, in step.Input) (O, error)
}

func add[H handler[O], O any](b *builder, s *Set, name string, build func(*parts.Parts) (H, error)) {
	h := made(b, build)
	s.Steps[name] = step.Handler(h.Handle)
}

// Register adds the pages and APIs of portal and console to a mux, what both need, the stylesheet, and the callbacks of others.
func (s *Set) Register(mux *http.ServeMux) {
	s.Portal.Register(mux)
	s.Console.Register(mux)
	s.Task.Register(mux)
	s.Hooks.Register(mux)
	pages.Register(mux)
}

// Protect is web.Protect.
func Protect(next http.Handler) http.Handler {
	return web.Protect(next)
}

// WriteProblem answers with the problem document of err (RFC 9457).
func WriteProblem(w http.ResponseWriter, err error) { web.WriteProblem(w, err) }
