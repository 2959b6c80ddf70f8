// Package parts builds what handlers are made of, once and only when somebody asks: an engine in one process builds them all, a
// Lambda what its one handler needs. Each handler's New takes its parts from here, so that both put it together alike.
package parts

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions/internal/consents"
	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/desk"
	"github.com/habeas-dsar/habeas/functions/internal/handovers"
	"github.com/habeas-dsar/habeas/functions/internal/identity"
	"github.com/habeas-dsar/habeas/functions/internal/owners"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/restores"
	"github.com/habeas-dsar/habeas/functions/internal/systems"
	"github.com/habeas-dsar/habeas/shared/authority"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/blobs/sealedtemp"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/consent"
	"github.com/habeas-dsar/habeas/shared/disclosure"
	"github.com/habeas-dsar/habeas/shared/erasureledger"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/hold"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/signin"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/verification"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// Ports are what an engine brings. A handler needs some of them: the whole product all, but for
// those that say otherwise.
type Ports struct {
	Table    table.Store
	Keeper   keys.Keeper
	Blobs    blobs.Store
	HandOver blobs.HandOver // nil = uploads and downloads go through the process
	// Prepare has handovers.Desk.Carry called with the id of a hand-over, elsewhere and with 15 minutes of time, and returns once
	// that is certain. nil = it is done at once, in this process.
	Prepare    func(ctx context.Context, id string) error
	Mail       mail.Sender
	Workflow   workflow.Engine
	Connectors []connector.Factory
	Worker     func(kind string) string // function that runs tasks of a kind of system; nil = RunTask runs all
	Secret     func(reference string) (redact.Text, error)
	Now        func() time.Time
	Sleep      func(ctx context.Context, d time.Duration) error // nil = real time: it bounds short retries inside a turn, which a clock set by hand must not stop
	Pace       func() time.Time                                 // the clock by which Sleep waits; nil = Now
	// Shredding is told of the key of a case or of an entry of the erasure ledger before it is destroyed, so that a backup of
	// the installation, restored later, does not bring it back. It is durable when it returns. nil = nobody keeps count.
	Shredding func(ctx context.Context, t keys.Tombstone) error
	Poke      func([]casefile.OutboxRow) // told of every committed outbox row; must not block
	// Publish takes an event that the bus has when it returns; idempotent by id. After an error the event is published again later.
	Publish func(ctx context.Context, e events.Event) error
	// Keep keeps a document where nothing that befalls the records reaches it: signed checkpoints. Keeping the same twice is
	// fine. nil = nobody keeps.
	Keep       func(ctx context.Context, name string, doc []byte) error
	Log        *slog.Logger
	BaseURL    string // absolute, without a slash at the end
	MailDomain string // right side of Message-IDs
	TempDir    string // for sealed temporary files; "" = the system's
	Limits     verification.Limits
	Rules      verification.Rules
	Demo       bool
	Manual     bool // the clock is set by hand

	MailCopies     bool             // mail leaves copies with a provider that can be asked to erase them; known of Mail where there is one
	SignIn         *signin.Place    // where staff sign in elsewhere; nil = built-in accounts only
	SendGridEvents *ecdsa.PublicKey // verifies the reports of SendGrid; nil = nobody reports

	// Workers are the functions that open systems for those that have no connectors, and Call has one of them answer a question
	// (package desk). What became of the function has a fault class. Call nil = systems are opened in this process, by Connectors.
	Workers []string
	Call    func(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error)
}

// Parts is ports and what is built of them. The stores cost nothing to make and are always there; the rest is made by the first
// call and shared.
type Parts struct {
	Ports

	Cases       *casefile.Store
	Registry    *registry.Store
	Sessions    *session.Store
	Vault       *keys.Vault
	Holds       *hold.Store
	Authorities *authority.Store
	Systems     *systems.Pool

	asked *desk.Client // nil = systems are opened in this process

	packs     once[*policy.Set]
	pages     once[*pages.Renderer]
	letters   once[*correspondence.Writer]
	assembler once[*disclosure.Assembler]
	turner    once[*engine.Engine]
	erasures  once[*erasureledger.Ledger]
	consents  once[*consents.Desk]
	handOvers once[*handovers.Desk]
}

// Consents is the ledger of consents with the law.
func (a *Parts) Consents() (*consents.Desk, error) { return a.consents.get(a.newConsents) }

func (a *Parts) newConsents() (*consents.Desk, error) {
	packs, err := a.Packs()
	if err != nil {
		return nil, err
	}
	return &consents.Desk{Ledger: consent.New(a.Table, a.Vault, a.Now), Packs: packs}, nil
}

// New returns the parts of an installation.
func New(p Ports) *Parts {
	if _, copies := p.Mail.(mail.Eraser); copies {
		p.MailCopies = true
	}
	if p.Sleep == nil {
		p.Sleep = sleep
	}
	if p.Worker == nil {
		p.Worker = func(string) string { return Worker }
	}
	vault := keys.NewVault(p.Table, p.Keeper)
	a := &Parts{
		// Copies of the registry age by the machine's time: a clock set by hand must not keep them for ever.
		Ports: p, Cases: casefile.NewStore(p.Table, vault, p.Now, p.MailDomain, p.Poke), Registry: registry.NewStore(p.Table, time.Now),
		Sessions: session.NewStore(p.Table, p.Now), Vault: vault, Holds: hold.NewStore(p.Table, vault, p.Now),
		Authorities: authority.New(p.Table, vault, p.Now),
	}
	if p.Call == nil {
		a.Systems = systems.NewPool(a.Registry, p.Connectors, p.Secret, p.Now)
	} else {
		a.asked = desk.NewClient(desk.Options{Call: p.Call, Worker: p.Worker, Workers: p.Workers, Registry: a.Registry, Now: time.Now})
		a.Systems = systems.Elsewhere(a.Registry, a.asked, p.Now)
	}
	return a
}

// once holds what is made by the first call. What makes it is given then and not before: a binary that never asks links neither it
// nor what it needs.
type once[T any] struct {
	sync.Once
	made T
	err  error
}

func (o *once[T]) get(build func() (T, error)) (T, error) {
	o.Do(func() { o.made, o.err = build() })
	return o.made, o.err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, ctx.Err(), "waiting to try again")
	}
}

// Worker is the name of the function that runs tasks where one runs them all.
const Worker = "RunTask"

// Packs returns the laws.
func (a *Parts) Packs() (*policy.Set, error) { return a.packs.get(policy.Load) }

// Pages returns what renders pages.
func (a *Parts) Pages() (*pages.Renderer, error) { return a.pages.get(pages.New) }

// Letters returns what writes to people.
func (a *Parts) Letters() (*correspondence.Writer, error) { return a.letters.get(a.newLetters) }

func (a *Parts) newLetters() (*correspondence.Writer, error) {
	packs, err := a.Packs()
	if err != nil {
		return nil, err
	}
	catalogue, err := letters.New()
	if err != nil {
		return nil, err
	}
	return &correspondence.Writer{Registry: a.Registry, Packs: packs, Catalogue: catalogue, BaseURL: a.BaseURL}, nil
}

// Desk returns what proves who asks.
func (a *Parts) Desk() (*identity.Desk, error) {
	w, err := a.Letters()
	if err != nil {
		return nil, err
	}
	return &identity.Desk{Cases: a.Cases, Letters: w, Rules: a.Rules}, nil
}

// Owners returns what asks the owners of systems.
func (a *Parts) Owners() (*owners.Desk, error) {
	w, err := a.Letters()
	if err != nil {
		return nil, err
	}
	return &owners.Desk{Registry: a.Registry, Sessions: a.Sessions, Letters: w}, nil
}

// Assembler returns what makes packages.
func (a *Parts) Assembler() (*disclosure.Assembler, error) { return a.assembler.get(a.newAssembler) }

func (a *Parts) newAssembler() (*disclosure.Assembler, error) {
	temp := func(context.Context) (disclosure.Temp, error) { return sealedtemp.New(a.TempDir) }
	return disclosure.New(disclosure.Options{Temp: temp})
}

// Turner returns what carries out turns of tasks.
func (a *Parts) Turner() (*engine.Engine, error) { return a.turner.get(a.newTurner) }

func (a *Parts) newTurner() (*engine.Engine, error) {
	return engine.New(engine.Config{Blobs: a.Blobs, Now: a.Now, Sleep: a.Sleep, Pace: a.Pace})
}

// Erasures returns the erasure ledger.
func (a *Parts) Erasures() (*erasureledger.Ledger, error) { return a.erasures.get(a.newErasures) }

func (a *Parts) newErasures() (*erasureledger.Ledger, error) {
	turner, err := a.Turner()
	if err != nil {
		return nil, err
	}
	return erasureledger.New(erasureledger.Config{
		Table: a.Table, Vault: a.Vault, Blobs: a.Blobs, Engine: turner, Now: a.Now, Shredding: a.Shredding,
	})
}

// Restores returns what compares restored systems with the erasure ledger.
func (a *Parts) Restores() (restores.Checker, error) {
	if a.asked != nil {
		return a.asked, nil
	}
	e, err := a.Erasures()
	if err != nil {
		return nil, err
	}
	return &restores.Desk{Ledger: e, Systems: a.Systems, Holds: a.Holds}, nil
}
