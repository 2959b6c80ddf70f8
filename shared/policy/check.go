package policy

import (
	"fmt"
	"slices"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// checkPack notes what a schema cannot see: numbers that contradict each other, and words without a place to point to.
func checkPack(doc *document, p Pack) {
	if !p.Valid.Until.IsZero() && p.Valid.Until.Before(p.Valid.From) {
		doc.fail("$.valid.until", "the law ends before it begins")
	}
	if p.Confidence == Low && p.ConfidenceNote == "" {
		doc.fail("$.confidence", "low confidence needs a confidence_note")
	}
	checkStatements(doc, p)
	checkStops(doc, p.Stops)
	checkExtension(doc, p)
	checkResponse(doc, p)
	checkRights(doc, p)
	checkStarts(doc, p)
	checkLists(doc, p)
	checkTiers(doc, p.Verification.Tiers)
	checkFees(doc, p.Fees)
	checkEligibility(doc, p)
}

// checkStatements makes sure that whatever a letter must say, the pack knows.
func checkStatements(doc *document, p Pack) {
	check := func(at string, must []Statement) {
		for i, s := range must {
			if missing := p.missing(s); missing != "" {
				doc.fail(fmt.Sprintf("%s[%d]", at, i), "the pack has no "+missing)
			}
		}
	}
	check("$.refusal.must_state", p.Refusal.MustState)
	for kind, must := range p.Letters {
		check("$.letters."+kind, must)
	}
}

// missing names the part of the pack without which the statement cannot be made.
func (p Pack) missing(s Statement) string {
	switch {
	case s == StateComplaint && p.Complaint.Authority == nil:
		return "complaint.authority"
	case s == StateInternalComplaint && p.Complaint.Internal == nil:
		return "complaint.internal"
	case s == StateCourt && p.Complaint.Court == nil:
		return "complaint.court"
	case s == StateAppeal && p.Appeal == nil:
		return "appeal"
	case s == StateRecourseTime && !p.hasWindow():
		return "window of a complaint or an appeal"
	}
	return ""
}

// hasWindow reports whether any way of complaint closes some day.
func (p Pack) hasWindow() bool {
	for _, r := range []*Route{p.Complaint.Authority, p.Complaint.Internal, p.Complaint.Court} {
		if r != nil && r.Window != nil {
			return true
		}
	}
	return p.Appeal != nil && p.Appeal.Window != nil
}

func checkStops(doc *document, stops []Stop) {
	for i, s := range stops {
		at := fmt.Sprintf("$.clock_stops[%d]", i)
		if (s.Effect == Pause) != (s.DayCount != "") {
			doc.fail(at+".day_count", "a pause needs a day count, and nothing else has one")
		}
		if s.Effect == RefuseUntilPaid && s.Event != FeeRequested {
			doc.fail(at+".effect", "only a fee can be paid")
		}
		for _, earlier := range stops[:i] {
			if earlier.Event == s.Event && overlap(earlier.Rights, s.Rights) {
				doc.fail(at+".event", "another rule covers the same event and right")
			}
		}
	}
}

// overlap reports whether two lists share an entry; an empty list is everything.
func overlap[T comparable](a, b []T) bool {
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	return slices.ContainsFunc(a, func(r T) bool { return slices.Contains(b, r) })
}

func checkExtension(doc *document, p Pack) {
	e := p.Extension
	if e == nil {
		return
	}
	if e.Open && (e.Value != 0 || e.Total.Value != 0 || len(e.ByRight) > 0) {
		doc.fail("$.extension.open", "an extension without a length in the law has no numbers")
	}
	if !e.Open && e.Value == 0 {
		doc.fail("$.extension.value", "is missing, and the extension is not open")
	}
	for r := range e.ByRight {
		if slices.Contains(e.NotFor, r) {
			doc.fail("$.extension.by_right."+string(r), "the right is in not_for too")
		}
	}
	for _, r := range dsar.Rights() {
		rule := p.Rule(r)
		if rule.Extension == nil {
			continue
		}
		at := "$.extension"
		if _, own := e.ByRight[r]; own {
			at += ".by_right." + string(r)
		}
		checkExtended(doc, at, r, rule.Response.Amount(), *rule.Extension)
	}
}

// checkExtended compares the numbers of an extension with the period it prolongs.
func checkExtended(doc *document, at string, r dsar.Right, base Amount, e Extension) {
	// GDPR Art. 12(3) and its likes: the person learns of an extension while the first period still runs.
	if e.NoticeBy.Unit != base.Unit || e.NoticeBy.Value > base.Value {
		doc.fail(at+".notice_by", fmt.Sprintf("is after the period of %s", r))
	}
	if e.Open {
		return
	}
	if base.Unit == e.Unit && e.Total != (Amount{base.Value + e.Value, e.Unit}) {
		doc.fail(at+".total", fmt.Sprintf("is not the period of %s plus the extension", r))
	}
	if base.Unit != e.Total.Unit || e.Total.Value <= base.Value {
		doc.fail(at+".total", fmt.Sprintf("is not longer than the period of %s in the same unit", r))
	}
}

// checkResponse makes sure that special periods are for rights the law knows, and relate to the ordinary ones as their names say.
func checkResponse(doc *document, p Pack) {
	for r := range p.Response.ByRight {
		if p.RightLevel(r) == None {
			doc.fail("$.response.by_right."+string(r), "the law does not know the right")
		}
	}
	for r, longer := range p.Response.WithProcessor {
		at := "$.response.with_processor." + string(r)
		if p.RightLevel(r) == None {
			doc.fail(at, "the law does not know the right")
		}
		if base := p.response(r, Circumstances{}); longer.Unit != base.Unit || longer.Value < base.Value {
			doc.fail(at, "is not at least the period without a processor in the same unit")
		}
	}
	if s := p.Response.Simple; s != nil && s.Unit == p.Response.Default.Unit && s.Value >= p.Response.Default.Value {
		doc.fail("$.response.simple", "the first answer is not before the whole one")
	}
}

// checkRights makes sure that a right comes into force no earlier than its law.
func checkRights(doc *document, p Pack) {
	for r, from := range p.RightsFrom {
		switch {
		case p.RightLevel(r) == None:
			doc.fail("$.rights_from."+string(r), "the law does not know the right")
		case !from.After(p.Valid.From):
			doc.fail("$.rights_from."+string(r), "is not after the law's own first day")
		case !p.Valid.Until.IsZero() && from.After(p.Valid.Until):
			doc.fail("$.rights_from."+string(r), "is after the law's last day")
		}
	}
}

// checkStarts makes sure that no period waits for something that cannot happen where it is used.
func checkStarts(doc *document, p Pack) {
	check := func(at string, period *Period, allowed ...StartEvent) {
		if period == nil {
			return
		}
		for _, e := range append(slices.Clone(period.StartLatestOf), period.StartEvent) {
			if !slices.Contains(allowed, e) {
				doc.fail(at+".start_event", fmt.Sprintf("this period cannot start with %s", e))
			}
		}
	}
	request := []StartEvent{OnReceipt, OnVerification, OnFee}
	check("$.acknowledgement.period", &p.Acknowledge.Period, request...)
	check("$.response.default", &p.Response.Default, request...)
	check("$.response.simple", p.Response.Simple, request...)
	check("$.refusal.period", &p.Refusal.Period, request...)
	for r, own := range p.Response.ByRight {
		check("$.response.by_right."+string(r), &own, request...)
	}
	for r, own := range p.Response.WithProcessor {
		check("$.response.with_processor."+string(r), &own, request...)
	}
	for name, route := range map[string]*Route{"authority": p.Complaint.Authority, "internal": p.Complaint.Internal, "court": p.Complaint.Court} {
		if route != nil {
			check("$.complaint."+name+".window", route.Window, OnDecision)
		}
	}
	check("$.complaint.acknowledge", p.Complaint.Acknowledge, OnComplaint)
	check("$.complaint.decide", p.Complaint.Decide, OnComplaint)
	if p.Appeal != nil {
		check("$.appeal.window", p.Appeal.Window, OnDecision)
		check("$.appeal.acknowledge", p.Appeal.Acknowledge, OnAppeal)
		check("$.appeal.decision", &p.Appeal.Decision, OnAppeal)
	}
	if p.Consent != nil {
		check("$.consent.stop_within", p.Consent.StopWithin, request...)
	}
}

// checkLists makes sure that nothing is said twice.
func checkLists(doc *document, p Pack) {
	once(doc, "$.territory", "", p.Territory, func(x Place) Place { return Place{Country: x.Country, Region: x.Region} })
	once(doc, "$.exemptions", ".id", p.Exemptions, func(x Exemption) string { return x.ID })
	once(doc, "$.never_disclose", ".kind", p.NeverDisclose, func(x NeverDisclose) SecretKind { return x.Kind })
	once(doc, "$.verification.tiers", ".id", p.Verification.Tiers, func(x Tier) string { return x.ID })
	once(doc, "$.duties", ".id", p.Duties, func(x Duty) string { return x.ID + " " + string(x.Right) })
	bands := p.Representation.AgeBands
	for i := range bands {
		if i > 0 && bands[i].Under <= bands[i-1].Under {
			doc.fail(fmt.Sprintf("$.representation.age_bands[%d].under", i), "the youngest band comes first")
		}
	}
}

// once notes every entry of the list whose key an earlier one has.
func once[T any, K comparable](doc *document, at, field string, list []T, key func(T) K) {
	seen := map[K]bool{}
	for i, x := range list {
		if seen[key(x)] {
			doc.fail(fmt.Sprintf("%s[%d]%s", at, i, field), "is there twice")
		}
		seen[key(x)] = true
	}
}

// checkTiers makes sure that a request that misses a tier ends at one that exists.
func checkTiers(doc *document, tiers []Tier) {
	next := map[string]string{}
	for _, t := range tiers {
		next[t.ID] = t.FallsBackTo
	}
	for i, t := range tiers {
		at := fmt.Sprintf("$.verification.tiers[%d].falls_back_to", i)
		seen := map[string]bool{t.ID: true}
		for id := t.FallsBackTo; id != ""; id = next[id] {
			if _, known := next[id]; !known {
				doc.fail(at, "there is no such tier")
				break
			}
			if seen[id] {
				doc.fail(at, "the tiers fall back to each other in a circle")
				break
			}
			seen[id] = true
		}
	}
}

func checkFees(doc *document, f Fees) {
	if f.AcceptWithin != nil && !f.Accept {
		doc.fail("$.fees.accept_within", "nothing need be accepted")
	}
	if f.Per != nil && f.FreeRequests == 0 {
		doc.fail("$.fees.per", "every request is free, so there is nothing to count")
	}
	if f.FreeRequests > 0 && f.Per == nil {
		doc.fail("$.fees.free_requests", "the number of free requests needs the time they are counted in (per)")
	}
}

// checkEligibility makes sure that every row is about a right of the law and can be reached: the first that fits decides.
func checkEligibility(doc *document, p Pack) {
	for i, row := range p.Eligibility {
		at := fmt.Sprintf("$.eligibility[%d]", i)
		if p.RightLevel(row.Right) == None {
			doc.fail(at+".right", "the law does not know the right")
		}
		for _, earlier := range p.Eligibility[:i] {
			if earlier.Right == row.Right && (row.Inferred || !earlier.Inferred) && within(row.Bases, earlier.Bases) && within(row.Subjects, earlier.Subjects) {
				doc.fail(at, "an earlier row decides everything that this one is about")
			}
		}
	}
}

// within reports whether everything of a is in b; an empty list is everything.
func within[T comparable](a, b []T) bool {
	if len(b) == 0 {
		return true
	}
	return len(a) > 0 && !slices.ContainsFunc(a, func(x T) bool { return !slices.Contains(b, x) })
}
