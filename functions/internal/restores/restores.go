// Package restores compares a registered system with the erasure ledger after the system was restored from a backup, and has
// what came back erased again. The console and the command use the same desk.
package restores

import (
	"context"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/erasureledger"
	"github.com/habeas-dsar/habeas/shared/hold"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Systems opens registered systems; an opened one is shared and stays open.
type Systems interface {
	Open(ctx context.Context, tenant, system string) (connector.Connector, *connector.Dataset, error)
}

// Holds says which legal holds are in force; *hold.Store in the product.
type Holds interface {
	For(ctx context.Context, q hold.Question) ([]hold.Concerning, error)
}

// Checker compares restored systems with the ledger: a Desk where systems can be opened, else somebody who asks one.
type Checker interface {
	// Check compares a part of the ledger with a registered system and, with apply, erases again what came back, approved by the
	// actor; cursor is Report.Next of the part before. A system that is not registered is fault.NotFound.
	Check(ctx context.Context, tenant, system string, apply bool, by, cursor string) (erasureledger.Report, error)
}

// Desk brings ledger, systems and holds together.
type Desk struct {
	Ledger  *erasureledger.Ledger
	Systems Systems
	Holds   Holds
}

// budget is how long one part of a comparison begins new entries: calls of an HTTP API end in time.
const budget = 20 * time.Second

// Check compares a part of the ledger with the system; cursor is Report.Next of the part before. apply erases again what came
// back, approved by the actor. The system must be registered (fault.NotFound) and reachable.
func (d *Desk) Check(ctx context.Context, tenant, system string, apply bool, by, cursor string) (erasureledger.Report, error) {
	conn, dataset, err := d.Systems.Open(ctx, tenant, system)
	if err != nil {
		return erasureledger.Report{}, err
	}
	return d.Ledger.Check(ctx, erasureledger.CheckInput{
		Tenant: tenant, System: system, Connector: conn, Dataset: dataset, Apply: apply, By: by, Holds: d.holds, Cursor: cursor, Budget: budget,
	})
}

// holds returns the legal holds in force on the person of an entry.
func (d *Desk) holds(ctx context.Context, e erasureledger.Entry, ids []subject.Identifier) ([]engine.Hold, error) {
	list, err := d.Holds.For(ctx, hold.Question{Tenant: e.Tenant, CaseID: e.CaseID, System: e.System, Identifiers: ids})
	if err != nil {
		return nil, err
	}
	out := make([]engine.Hold, 0, len(list))
	for _, h := range list {
		out = append(out, engine.Hold{ID: h.ID, Collection: h.Collection, Keys: h.Keys})
	}
	return out, nil
}
