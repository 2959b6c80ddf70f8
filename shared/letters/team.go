package letters

// The letters to the privacy team itself. They name the request by its reference and nobody by name.
const (
	TeamReminder Kind = "team_reminder" // Due, WaitsFor: the answer is nearly due; PortalURL is the page of the case in the console
	TeamOverdue  Kind = "team_overdue"  // as TeamReminder: the due date passed without an answer
)

// TeamKinds lists them.
func TeamKinds() []Kind { return []Kind{TeamReminder, TeamOverdue} }

// WaitsFor is what keeps a request from its answer.
type WaitsFor struct {
	Cause string // paused, operator, subject, owner, team, approval, system or work
	Of    string // the system, as people of the tenant call it; for the other causes nothing
}

func teamNeeds(f Facts) []need {
	return []need{{"/due", !f.Due.IsZero()}, {"/waitsFor/cause", f.WaitsFor.Cause != ""}}
}

// team writes the body of a letter to the team.
func (b *builder) team() {
	f := b.facts
	b.paragraph(b.own("intro", "Right", b.right(), "Reference", f.Reference, "Day", b.day(f.Due)))
	b.paragraph(b.say("waits_for."+f.WaitsFor.Cause, "System", oneLine(f.WaitsFor.Of)))
	b.link(b.say("link.case"), f.PortalURL)
	b.paragraph(b.own("now"))
}
