package consent_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/consent"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

const tenant = "alder"

var start = time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)

// spy remembers what was written, and puts something in between when it is told to.
type spy struct {
	table.Store
	rows   map[table.Key]table.Item
	before func()
}

func (s *spy) Transact(ctx context.Context, writes ...table.Write) error {
	if s.before != nil {
		do := s.before
		s.before = nil
		do()
	}
	err := s.Store.Transact(ctx, writes...)
	for _, w := range writes {
		if err == nil {
			s.rows[w.Item.Key] = w.Item
		}
	}
	return err
}

type rig struct {
	*consent.Ledger
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
	r.Ledger = consent.New(r.spy, keys.NewVault(r.spy, keeper), now)
	return r
}

func id(kind subject.Kind, value string) subject.Identifier {
	i, err := subject.New(kind, value)
	if err != nil {
		panic(err)
	}
	return i
}

var (
	zoe   = id(subject.Email, "zoe.canary@example.com")
	phone = id(subject.Phone, "+1 555 010 4477")
	bob   = id(subject.Email, "bob@example.com")
)

func (r *rig) say(state consent.State, purpose string, who ...subject.Identifier) consent.Entry {
	r.t.Helper()
	r.now = r.now.Add(time.Minute)
	e, err := r.Append(r.t.Context(), tenant, who, consent.Entry{State: state, Purpose: purpose, Notice: "privacy-2027-01", Channel: "web", How: "checkbox", By: "staff:1"})
	if err != nil {
		r.t.Fatal(err)
	}
	return e
}

func (r *rig) entries(who ...subject.Identifier) []consent.Entry {
	r.t.Helper()
	out, err := r.Entries(r.t.Context(), tenant, who)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func TestWhoWhenHowAndToWhat(t *testing.T) {
	r := newRig(t)
	r.say(consent.Given, "newsletter", zoe, phone)
	r.say(consent.Given, "profiling", zoe)
	r.say(consent.Withdrawn, "newsletter", phone) // by another of her identifiers
	r.say(consent.Given, "newsletter", bob)
	all := r.entries(id(subject.Email, "Zoe.Canary@Example.com"), phone)
	if len(all) != 3 || all[0].Notice != "privacy-2027-01" || all[0].How != "checkbox" || all[0].By != "staff:1" || !all[0].At.Equal(start.Add(time.Minute)) {
		t.Fatalf("got %+v", all)
	}
	if got := consent.Standing(all); got["newsletter"].State != consent.Withdrawn || got["profiling"].State != consent.Given {
		t.Errorf("got %+v", got)
	}
	if len(r.entries(bob)) != 1 || len(r.entries(id(subject.Email, "nobody@example.com"))) != 0 {
		t.Error("somebody else's")
	}
	for k, it := range r.spy.rows {
		for _, s := range []string{"canary", "5550104477", "555 010"} {
			if strings.Contains(strings.ToLower(k.PK+k.SK+string(it.Body)), s) {
				t.Errorf("%s is in the open", s)
			}
		}
	}
}

func TestWhatMayNoLongerBeDone(t *testing.T) {
	r := newRig(t)
	for _, x := range []struct {
		state   consent.State
		purpose string
		ask     string
		want    bool
	}{
		{consent.Given, "newsletter", "newsletter", false},
		{consent.Objected, consent.DirectMarketing, consent.DirectMarketing, true},
		{consent.Objected, consent.DirectMarketing, "newsletter", false},
		{consent.Withdrawn, consent.Everything, "newsletter", true},
		{consent.Withdrawn, consent.Everything, "never_mentioned", true},
		{consent.Given, "newsletter", "newsletter", false}, // since then
		{consent.Given, "newsletter", "never_mentioned", true},
		{consent.Lifted, consent.DirectMarketing, consent.DirectMarketing, false},
		{consent.Given, consent.Everything, "never_mentioned", false},
	} {
		r.say(x.state, x.purpose, zoe)
		e, got := consent.Suppressed(r.entries(zoe), x.ask)
		if got != x.want || got != (e.ID != "") {
			t.Errorf("after %s of %s, %s is suppressed: %v", x.state, x.purpose, x.ask, got)
		}
	}
}

func TestEntriesThatCannotStand(t *testing.T) {
	r := newRig(t)
	good := consent.Entry{State: consent.Given, Purpose: "newsletter", Notice: "v1", Channel: "web", By: "staff:1"}
	for name, edit := range map[string]func(*consent.Entry){
		"state":      func(e *consent.Entry) { e.State = "maybe" },
		"purpose":    func(e *consent.Entry) { e.Purpose = "News letter" },
		"no purpose": func(e *consent.Entry) { e.Purpose = "" },
		"no notice":  func(e *consent.Entry) { e.Notice = "" },
		"notice":     func(e *consent.Entry) { e.Notice = "zoe.canary saw it" },
		"channel":    func(e *consent.Entry) { e.Channel = "" },
		"how":        func(e *consent.Entry) { e.How = "She told me" },
		"country":    func(e *consent.Entry) { e.Country = "Germany" },
		"region":     func(e *consent.Entry) { e.Region = "Bavaria" },
		"future":     func(e *consent.Entry) { e.At = start.Add(time.Hour) },
	} {
		e := good
		edit(&e)
		if _, err := r.Append(t.Context(), tenant, []subject.Identifier{zoe}, e); !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := r.Append(t.Context(), tenant, nil, good); !fault.Has(err, fault.Invalid) {
		t.Errorf("nobody: got %v", err)
	}
	if _, err := r.Append(t.Context(), tenant, []subject.Identifier{zoe}, good); err != nil {
		t.Error(err)
	}
}

// TestTwoAtATime: of two entries at a time both are kept, one after the other.
func TestTwoAtATime(t *testing.T) {
	r := newRig(t)
	r.say(consent.Given, "newsletter", zoe)
	r.spy.before = func() { r.say(consent.Withdrawn, "newsletter", zoe) }
	r.say(consent.Given, "profiling", zoe)
	if all := r.entries(zoe); len(all) != 3 || all[0].Seq+all[1].Seq+all[2].Seq != 6 {
		t.Errorf("got %+v", all)
	}
}

func TestTamperingShows(t *testing.T) {
	r := newRig(t)
	r.say(consent.Given, "newsletter", zoe)
	r.say(consent.Withdrawn, "newsletter", zoe)
	r.say(consent.Given, "profiling", zoe)
	for k, it := range r.spy.rows {
		if k.Table != table.Ledger || k.SK != "00000002" {
			continue
		}
		it.Body = []byte(strings.Replace(string(it.Body), "withdrawn", "given", 1))
		if err := r.spy.Store.Transact(t.Context(), table.Write{Op: table.Put, Item: it, If: table.AnyVersion}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Entries(t.Context(), tenant, []subject.Identifier{zoe}); !fault.Has(err, fault.Internal) {
		t.Errorf("a changed entry: got %v", err)
	}
}

// TestTheNewestWordCounts: whatever was said before, the newest word on a purpose, or a newer one on everything, decides.
func TestTheNewestWordCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		purposes := []string{"a", "b", consent.Everything}
		var all []consent.Entry
		model := map[string]bool{}
		for i := range rapid.IntRange(0, 12).Draw(t, "entries") {
			e := consent.Entry{
				ID: string(rune('a' + i)), At: start.Add(time.Duration(i) * time.Second),
				State: rapid.SampledFrom(consent.States()).Draw(t, "state"), Purpose: rapid.SampledFrom(purposes).Draw(t, "purpose"),
			}
			all = append(all, e)
			switch {
			case e.Purpose != consent.Everything:
				model[e.Purpose] = e.State.Suppresses()
			case e.State.Suppresses():
				model = map[string]bool{"a": true, "b": true}
			}
		}
		everything := consent.Standing(all)[consent.Everything].State.Suppresses()
		for _, p := range purposes[:2] {
			e, got := consent.Suppressed(all, p)
			own, said := consent.Standing(all)[p]
			want := model[p]
			if !everything && (!said || !own.State.Suppresses()) {
				want = false // a withdrawal of everything that was taken back
			}
			if got != want || (got && !e.State.Suppresses()) {
				t.Fatalf("%s: got %v, want %v of %+v", p, got, want, all)
			}
		}
	})
}
