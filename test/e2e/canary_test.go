package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// What is planned, approved, erased, corrected, held and told leaves nothing personal in the clear either: not in our records, objects,
// workflow history, logs, metrics, timelines or evidence.
func TestChangesLeaveNothingPersonalInTheClear(t *testing.T) {
	s := site(t, testkit.Args("--verbose"))
	small(s, "crm", map[string]any{"recipients": []string{"parcelline"}})
	var canaries []testkit.Canary
	note := func(name, v string) string {
		canaries = append(canaries, testkit.Canary{Name: name, Value: v})
		return v
	}
	for v := range valuesOf(s, testkit.Typical) {
		if len(v) >= 8 && strings.Trim(v, "0123456789") != "" && !strings.HasPrefix(v, "203.0.113.") {
			note("a value of the shop", v)
		}
	}
	note("an address", wren)
	note("another address", piers)
	note("a telephone", "+15550101001")
	note("a note", "likes the heron room")
	name := note("the right name", "Wren Abara-Quillfeather")
	refusal := note("the ground of a refusal", "the seventh lighthouse is still burning")
	reason := note("the reason of a hold", "Abara against the marzipan works")
	edit := note("the reason of an edit", "because of nine peculiar drawers")
	pause := note("the reason of a pause", "we ask the ottoman lawyers")
	message := note("a message", "I dreamt of marzipan submarines")

	hold := s.Hold("lumen", map[string]any{"scope": "subject", "identifier": map[string]string{"kind": "email", "value": piers}, "reason": reason})
	held := s.Ask("lumen", "erasure", piers).Verify()
	held.WantStatus("fulfilled")
	corrected := s.Ask("lumen", "correction", wren, corrections("name", name)).Verify()
	corrected.Approve()
	refused := s.Ask("lumen", "restriction", wren).Verify()
	refused.WantPlan()
	refused.Decide("approver", "refuse", map[string]any{"reason": refusal}).Want(200)
	refused.Decide("reviewer", "refuse", map[string]any{"reason": refusal}).Want(200)
	erased := s.Ask("lumen", "erasure", testkit.Typical).Verify()
	s.NewStaff("second", "handler,approver")
	erased.WantPlan()
	erased.Decide("approver", "edit", map[string]any{"reason": edit, "edits": map[string]any{"growthLimit": 10}}).Want(200)
	s.Settle()
	erased.Act("handler", "/pause", map[string]string{"reason": pause}).Want(202)
	s.Settle()
	erased.Act("handler", "/resume", nil).Want(202)
	s.Settle()
	s.Call("POST", erased.Path("/messages"), erased.Session, map[string]string{"text": message}).Want(201)
	erased.WantPlan()
	erased.Decide("second", "approve").Want(200)
	s.Settle()
	erased.WantStatus("fulfilled")
	s.Release("lumen", hold)
	held.Approve()
	s.Advance("PT2H")

	found := testkit.Find("the metrics", s.Call("GET", "/metrics", "", nil).Want(200).Body, canaries)
	for _, r := range []*testkit.Request{held, corrected, refused, erased} {
		found = append(found, testkit.Find("the timeline", s.Staff("lumen", "auditor", "GET", "/cases/"+r.ID()+"/timeline?limit=200", nil).Want(200).Body, canaries)...)
		found = append(found, testkit.Find("the plan", s.Staff("lumen", "auditor", "GET", "/cases/"+r.ID()+"/plan", nil).Want(200).Body, canaries)...)
		r.Refresh()
		found = append(found, testkit.Find("the evidence", r.Evidence(), canaries)...)
		r.WantEvidence()
	}
	s.Stop()
	inFiles, files, err := testkit.FindInFiles(s.Dir, allowed, canaries)
	if err != nil || files < 5 {
		t.Fatalf("looked at %d files: %v", files, err)
	}
	found = append(append(found, inFiles...), testkit.Find("the log", s.Stderr(), canaries)...)
	slices.Sort(found)
	for _, f := range found {
		t.Error(f)
	}
	s.Restart()
}
