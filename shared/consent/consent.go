// Package consent owns the ledger of what people agreed to and objected to: who, when, how and to what (ISO/IEC 27701 7.2.4, GDPR
// Art. 7(1)), and what follows from the newest entry: whether data of this person may be used for a purpose (suppression), and when
// she may be asked again.
//
// Entries are appended and never changed. A person is a keyed pseudonym of each of her identifiers, so that neither the ledger nor a
// list of suppressed people can be read without the tenant's key, and nothing in an entry is personal. The entries of one identifier
// are a chain of hashes: one that is changed, or taken out from between two others, shows.
//
// The package asks nobody and stops nothing: the controller's systems ask it before they use data, and cases write to it.
package consent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
)

// State is what a person said about a purpose. Wire values.
type State string

// The states. Consent is given and withdrawn where the law asks for it beforehand (GDPR Art. 6(1)(a), 7); an objection is made and
// lifted where data is used until somebody objects (GDPR Art. 21, Civ. Code 1798.120).
const (
	Given     State = "given"
	Withdrawn State = "withdrawn"
	Objected  State = "objected"
	Lifted    State = "lifted"
)

// States lists every state.
func States() []State { return []State{Given, Withdrawn, Objected, Lifted} }

// Suppresses reports whether data may no longer be used for the purpose.
func (s State) Suppresses() bool { return s == Withdrawn || s == Objected }

// Purposes that cases and signals are about. A controller names its own beside them.
const (
	DirectMarketing = "direct_marketing" // GDPR Art. 21(2)
	SaleOrSharing   = "sale_or_sharing"  // Civ. Code 1798.120; targeted advertising of other states
	SensitiveData   = "sensitive_data"   // Civ. Code 1798.121
	Everything      = "everything"       // every purpose that rests on consent: what a withdrawal without a purpose means
)

// Limits of what is stored and asked.
const (
	MaxIdentifiers = 10   // of one person in one call
	MaxEntries     = 1000 // of one identifier that are read back
	attempts       = 8
)

// Entry is one thing that a person said. Stored as JSON and never changed.
type Entry struct {
	ID      string    `json:"id"`
	Seq     int       `json:"seq"`            // of the identifier's chain, from 1
	Prev    string    `json:"prev,omitempty"` // SHA-256 of the entry before, lower-case hex
	State   State     `json:"state"`
	Purpose string    `json:"purpose"`          // a code
	Notice  string    `json:"notice,omitempty"` // what she was shown: name and version, or the hash of the text
	Channel string    `json:"channel"`          // web, app, paper, phone, signal, request ...
	How     string    `json:"how,omitempty"`    // checkbox, double_opt_in, gpc ...: a code
	Country string    `json:"country,omitempty"`
	Region  string    `json:"region,omitempty"`
	Law     string    `json:"law,omitempty"` // version of the pack that StopBy and AskAfter come from
	At      time.Time `json:"at"`            // when she said it
	Noted   time.Time `json:"noted"`         // when the ledger learned of it
	By      string    `json:"by"`            // evidence actor
	Case    string    `json:"case,omitempty"`

	StopBy   time.Time `json:"stopBy,omitzero"`   // processing ends by then; zero: at once
	AskAfter time.Time `json:"askAfter,omitzero"` // she is not asked again before
}

// Ledger reads and writes entries.
type Ledger struct {
	table table.Store
	vault *keys.Vault
	now   func() time.Time
}

// New returns a ledger over the records.
func New(t table.Store, v *keys.Vault, now func() time.Time) *Ledger {
	return &Ledger{table: t, vault: v, now: now}
}

var (
	code    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	notice  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@#-]{0,119}$`)
	country = regexp.MustCompile(`^[A-Z]{2}$`)
	region  = regexp.MustCompile(`^[A-Z0-9]{1,3}$`)
)

// check holds an entry to what may stand in the open.
func (e Entry) check(now time.Time) error {
	for _, x := range []struct {
		pointer, detail string
		holds           bool
	}{
		{"/state", "say given, withdrawn, objected or lifted", slices.Contains(States(), e.State)},
		{"/purpose", "a purpose is a code of small letters, digits and _, such as newsletter", code.MatchString(e.Purpose)},
		{"/notice", "name what was shown with letters, digits and . _ : / @ # -, such as privacy-2026-03", e.Notice == "" || notice.MatchString(e.Notice)},
		{"/notice", "say what the person was shown when she agreed (GDPR Art. 7(1))", e.State != Given || e.Notice != ""},
		{"/channel", "a channel is a code such as web, app, paper or phone", code.MatchString(e.Channel)},
		{"/how", "say how with a code such as checkbox or double_opt_in", e.How == "" || code.MatchString(e.How)},
		{"/country", "a country has two letters, such as DE (ISO 3166-1)", e.Country == "" || country.MatchString(e.Country)},
		{"/region", "a region is a code of ISO 3166-2 without the country", e.Region == "" || region.MatchString(e.Region)},
		{"/at", "this lies in the future", !e.At.After(now)},
	} {
		if !x.holds {
			return fault.InvalidField(x.pointer, x.detail)
		}
	}
	return nil
}

// Append stores the entry under every identifier of the person and returns it as stored under the first. id, Seq, Prev and Noted are
// set here; a zero At is now. fault.Invalid names what is wrong with a field.
func (l *Ledger) Append(ctx context.Context, tenant string, who []subject.Identifier, e Entry) (Entry, error) {
	for n := 0; ; n++ {
		out, writes, err := l.Writes(ctx, tenant, who, e)
		if err != nil {
			return Entry{}, err
		}
		err = l.table.Transact(ctx, writes...)
		if err == nil {
			return out, nil
		}
		if !fault.Has(err, fault.Conflict) || n == attempts {
			return Entry{}, fmt.Errorf("appending to the ledger of consents: %w", err)
		}
	}
}

// Writes is Append for callers that commit the entry together with something else. When another entry comes between, that commit is
// fault.Conflict: begin anew.
func (l *Ledger) Writes(ctx context.Context, tenant string, who []subject.Identifier, e Entry) (Entry, []table.Write, error) {
	now := l.now().UTC().Truncate(time.Millisecond)
	if len(who) == 0 || len(who) > MaxIdentifiers {
		return Entry{}, nil, fault.InvalidField("/identifiers", "name the person by one to ten identifiers")
	}
	if e.At.IsZero() {
		e.At = now
	}
	e.ID, e.Noted, e.At = dsar.NewID(), now, e.At.UTC().Truncate(time.Millisecond)
	if err := e.check(now); err != nil {
		return Entry{}, nil, err
	}
	refs, err := l.refs(ctx, tenant, who)
	if err != nil {
		return Entry{}, nil, err
	}
	var first Entry
	var writes []table.Write
	for i, ref := range refs {
		one, w, err := l.next(ctx, tenant, ref, e)
		if err != nil {
			return Entry{}, nil, err
		}
		if i == 0 {
			first = one
		}
		writes = append(writes, w)
	}
	return first, writes, nil
}

// next links the entry to the chain of one identifier.
func (l *Ledger) next(ctx context.Context, tenant string, ref subject.Ref, e Entry) (Entry, table.Write, error) {
	page, err := l.table.Query(ctx, table.Query{Table: table.Ledger, PK: partition(tenant, ref), Descending: true, Limit: 1})
	if err != nil {
		return Entry{}, table.Write{}, fmt.Errorf("reading the newest consent: %w", err)
	}
	e.Seq, e.Prev = 1, ""
	if len(page.Items) > 0 {
		var last Entry
		if json.Unmarshal(page.Items[0].Body, &last) != nil {
			return Entry{}, table.Write{}, errDecode
		}
		e.Seq, e.Prev = last.Seq+1, digest(page.Items[0].Body)
	}
	body, err := json.Marshal(e)
	if err != nil {
		return Entry{}, table.Write{}, fmt.Errorf("encoding a consent: %w", err)
	}
	key := table.Key{Table: table.Ledger, PK: partition(tenant, ref), SK: fmt.Sprintf("%08d", e.Seq)}
	return e, table.Write{Op: table.Put, If: table.Absent, Item: table.Item{Key: key, Body: body}}, nil
}

// refs are the pseudonyms of the identifiers, each once.
func (l *Ledger) refs(ctx context.Context, tenant string, who []subject.Identifier) ([]subject.Ref, error) {
	k, err := l.vault.Tenant(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("reading tenant keys: %w", err)
	}
	var out []subject.Ref
	for _, id := range who {
		if ref := k.Ref(id); !slices.Contains(out, ref) {
			out = append(out, ref)
		}
	}
	return out, nil
}

// Entries returns what a person said, oldest first, each entry once whatever identifiers it lies under. fault.Internal when a chain was
// tampered with.
func (l *Ledger) Entries(ctx context.Context, tenant string, who []subject.Identifier) ([]Entry, error) {
	refs, err := l.refs(ctx, tenant, who)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var out []Entry
	for _, ref := range refs {
		chain, err := l.chain(ctx, tenant, ref)
		if err != nil {
			return nil, err
		}
		for _, e := range chain {
			if !seen[e.ID] {
				seen[e.ID] = true
				out = append(out, e)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Entry) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID) // ids are in order of time
	})
	return out, nil
}

// chain reads the entries of one identifier and checks that each names the one before.
func (l *Ledger) chain(ctx context.Context, tenant string, ref subject.Ref) ([]Entry, error) {
	var out []Entry
	prev := ""
	for cursor := ""; len(out) < MaxEntries; {
		page, err := l.table.Query(ctx, table.Query{Table: table.Ledger, PK: partition(tenant, ref), Cursor: cursor})
		if err != nil {
			return nil, fmt.Errorf("reading consents: %w", err)
		}
		for _, it := range page.Items {
			var e Entry
			if json.Unmarshal(it.Body, &e) != nil {
				return nil, errDecode
			}
			if e.Prev != prev || e.Seq != len(out)+1 {
				return nil, fault.New(fault.Internal, "the ledger of consents was tampered with")
			}
			prev = digest(it.Body)
			out = append(out, e)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	return out, nil
}

// Standing is the newest word of a person on each purpose.
func Standing(entries []Entry) map[string]Entry {
	out := map[string]Entry{}
	for _, e := range entries {
		out[e.Purpose] = e
	}
	return out
}

// Suppressed reports whether data of a person who said this may not be used for the purpose, and the entry that says so. A withdrawal
// of everything counts for every purpose that she has not agreed to since.
func Suppressed(entries []Entry, purpose string) (Entry, bool) {
	standing := Standing(entries)
	own, said := standing[purpose]
	if said && own.State.Suppresses() {
		return own, true
	}
	all, everything := standing[Everything]
	if everything && all.State.Suppresses() && (!said || own.At.Before(all.At)) {
		return all, true
	}
	return Entry{}, false
}

func partition(tenant string, ref subject.Ref) string {
	return "T#" + tenant + "#CONSENT#" + string(ref)
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

var errDecode = fault.New(fault.Internal, "decoding a consent")
