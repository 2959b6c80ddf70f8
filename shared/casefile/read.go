package casefile

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
)

// IndexRow is the keyed index row that finds the case by an identifier's pseudonym.
func (f *File) IndexRow(ref subject.Ref) table.Write {
	return table.Write{Op: table.Put, If: table.AnyVersion, Item: table.Item{
		Key: table.Key{Table: table.Cases, PK: pkIdentifier(f.Case.Tenant, ref), SK: f.Case.ID}, Body: []byte(f.Case.Right),
	}}
}

// Case reads the open part of a case.
func (s *Store) Case(ctx context.Context, tenant, id string) (Case, error) {
	it, err := s.table.Get(ctx, table.Key{Table: table.Cases, PK: pkCase(tenant, id), SK: skCase})
	if err != nil {
		return Case{}, fmt.Errorf("reading case: %w", err)
	}
	var c Case
	if json.Unmarshal(it.Body, &c) != nil || c.Schema > SchemaVersion {
		return Case{}, errDecode("case")
	}
	return c, nil
}

// ByReference returns the id of the case with the reference (in stored form). fault.NotFound when there is none.
func (s *Store) ByReference(ctx context.Context, tenant, reference string) (string, error) {
	it, err := s.table.Get(ctx, table.Key{Table: table.Cases, PK: pkReference(tenant, reference), SK: skCase})
	if err != nil {
		return "", fmt.Errorf("reading reference: %w", err)
	}
	return string(it.Body), nil
}

// ByIdentifier returns the ids of the tenant's newest cases that carry the identifier, newest first; at most limit.
func (s *Store) ByIdentifier(ctx context.Context, tenant string, i subject.Identifier, limit int) ([]string, error) {
	tk, err := s.vault.Tenant(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("reading tenant keys: %w", err)
	}
	items, err := s.some(ctx, table.Query{Table: table.Cases, PK: pkIdentifier(tenant, tk.Ref(i)), Descending: true}, limit)
	if err != nil {
		return nil, fmt.Errorf("reading identifier index: %w", err)
	}
	var ids []string
	for _, it := range items {
		ids = append(ids, it.SK)
	}
	return ids, nil
}

func caseOf(pk string) string { return pk[strings.LastIndexByte(pk, '#')+1:] }

// TaskRef names a task for a list.
type TaskRef struct{ CaseID, TaskID string }

// PersonTasks returns the tenant's tasks that wait for a person, most urgent first.
func (s *Store) PersonTasks(ctx context.Context, tenant string, limit int, cursor string) ([]TaskRef, string, error) {
	page, err := s.table.Query(ctx, table.Query{Table: table.Cases, Index: true, PK: ipkPerson(tenant), Limit: limit, Cursor: cursor})
	if err != nil {
		return nil, "", fmt.Errorf("listing tasks: %w", err)
	}
	var out []TaskRef
	for _, it := range page.Items {
		out = append(out, TaskRef{caseOf(it.PK), strings.TrimPrefix(it.SK, skTask)})
	}
	return out, page.Next, nil
}

// DueRef names a case that the sweeper must look at, its notice to a recipient, or an appeal or complaint in it.
type DueRef struct{ Tenant, CaseID, Recipient, Sub string }

// DueCases returns a page of the cases of one shard whose next look is due, earliest first. The index may lag: it may still show
// cases that were looked at, and not yet show others.
func (s *Store) DueCases(ctx context.Context, shard uint32, until time.Time, limit int, cursor string) ([]DueRef, string, error) {
	page, err := s.table.Query(ctx, table.Query{Table: table.Cases, Index: true, PK: ipkDue(shard), To: stamp(until.Add(time.Millisecond)), Limit: limit, Cursor: cursor})
	if err != nil {
		return nil, "", fmt.Errorf("reading due index: %w", err)
	}
	var out []DueRef
	for _, it := range page.Items {
		if p := strings.Split(it.ISK+"#", "#"); len(p) >= 4 {
			r := DueRef{Tenant: p[1], CaseID: p[2], Recipient: p[3]}
			if len(p) > 4 {
				r.Sub = p[4]
			}
			out = append(out, r)
		}
	}
	return out, page.Next, nil
}

// NextDue returns the earliest instant after the given one at which the sweeper has something to do; zero when there is none.
func (s *Store) NextDue(ctx context.Context, after time.Time) (time.Time, error) {
	var first time.Time
	for n := range uint32(DueShards) {
		items, err := s.some(ctx, table.Query{Table: table.Cases, Index: true, PK: ipkDue(n), From: stamp(after.Add(time.Millisecond))}, 1)
		if err != nil {
			return time.Time{}, fmt.Errorf("reading due index: %w", err)
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

// some returns the first items of a query; a page may be short with more behind it.
func (s *Store) some(ctx context.Context, q table.Query, limit int) ([]table.Item, error) {
	var out []table.Item
	for len(out) < limit {
		q.Limit = min(limit-len(out), table.MaxPage)
		page, err := s.table.Query(ctx, q)
		if err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	return out, nil
}

// Outbox returns the rows of one shard that were not carried out yet, oldest first.
func (s *Store) Outbox(ctx context.Context, shard uint32, limit int, cursor string) ([]OutboxRow, string, error) {
	page, err := s.table.Query(ctx, table.Query{Table: table.Cases, Index: true, PK: ipkOutbox(shard), Limit: limit, Cursor: cursor})
	if err != nil {
		return nil, "", fmt.Errorf("reading outbox: %w", err)
	}
	var rows []OutboxRow
	for _, it := range page.Items {
		var r OutboxRow
		if json.Unmarshal(it.Body, &r) != nil {
			return nil, "", errDecode("outbox row")
		}
		rows = append(rows, r)
	}
	return rows, page.Next, nil
}

// Done removes an outbox row that was carried out. Idempotent.
func (s *Store) Done(ctx context.Context, r OutboxRow) error {
	if err := s.table.Transact(ctx, r.Remove()); err != nil {
		return fmt.Errorf("removing outbox row: %w", err)
	}
	return nil
}

// Remove is the write that removes the row, for callers that do it with their own change.
func (r OutboxRow) Remove() table.Write {
	return table.Write{Op: table.Delete, Item: table.Item{Key: r.Key()}, If: table.AnyVersion}
}

// Mail reads a queued mail with its content.
func (s *Store) Mail(ctx context.Context, tenant, id string, n int) (Mail, Letter, error) {
	it, err := s.table.Get(ctx, table.Key{Table: table.Cases, PK: pkCase(tenant, id), SK: fmt.Sprintf("%s%06d", skMail, n)})
	if err != nil {
		return Mail{}, Letter{}, fmt.Errorf("reading mail: %w", err)
	}
	k, err := s.vault.Case(ctx, tenant, id)
	if err != nil {
		return Mail{}, Letter{}, fmt.Errorf("reading case keys: %w", err)
	}
	return openMail(k, it)
}

func openMail(k *keys.CaseKeys, it table.Item) (Mail, Letter, error) {
	m := Mail{version: it.Version}
	if json.Unmarshal(it.Body, &m) != nil {
		return Mail{}, Letter{}, errDecode("mail")
	}
	plain, err := k.OpenDoc(fmt.Sprintf("%s%d", labelMail, m.N), m.Content)
	if err != nil {
		return Mail{}, Letter{}, fmt.Errorf("opening letter: %w", err)
	}
	var l sealedLetter
	if json.Unmarshal(plain.Reveal(), &l) != nil {
		return Mail{}, Letter{}, errDecode("letter")
	}
	return m, Letter{
		Kind: m.Kind, To: redact.NewText(l.To), Subject: l.Subject, Text: redact.NewText(l.Text), HTML: redact.NewText(l.HTML), Party: m.Party, TaskID: m.TaskID,
	}, nil
}

// Letters returns the case's letters in order, content opened; at most limit.
func (s *Store) Letters(ctx context.Context, tenant, id string, limit int) ([]Mail, []Letter, error) {
	items, err := s.some(ctx, table.Query{Table: table.Cases, PK: pkCase(tenant, id), Prefix: skMail}, limit)
	if err != nil {
		return nil, nil, fmt.Errorf("reading letters: %w", err)
	}
	k, err := s.vault.Case(ctx, tenant, id)
	if err != nil {
		return nil, nil, fmt.Errorf("reading case keys: %w", err)
	}
	var ms []Mail
	var ls []Letter
	for _, it := range items {
		m, l, err := openMail(k, it)
		if err != nil {
			return nil, nil, err
		}
		ms, ls = append(ms, m), append(ls, l)
	}
	return ms, ls, nil
}

// WatchMail makes the commit fail when the mail was settled since it was read: whoever leaves a token for what becomes of it must
// not miss that.
func (f *File) WatchMail(m Mail) {
	key := table.Key{Table: table.Cases, PK: pkCase(f.Case.Tenant, f.Case.ID), SK: fmt.Sprintf("%s%06d", skMail, m.N)}
	f.With(table.Write{Op: table.Check, Item: table.Item{Key: key}, If: m.version})
}

// MailWrite is the write that stores a mail's new state under the version it was read at.
func (s *Store) MailWrite(tenant, id string, m Mail) (table.Write, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return table.Write{}, fmt.Errorf("encoding mail: %w", err)
	}
	it := table.Item{Key: table.Key{Table: table.Cases, PK: pkCase(tenant, id), SK: fmt.Sprintf("%s%06d", skMail, m.N)}, Body: body}
	return table.Write{Op: table.Put, Item: it, If: m.version}, nil
}

// MarkAttempted records, before the mail is handed over, that it is about to be; afterwards only Lookup can tell.
func (s *Store) MarkAttempted(ctx context.Context, tenant, id string, m Mail) (Mail, error) {
	m.Attempted, m.TriedAt = true, s.now().UTC().Truncate(time.Millisecond)
	w, err := s.MailWrite(tenant, id, m)
	if err != nil {
		return m, err
	}
	if err := s.table.Transact(ctx, w); err != nil {
		return m, fmt.Errorf("marking mail: %w", err)
	}
	m.version++
	return m, nil
}

// ClearAttempted takes MarkAttempted back: the next hop certainly did not take the mail.
func (s *Store) ClearAttempted(ctx context.Context, tenant, id string, m Mail) error {
	m.Attempted, m.TriedAt = false, time.Time{}
	w, err := s.MailWrite(tenant, id, m)
	if err != nil {
		return err
	}
	if err := s.table.Transact(ctx, w); err != nil {
		return fmt.Errorf("marking mail: %w", err)
	}
	return nil
}

// SettleMail sets the mail's final state on a file that is then committed together with the removal of the outbox row.
func (f *File) SettleMail(m Mail, state mail.State, class fault.Class, r OutboxRow) error {
	m.State, m.SettledAt, m.Fault = state, f.now, string(class)
	w, err := f.store.MailWrite(f.Case.Tenant, f.Case.ID, m)
	if err != nil {
		return err
	}
	f.With(w, r.Remove())
	if m.Party == ToRecipient {
		f.out(OutboxRow{Kind: OutWake, Notice: m.TaskID})
	}
	f.missed(m, string(class))
	facts := map[string]any{"kind": m.Kind, "n": m.N}
	if class != "" {
		facts["fault"] = class
	}
	return f.Entry("letter_"+string(state), "system", facts)
}

// ReadMessage is a message in the open.
type ReadMessage struct {
	From string
	At   time.Time
	Text redact.Text

	Statement bool // of disagreement with what was not corrected
}

// Messages returns the conversation, oldest first; at most limit.
func (s *Store) Messages(ctx context.Context, tenant, id string, limit int) ([]ReadMessage, error) {
	items, err := s.some(ctx, table.Query{Table: table.Cases, PK: pkCase(tenant, id), Prefix: skMessage}, limit)
	if err != nil {
		return nil, fmt.Errorf("reading messages: %w", err)
	}
	k, err := s.vault.Case(ctx, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("reading case keys: %w", err)
	}
	var out []ReadMessage
	for _, it := range items {
		var m Message
		if json.Unmarshal(it.Body, &m) != nil {
			return nil, errDecode("message")
		}
		plain, err := k.OpenDoc(fmt.Sprintf("%s%d", labelMessage, m.N), m.Text)
		if err != nil {
			return nil, fmt.Errorf("opening message: %w", err)
		}
		out = append(out, ReadMessage{From: m.From, At: m.At, Text: redact.NewText(string(plain.Reveal())), Statement: m.Statement})
	}
	return out, nil
}
