package console

import (
	"maps"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
)

func lawPeriod(p policy.Period) pages.LawPeriod {
	start := p.StartLatestOf
	if len(start) == 0 && p.StartEvent != "" {
		start = []policy.StartEvent{p.StartEvent}
	}
	return pages.LawPeriod{Value: p.Value, Unit: p.Unit, Start: start, Kind: p.Kind, Basis: p.Basis, Note: p.Note}
}

func lawAmount(a policy.Amount) pages.LawPeriod { return pages.LawPeriod{Value: a.Value, Unit: a.Unit} }

// lawRights says of every right how far the law grants it, and by when.
func lawRights(c *caller, p policy.Pack) []pages.LawRight {
	var out []pages.LawRight
	for _, right := range dsar.Rights() {
		rule := p.Rule(right)
		one := pages.LawRight{Right: right, Level: rule.Level, From: c.midnight(p.RightsFrom[right]), Answer: lawPeriod(rule.Response)}
		if e := rule.Extension; e != nil && rule.Level != policy.None {
			one.Open = e.Open
			if !e.Open {
				one.Longer = lawAmount(e.Total)
			}
		}
		out = append(out, one)
	}
	return out
}

// codes writes codes of a law as words: number_of_requests is "number of requests".
func codes(list []string) string {
	return strings.ReplaceAll(strings.Join(list, ", "), "_", " ")
}

func say(phrase string) pages.LawPhrase { return pages.LawPhrase{Phrase: phrase} }

func sayOf(phrase, text string) pages.LawPhrase { return pages.LawPhrase{Phrase: phrase, Text: text} }

func sayN(phrase string, n int) pages.LawPhrase { return pages.LawPhrase{Phrase: phrase, N: n} }

// facts gathers the rules of one section; what the law does not say is left out.
type facts []pages.LawFact

func (f *facts) add(one pages.LawFact) { *f = append(*f, one) }

func (f *facts) text(fact, text, basis string) {
	if text != "" {
		f.add(pages.LawFact{Fact: fact, Text: text, Basis: basis})
	}
}

func (f *facts) phrases(fact, basis string, said ...pages.LawPhrase) {
	f.add(pages.LawFact{Fact: fact, Phrases: said, Basis: basis})
}

func (f *facts) period(fact string, p *policy.Period) {
	if p != nil && p.Unit != "" {
		f.add(pages.LawFact{Fact: fact, Period: lawPeriod(*p)})
	}
}

// lawSections are the rules of a law in words, without the rights. A section without rules is left out.
func lawSections(p policy.Pack) []pages.LawSection {
	all := map[string]func(policy.Pack, *facts){
		"time": timeFacts, "stops": stopFacts, "extension": extensionFacts, "refusal": refusalFacts, "appeal": appealFacts, "complaint": complaintFacts,
		"verification": verificationFacts, "representation": representationFacts, "eligibility": eligibilityFacts, "exemptions": exemptionFacts,
		"never_disclose": secretFacts, "fees": feeFacts, "duties": dutyFacts, "retention": retentionFacts, "notes": noteFacts,
	}
	var out []pages.LawSection
	for _, name := range pages.LawSections() {
		var f facts
		all[name](p, &f)
		if len(f) > 0 {
			out = append(out, pages.LawSection{Section: name, Facts: f})
		}
	}
	return out
}

func timeFacts(p policy.Pack, f *facts) {
	f.add(pages.LawFact{Fact: "acknowledge", Period: lawPeriod(p.Acknowledge.Period), Rights: p.Acknowledge.AppliesTo})
	f.period("simple", p.Response.Simple)
	f.add(pages.LawFact{Fact: "answer", Name: p.Response.Standard, Period: lawPeriod(p.Response.Default)})
	for _, right := range dsar.Rights() {
		if longer, ok := p.Response.WithProcessor[right]; ok {
			f.add(pages.LawFact{Fact: "processor", Period: lawPeriod(longer), Rights: []dsar.Right{right}})
		}
	}
	if p.Response.Published {
		f.phrases("published", "", say("published"))
	}
	f.add(pages.LawFact{Fact: "roll", Phrases: []pages.LawPhrase{say("roll_" + string(p.Roll.Rule))}, Basis: p.Roll.Basis, Note: p.Roll.Note})
}

func stopFacts(p policy.Pack, f *facts) {
	for _, s := range p.Stops {
		said := []pages.LawPhrase{say("effect_" + string(s.Effect))}
		if s.DayCount != "" {
			said = append(said, say("count_"+string(s.DayCount)))
		}
		if s.Condition != "" {
			said = append(said, sayOf("asked_for", s.Condition))
		}
		f.add(pages.LawFact{Fact: "stop_" + string(s.Event), Phrases: said, Rights: s.Rights, Kind: s.Kind, Basis: s.Basis, Note: s.Note})
	}
}

func extensionFacts(p policy.Pack, f *facts) {
	e := p.Extension
	if e == nil {
		return
	}
	one := pages.LawFact{Fact: "extension", Period: lawAmount(e.Total), Kind: e.Kind, Basis: e.Basis, Note: e.Note}
	if e.Open {
		one.Period, one.Phrases = pages.LawPeriod{}, []pages.LawPhrase{say("extension_open")}
	}
	f.add(one)
	for _, right := range dsar.Rights() {
		if own, ok := e.ByRight[right]; ok {
			f.add(pages.LawFact{Fact: "extension", Period: lawAmount(own.Total), Rights: []dsar.Right{right}})
		}
	}
	f.text("extension_reasons", codes(e.Reasons), "")
}

func refusalFacts(p policy.Pack, f *facts) {
	f.period("refuse", &p.Refusal.Period)
	if len(p.Refusal.MustState) > 0 {
		f.add(pages.LawFact{Fact: "must_state", Statements: p.Refusal.MustState})
	}
	for _, kind := range sortedKeys(p.Letters) {
		f.add(pages.LawFact{Fact: "letter", Name: codes([]string{kind}), Statements: p.Letters[kind]})
	}
}

func appealFacts(p policy.Pack, f *facts) {
	a := p.Appeal
	if a == nil {
		return
	}
	f.period("appeal_window", a.Window)
	f.period("appeal_acknowledge", a.Acknowledge)
	f.period("appeal_decision", &a.Decision)
	if a.Extension != nil {
		f.add(pages.LawFact{Fact: "appeal_extension", Period: lawAmount(a.Extension.Total)})
	}
	f.add(pages.LawFact{Fact: "appeal_then", Text: a.Then, Basis: a.Basis, Note: a.Note})
}

func complaintFacts(p policy.Pack, f *facts) {
	for _, way := range []struct {
		fact  string
		route *policy.Route
	}{{"complaint_internal", p.Complaint.Internal}, {"complaint_authority", p.Complaint.Authority}, {"complaint_court", p.Complaint.Court}} {
		if way.route == nil {
			continue
		}
		words, _ := way.route.Text.In("en")
		f.add(pages.LawFact{Fact: way.fact, Name: way.route.Name, Text: words, URL: way.route.URL})
		f.text("email", way.route.Email, "")
		f.text("phone", way.route.Phone, "")
		f.text("post", way.route.Post, "")
		f.period("complaint_window", way.route.Window)
	}
	f.period("complaint_acknowledge", p.Complaint.Acknowledge)
	f.period("complaint_decision", p.Complaint.Decide)
}

func verificationFacts(p policy.Pack, f *facts) {
	v := p.Verification
	f.text("standard", v.Standard, v.Basis)
	if len(v.NoneFor) > 0 {
		f.add(pages.LawFact{Fact: "none_for", Rights: v.NoneFor})
	}
	for _, t := range v.Tiers {
		said := []pages.LawPhrase{sayN("points", t.Points)}
		if t.Declaration {
			said = append(said, say("declaration"))
		}
		if t.Scope != "" {
			said = append(said, sayOf("limited_to", codes([]string{string(t.Scope)})))
		}
		if t.Sensitive {
			said = append(said, say("sensitive"))
		}
		if t.FallsBackTo != "" {
			said = append(said, sayOf("falls_back", codes([]string{t.FallsBackTo})))
		}
		f.add(pages.LawFact{Fact: "tier", Name: codes([]string{t.ID}), Phrases: said, Rights: t.Rights, Basis: t.Basis})
	}
	for _, n := range v.NeverAsk {
		f.add(pages.LawFact{Fact: "never_ask", Text: codes([]string{n.Item}), Rights: n.For, Basis: n.Basis})
	}
	if v.DocumentDays > 0 {
		f.phrases("document_days", "", sayN("kept_days", v.DocumentDays))
	}
	if v.ReviewMonths > 0 {
		f.phrases("review_months", "", sayN("review_months", v.ReviewMonths))
	}
}

func representationFacts(p policy.Pack, f *facts) {
	for _, who := range []struct {
		fact string
		rule *policy.Representative
	}{{"agents", p.Representation.Agents}, {"guardians", p.Representation.Guardians}, {"heirs", p.Representation.Heirs}, {"nominees", p.Representation.Nominees}} {
		if who.rule == nil {
			continue
		}
		said := []pages.LawPhrase{say("may_not_ask")}
		if who.rule.Allowed {
			said = []pages.LawPhrase{say("may_ask")}
			if len(who.rule.Evidence) > 0 {
				said = append(said, sayOf("shown_by", codes(who.rule.Evidence)))
			}
			if who.rule.AskDirectly {
				said = append(said, say("ask_directly"))
			}
		}
		f.add(pages.LawFact{Fact: who.fact, Phrases: said, Rights: who.rule.Rights, Basis: who.rule.Basis, Note: who.rule.Note})
	}
	for _, b := range p.Representation.AgeBands {
		f.add(pages.LawFact{Fact: "age_band", Phrases: []pages.LawPhrase{sayN("age_"+b.Who, b.Under)}, Rights: b.Rights, Basis: b.Basis})
	}
}

func eligibilityFacts(p policy.Pack, f *facts) {
	for _, e := range p.Eligibility {
		said := []pages.LawPhrase{say("grant_" + string(e.Grant))}
		if len(e.Bases) > 0 {
			said = append(said, sayOf("held_by", codes(texts(e.Bases))))
		}
		if len(e.Subjects) > 0 {
			said = append(said, sayOf("limited_to", codes(texts(e.Subjects))))
		}
		f.add(pages.LawFact{Fact: "eligibility", Phrases: said, Rights: []dsar.Right{e.Right}, Basis: e.Basis, Note: e.Why})
	}
	if p.Reach.Basis != "" {
		reach := "reach_serves"
		if p.Reach.Establishment {
			reach = "reach_establishment"
		}
		f.phrases("reach", p.Reach.Basis, say(reach))
	}
}

func exemptionFacts(p policy.Pack, f *facts) {
	for _, e := range p.Exemptions {
		words, _ := e.Text.In("en")
		f.add(pages.LawFact{Fact: "exemption", Name: codes([]string{e.ID}), Text: words, Rights: e.Rights, Phrases: []pages.LawPhrase{sayN("again_months", e.ReviewMonths)}, Basis: e.Basis})
	}
}

func secretFacts(p policy.Pack, f *facts) {
	for _, n := range p.NeverDisclose {
		f.text("never_disclose", codes([]string{string(n.Kind)}), n.Basis)
	}
}

func feeFacts(p policy.Pack, f *facts) {
	fees := p.Fees
	switch {
	case fees.Always:
		f.phrases("free", fees.Basis, say("free_never"))
	case fees.FreeRequests > 0 && fees.Per != nil:
		f.add(pages.LawFact{Fact: "free", Period: lawAmount(*fees.Per), Phrases: []pages.LawPhrase{sayN("free_first", fees.FreeRequests)}, Basis: fees.Basis})
	default:
		f.phrases("free", fees.Basis, say("free_every"))
	}
	f.text("charge_when", codes(fees.ChargeWhen), "")
	f.text("cap", fees.Cap, "")
	f.text("cap", fees.MaxAmount, "")
	if fees.Accept {
		f.phrases("accept", "", say("accept"))
	}
	if fees.AcceptWithin != nil {
		f.add(pages.LawFact{Fact: "accept", Period: lawAmount(*fees.AcceptWithin), Phrases: []pages.LawPhrase{say("accept_within")}})
	}
	if len(fees.NeverFor) > 0 {
		f.add(pages.LawFact{Fact: "never_charge", Rights: fees.NeverFor})
	}
}

func dutyFacts(p policy.Pack, f *facts) {
	for _, d := range p.Duties {
		one := pages.LawFact{Fact: "duty", Name: codes([]string{d.ID}), Period: lawPeriod(d.Period)}
		if d.Right != "" {
			one.Rights = []dsar.Right{d.Right}
		}
		f.add(one)
	}
	if p.Consent == nil {
		return
	}
	f.period("consent_stop", p.Consent.StopWithin)
	if p.Consent.AskAgainAfter != nil {
		f.add(pages.LawFact{Fact: "ask_again", Period: lawAmount(*p.Consent.AskAgainAfter), Basis: p.Consent.Basis})
	}
	f.text("signals", codes(p.Consent.Signals), p.Consent.Basis)
}

func retentionFacts(p policy.Pack, f *facts) {
	f.add(pages.LawFact{Fact: "retention", Name: p.Retention.Scope, Period: pages.LawPeriod{Value: p.Retention.Value, Unit: p.Retention.Unit}, Kind: p.Retention.Kind, Basis: p.Retention.Basis})
	if !p.Notify.Duty {
		f.phrases("notify", p.Notify.Basis, say("notify_none"))
		return
	}
	one := pages.LawFact{Fact: "notify", Text: strings.TrimSuffix(p.Notify.Who, ".") + ".", Basis: p.Notify.Basis}
	if p.Notify.Exception != "" {
		one.Phrases = []pages.LawPhrase{sayOf("notify_except", p.Notify.Exception)}
	}
	f.add(one)
}

func noteFacts(p policy.Pack, f *facts) {
	for _, n := range p.Notes {
		f.text("note", n, "")
	}
}

func texts[T ~string](list []T) []string {
	out := make([]string, 0, len(list))
	for _, v := range list {
		out = append(out, string(v))
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
