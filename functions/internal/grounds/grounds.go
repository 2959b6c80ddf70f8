// Package grounds says which data of a system the law of a case lets stay as it is, or out of an answer, piece by piece: what a data
// map says on why data is held meets what the law says on the right. It decides nothing that a person must weigh, and knows no
// store.
package grounds

import (
	"cmp"
	"slices"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// DefaultReviewMonths is when a ground is looked at again for which the law's pack has no number: a choice of the product.
const DefaultReviewMonths = 12

// Kept is data that the right does not reach: a collection, or one field of it.
type Kept struct {
	Collection string
	Field      string // dotted path; empty: whole records
	policy.Decision
}

// For returns what the right does not reach, in the order of the data map. laws are those of the case, the governing one first:
// where several grant the right, data is kept only when all of them let it be. GDPR Art. 17(3): a ground holds for the data that
// it is about and for no other, so a collection is kept whole only when every field of it is.
func For(laws []policy.Pack, right dsar.Right, on civil.Date, data *connector.Dataset) []Kept {
	if data == nil || len(laws) == 0 {
		return nil
	}
	l := law{laws, right, on}
	var out []Kept
	for _, c := range data.Collections {
		if !c.Skip && c.Disclosed() {
			out = append(out, l.collection(c)...)
		}
	}
	return out
}

// Weighs reports whether a law leaves the right, for some data of the map, to a person who weighs one interest against another:
// nothing of it is decided by a machine alone.
func Weighs(laws []policy.Pack, right dsar.Right, on civil.Date, data *connector.Dataset) bool {
	if data == nil {
		return false
	}
	for _, c := range data.Collections {
		bases := []string{c.LegalBasis}
		for f := range c.All {
			bases = append(bases, f.LegalBasis)
		}
		for _, b := range bases {
			s := policy.Situation{Right: right, On: on, Basis: policy.LegalBasis(b), Subject: policy.SubjectType(c.SubjectType)}
			weigh := func(p policy.Pack) bool { return p.Decide(s).Verdict == policy.ToWeigh }
			if (b != "" || c.LegalBasis == "") && !c.Skip && c.Disclosed() && slices.ContainsFunc(laws, weigh) {
				return true
			}
		}
	}
	return false
}

type law struct {
	packs []policy.Pack
	right dsar.Right
	on    civil.Date
}

func (l law) collection(c *connector.Collection) []Kept {
	var fields []Kept
	granted := false
	var walk func(list []*connector.DataField, basis string, inferred bool)
	walk = func(list []*connector.DataField, basis string, inferred bool) {
		for _, f := range list {
			own, inf := basis, inferred || f.Inferred
			if f.LegalBasis != "" {
				own = f.LegalBasis
			}
			if len(f.Fields) > 0 {
				walk(f.Fields, own, inf)
				continue
			}
			if d, keeps := l.keeps(own, c.SubjectType, inf); keeps {
				fields = append(fields, Kept{Collection: c.Name, Field: f.Path, Decision: d})
			} else if !f.PrimaryKey {
				granted = true // a key is what the rest hangs on and says nothing by itself
			}
		}
	}
	walk(c.Fields, c.LegalBasis, false)
	whole, keeps := l.keeps(c.LegalBasis, c.SubjectType, false)
	if keeps && !granted {
		return []Kept{{Collection: c.Name, Decision: whole}}
	}
	return fields
}

// keeps asks the laws about one piece of data of somebody who is known to be the one who asks.
func (l law) keeps(basis, subject string, inferred bool) (policy.Decision, bool) {
	s := policy.Situation{Right: l.right, On: l.on, Basis: policy.LegalBasis(basis), Subject: policy.SubjectType(subject), Inferred: inferred}
	if s.Subject == policy.Deceased {
		s.Requester, s.Mandate = policy.ByHeir, true // whether she may ask was decided before
	}
	first := l.packs[0].Decide(s)
	for i, p := range l.packs {
		d := p.Decide(s)
		_, exempt := d.Exemption()
		reached := d.Verdict != policy.ToRefuse || !exempt && d.Ground != policy.GroundNotEligible
		unknown := i > 0 && d.Verdict == policy.ToRefuse && (d.Ground == policy.GroundNotGranted || d.Ground == policy.GroundNotInForce)
		if reached && !unknown {
			return policy.Decision{}, false
		}
	}
	return first, true
}

// Exemptions returns what is kept as exemptions of a case, with the day on which each is looked at again.
func Exemptions(governing policy.Pack, system string, kept []Kept, today civil.Date) []casefile.Exemption {
	var out []casefile.Exemption
	for _, k := range kept {
		out = append(out, casefile.Exemption{
			System: system, Collection: k.Collection, Field: k.Field, Citation: cmp.Or(k.Citation, governing.Law), Ground: k.Ground,
			ReviewBy: ReviewBy(governing, k.Ground, today).String(),
		})
	}
	return out
}

// ReviewBy returns the day on which a ground that holds from today on is looked at again: as the pack says of the exemption, for
// grounds that it has no number for the shortest of its own.
func ReviewBy(pack policy.Pack, ground string, today civil.Date) civil.Date {
	if id, ok := (policy.Decision{Ground: ground}).Exemption(); ok {
		if x, ok := pack.Exemption(id); ok {
			return x.ReviewBy(today)
		}
	}
	months := DefaultReviewMonths
	for _, x := range pack.Exemptions {
		months = min(months, max(x.ReviewMonths, 1))
	}
	return today.AddMonths(months)
}

// Words returns why something is kept, for the person: the law's words in her language, or the citation alone for a ground that has
// none.
func Words(pack policy.Pack, x casefile.Exemption, language string) string {
	if id, ok := (policy.Decision{Ground: x.Ground}).Exemption(); ok {
		if own, ok := pack.Exemption(id); ok {
			text, _ := own.Text.In(language)
			return text
		}
	}
	if at := slices.IndexFunc(pack.Eligibility, func(e policy.Eligibility) bool { return x.Ground == policy.GroundNotEligible && e.Basis == x.Citation }); at >= 0 {
		return pack.Eligibility[at].Why
	}
	return x.Citation
}
