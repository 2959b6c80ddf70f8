package casefile

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Disposal is how far a closed case is on its way out: first its working objects and its package go, at the end of retention
// everything personal and the keys.
type Disposal struct {
	Look      time.Time `json:"look,omitzero"`      // when disposerecords looks at the case next
	ClearedAt time.Time `json:"clearedAt,omitzero"` // working objects and package are gone
	At        time.Time `json:"at,omitzero"`        // the keys were destroyed; what is left holds nothing personal
}

// Certificate is the proof of a disposal: facts of the entry case_disposed, and what auditors download.
type Certificate struct {
	SchemaVersion int       `json:"schemaVersion"`
	Tenant        string    `json:"tenant"`
	Reference     string    `json:"reference"`
	CaseID        string    `json:"caseId"`
	Right         string    `json:"right"`
	Status        string    `json:"status"`
	ReceivedAt    time.Time `json:"receivedAt"`
	ClosedAt      time.Time `json:"closedAt"`
	DisposedAt    time.Time `json:"disposedAt"`
	RetentionDays int       `json:"retentionDays"`
	Key           string    `json:"key"`     // SHA-256 of the wrapped keys that were destroyed, lower-case hex
	Objects       int       `json:"objects"` // removed at the end of retention, and looked for afterwards
	Records       int       `json:"records"` // removed: sealed documents, letters, messages, tasks, index rows
	// KeyBackupsUntil is when the last backup of the wrapped keys has expired; until then a copy of the case in a backup could be
	// read by whoever has that backup and the key of the installation.
	KeyBackupsUntil time.Time `json:"keyBackupsUntil"`
}

const (
	skDisposal     = "P#DISPOSAL"
	kindDisposed   = "case_disposed"
	disposalShards = DueShards
	deleteBatch    = 90
)

func ipkDisposal(n uint32) string { return fmt.Sprintf("DISPOSAL#%d", n) }

// putDisposal keeps the row by which disposerecords finds the case: due at once when the case closes, gone when it is opened
// again or disposed of.
func (f *File) putDisposal(ws *[]table.Write, old table.Item) error {
	var was Case
	if old.Version > 0 && json.Unmarshal(old.Body, &was) != nil {
		return errDecode("case")
	}
	row := table.Item{Key: f.key(skDisposal)}
	switch d := f.Case.Disposal; {
	case d.Look.Equal(was.Disposal.Look):
	case d.Look.IsZero():
		*ws = append(*ws, table.Write{Op: table.Delete, Item: row, If: table.AnyVersion})
	default:
		row.IPK, row.ISK, row.Body = ipkDisposal(shard(f.Case.ID, disposalShards)), stamp(d.Look)+"#"+f.Case.Tenant+"#"+f.Case.ID, []byte(`{}`)
		*ws = append(*ws, table.Write{Op: table.Put, Item: row, If: table.AnyVersion})
	}
	return nil
}

// planDisposal makes a case that closes due for disposerecords, which knows the policy, and takes one that opens again off.
func (c *Case) planDisposal() {
	switch {
	case c.Open():
		c.Disposal = Disposal{}
	case c.Disposal.Look.IsZero() && c.Disposal.At.IsZero():
		c.Disposal.Look = c.ClosedAt
	}
}

// Disposable returns a page of the cases of one shard (of DueShards) that disposerecords must look at, earliest first. The
// index may lag.
func (s *Store) Disposable(ctx context.Context, shard uint32, until time.Time, limit int, cursor string) ([]DueRef, string, error) {
	page, err := s.table.Query(ctx, table.Query{
		Table: table.Cases, Index: true, PK: ipkDisposal(shard), To: stamp(until.Add(time.Millisecond)), Limit: limit, Cursor: cursor,
	})
	if err != nil {
		return nil, "", fmt.Errorf("reading disposal index: %w", err)
	}
	var out []DueRef
	for _, it := range page.Items {
		if p := strings.Split(it.ISK, "#"); len(p) == 3 {
			out = append(out, DueRef{Tenant: p[1], CaseID: p[2]})
		}
	}
	return out, page.Next, nil
}

// NextDisposal returns the earliest instant after the given one at which disposerecords has something to do; zero when there
// is none.
func (s *Store) NextDisposal(ctx context.Context, after time.Time) (time.Time, error) {
	var first time.Time
	for n := range uint32(disposalShards) {
		items, err := s.some(ctx, table.Query{Table: table.Cases, Index: true, PK: ipkDisposal(n), From: stamp(after.Add(time.Millisecond))}, 1)
		if err != nil {
			return time.Time{}, fmt.Errorf("reading disposal index: %w", err)
		}
		for _, it := range items {
			at, err := time.Parse(instant, strings.SplitN(it.ISK, "#", 2)[0])
			if err == nil && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
	}
	return first, nil
}

// kept are the rows of a case that outlive its content: they hold nothing personal.
var kept = []string{skCase, skGuard, skSeal, skReceived, skDisposal, skLate}

// Empty removes every row of a closed case but those that hold nothing personal, the keyed index rows that lead to it, and what
// leads to its notices, and returns how many there were. It is repeated until nothing is left: a process that dies in the
// middle leaves a case that is emptied by the next. The file is of no use afterwards; load the case again.
func (f *File) Empty(ctx context.Context) (removed int, err error) {
	if f.Case.Open() {
		return 0, fault.New(fault.Conflict, "an open case is not emptied")
	}
	leads, err := f.leads(ctx)
	if err != nil {
		return 0, err
	}
	// What leads to the case goes first: the personal document, which names it, is among the rows.
	if err := f.store.remove(ctx, leads); err != nil {
		return 0, err
	}
	var rows []table.Key
	q := table.Query{Table: table.Cases, PK: pkCase(f.Case.Tenant, f.Case.ID)}
	for {
		page, err := f.store.table.Query(ctx, q)
		if err != nil {
			return 0, fmt.Errorf("reading case: %w", err)
		}
		for _, it := range page.Items {
			if !slices.Contains(kept, it.SK) {
				rows = append(rows, it.Key)
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	return len(leads) + len(rows), f.store.remove(ctx, rows)
}

// Emptied reports whether Empty was at work on the case before: who it was about is no longer known.
func (f *File) Emptied() bool {
	_, ok := f.read[skPerson]
	return !ok
}

// leads returns the rows elsewhere that lead to the case: those of its identifiers and of its notices.
func (f *File) leads(ctx context.Context) ([]table.Key, error) {
	var out []table.Key
	if it, ok := f.read[skPerson]; ok {
		p, err := openPerson(f.Keys, it.Body)
		if err != nil {
			return nil, err
		}
		tk, err := f.Tenant(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading tenant keys: %w", err)
		}
		for _, id := range subject.Add([]subject.Identifier{p.Email}, p.Known()...) {
			out = append(out, table.Key{Table: table.Cases, PK: pkIdentifier(f.Case.Tenant, tk.Ref(id)), SK: f.Case.ID})
		}
	}
	notices, err := f.Notices(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range notices {
		out = append(out, table.Key{Table: table.Cases, PK: pkNotice(f.Case.Tenant, n.ID), SK: skCase})
	}
	return out, nil
}

func (s *Store) remove(ctx context.Context, list []table.Key) error {
	for batch := range slices.Chunk(list, deleteBatch) {
		var ws []table.Write
		for _, k := range batch {
			ws = append(ws, table.Write{Op: table.Delete, Item: table.Item{Key: k}, If: table.AnyVersion})
		}
		if err := s.table.Transact(ctx, ws...); err != nil {
			return fmt.Errorf("removing rows of a case: %w", err)
		}
	}
	return nil
}

// Dispose destroys the keys of an emptied case and proves it, with the commit that follows. Key, DisposedAt and what the case
// itself says are filled in here. Words that are sealed in the open part go too: nobody can read them any more.
func (f *File) Dispose(ctx context.Context, c Certificate) error {
	key, err := f.store.vault.Fingerprint(ctx, f.Case.Tenant, f.Case.ID)
	if err != nil {
		return fmt.Errorf("naming the keys of a case: %w", err)
	}
	k := &f.Case
	c.SchemaVersion, c.Tenant, c.Reference, c.CaseID, c.Right, c.Status = SchemaVersion, k.Tenant, k.Reference, k.ID, string(k.Right), string(k.Status)
	c.ReceivedAt, c.ClosedAt, c.DisposedAt, c.Key = k.ReceivedAt, k.ClosedAt, f.now, key
	k.Disposal.Look, k.Disposal.At, k.NextDue = time.Time{}, f.now, time.Time{}
	for _, d := range []*Decision{k.Extension, k.PlanDecision, k.Review, k.Withdrawal, k.Paused, k.Refusal} {
		if d != nil {
			d.Reason = nil
		}
	}
	for i := range k.Claims {
		k.Claims[i].Facts = nil
		if k.Claims[i].Decision != nil {
			k.Claims[i].Decision.Reason = nil
		}
	}
	f.With(f.store.vault.Shred(k.Tenant, k.ID))
	return f.Entry(kindDisposed, evidence.System, c)
}

// Disposed returns the certificate of a case that was disposed of, with the entry that proves it; fault.NotFound when it was
// not.
func (s *Store) Disposed(ctx context.Context, tenant, id string) (Certificate, evidence.Entry, error) {
	for e, err := range evidence.Read(ctx, s.table, tenant, id) {
		if err != nil {
			return Certificate{}, evidence.Entry{}, err
		}
		if e.Chain != evidence.CaseChain || e.Kind != kindDisposed {
			continue
		}
		var c Certificate
		if json.Unmarshal(e.Facts, &c) != nil {
			return c, e, errDecode("certificate")
		}
		return c, e, nil
	}
	return Certificate{}, evidence.Entry{}, fault.New(fault.NotFound, "the case was not disposed of")
}

// SKCase is the sort key of the open part of a case, for whoever walks over records without a store.
const SKCase = skCase
