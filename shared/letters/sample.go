package letters

import (
	"cmp"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Specimen is a letter to nobody, with made-up facts, for whoever looks at a wording before it is published.
type Specimen struct {
	Kind    Kind
	Law     policy.ID
	Subject string
	Text    string
}

// maxSpecimens is how many letters a preview shows; the check goes through all.
const maxSpecimens = 5

// Preview writes every letter under every law with the wording, and returns letters that say the message of the key, at most five, of
// different kinds. fault.Invalid when one of them can no longer be written as the law wants it.
func (c *Catalogue) Preview(language, key string, w Wording, tenant Tenant, laws []policy.Pack) ([]Specimen, error) {
	out := []Specimen{}
	for _, law := range alike(laws) {
		for _, kind := range Kinds() {
			for _, right := range []dsar.Right{dsar.Access, dsar.Erasure} {
				f, possible := sample(kind, right, law, tenant)
				if !possible {
					continue
				}
				f.Wording = w
				b, subject, err := c.compose(kind, language, f)
				if err != nil && c.possible(kind, language, f) {
					return nil, fault.Wrap(fault.Invalid, err, "writing a specimen of "+string(kind)+" under "+law.Short)
				}
				shown := slices.ContainsFunc(out, func(s Specimen) bool { return s.Kind == kind })
				if err == nil && b.said[key] && !shown && len(out) < maxSpecimens {
					out = append(out, Specimen{kind, law.ID, subject, plain(b.parts)})
				}
			}
		}
	}
	return out, nil
}

// possible reports whether the letter can be written in the catalogue's words.
func (c *Catalogue) possible(kind Kind, language string, f Facts) bool {
	f.Wording = Wording{}
	_, _, err := c.compose(kind, language, f)
	return err == nil
}

// alike returns one law of each sort that letters tell apart: by what must be said, and by the ways to complain.
func alike(laws []policy.Pack) []policy.Pack {
	type sort struct {
		internal, authority, court, appeal, extension bool
		must                                          string
	}
	seen := map[sort]bool{}
	var out []policy.Pack
	for _, p := range laws {
		s := sort{p.Complaint.Internal != nil, p.Complaint.Authority != nil, p.Complaint.Court != nil, p.Appeal != nil, p.Extension != nil, ""}
		for _, m := range p.Refusal.MustState {
			s.must += string(m) + " "
		}
		for _, k := range Kinds() {
			for _, m := range p.Letters[string(k)] {
				s.must += string(k) + ":" + string(m) + " "
			}
		}
		if !seen[s] {
			seen[s] = true
			out = append(out, p)
		}
	}
	return out
}

// sample returns made-up facts for a letter, and whether the letter exists for the right under the law.
func sample(kind Kind, right dsar.Right, law policy.Pack, tenant Tenant) (Facts, bool) {
	day := func(month, d int) civil.Date { return civil.Date{Year: 2027, Month: time.Month(month), Day: d} }
	text := redact.NewText("Example text")
	f := Facts{
		Tenant: tenant, Reference: "7K3QX-9M2DA", Right: right, Pack: law, PortalURL: "https://privacy.example.com/requests/7K3QX-9M2DA",
		Name: redact.NewText("Ada Example"), Code: redact.NewText("12345678"), Link: redact.NewText("https://privacy.example.com/link"), ValidFor: 30 * time.Minute, Tries: 2,
		ReceivedOn: day(3, 1), FirstDue: day(3, 20), Due: day(4, 1), VerifyBy: day(3, 15), Until: day(4, 30), On: day(3, 5),
		DueSteps: []clock.Step{{N: 1, Code: "ends", Text: "The last moment is the end of the day.", Args: []clock.Arg{{Name: "date", Kind: clock.DateArg, Value: "2027-04-01"}, {Name: "zone", Kind: clock.ZoneArg, Value: "UTC"}}}},
		Task:     Task{System: "Example system", Action: dsar.ReadOut, Passed: true, To: redact.NewText("somebody@example.com")}, WaitsFor: WaitsFor{Cause: "approval"},
		Act:     Act{Code: "excessive", Effect: policy.Pause, Blocks: true, Amount: "EUR 10.00", Kind: "refuse", Outcome: "partly"},
		Told:    []dsar.Outcome{dsar.Erased},
		Reasons: []Reason{{Text: text, Citation: cmp.Or(law.Refusal.Period.Basis, law.Short)}},
		Systems: []System{{Title: "Example system", Outcome: dsar.Found, Records: 12}, {Title: "Another system", Outcome: dsar.NotDone}},
		Volumes: 2, Other: "2ABCD-3EFGH", Message: text, OptOutURL: "https://privacy.example.com/opt-out",
	}
	switch kind {
	case ResponseReady:
		return f, right.Discloses()
	case NothingHeld:
		f.Systems = []System{{Title: "Example system", Outcome: dsar.NothingHeld}}
	case Extension:
		rule := law.Rule(right)
		if rule.Extension == nil || len(rule.Extension.Reasons) == 0 {
			return f, false
		}
		f.ExtensionReason = rule.Extension.Reasons[0]
	default: // the others take what they need of these
	}
	return f, true
}
