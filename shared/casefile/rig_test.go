package casefile_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

const tenant = "alder"

// Values that must never be found in the open. No part of one occurs in a code, a key or a word of the product.
const (
	canaryEmail    = "zoe.canary@example.com"
	canaryName     = "Zoe Quillfeather"
	canaryDetails  = "Mention of Quillfeather Lane"
	canaryValue    = "Zoë Quillfeather-Ross"
	canaryCustomer = "QF-77310442"
	canaryReason   = "Ms Quillfeather told us on the telephone"
	canaryMessage  = "Quillfeather speaking"
	canaryToken    = "quillfeather-task-token"
	canaryAgent    = "Barnabas Quillfeather"
	canaryRegion   = "Quillfeather County"
)

// rig is a store of cases over real records in a temporary directory.
type rig struct {
	t     testing.TB
	now   time.Time
	table *spy
	vault *keys.Vault
	cases *casefile.Store
	poked []casefile.OutboxRow
}

// spy remembers the writes that were committed.
type spy struct {
	table.Store
	written map[table.Key]table.Item
	last    []table.Write
	fail    error
}

func (s *spy) Transact(ctx context.Context, writes ...table.Write) error {
	if s.fail != nil {
		return s.fail
	}
	if err := s.Store.Transact(ctx, writes...); err != nil {
		return err
	}
	s.last = writes
	for _, w := range writes {
		switch w.Op {
		case table.Put:
			s.written[w.Item.Key] = w.Item
		case table.Delete:
			delete(s.written, w.Item.Key)
		case table.Check:
		}
	}
	return nil
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)}
	now := func() time.Time { return r.now }
	dir := t.TempDir()
	store, err := sqlitetable.Open(filepath.Join(dir, "records.db"), sqlitetable.Options{Now: now})
	r.ok(err)
	t.Cleanup(func() { _ = store.Close() })
	r.ok(filekeys.Create(filepath.Join(dir, "key")))
	keeper, err := filekeys.Open(filepath.Join(dir, "key"))
	r.ok(err)
	r.table = &spy{Store: store, written: map[table.Key]table.Item{}}
	r.vault = keys.NewVault(r.table, keeper)
	r.cases = casefile.NewStore(r.table, r.vault, now, "mail.example.com", func(rows []casefile.OutboxRow) { r.poked = append(r.poked, rows...) })
	return r
}

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) want(err error, class fault.Class) {
	r.t.Helper()
	if fault.ClassOf(err) != class {
		r.t.Fatalf("got error %v of class %q, want %q", err, fault.ClassOf(err), class)
	}
}

func email(t testing.TB, s string) subject.Identifier {
	t.Helper()
	i, err := subject.New(subject.Email, s)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func (r *rig) opening() casefile.Opening {
	return casefile.Opening{
		Tenant: tenant, Right: dsar.Access, Channel: "portal", Locale: "en", Country: "DE", ReceivedAt: r.now, Actor: evidence.Subject,
		Person: casefile.Person{
			Email: email(r.t, canaryEmail), Name: redact.NewText(canaryName), Details: redact.NewText(canaryDetails), Region: redact.NewText(canaryRegion),
			Corrections: []casefile.Correction{{System: "shop", Field: "name", Value: redact.NewText(canaryValue)}},
			Agent:       &casefile.Agent{Name: redact.NewText(canaryAgent), Email: redact.NewText("barnabas.canary@example.com"), Mandate: redact.NewText("power of attorney")},
		},
	}
}

func (r *rig) create() casefile.Case {
	r.t.Helper()
	c, err := r.cases.Create(r.t.Context(), r.opening())
	r.ok(err)
	return c
}

func (r *rig) load(c casefile.Case) *casefile.File {
	r.t.Helper()
	f, err := r.cases.Load(r.t.Context(), c.Tenant, c.ID)
	r.ok(err)
	return f
}

func (r *rig) commit(files ...*casefile.File) {
	r.t.Helper()
	r.ok(r.cases.Commit(r.t.Context(), files...))
}

// change loads the case, lets do change it and commits.
func (r *rig) change(c casefile.Case, do func(f *casefile.File)) {
	r.t.Helper()
	f := r.load(c)
	do(f)
	r.commit(f)
}

func (r *rig) outbox(c casefile.Case) []casefile.OutboxRow {
	r.t.Helper()
	var out []casefile.OutboxRow
	for shard := range uint32(casefile.OutboxShards) {
		rows, next, err := r.cases.Outbox(r.t.Context(), shard, 100, "")
		r.ok(err)
		if next != "" {
			r.t.Fatal("the outbox of a test fits on a page")
		}
		for _, row := range rows {
			if row.CaseID == c.ID {
				out = append(out, row)
			}
		}
	}
	return out
}

// verify exports the evidence of the case and has it verified.
func (r *rig) verify(c casefile.Case) evidence.Report {
	r.t.Helper()
	var b bytes.Buffer
	r.ok(r.cases.WriteBundle(r.t.Context(), &b, c.Tenant, c.ID))
	k, err := r.vault.Tenant(r.t.Context(), c.Tenant)
	r.ok(err)
	public, err := evidence.PublicKey(c.Tenant, k.Public())
	r.ok(err)
	rep, err := evidence.VerifyBundle(bytes.NewReader(b.Bytes()), int64(b.Len()), evidence.VerifyOptions{Key: public})
	r.ok(err)
	if !rep.OK() {
		r.t.Fatalf("the evidence does not verify: %+v", rep.Findings)
	}
	return rep
}

// kinds lists the kinds of the evidence, chain by chain.
func (r *rig) kinds(c casefile.Case) []string {
	r.t.Helper()
	var out []string
	for e, err := range evidence.Read(r.t.Context(), r.table, c.Tenant, c.ID) {
		r.ok(err)
		out = append(out, e.Kind)
	}
	return out
}

// leaks returns where a canary stands in the open: in a key or a body, as text or in the base64 that JSON gives to bytes.
func (r *rig) leaks(canaries ...string) []string {
	r.t.Helper()
	var found []string
	for k, it := range r.table.written {
		for _, c := range canaries {
			for _, form := range append(base64Forms(c), c, strings.ToLower(c), strings.ToUpper(c), jsonForm(c)) {
				for _, in := range []string{string(it.Body), k.PK, k.SK, it.IPK, it.ISK} {
					if strings.Contains(in, form) {
						found = append(found, string(k.Table)+" "+k.SK+": "+c)
					}
				}
			}
		}
	}
	return found
}

// base64Forms returns what s looks like inside base64, whatever stands before it.
func base64Forms(s string) []string {
	var out []string
	for shift := range 3 {
		raw := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", shift) + s + "--"))
		out = append(out, raw[4:len(raw)-8])
	}
	return out
}

func jsonForm(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return strings.Trim(string(raw), `"`)
}
