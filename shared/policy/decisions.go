package policy

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
)

// Decided is one row of a decision table: what the law makes of a right in a situation, for some identities and legal bases.
type Decided struct {
	Right      dsar.Right   `json:"right"`
	Situation  string       `json:"situation"`
	Identities []Identity   `json:"identities"`
	Bases      []LegalBasis `json:"bases"` // "" is a basis that nobody recorded
	Decision
}

// Decisions returns the decision table of the law on the first day on which all of it is in force: right x legal basis x identity
// x situation. Cells that say the same are one row; together the rows of a right and situation hold every cell once.
func (p Pack) Decisions() []Decided {
	var out []Decided
	for _, r := range dsar.Rights() {
		for _, c := range p.situations() {
			c.s.Right, c.s.On = r, p.firstWhole()
			for _, g := range p.groups(c.s) {
				for _, row := range g.rows {
					out = append(out, Decided{Right: r, Situation: c.name, Identities: g.who, Bases: row.bases, Decision: row.d})
				}
			}
		}
	}
	return out
}

// WriteDecisions prints the decision table for people and for golden files: it changes only with what the law decides. Rights that
// are decided alike share one part. Of a situation it prints the rows that the plain request does not have, and situations with the
// same rows together.
func (p Pack) WriteDecisions(w io.Writer) error {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "%s: %s (%s)\n%s\nas of %s\n\nidentity | legal basis | verdict (ground): citation\n[silent]: the law does not say, and the careful verdict stands\n", p.ID, p.Name, p.Short, p.Law, p.firstWhole())
	var parts []string
	rights := map[string][]string{}
	for _, r := range dsar.Rights() {
		part := p.partOf(r)
		if len(rights[part]) == 0 {
			parts = append(parts, part)
		}
		rights[part] = append(rights[part], string(r))
	}
	for _, part := range parts {
		_, _ = fmt.Fprintf(&b, "\n%s: %s", strings.Join(rights[part], ", "), part)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing decisions: %w", err)
	}
	return nil
}

// partOf returns the part of the table on one right, without its name.
func (p Pack) partOf(r dsar.Right) string {
	on := p.firstWhole()
	var plain, order []string
	alike := map[string][]string{} // rows -> situations
	for i, c := range p.situations() {
		c.s.Right, c.s.On = r, on
		rows := p.rowsOf(c.s)
		if i == 0 {
			plain = rows
			continue
		}
		rows = slices.DeleteFunc(rows, func(row string) bool { return slices.Contains(plain, row) })
		key := strings.Join(rows, "\n")
		if len(alike[key]) == 0 {
			order = append(order, key)
		}
		alike[key] = append(alike[key], c.name)
	}
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "%s\n  %s\n", p.RightLevelOn(r, on), strings.Join(plain, "\n  "))
	for _, key := range order {
		if key != "" {
			_, _ = fmt.Fprintf(&b, "  %s\n    %s\n", strings.Join(alike[key], "; "), strings.ReplaceAll(key, "\n", "\n    "))
		}
	}
	switch same := alike[""]; len(same) {
	case 0:
	case len(p.situations()) - 1:
		b.WriteString("  no difference in any other situation\n")
	default:
		_, _ = fmt.Fprintf(&b, "  no difference: %s\n", strings.Join(same, "; "))
	}
	return b.String()
}

// rowsOf returns the rows of one situation.
func (p Pack) rowsOf(s Situation) []string {
	var out []string
	for _, g := range p.groups(s) {
		for _, row := range g.rows {
			out = append(out, names(g.who, Identities(), "any identity")+" | "+names(row.bases, append(LegalBases(), NoBasis), "any basis")+" | "+row.d.String())
		}
	}
	return out
}

// names joins codes, and says so when they are all there are.
func names[T ~string](some, all []T, every string) string {
	if len(some) == len(all) {
		return every
	}
	out := make([]string, len(some))
	for i, s := range some {
		if out[i] = string(s); s == "" {
			out[i] = "not recorded"
		}
	}
	return strings.Join(out, ", ")
}

// String returns verdict, ground and citation.
func (d Decision) String() string {
	out := string(d.Verdict)
	if d.Ask != "" {
		out += " " + d.Ask
	}
	if d.Ground != "" && d.Ground != d.Ask {
		out += " (" + d.Ground + ")"
	}
	if d.Silent {
		return out + " [silent]"
	}
	return out + ": " + d.Citation
}

// byIdentity is what identities have in common: a decision for each basis.
type byIdentity struct {
	who  []Identity
	rows []byBasis
}

// byBasis is what bases have in common.
type byBasis struct {
	bases []LegalBasis
	d     Decision
}

func (p Pack) groups(s Situation) []byIdentity {
	var out []byIdentity
	for _, id := range Identities() {
		s.Identity = id
		rows := p.bases(s)
		at := slices.IndexFunc(out, func(g byIdentity) bool {
			return slices.EqualFunc(g.rows, rows, func(a, b byBasis) bool { return a.d == b.d && slices.Equal(a.bases, b.bases) })
		})
		if at < 0 {
			out, at = append(out, byIdentity{rows: rows}), len(out)
		}
		out[at].who = append(out[at].who, id)
	}
	return out
}

func (p Pack) bases(s Situation) []byBasis {
	var out []byBasis
	for _, basis := range append(LegalBases(), NoBasis) {
		s.Basis = basis
		d := p.Decide(s)
		at := slices.IndexFunc(out, func(b byBasis) bool { return b.d == d })
		if at < 0 {
			out, at = append(out, byBasis{d: d}), len(out)
		}
		out[at].bases = append(out[at].bases, basis)
	}
	return out
}

// tableCase is one named kind of situation of a decision table. Right, basis and identity vary within it.
type tableCase struct {
	name string
	s    Situation
}

// firstWhole returns the first day on which the law and every right of it is in force.
func (p Pack) firstWhole() civil.Date {
	on := p.Valid.From
	for _, d := range p.RightsFrom {
		if d.After(on) {
			on = d
		}
	}
	return on
}

// situations lists what the table asks the law about, the plain request first. Each changes one thing.
func (p Pack) situations() []tableCase {
	out := []tableCase{
		{"a request", Situation{}},
		{"against direct marketing", Situation{Purpose: DirectMarketing}},
		{"for inferred data", Situation{Inferred: true}},
	}
	for _, s := range SubjectTypes()[1:] {
		c := Situation{Subject: s}
		if s == Deceased {
			c.Requester, c.Mandate = ByHeir, true
		}
		out = append(out, tableCase{"about a subject who is " + string(s), c})
	}
	for _, r := range Requesters()[1:] {
		out = append(out, tableCase{"by " + string(r) + " with proof", Situation{Requester: r, Mandate: true}}, tableCase{"by " + string(r) + " without proof", Situation{Requester: r}})
	}
	for _, band := range p.Representation.AgeBands {
		age := band.Under - 1
		out = append(out, tableCase{fmt.Sprintf("by a child of %d", age), Situation{Age: &age}})
	}
	for _, c := range Claims() {
		out = append(out, tableCase{"with " + string(c), Situation{Claims: []Claim{c}}})
	}
	for _, x := range p.Exemptions {
		out = append(out, tableCase{"with exemption " + x.ID, Situation{Exempt: []string{x.ID}}})
	}
	return out
}
