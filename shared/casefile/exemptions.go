package casefile

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/table"
)

const skReview = "P#REVIEW"

func ipkReview(tenant string) string { return "T#" + tenant + "#EXEMPT" }

// Review is what somebody decided when an exemption was looked at again.
type Review struct {
	System     string
	Collection string
	Field      string
	Keep       bool        // it still holds, until Until; otherwise it is lifted and the case taken up again
	Until      string      // YYYY-MM-DD, of Keep
	Reason     redact.Text // kept sealed with the case
}

// The decisions of a review.
const (
	KeepLonger = "keep_longer"
	Lift       = "lift"
)

// Retaining returns the exemptions on which something of the answered request is still kept, in the order in which they are looked
// at again.
func (f *File) Retaining() []Exemption {
	c := &f.Case
	if c.Open() || c.Status != dsar.Fulfilled && c.Status != dsar.PartlyFulfilled || c.Right.Discloses() {
		return nil
	}
	var out []Exemption
	for _, t := range f.Acts() {
		for _, x := range c.Exempted(t.System) {
			keeps := func(r Collection) bool {
				return r.Outcome == dsar.Retained && r.Because == string(dsar.Exemption) && (x.Collection == "" || x.Collection == r.Name)
			}
			if slices.ContainsFunc(t.Collections, keeps) {
				out = append(out, x)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Exemption) int { return cmpDates(a.ReviewBy, b.ReviewBy) })
	return out
}

// cmpDates orders days as text; one that is not set comes first.
func cmpDates(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// ReviewExemption records what somebody decided on an exemption of a closed case on which something is kept. Keeping it longer needs
// a later day than today, lifting it takes the case up again as a released hold does, on the clock that it always had. Errors:
// fault.NotFound when nothing is kept on such an exemption, fault.Invalid without a reason or a day to come, fault.Conflict for a
// case that is open or cannot be taken up.
func (f *File) ReviewExemption(actor string, r Review) error {
	c := &f.Case
	if c.Open() {
		return fault.New(fault.Conflict, "the request is open: its exemptions are looked at with its plan")
	}
	is := func(x Exemption) bool {
		return x.System == r.System && x.Collection == r.Collection && x.Field == r.Field && !x.Lifted
	}
	switch _, err := time.Parse(time.DateOnly, r.Until); {
	case !slices.ContainsFunc(f.Retaining(), is):
		return fault.New(fault.NotFound, "nothing is kept on such an exemption")
	case r.Reason.IsZero():
		return fault.InvalidField("/reason", "say why; it is kept with the case")
	case r.Keep && (err != nil || r.Until <= f.now.Format(time.DateOnly)):
		return fault.InvalidField("/reviewBy", "say on which day to come it is looked at again, as 2027-01-31")
	}
	decision := Lift
	if r.Keep {
		decision = KeepLonger
	}
	c.ExemptionReview = f.decide(decision, actor, "", r.Reason)
	var left []Exemption
	for _, x := range c.Exemptions {
		if is(x) {
			switch {
			case r.Keep:
				x.ReviewBy = r.Until
			case x.Ground == "":
				continue // whoever claimed it no longer does
			default:
				x.Lifted = true
			}
		}
		left = append(left, x)
	}
	c.Exemptions = left
	facts := map[string]any{"decision": decision, "system": r.System, "collection": r.Collection, "field": r.Field}
	if r.Keep {
		facts["reviewBy"] = r.Until
	}
	if err := f.Entry("exemption_reviewed", actor, c.ExemptionReview.facts(facts)); err != nil || r.Keep {
		return err
	}
	return f.Reopen(actor, "exemption lifted", []string{r.System})
}

// putReview writes the row that lists the case by the day on which an exemption of it is looked at again, as long as something is
// kept on one.
func (f *File) putReview(ws *[]table.Write) {
	day := ""
	if list := f.Retaining(); len(list) > 0 {
		day = list[0].ReviewBy
		if day == "" {
			day = f.now.Format(time.DateOnly) // nobody said when: at once
		}
	}
	c := &f.Case
	if c.ReviewBy == day {
		return
	}
	c.ReviewBy = day
	it := table.Item{Key: f.key(skReview)}
	if day == "" {
		*ws = append(*ws, table.Write{Op: table.Delete, Item: it, If: table.AnyVersion})
		return
	}
	it.IPK, it.ISK, it.Body = ipkReview(c.Tenant), day+"#"+c.ID, []byte(`{}`)
	*ws = append(*ws, table.Write{Op: table.Put, Item: it, If: table.AnyVersion})
}

// ExemptedCases returns a page of the closed cases of which something is kept on an exemption that is to be looked at again until the
// day, YYYY-MM-DD and included, the longest due first. An empty day asks for all of them.
func (s *Store) ExemptedCases(ctx context.Context, tenant, until string, limit int, cursor string) ([]Case, string, error) {
	q := table.Query{Table: table.Cases, Index: true, PK: ipkReview(tenant), Limit: limit, Cursor: cursor}
	if until != "" {
		q.To = until + "$" // the character after the separator: the whole day
	}
	page, err := s.table.Query(ctx, q)
	if err != nil {
		return nil, "", fmt.Errorf("listing exemptions: %w", err)
	}
	var out []Case
	for _, it := range page.Items {
		c, err := s.Case(ctx, tenant, caseOf(it.PK))
		if fault.Has(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		if c.ReviewBy != "" && (until == "" || c.ReviewBy <= until) { // the index may lag
			out = append(out, c)
		}
	}
	return out, page.Next, nil
}
