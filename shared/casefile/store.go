package casefile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Store reads and commits cases.
type Store struct {
	table      table.Store
	vault      *keys.Vault
	now        func() time.Time
	mailDomain string
	poke       func([]OutboxRow)
}

// NewStore returns a store. mailDomain is the right side of Message-IDs. poke is told of the outbox rows of every commit
// right after it; it must not block. Rows it misses are found again through the outbox index.
func NewStore(t table.Store, v *keys.Vault, now func() time.Time, mailDomain string, poke func([]OutboxRow)) *Store {
	return &Store{table: t, vault: v, now: now, mailDomain: mailDomain, poke: poke}
}

// Vault returns the vault that the store seals with.
func (s *Store) Vault() *keys.Vault { return s.vault }

// Table returns the record store underneath, for rows of other aggregates read by the same caller.
func (s *Store) Table() table.Store { return s.table }

// Now returns the injected time.
func (s *Store) Now() time.Time { return s.now() }

// Load reads a case for changing. fault.NotFound when there is no such case of the tenant, or its keys were shredded.
func (s *Store) Load(ctx context.Context, tenant, id string) (*File, error) {
	f := &File{store: s, now: s.now().UTC().Truncate(time.Millisecond), read: map[string]table.Item{}}
	q := table.Query{Table: table.Cases, PK: pkCase(tenant, id), Prefix: "A#"}
	for {
		page, err := s.table.Query(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("reading case: %w", err)
		}
		for _, it := range page.Items {
			if err := f.take(it); err != nil {
				return nil, err
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if _, ok := f.read[skCase]; !ok || f.Case.Tenant != tenant {
		return nil, fault.New(fault.NotFound, "there is no such case")
	}
	err := f.noteCounted()
	if err != nil {
		return nil, err
	}
	if f.Keys, err = s.vault.Case(ctx, tenant, id); err != nil {
		return nil, fmt.Errorf("reading case keys: %w", err)
	}
	return f, nil
}

func (f *File) take(it table.Item) error {
	f.read[it.SK] = it
	switch {
	case it.SK == skCase:
		if json.Unmarshal(it.Body, &f.Case) != nil || f.Case.Schema > SchemaVersion {
			return errDecode("case")
		}
		f.due, f.asked, f.late = f.Case.NextDue, f.Case.askedSince(), f.Case.lateIndex()
	case strings.HasPrefix(it.SK, skTask):
		var t Task
		if json.Unmarshal(it.Body, &t) != nil {
			return errDecode("task")
		}
		f.Tasks = append(f.Tasks, &t)
	case strings.HasPrefix(it.SK, skWait):
		var w Wait
		if json.Unmarshal(it.Body, &w) != nil {
			return errDecode("wait")
		}
		f.Waits = append(f.Waits, &w)
	}
	return nil
}

// guard is what tasks check: it changes when they must look at the case again.
type guard struct {
	Generation int  `json:"generation"`
	Stopping   bool `json:"stopping"`
}

// Commit writes everything that changed, in one transaction over all files. fault.Conflict: somebody else changed it first,
// read again.
func (s *Store) Commit(ctx context.Context, files ...*File) error {
	var writes []table.Write
	var rows []OutboxRow
	for _, f := range files {
		ws, err := f.writes()
		if err != nil {
			return err
		}
		writes, rows = append(writes, ws...), append(rows, f.outbox...)
	}
	if len(writes) == 0 {
		return nil
	}
	if err := s.table.Transact(ctx, writes...); err != nil {
		return fmt.Errorf("committing case: %w", err)
	}
	if len(rows) > 0 {
		s.poke(rows)
	}
	return nil
}

func (f *File) writes() ([]table.Write, error) {
	var ws []table.Write
	for _, t := range f.Tasks {
		if err := f.put(&ws, skTask+t.ID, t, indexOfTask(f, t)); err != nil {
			return nil, err
		}
	}
	if f.person != nil {
		if err := f.putPerson(&ws); err != nil {
			return nil, err
		}
	}
	for _, w := range f.Waits {
		if err := f.put(&ws, skWait+waitName(w.State, w.TaskID), w, [2]string{}); err != nil {
			return nil, err
		}
	}
	for _, sk := range f.drop {
		if it, ok := f.read[sk]; ok && !f.waiting(sk) {
			ws = append(ws, table.Write{Op: table.Delete, Item: table.Item{Key: f.key(sk)}, If: it.Version})
		}
	}
	if err := f.putNotices(&ws); err != nil {
		return nil, err
	}
	if err := f.putSubs(&ws); err != nil {
		return nil, err
	}
	before := len(ws)
	if err := f.putCase(&ws); err != nil {
		return nil, err
	}
	if before > 0 && len(ws) == before {
		// The case itself stays as it is: only the guard tells whether it was taken over or stopped meanwhile. Who leaves a token
		// must also have seen every signal so far, and each of them changes the case: one that came in between finds no token
		// and is gone, and nothing would ever wake this one.
		sk := skGuard
		if f.awaits {
			sk = skCase
		}
		ws = append(ws, table.Write{Op: table.Check, Item: table.Item{Key: f.key(sk)}, If: f.read[sk].Version})
	}
	f.putSeal(&ws)
	for _, e := range f.entries {
		ws = append(ws, evidence.Write(e))
	}
	for _, r := range f.outbox {
		body, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("encoding outbox row: %w", err)
		}
		it := table.Item{Key: r.Key(), IPK: ipkOutbox(shard(r.CaseID, OutboxShards)), ISK: fmt.Sprintf("%s#%s#%08d", stamp(r.At), r.CaseID, r.N), Body: body}
		ws = append(ws, table.Write{Op: table.Put, Item: it, If: table.Absent})
	}
	return append(ws, f.extra...), nil
}

func (f *File) waiting(sk string) bool {
	for _, w := range f.Waits {
		if skWait+waitName(w.State, w.TaskID) == sk {
			return true
		}
	}
	return false
}

// indexOfTask lists a task among its tenant's open tasks for people.
func indexOfTask(f *File, t *Task) [2]string {
	if t.Status != TaskPerson || t.Asked == nil || !f.Case.Open() {
		return [2]string{}
	}
	due := t.Asked.DueAt
	if due.IsZero() {
		due = f.Case.Due.At
	}
	return [2]string{ipkPerson(f.Case.Tenant), stamp(due) + "#" + f.Case.ID + "#" + t.ID}
}

// putCase writes the case and its projections, where they changed.
func (f *File) putCase(ws *[]table.Write) error {
	c := &f.Case
	c.planDisposal()
	f.noteAnswer()
	f.putReview(ws)
	old, existed := f.read[skCase]
	plain, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encoding case: %w", err)
	}
	if existed && bytes.Equal(plain, old.Body) {
		return nil
	}
	c.UpdatedAt = f.now
	if err := f.put(ws, skCase, c, [2]string{ipkStatus(c.Tenant, c.Status), stamp(c.Due.At) + "#" + c.ID}); err != nil {
		return err
	}
	if err := f.put(ws, skGuard, guard{c.Generation, c.Stopping()}, [2]string{}); err != nil {
		return err
	}
	f.putUndelivered(ws)
	if err := f.putClaims(ws, old); err != nil {
		return err
	}
	f.putLate(ws)
	if err := f.putNumbers(ws); err != nil {
		return err
	}
	switch due := (table.Item{Key: f.key(skDue)}); {
	case c.NextDue.Equal(f.due):
	case c.NextDue.IsZero():
		*ws = append(*ws, table.Write{Op: table.Delete, Item: due, If: table.AnyVersion})
	default:
		due.IPK, due.ISK = ipkDue(shard(c.ID, DueShards)), stamp(c.NextDue)+"#"+c.Tenant+"#"+c.ID
		due.Body = []byte(`{}`)
		*ws = append(*ws, table.Write{Op: table.Put, Item: due, If: table.AnyVersion})
	}
	return f.putDisposal(ws, old)
}

func (f *File) putPerson(ws *[]table.Write) error {
	old, existed := f.read[skPerson]
	if existed {
		was, err := openPerson(f.Keys, old.Body)
		if err != nil {
			return err
		}
		if was.equal(f.person) {
			return nil
		}
	}
	sealed, err := f.person.seal(f.Keys)
	if err != nil {
		return err
	}
	*ws = append(*ws, table.Write{Op: table.Put, Item: table.Item{Key: f.key(skPerson), Body: sealed}, If: old.Version})
	return nil
}

// put writes v under sk when it differs from what was read.
func (f *File) put(ws *[]table.Write, sk string, v any, index [2]string) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding case item: %w", err)
	}
	old := f.read[sk]
	// Where an item stands in its list follows with its next change: a deadline that moves does not write every task.
	sameIndex := old.IPK == index[0] && (sk != skCase || old.ISK == index[1])
	if old.Version > 0 && bytes.Equal(body, old.Body) && sameIndex {
		return nil
	}
	it := table.Item{Key: f.key(sk), IPK: index[0], ISK: index[1], Body: body}
	*ws = append(*ws, table.Write{Op: table.Put, Item: it, If: old.Version})
	return nil
}

// Opening is what is known of a request when it arrives.
type Opening struct {
	Tenant     string
	Right      dsar.Right
	Channel    string
	Locale     string
	Country    string
	Purpose    string // see Case.Purpose
	Signal     string // see Case.Signal
	ReceivedAt time.Time
	Actor      string // evidence actor: subject or staff:<id>
	Person     Person
	Scope      policy.Scope // of an access: how much of the data the person wants to see; empty: the data itself
}

// Create records a new request with fresh keys, its evidence, its keyed index rows and the promise to start its workflow,
// in one transaction. It does the same work whether or not the person is known.
func (s *Store) Create(ctx context.Context, o Opening) (Case, error) {
	f, err := s.Prepare(ctx, o)
	if err != nil {
		return Case{}, err
	}
	if err := s.Commit(ctx, f); err != nil {
		return Case{}, err
	}
	return f.Case, nil
}

// Prepare makes the file of a new request, for callers that commit something of their own with it. Nothing is stored before
// the commit.
func (s *Store) Prepare(ctx context.Context, o Opening) (*File, error) {
	now := s.now().UTC().Truncate(time.Millisecond)
	c := Case{
		Schema: SchemaVersion, Tenant: o.Tenant, ID: dsar.NewID(), Reference: dsar.NewReference(), Right: o.Right,
		Status: dsar.Received, Phase: dsar.PhaseTriage, Generation: 1, Channel: o.Channel, Locale: o.Locale,
		ReceivedAt: o.ReceivedAt.UTC().Truncate(time.Millisecond), OpenedAt: now,
		Law: Law{Country: o.Country}, Purpose: o.Purpose, Signal: o.Signal, NextDue: now.Add(FirstLook), Scope: o.Scope,
	}
	ck, keyRow, err := s.vault.NewCase(ctx, c.Tenant, c.ID)
	if err != nil {
		return nil, fmt.Errorf("making case keys: %w", err)
	}
	tk, err := s.vault.Tenant(ctx, c.Tenant)
	if err != nil {
		return nil, fmt.Errorf("reading tenant keys: %w", err)
	}
	f := &File{Case: c, Keys: ck, store: s, now: now, read: map[string]table.Item{}, person: &o.Person}
	if err := f.Entry("case_received", o.Actor, map[string]any{"right": c.Right, "channel": c.Channel, "reference": c.Reference, "receivedAt": c.ReceivedAt}); err != nil {
		return nil, err
	}
	f.Start()
	f.Publish(events.CaseReceived)
	f.With(keyRow,
		table.Write{Op: table.Put, If: table.Absent, Item: table.Item{Key: table.Key{Table: table.Cases, PK: pkReference(c.Tenant, c.Reference), SK: skCase}, Body: []byte(c.ID)}},
		f.IndexRow(tk.Ref(o.Person.Email)),
	)
	return f, nil
}

// FirstLook is how long after its opening the sweeper looks at a case for the first time.
const FirstLook = time.Hour
