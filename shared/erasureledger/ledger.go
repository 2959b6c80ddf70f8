package erasureledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Engine is what the ledger needs of the connector engine; *engine.Engine implements it.
type Engine interface {
	Reseal(ctx context.Context, ref engine.PlanRef, from, to engine.Keys, name string) (engine.PlanRef, error)
	Recheck(ctx context.Context, ins engine.Instruction) ([]engine.Remains, error)
	Replay(ctx context.Context, ins engine.Instruction) ([]engine.Remains, error)
}

// Config is what a ledger is made of. All but Shredding are required.
type Config struct {
	Table  table.Store
	Vault  *keys.Vault
	Blobs  blobs.Store
	Engine Engine
	Now    func() time.Time
	// Shredding is told of every key before it is destroyed, so that a restored backup does not bring it back; see
	// functions.Ports. nil = nobody keeps count.
	Shredding func(ctx context.Context, t keys.Tombstone) error
}

// Ledger is safe for use by several goroutines and processes.
type Ledger struct{ Config }

// New returns a ledger; a missing port is fault.Misconfigured.
func New(c Config) (*Ledger, error) {
	if c.Table == nil || c.Vault == nil || c.Blobs == nil || c.Engine == nil || c.Now == nil {
		return nil, fault.New(fault.Misconfigured, "the erasure ledger needs records, keys, objects, the connector engine and a clock")
	}
	return &Ledger{c}, nil
}

// RecordInput is a verified erasure on one system.
type RecordInput struct {
	Tenant, System, CaseID, TaskID string
	Reference                      string // of the case; what reports call it
	ErasedAt                       time.Time
	Horizon                        time.Duration // how long backups of the system keep what was erased; 0 = none are made
	Identifiers                    []subject.Identifier
	Plan                           engine.PlanRef // the list that was carried out: Turn.Plan of the erasure
	Keys                           engine.Keys    // of the case
}

// Entry is the open part of an entry: nothing in it is personal.
type Entry struct {
	Schema    int            `json:"schema"`
	Tenant    string         `json:"tenant"`
	System    string         `json:"system"`
	CaseID    string         `json:"caseId"`
	TaskID    string         `json:"taskId"`
	Reference string         `json:"reference,omitempty"`
	ErasedAt  time.Time      `json:"erasedAt"`
	Until     time.Time      `json:"until"` // the end of the backup horizon
	Plan      engine.PlanRef `json:"plan"`

	version int64
}

// Erasure says that an identifier was erased from a system. It outlives the horizon.
type Erasure struct {
	Schema       int       `json:"schema"`
	System       string    `json:"system"`
	CaseID       string    `json:"caseId"`
	ErasedAt     time.Time `json:"erasedAt"`
	IndexVersion int       `json:"indexVersion"` // of the key behind the hash
}

const (
	schema     = 1
	shards     = 8
	batchWrite = 90
)

// Record writes the entry of a verified erasure. It is idempotent by task: repeating it, also at the same time in another
// process, leaves one entry. Of a system without backups, or after the horizon, only the hashes are kept. A plan that is not
// the list it names is fault.Internal, and nothing of the entry is visible then.
func (l *Ledger) Record(ctx context.Context, in RecordInput) error {
	e := Entry{
		Schema: schema, Tenant: in.Tenant, System: in.System, CaseID: in.CaseID, TaskID: in.TaskID, Reference: in.Reference,
		ErasedAt: in.ErasedAt.UTC().Truncate(time.Millisecond),
	}
	e.Until = e.ErasedAt.Add(in.Horizon)
	if in.Tenant == "" || in.System == "" || in.CaseID == "" || in.TaskID == "" || in.ErasedAt.IsZero() || in.Plan.Name == "" || in.Keys == nil {
		return fault.New(fault.Invalid, "an entry of the erasure ledger needs tenant, system, case, task, time, list and keys")
	}
	if _, err := l.entry(ctx, e.key()); err == nil || !fault.Has(err, fault.NotFound) {
		return err
	}
	if err := l.remember(ctx, e, in.Identifiers); err != nil {
		return err
	}
	if !l.Now().Before(e.Until) {
		return nil
	}
	own, err := l.keysOf(ctx, e)
	if err != nil {
		return err
	}
	if e.Plan, err = l.Engine.Reseal(ctx, in.Plan, in.Keys, own, e.prefix()+"list"); err != nil {
		return fmt.Errorf("keeping the list of an erasure: %w", err)
	}
	if err := l.putIdentifiers(ctx, e, own, in.Identifiers); err != nil {
		return err
	}
	return l.add(ctx, e)
}

func (l *Ledger) add(ctx context.Context, e Entry) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing an entry of the erasure ledger")
	}
	it := table.Item{Key: e.key(), IPK: ipkUntil(shardOf(e.TaskID)), ISK: stamp(e.Until) + "#" + e.Tenant + "#" + e.System + "#" + e.TaskID, Body: body}
	err = l.Table.Transact(ctx, table.Write{Op: table.Put, If: table.Absent, Item: it})
	if err != nil && !fault.Has(err, fault.Conflict) { // somebody wrote the same entry meanwhile
		return fmt.Errorf("writing an entry of the erasure ledger: %w", err)
	}
	return nil
}

// remember writes the keyed hashes.
func (l *Ledger) remember(ctx context.Context, e Entry, ids []subject.Identifier) error {
	tk, err := l.Vault.Tenant(ctx, e.Tenant)
	if err != nil {
		return fmt.Errorf("reading tenant keys: %w", err)
	}
	body, err := json.Marshal(Erasure{Schema: schema, System: e.System, CaseID: e.CaseID, ErasedAt: e.ErasedAt, IndexVersion: tk.IndexVersion()})
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing the hash of an identifier")
	}
	var writes []table.Write
	seen := map[subject.Ref]bool{}
	flush := func() error {
		if len(writes) == 0 {
			return nil
		}
		err := l.Table.Transact(ctx, writes...)
		writes = writes[:0]
		if err != nil {
			return fmt.Errorf("writing the hashes of identifiers: %w", err)
		}
		return nil
	}
	for _, id := range ids {
		ref := tk.Ref(id)
		if seen[ref] {
			continue
		}
		seen[ref] = true
		key := table.Key{Table: table.Ledger, PK: pkHash(e.Tenant, ref), SK: e.System + "#" + e.TaskID}
		writes = append(writes, table.Write{Op: table.Put, If: table.AnyVersion, Item: table.Item{Key: key, Body: body}})
		if len(writes) == batchWrite {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// keysOf returns the keys of the entry, which are stored before anything is sealed under them: two writers seal alike.
func (l *Ledger) keysOf(ctx context.Context, e Entry) (*keys.CaseKeys, error) {
	_, w, err := l.Vault.NewCase(ctx, e.Tenant, e.keyID())
	if err != nil {
		return nil, fmt.Errorf("making the key of an entry: %w", err)
	}
	if err := l.Table.Transact(ctx, w); err != nil && !fault.Has(err, fault.Conflict) {
		return nil, fmt.Errorf("storing the key of an entry: %w", err)
	}
	k, err := l.Vault.Case(ctx, e.Tenant, e.keyID())
	if err != nil {
		return nil, fmt.Errorf("reading the key of an entry: %w", err)
	}
	return k, nil
}

func (l *Ledger) putIdentifiers(ctx context.Context, e Entry, k *keys.CaseKeys, ids []subject.Identifier) error {
	list := make([]subject.Revealed, 0, len(ids))
	for _, id := range ids {
		list = append(list, id.Reveal())
	}
	plain, err := json.Marshal(list)
	if err != nil {
		return fault.New(fault.Internal, "the identifiers of an erasure cannot be written")
	}
	name := e.prefix() + "identifiers"
	if _, err := l.Blobs.Put(ctx, name, bytes.NewReader(k.SealDoc(name, plain))); err != nil {
		return fmt.Errorf("keeping the identifiers of an erasure: %w", err)
	}
	return nil
}

// key is where the entry lies: by system, in order of the task ids, which is that of time.
func (e Entry) key() table.Key {
	return table.Key{Table: table.Ledger, PK: pkSystem(e.Tenant, e.System), SK: e.TaskID}
}

// keyID names the entry's key among the keys of cases.
func (e Entry) keyID() string { return "erased-" + e.TaskID }

// prefix begins the names of the entry's objects.
func (e Entry) prefix() string { return "erased/" + e.Tenant + "/" + e.TaskID + "/" }

func pkSystem(tenant, system string) string { return "T#" + tenant + "#ERASED#" + system }

func pkHash(tenant string, ref subject.Ref) string {
	return "T#" + tenant + "#ERASEDHASH#" + string(ref)
}

func ipkUntil(n uint32) string { return fmt.Sprintf("ERASEDUNTIL#%d", n) }

func shardOf(task string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(task)) // never fails (hash.Hash)
	return h.Sum32() % shards
}

const instant = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) string { return t.UTC().Format(instant) }
