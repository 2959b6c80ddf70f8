package authority_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/authority"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

const tenant = "alder"

// canary is in every word that has to be sealed.
const canary = "zoe.canary"

var (
	start = time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)
	first = evidence.Staff("1")
	other = evidence.Staff("2")
)

// spy remembers what was written.
type spy struct {
	table.Store
	mu   sync.Mutex
	rows map[table.Key]table.Item
}

func (s *spy) Transact(ctx context.Context, writes ...table.Write) error {
	err := s.Store.Transact(ctx, writes...)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range writes {
		if err == nil {
			s.rows[w.Item.Key] = w.Item
		}
	}
	return err
}

type rig struct {
	*authority.Store
	t   *testing.T
	now time.Time
	spy *spy
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, now: start}
	now := func() time.Time { return r.now }
	dir := t.TempDir()
	store, err := sqlitetable.Open(filepath.Join(dir, "records.db"), sqlitetable.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if err := filekeys.Create(filepath.Join(dir, "key")); err != nil {
		t.Fatal(err)
	}
	keeper, err := filekeys.Open(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	r.spy = &spy{Store: store, rows: map[table.Key]table.Item{}}
	r.Store = authority.New(r.spy, keys.NewVault(r.spy, keeper), now)
	return r
}

func text(s string) redact.Text { return redact.NewText(s + " " + canary) }

func asked() (authority.Request, authority.Words) {
	r := authority.Request{Tenant: tenant, ID: dsar.NewID(), Kind: authority.Binding, Country: "DE", ReceivedAt: start.Add(-time.Hour), DueOn: "2027-02-01", ReceivedBy: first}
	return r, authority.Words{Authority: text("Tax Office"), LegalBasis: text("AO s. 93"), Scope: text("Orders of 2025")}
}

// take stores a request as edit has it.
func (r *rig) take(edit func(q *authority.Request, w *authority.Words)) authority.Request {
	r.t.Helper()
	q, w := asked()
	if edit != nil {
		edit(&q, &w)
	}
	got, err := r.Take(r.t.Context(), q, w)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

// approved is a request that somebody else approved.
func (r *rig) approved(edit func(q *authority.Request, w *authority.Words)) authority.Request {
	r.t.Helper()
	q, err := r.Review(r.t.Context(), tenant, r.take(edit).ID, verdict(authority.Approve))
	if err != nil || q.State != authority.Approved {
		r.t.Fatalf("%+v, %v", q, err)
	}
	return q
}

func verdict(d authority.Decision) authority.Verdict {
	return authority.Verdict{Decision: d, By: other, Reason: text("The order is in force."), Citation: text("AO s. 93(1)")}
}

func gagged(q *authority.Request, w *authority.Words) {
	q.Gag, w.GagBasis = true, text("StPO s. 95a")
}

func voluntary(q *authority.Request, _ *authority.Words) { q.Kind = authority.Voluntary }

func (r *rig) refused(what string, err error, class fault.Class) {
	r.t.Helper()
	if !fault.Has(err, class) {
		r.t.Errorf("%s: got %v, want %s", what, err, class)
	}
	if err != nil && strings.Contains(err.Error(), canary) {
		r.t.Errorf("%s: the error has a sealed word", what)
	}
}

func TestOnlyTheStoreOfKeysReadsTheWords(t *testing.T) {
	r := newRig(t)
	q := r.approved(gagged)
	q, err := r.Disclose(t.Context(), tenant, q.ID, authority.Handover{By: first, What: text("Two orders"), Records: 2})
	if err != nil {
		t.Fatal(err)
	}
	r.now = r.now.Add(time.Hour)
	q, err = r.Close(t.Context(), tenant, q.ID, authority.Closing{By: first, Whom: authority.Subject, ToldAt: r.now, Note: text("The order of secrecy ended.")})
	if err != nil || q.State != authority.Closed {
		t.Fatalf("%+v, %v", q, err)
	}
	for k, it := range r.spy.rows {
		if strings.Contains(strings.ToLower(k.PK+k.SK+string(it.Body)), "canary") {
			t.Errorf("a row of %s has a sealed word", k.Table)
		}
	}
	got, err := r.Get(t.Context(), tenant, q.ID)
	if err != nil || got.DueOn != "2027-02-01" || !got.Based || !got.Gag || got.Disclosed.Records != 2 || !got.Ending.ToldAt.Equal(r.now) || got.Ending.Whom != authority.Subject {
		t.Fatalf("%+v, %v", got, err)
	}
	d, err := r.Details(t.Context(), got)
	if err != nil {
		t.Fatal(err)
	}
	for i, words := range []redact.Text{d.Authority, d.LegalBasis, d.Scope, d.GagBasis, d.Reason, d.Citation, d.What, d.Note} {
		if !strings.HasSuffix(words.Reveal(), canary) {
			t.Errorf("word %d is lost", i)
		}
	}
	moved := got
	moved.Sealed = got.Review.Sealed
	if _, err := r.Details(t.Context(), moved); !fault.Has(err, fault.Internal) {
		t.Errorf("a document was opened in another's place: %v", err)
	}
}

func TestEveryStepIsAnEntryOfTheJournal(t *testing.T) {
	r := newRig(t)
	q := r.approved(nil)
	if _, err := r.Disclose(t.Context(), tenant, q.ID, authority.Handover{By: first, What: text("Two orders"), Records: 2}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Close(t.Context(), tenant, q.ID, authority.Closing{By: other, Whom: authority.Controller, ToldAt: start}); err != nil {
		t.Fatal(err)
	}
	var kinds, actors []string
	for e, err := range evidence.Read(t.Context(), r.spy, tenant, evidence.Authorities) {
		if err != nil {
			t.Fatal(err)
		}
		kinds, actors = append(kinds, e.Kind), append(actors, e.Actor)
		var f map[string]any
		if err := json.Unmarshal(e.Facts, &f); err != nil || f["id"] != q.ID || len(f["sha256"].(string)) != 64 {
			t.Errorf("%s has the facts %s, %v", e.Kind, e.Facts, err)
		}
	}
	if want := []string{"authority_request_received", "authority_request_reviewed", "authority_data_disclosed", "authority_request_closed"}; !slices.Equal(kinds, want) {
		t.Errorf("entries %q", kinds)
	}
	if !slices.Equal(actors, []string{first, other, first, other}) {
		t.Errorf("actors %q", actors)
	}
}

func TestAStepThatIsNotCommittedLeavesNothing(t *testing.T) {
	r := newRig(t)
	q := r.take(nil)
	taken := table.Write{Op: table.Put, If: table.Absent, Item: table.Item{Key: table.Key{Table: table.Registry, PK: "T#" + tenant + "#AUTHORITY", SK: q.ID}, Body: []byte("{}")}}
	taken.Item.SK = "other"
	if err := r.spy.Transact(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	_, err := r.Review(t.Context(), tenant, q.ID, verdict(authority.Approve), taken)
	r.refused("a condition beside it that does not hold", err, fault.Conflict)
	if got, err := r.Get(t.Context(), tenant, q.ID); err != nil || got.State != authority.Received {
		t.Errorf("%+v, %v", got, err)
	}
	n := 0
	for _, err := range evidence.Read(t.Context(), r.spy, tenant, evidence.Authorities) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d entries", n)
	}
}

func TestWhatIsTakenIn(t *testing.T) {
	r := newRig(t)
	long := redact.NewText(strings.Repeat("ä", authority.MaxName+1))
	for name, edit := range map[string]func(q *authority.Request, w *authority.Words){
		"no authority":           func(_ *authority.Request, w *authority.Words) { w.Authority = redact.Text{} },
		"a long name":            func(_ *authority.Request, w *authority.Words) { w.Authority = long },
		"no country":             func(q *authority.Request, _ *authority.Words) { q.Country = "" },
		"no code of a country":   func(q *authority.Request, _ *authority.Words) { q.Country = "de" },
		"no kind":                func(q *authority.Request, _ *authority.Words) { q.Kind = "urgent" },
		"no scope":               func(_ *authority.Request, w *authority.Words) { w.Scope = redact.Text{} },
		"a gag without citation": func(q *authority.Request, _ *authority.Words) { q.Gag = true },
		"a citation without gag": func(_ *authority.Request, w *authority.Words) { w.GagBasis = text("StPO s. 95a") },
		"the future":             func(q *authority.Request, _ *authority.Words) { q.ReceivedAt = start.Add(time.Minute) },
		"never received":         func(q *authority.Request, _ *authority.Words) { q.ReceivedAt = time.Time{} },
		"no day":                 func(q *authority.Request, _ *authority.Words) { q.DueOn = "2027-02-30" },
		"no id":                  func(q *authority.Request, _ *authority.Words) { q.ID = "1" },
	} {
		q, w := asked()
		edit(&q, &w)
		_, err := r.Take(t.Context(), q, w)
		r.refused(name, err, fault.Invalid)
	}
	q, w := asked()
	q.State, q.Review = authority.Approved, &authority.Review{Decision: authority.Approve}
	got, err := r.Take(t.Context(), q, w)
	if err != nil || got.State != authority.Received || got.Review != nil {
		t.Errorf("a request was taken in as decided: %+v, %v", got, err)
	}
	_, err = r.Take(t.Context(), q, w)
	r.refused("the same id again", err, fault.Conflict)
}

func TestAnotherPersonReviews(t *testing.T) {
	r := newRig(t)
	q := r.take(nil)
	own := verdict(authority.Reject)
	own.By = first
	_, err := r.Review(t.Context(), tenant, q.ID, own)
	r.refused("whoever took it in", err, fault.Forbidden)
	_, err = r.Review(t.Context(), tenant, q.ID, verdict("perhaps"))
	r.refused("no decision", err, fault.Invalid)
	_, err = r.Review(t.Context(), tenant, q.ID, authority.Verdict{Decision: authority.Approve, By: other})
	r.refused("no reason", err, fault.Invalid)
	_, err = r.Review(t.Context(), "birch", q.ID, verdict(authority.Reject))
	r.refused("another tenant", err, fault.NotFound)
	if q, err = r.Review(t.Context(), tenant, q.ID, verdict(authority.Narrow)); err != nil || q.State != authority.Approved || q.Review.By != other {
		t.Fatalf("%+v, %v", q, err)
	}
	_, err = r.Review(t.Context(), tenant, q.ID, verdict(authority.Reject))
	r.refused("a second time", err, fault.Conflict)
}

func TestOneOfTwoReviewsAtOnceCounts(t *testing.T) {
	r := newRig(t)
	q := r.take(nil)
	decisions := []authority.Decision{authority.Approve, authority.Reject}
	errs := make([]error, len(decisions))
	var wg sync.WaitGroup
	for i, d := range decisions {
		wg.Go(func() { _, errs[i] = r.Review(t.Context(), tenant, q.ID, verdict(d)) })
	}
	wg.Wait()
	lost := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if lost < 0 || errs[1-lost] != nil {
		t.Fatalf("errors: %v", errs)
	}
	r.refused("the slower review", errs[lost], fault.Conflict)
	if got, err := r.Get(t.Context(), tenant, q.ID); err != nil || got.Review.Decision != decisions[1-lost] {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestADoubtfulRequestIsRejectedByDefault(t *testing.T) {
	r := newRig(t)
	baseless := func(_ *authority.Request, w *authority.Words) { w.LegalBasis = redact.Text{} }
	for name, edit := range map[string]func(q *authority.Request, w *authority.Words){"voluntary": voluntary, "without a basis": baseless} {
		q := r.take(edit)
		for _, d := range []authority.Decision{authority.Approve, authority.Narrow} {
			bare, uncited := verdict(d), verdict(d)
			bare.Reason, uncited.Citation = redact.Text{}, redact.Text{}
			_, err := r.Review(t.Context(), tenant, q.ID, bare)
			r.refused(name+", no reason", err, fault.Conflict)
			_, err = r.Review(t.Context(), tenant, q.ID, uncited)
			r.refused(name+", no citation", err, fault.Conflict)
		}
		no := verdict(authority.Reject)
		no.Citation = redact.Text{}
		if got, err := r.Review(t.Context(), tenant, q.ID, no); err != nil || got.State != authority.Rejected {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if got := r.approved(edit); !got.Doubtful() {
			t.Errorf("%s is no doubtful request", name)
		}
	}
}

func TestNothingIsDisclosedWithoutApproval(t *testing.T) {
	r := newRig(t)
	h := authority.Handover{By: first, What: text("Two orders"), Records: 2}
	q := r.take(nil)
	_, err := r.Disclose(t.Context(), tenant, q.ID, h)
	r.refused("before the review", err, fault.Conflict)
	if q, err = r.Review(t.Context(), tenant, q.ID, verdict(authority.Reject)); err != nil {
		t.Fatal(err)
	}
	_, err = r.Disclose(t.Context(), tenant, q.ID, h)
	r.refused("a rejected request", err, fault.Conflict)
	q = r.approved(nil)
	_, err = r.Disclose(t.Context(), tenant, q.ID, authority.Handover{By: first, Records: 2})
	r.refused("nobody knows what", err, fault.Invalid)
	_, err = r.Disclose(t.Context(), tenant, q.ID, authority.Handover{By: first, What: h.What, Records: -1})
	r.refused("fewer than none", err, fault.Invalid)
	if _, err = r.Disclose(t.Context(), tenant, q.ID, h); err != nil {
		t.Fatal(err)
	}
	_, err = r.Disclose(t.Context(), tenant, q.ID, h)
	r.refused("twice", err, fault.Conflict)
}

func TestThePersonIsToldUnlessAGagStands(t *testing.T) {
	r := newRig(t)
	told := authority.Closing{By: first, Whom: authority.Subject, ToldAt: start}
	silent := authority.Closing{By: first}
	noted := authority.Closing{By: first, Note: text("Nothing was disclosed.")}
	disclosed := func(edit func(q *authority.Request, w *authority.Words)) authority.Request {
		q, err := r.Disclose(t.Context(), tenant, r.approved(edit).ID, authority.Handover{By: first, What: text("Two orders")})
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	future, early, nobody, vague := told, told, told, told
	future.ToldAt, early.ToldAt, nobody.Whom, vague.Whom = start.Add(time.Minute), start.AddDate(0, 0, -1), "", "everybody"
	for name, c := range map[string]struct {
		q     authority.Request
		end   authority.Closing
		class fault.Class // empty = it ends
	}{
		"before the review":                   {q: r.take(nil), end: told, class: fault.Conflict},
		"disclosed, and nobody told":          {q: disclosed(nil), end: noted, class: fault.Invalid},
		"disclosed, told in the future":       {q: disclosed(nil), end: future, class: fault.Invalid},
		"disclosed, told before it came":      {q: disclosed(nil), end: early, class: fault.Invalid},
		"disclosed, told to nobody":           {q: disclosed(nil), end: nobody, class: fault.Invalid},
		"disclosed, told to whoever":          {q: disclosed(nil), end: vague, class: fault.Invalid},
		"disclosed and told":                  {q: disclosed(nil), end: told},
		"disclosed, the gag stands":           {q: disclosed(gagged), end: silent},
		"told in spite of the gag":            {q: disclosed(gagged), end: told, class: fault.Invalid},
		"approved, nothing disclosed, silent": {q: r.approved(nil), end: silent, class: fault.Invalid},
		"approved, nothing disclosed, noted":  {q: r.approved(nil), end: noted},
	} {
		got, err := r.Close(t.Context(), tenant, c.q.ID, c.end)
		if c.class != "" {
			r.refused(name, err, c.class)
			continue
		}
		if err != nil || got.State != authority.Closed || got.Ending.Whom != c.end.Whom {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		_, err = r.Close(t.Context(), tenant, c.q.ID, c.end)
		r.refused(name+", twice", err, fault.Conflict)
	}
}

func TestTheRegisterIsRead(t *testing.T) {
	r := newRig(t)
	a, b := r.take(nil), r.approved(nil)
	var ids []string
	for cursor, n := "", 0; n == 0 || cursor != ""; n++ {
		page, next, err := r.List(t.Context(), tenant, "", 1, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range page {
			ids = append(ids, q.ID)
		}
		cursor = next
	}
	if !slices.Equal(ids, []string{b.ID, a.ID}) {
		t.Errorf("got %q", ids)
	}
	if list, _, err := r.List(t.Context(), tenant, authority.Received, 10, ""); err != nil || len(list) != 1 || list[0].ID != a.ID {
		t.Errorf("%+v, %v", list, err)
	}
	if list, _, err := r.List(t.Context(), "birch", "", 10, ""); err != nil || len(list) != 0 {
		t.Errorf("another tenant has %d, %v", len(list), err)
	}
}
