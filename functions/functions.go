// Package functions puts the handlers together out of ports. It is the one place that sees all of them, so that the local
// engine and the Lambda shells run the same set; the handlers themselves never import each other.
package functions

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions/acknowledge"
	"github.com/habeas-dsar/habeas/functions/askperson"
	"github.com/habeas-dsar/habeas/functions/assembleresponse"
	"github.com/habeas-dsar/habeas/functions/awaitsystem"
	"github.com/habeas-dsar/habeas/functions/closecase"
	"github.com/habeas-dsar/habeas/functions/console"
	"github.com/habeas-dsar/habeas/functions/deliverresponse"
	"github.com/habeas-dsar/habeas/functions/disposerecords"
	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/identity"
	"github.com/habeas-dsar/habeas/functions/internal/owners"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
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
	"github.com/habeas-dsar/habeas/functions/signalworkflow"
	"github.com/habeas-dsar/habeas/functions/sweepdeadlines"
	"github.com/habeas-dsar/habeas/functions/triage"
	"github.com/habeas-dsar/habeas/functions/verifyidentity"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/blobs/sealedtemp"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/disclosure"
	"github.com/habeas-dsar/habeas/shared/erasureledger"
	"github.com/habeas-dsar/habeas/shared/hold"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/passwords"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/verification"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// Ports are what an engine brings. All are required unless they say otherwise.
type Ports struct {
	Table      table.Store
	Keeper     keys.Keeper
	Blobs      blobs.Store
	Mail       mail.Sender
	Workflow   workflow.Engine
	Connectors []connector.Factory
	Secret     func(reference string) (redact.Text, error)
	Now        func() time.Time
	Sleep      func(ctx context.Context, d time.Duration) error
	Pace       func() time.Time // the clock by which Sleep waits; nil = Now
	// Shredding is told of the key of a case or of an entry of the erasure ledger before it is destroyed, so that a backup of
	// the installation, restored later, does not bring it back. It is durable when it returns. nil = nobody keeps count.
	Shredding  func(ctx context.Context, t keys.Tombstone) error
	Poke       func([]casefile.OutboxRow)          // told of every committed outbox row; must not block
	Publish    func(context.Context, events.Event) // takes events; must be idempotent by id
	Log        *slog.Logger
	BaseURL    string // absolute, without a slash at the end
	MailDomain string // right side of Message-IDs
	TempDir    string // for sealed temporary files; "" = the system's
	Limits     verification.Limits
	Rules      verification.Rules
	Demo       bool
	Manual     bool // the clock is set by hand

	SendGridEvents *ecdsa.PublicKey // verifies the reports of SendGrid; nil = nobody reports
}

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
	Restores *restores.Desk
	Pages    *pages.Renderer
	Portal   *portal.Handler
	Console  *console.Handler
	Owners   *owners.Desk
	Task     *ownertask.Handler // the page of a system's owner
	Hooks    *receivehook.Handler
}

// worker is the name of the worker function; a kind of connector may get one of its own on AWS.
const worker = "RunTask"

// Worker returns the name of the function that runs tasks of a kind of connector.
func Worker(string) string { return worker }

// New puts the handlers together.
func New(p Ports) (*Set, error) {
	packs, err := policy.Load()
	if err != nil {
		return nil, err
	}
	catalogue, err := letters.New()
	if err != nil {
		return nil, err
	}
	renderer, err := pages.New()
	if err != nil {
		return nil, err
	}
	temp := func(context.Context) (disclosure.Temp, error) { return sealedtemp.New(p.TempDir) }
	assembler, err := disclosure.New(disclosure.Options{Temp: temp})
	if err != nil {
		return nil, err
	}
	turner, err := engine.New(engine.Config{Blobs: p.Blobs, Now: p.Now, Sleep: p.Sleep, Pace: p.Pace})
	if err != nil {
		return nil, err
	}
	vault := keys.NewVault(p.Table, p.Keeper)
	s := &Set{
		// Copies of the registry age by the machine's time: a clock set by hand must not keep them for ever.
		Cases: casefile.NewStore(p.Table, vault, p.Now, p.MailDomain, p.Poke), Registry: registry.NewStore(p.Table, time.Now),
		Sessions: session.NewStore(p.Table, p.Now), Vault: vault, Packs: packs, Pages: renderer,
	}
	s.Systems = systems.NewPool(s.Registry, p.Connectors, p.Secret, p.Now)
	if s.Erasures, err = erasureledger.New(erasureledger.Config{
		Table: p.Table, Vault: vault, Blobs: p.Blobs, Engine: turner, Now: p.Now, Shredding: p.Shredding,
	}); err != nil {
		return nil, err
	}
	s.Holds = hold.NewStore(p.Table, vault, p.Now)
	s.Restores = &restores.Desk{Ledger: s.Erasures, Systems: s.Systems, Holds: s.Holds}
	writer := &correspondence.Writer{Registry: s.Registry, Packs: packs, Catalogue: catalogue, BaseURL: p.BaseURL}
	s.Owners = &owners.Desk{Registry: s.Registry, Sessions: s.Sessions, Letters: writer}
	s.Task = &ownertask.Handler{
		Cases: s.Cases, Registry: s.Registry, Sessions: s.Sessions, Owners: s.Owners, Blobs: p.Blobs, Pages: renderer, Log: p.Log,
		Limits: ownertask.DefaultLimits(), Demo: p.Demo, Manual: p.Manual,
	}
	desk := &identity.Desk{Cases: s.Cases, Letters: writer, Rules: p.Rules}
	s.Portal = &portal.Handler{
		Cases: s.Cases, Registry: s.Registry, Sessions: s.Sessions, Desk: desk, Blobs: p.Blobs, Packs: packs, Pages: renderer,
		Log: p.Log, BaseURL: p.BaseURL, Limits: p.Limits, Demo: p.Demo, Manual: p.Manual,
	}
	s.Console = &console.Handler{
		Cases: s.Cases, Registry: s.Registry, Sessions: s.Sessions, Blobs: p.Blobs, Packs: packs, Pages: renderer, Letters: writer,
		Desk: desk, Holds: s.Holds, Systems: s.Systems, Restores: s.Restores, Lists: turner, Passwords: passwords.New(2), Log: p.Log, BaseURL: p.BaseURL, Demo: p.Demo, Manual: p.Manual, Now: p.Now,
	}
	if len(p.Limits.TriesPerIP) > 0 {
		s.Console.Limits = console.DefaultLimits()
	}
	s.Hooks = s.hooks(p)
	s.steps(p, desk, writer, assembler, turner)
	return s, nil
}

func (s *Set) hooks(p Ports) *receivehook.Handler {
	return &receivehook.Handler{
		Cases: s.Cases, Sessions: s.Sessions, Log: p.Log, SendGrid: p.SendGridEvents,
		Recipients: &receivehook.Recipients{Registry: s.Registry, Secret: p.Secret, Pages: s.Pages, Demo: p.Demo, Manual: p.Manual},
	}
}

func (s *Set) steps(p Ports, desk *identity.Desk, writer *correspondence.Writer, assembler *disclosure.Assembler, turner *engine.Engine) {
	cases := s.Cases
	copies, _ := p.Mail.(mail.Eraser) // nil: what carries the mail keeps no copies, or takes no order
	step1 := func(h func(context.Context, step.Input) (step.Answer, error)) Handler { return step.Handler(h) }
	task := func(h func(context.Context, step.Input) (step.TaskAnswer, error)) Handler { return step.Handler(h) }
	s.Steps = map[string]Handler{
		"Triage":         step1((&triage.Step{Cases: cases, Registry: s.Registry, Packs: s.Packs}).Handle),
		"Acknowledge":    step1((&acknowledge.Step{Cases: cases, Desk: desk, Letters: writer}).Handle),
		"VerifyIdentity": step1((&verifyidentity.Step{Cases: cases}).Handle),
		"OpenTasks": step1((&opentasks.Step{
			Cases: cases, Registry: s.Registry, Worker: Worker,
			AskOwner: s.Owners.Ask,
		}).Handle),
		"PlanCase":         step1((&plancase.Step{Cases: cases, Registry: s.Registry, Worker: Worker}).Handle),
		"ReviewPlan":       step1((&reviewplan.Step{Cases: cases, Letters: writer}).Handle),
		"AssembleResponse": step1((&assembleresponse.Step{Cases: cases, Registry: s.Registry, Packs: s.Packs, DataMaps: s.Systems, Blobs: p.Blobs, Assembler: assembler}).Handle),
		"ReviewResponse":   step1((&reviewresponse.Step{Cases: cases}).Handle),
		"DeliverResponse":  step1((&deliverresponse.Step{Cases: cases, Letters: writer}).Handle),
		"CloseCase":        step1((&closecase.Step{Cases: cases, Letters: writer, Copies: copies != nil}).Handle),
		"NeedsOperator":    step1((&needsoperator.Step{Cases: cases}).Handle),
		worker: task((&runtask.Step{
			Cases: cases, Registry: s.Registry, Systems: s.Systems, Engine: turner, Holds: s.Holds, Ledger: s.Erasures,
			Callback: func(ctx context.Context, tenant, caseID, taskID string) (string, error) {
				return receivehook.SystemURL(ctx, cases, p.BaseURL, tenant, caseID, taskID)
			},
		}).Handle),
		"AwaitSystem":     task((&awaitsystem.Step{Cases: cases}).Handle),
		"AskPerson":       task((&askperson.Step{Cases: cases}).Handle),
		"NotifyRecipient": task((&notifyrecipient.Step{Cases: cases, Registry: s.Registry, Sessions: s.Sessions, Letters: writer, Secret: p.Secret}).Handle),
	}
	signal := &signalworkflow.Step{Cases: cases, Engine: p.Workflow}
	publish := &publishevents.Step{Cases: cases, Registry: s.Registry, Engine: p.Workflow, Mail: p.Mail, Copies: copies, Signal: signal.Handle, Wake: signal.Wake, Publish: p.Publish}
	s.Outbox = publish.Handle
	dispose := &disposerecords.Step{Cases: cases, Registry: s.Registry, Blobs: p.Blobs, Shredding: p.Shredding, Held: s.onHold}
	s.Dispose, s.Again = dispose.Handle, dispose.Again
	s.Sweep = (&sweepdeadlines.Step{Cases: cases, Engine: p.Workflow, Owners: s.Owners, Ready: s.Systems.Ready, Holds: s.Holds}).Handle
	patience := casefile.Patience{Quiet: sealevidence.Quiet, AtLatest: sealevidence.AtLatest}
	if p.Manual {
		patience = casefile.Patience{} // a clock that stands still makes nothing quiet
	}
	s.Seal = (&sealevidence.Step{Cases: cases, Patience: patience}).Handle
}

// onHold reports whether a legal hold covers anything that a case is about, so that its proof and what it knows must stay.
func (s *Set) onHold(ctx context.Context, tenant, caseID string) (bool, error) {
	f, err := s.Cases.Load(ctx, tenant, caseID)
	if err != nil {
		return false, err
	}
	p, err := f.Person()
	if err != nil {
		return false, err
	}
	q := hold.Question{Tenant: tenant, CaseID: caseID, Identifiers: p.Known()}
	list, err := s.Holds.For(ctx, q)
	return slices.ContainsFunc(list, func(c hold.Concerning) bool { return c.Scope != hold.System }), err
}

// Register adds the pages and APIs of portal and console to a mux, what both need, the stylesheet, and the callbacks of others.
func (s *Set) Register(mux *http.ServeMux) {
	s.Portal.Register(mux)
	s.Console.Register(mux)
	s.Task.Register(mux)
	s.Hooks.Register(mux)
	asset := func(mime string, name string, body []byte) {
		mux.HandleFunc("GET "+pages.AssetPath+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mime)
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable") // the name changes with the content
			_, _ = w.Write(body)                                                   // the connection may be gone
		})
	}
	name, body := pages.Stylesheet()
	asset("text/css; charset=utf-8", name, body)
	name, body = pages.Icon()
	asset("image/svg+xml", name, body)
}

// Protect wraps a mux with what every answer needs: security headers and, for browsers, refusal of cross-origin acts.
func Protect(next http.Handler) http.Handler {
	return web.Secure(http.NewCrossOriginProtection().Handler(next))
}

// WriteProblem answers with the problem document of err (RFC 9457).
func WriteProblem(w http.ResponseWriter, err error) { web.WriteProblem(w, err) }
