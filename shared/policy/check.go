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
	for i, s := range p.Refusal.MustState {
		if missing := p.Complaint.missing(s); missing != "" {
			doc.fail(fmt.Sprintf("$.refusal.must_state[%d]", i), "the pack has no "+missing)
		}
	}
	checkStops(doc, p.Stops)
	if p.Extension != nil {
		checkExtension(doc, p)
	}
}

// missing names the part of the pack without which the statement cannot be made.
func (c Complaint) missing(s Statement) string {
	switch {
	case s == StateComplaint && c.Authority == nil:
		return "complaint.authority"
	case s == StateInternalComplaint && c.Internal == nil:
		return "complaint.internal"
	case s == StateCourt && c.Court == nil:
		return "complaint.court"
	}
	return ""
}

func checkStops(doc *document, stops []Stop) {
	for i, s := range stops {
		at := fmt.Sprintf("$.clock_stops[%d]", i)
		if (s.Effect == Pause) != (s.DayCount != "") {
			doc.fail(at+".day_count", "a pause needs a day count, and nothing else has one")
		}
		for _, earlier := range stops[:i] {
			if earlier.Event == s.Event && overlap(earlier.Rights, s.Rights) {
				doc.fail(at+".event", "another rule covers the same event and right")
			}
		}
	}
}

// overlap reports whether two lists share a right; an empty list is every right.
func overlap(a, b []dsar.Right) bool {
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	return slices.ContainsFunc(a, func(r dsar.Right) bool { return slices.Contains(b, r) })
}

func checkExtension(doc *document, p Pack) {
	e := p.Extension
	for _, r := range dsar.Rights() {
		rule := p.Rule(r)
		if rule.Extension == nil {
			continue
		}
		base := rule.Response.Amount()
		if base.Unit == e.Unit && e.Total != (Amount{base.Value + e.Value, e.Unit}) {
			doc.fail("$.extension.total", fmt.Sprintf("is not the period of %s plus the extension", r))
		}
		if base.Unit != e.Total.Unit || e.Total.Value <= base.Value {
			doc.fail("$.extension.total", fmt.Sprintf("is not longer than the period of %s in the same unit", r))
		}
		// GDPR Art. 12(3) and its likes: the person learns of an extension while the first period still runs.
		if e.NoticeBy.Unit != base.Unit || e.NoticeBy.Value > base.Value {
			doc.fail("$.extension.notice_by", fmt.Sprintf("is after the period of %s", r))
		}
	}
}
