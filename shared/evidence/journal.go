package evidence

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Journal keeps chains that belong to a tenant and to no single case: what was erased again in a restored system, what was restored
// from a backup of the installation itself, which laws were confirmed. A journal is stored like the case of its name; the names are
// those of its constants, which no case id has. Unlike the chains of cases it is not sealed into the tenant's log yet, and no bundle
// exports it: what is changed inside it shows to whoever reads the chain, a tail that is cut off does not.
type Journal struct{ Store table.Store }

// The journals of a tenant.
const (
	Restores = "restores" // comparisons and repeated erasures in systems that were restored from a backup
	Backups  = "backups"  // the installation itself was restored
	Laws     = "laws"     // drafts of laws that a named person confirmed
	Wordings = "wordings" // what a tenant says in letters in its own words

	Authorities = "authority" // requests of authorities for somebody's data
)

const journalAttempts = 16

// Append adds an entry to a journal, in one transaction with more. Of two writers at a time both succeed, one after the other;
// a condition of more that does not hold is fault.Conflict after a few attempts.
func (j Journal) Append(ctx context.Context, tenant, journal, kind, actor string, facts any, at time.Time, more ...table.Write) (Entry, error) {
	for n := 1; ; n++ {
		e, err := j.append(ctx, Draft{Tenant: tenant, Case: journal, Chain: CaseChain, At: at, Kind: kind, Actor: actor, Facts: facts}, more)
		if err == nil || n == journalAttempts || !fault.Has(err, fault.Conflict) {
			return e, err
		}
	}
}

func (j Journal) append(ctx context.Context, d Draft, more []table.Write) (Entry, error) {
	key := table.Key{Table: table.Ledger, PK: "T#" + d.Tenant + "#JOURNALS", SK: d.Case}
	var head Head
	it, err := j.Store.Get(ctx, key)
	switch {
	case fault.Has(err, fault.NotFound):
	case err != nil:
		return Entry{}, fmt.Errorf("reading the head of a journal: %w", err)
	case json.Unmarshal(it.Body, &head) != nil:
		return Entry{}, fault.New(fault.Internal, "the head of a journal is not readable")
	}
	e, head, err := head.Append(d)
	if err != nil {
		return Entry{}, err
	}
	body, err := json.Marshal(head)
	if err != nil {
		return Entry{}, fault.Wrap(fault.Internal, err, "writing the head of a journal")
	}
	writes := append([]table.Write{Write(e), {Op: table.Put, If: it.Version, Item: table.Item{Key: key, Body: body}}}, more...)
	if err := j.Store.Transact(ctx, writes...); err != nil {
		return Entry{}, fmt.Errorf("writing a journal: %w", err)
	}
	return e, nil
}
