package browser

import "testing"

// Somebody of the team reads a law, asks it by when a request would have to be answered, and answers for a draft.
func TestLawsInTheBrowser(t *testing.T) {
	s := kit.Start(t)
	v := visit(s)
	v.signIn("approver").follow("Law").want("European Union", "California").look("console-laws")
	v.fill("q", "new zealand").press("Filter").want("1 of").follow("New Zealand").want("Privacy Act 2020, Part 4")
	v.press("Compute the date").want("Due by the end of")
	v.open("/console/law/nz?right=access&received=2026-12-01&place=NZ&year=2027").want("Wednesday 20 January 2027", "Working days of 2027").look("console-law-new-zealand")
	v.open("/console/law/us-ca?place=US-CA").look("console-law-california")
	v.open("/console/law/eu").follow("Read and confirm").look("console-law-confirm")
	v.fill("name", "Jo Park, data protection officer").fill("reason", "Read in the Official Journal.").press("Confirm this law").status(200).want("Jo Park", "confirmed").look("console-law-confirmed")
}
