package casefile

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/numbers"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Numbers returns what is counted of the requests of a tenant that were received from one instant until before the other, in the order
// of receipt; a zero instant is open. The rows outlive the content of their cases. The index may lag, so a change of the last moment may
// be missing.
//
// A case that nobody wrote since it began to keep such a row has none; what is counted is then read from the case itself, which does not
// say what its tasks kept. Its next change gives it a row.
func (s *Store) Numbers(ctx context.Context, tenant string, from, to time.Time) iter.Seq2[numbers.Row, error] {
	q := table.Query{Table: table.Cases, Index: true, PK: ipkReceived(tenant)}
	if !from.IsZero() {
		q.From = stamp(from)
	}
	if !to.IsZero() {
		q.To = stamp(to)
	}
	return func(yield func(numbers.Row, error) bool) {
		for {
			page, err := s.table.Query(ctx, q)
			if err != nil {
				yield(numbers.Row{}, fmt.Errorf("reading what is counted: %w", err))
				return
			}
			for _, it := range page.Items {
				r, ok, err := s.numbersOf(ctx, tenant, it)
				if err != nil {
					yield(numbers.Row{}, err)
					return
				}
				if ok && !yield(r, nil) {
					return
				}
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				return
			}
		}
	}
}

// numbersOf reads a row; ok is false when its case is gone.
func (s *Store) numbersOf(ctx context.Context, tenant string, it table.Item) (r numbers.Row, ok bool, err error) {
	if json.Unmarshal(it.Body, &r) != nil {
		return r, false, errDecode("row of numbers")
	}
	if r.Case != "" {
		return r, true, nil
	}
	c, err := s.Case(ctx, tenant, caseOf(it.PK))
	if fault.Has(err, fault.NotFound) {
		return r, false, nil
	}
	if err != nil {
		return r, false, err
	}
	return rowOf(&c, nil), true, nil
}

// putNumbers keeps what is counted of the case: in the row that lists it by receipt, which outlives its content.
func (f *File) putNumbers(ws *[]table.Write) error {
	r := rowOf(&f.Case, f.Acts())
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding row of numbers: %w", err)
	}
	it := table.Item{Key: f.key(skReceived), IPK: ipkReceived(f.Case.Tenant), ISK: stamp(f.Case.ReceivedAt) + "#" + f.Case.ID, Body: body}
	switch _, existed := f.read[skCase]; {
	case !existed:
		*ws = append(*ws, table.Write{Op: table.Put, Item: it, If: table.Absent})
	case string(body) != f.counted:
		*ws = append(*ws, table.Write{Op: table.Put, Item: it, If: table.AnyVersion})
	}
	return nil
}

// noteCounted remembers what was counted of the case as it was read.
func (f *File) noteCounted() error {
	body, err := json.Marshal(rowOf(&f.Case, f.Acts()))
	if err != nil {
		return fmt.Errorf("encoding row of numbers: %w", err)
	}
	f.counted, f.answered = string(body), f.Case.answeredInSubstance()
	return nil
}

// noteAnswer notes when the case was first answered in substance. Where nobody noted it at the time, its closing is what is known.
func (f *File) noteAnswer() {
	c := &f.Case
	switch {
	case !c.AnsweredAt.IsZero() || !c.answeredInSubstance():
	case f.answered:
		c.AnsweredAt = c.ClosedAt
	default:
		c.AnsweredAt = f.now
	}
}

func (c *Case) answeredInSubstance() bool { return c.Answered || numbers.Answers(c.Status) }

// rowOf is what is counted of a case; acts are its tasks that do what it asks for.
func rowOf(c *Case, acts []*Task) numbers.Row {
	r := numbers.Row{
		Case: c.ID, Reference: c.Reference, Law: c.Law.Pack, Right: c.Right, Channel: c.Channel, Status: c.Status,
		ReceivedAt: c.ReceivedAt, DueAt: c.Due.At, AnsweredAt: c.AnsweredAt, ClosedAt: c.ClosedAt,
	}
	if r.AnsweredAt.IsZero() && c.answeredInSubstance() {
		r.AnsweredAt = c.ClosedAt
	}
	r.Late = c.Late != nil || !r.AnsweredAt.IsZero() && !c.Due.At.IsZero() && r.AnsweredAt.After(c.Due.At)
	parts, why := whatBecame(acts)
	switch r.Result = numbers.ResultOf(c.Status, parts); {
	case c.Status == dsar.Expired || c.Status == dsar.NotIdentifiable:
		r.Grounds = []numbers.Ground{{Code: policy.GroundIdentity}}
	case c.Status == dsar.Refused && c.Refusal != nil:
		r.Grounds = []numbers.Ground{{Code: c.Refusal.Ground, Citation: c.Refusal.Citation}}
		if c.Refusal.Ground == "" {
			r.Grounds[0].Code = OtherGround
		}
	case r.Result == numbers.InPart || r.Result == numbers.Denied:
		r.Grounds = c.cited(why)
	}
	return r
}

// whatBecame sums up what the tasks came to, with a code for everything that was kept or left: each once, as it comes.
func whatBecame(acts []*Task) (numbers.Parts, []why) {
	var p numbers.Parts
	var out []why
	note := func(system, because string, o dsar.Outcome) {
		switch o {
		case dsar.Found, dsar.Erased, dsar.Corrected, dsar.Restricted:
			p.Done = true
			return
		case dsar.NothingHeld, "":
			return
		case dsar.Retained:
			p.Kept = true
		default:
			p.Left = true
		}
		if because == "" {
			because = string(o)
		}
		if w := (why{system, because}); !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	for _, t := range acts {
		if len(t.Collections) == 0 || !t.Outcome.Complete() {
			note(t.System, t.Because, t.Outcome)
		}
		for _, c := range t.Collections {
			note(t.System, c.Because, c.Outcome)
		}
	}
	return p, out
}

// why is a code of why a system kept or left something.
type why struct{ system, code string }

// cited turns codes into grounds, with the citation where the case has one: of its exemptions, and of claims of an effort out of
// proportion.
func (c *Case) cited(list []why) []numbers.Ground {
	var out []numbers.Ground
	add := func(g numbers.Ground) {
		if len(out) < numbers.MaxGrounds && !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	for _, w := range list {
		found := false
		for _, e := range c.Exemptions {
			if w.code == string(dsar.Exemption) && e.System == w.system && !e.Lifted {
				add(numbers.Ground{Code: w.code, Citation: e.Citation})
				found = true
			}
		}
		for _, k := range c.Claims {
			if k.Kind == ClaimEffort && k.System == w.system && k.Decision != nil && k.Decision.Decision == Approve {
				add(numbers.Ground{Code: k.Ground, Citation: k.Citation})
				found = true
			}
		}
		if !found {
			add(numbers.Ground{Code: w.code})
		}
	}
	return out
}
