package letters

// RestrictionEnds tells the person from when data may be used again that was restricted (GDPR Art. 18(3)): On, Reasons.
const RestrictionEnds Kind = "restriction_ends"

func (b *builder) restrictionEnds() {
	b.paragraph(b.own("intro", "Day", b.day(b.facts.On)))
	b.heading(b.own("why"))
	b.reasons()
	b.paragraph(b.own("object"))
	b.request("answer")
}
