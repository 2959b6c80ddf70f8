package letters

// ProveAgain is sent when what a person gave to prove who she is did not agree with what is held, and she may try again: Tries, how often;
// VerifyBy. It never says which detail was wrong.
const ProveAgain Kind = "prove_again"

// ProofKinds lists the letters about proving who asks.
func ProofKinds() []Kind { return []Kind{ProveAgain} }

func (b *builder) proveAgain() {
	b.paragraph(b.own("intro", "Right", b.right()))
	b.paragraph(b.own("which"))
	b.paragraph(b.count("prove_again.left", b.facts.Tries, "Day", b.day(b.facts.VerifyBy)))
	b.request("prove")
	b.paragraph(b.own("cannot"))
}

// categoriesOnly says why an answer names what is held and does not show it (11 CCR 7024(a)).
func (b *builder) categoriesOnly() {
	if b.facts.CategoriesOnly {
		b.paragraph(b.own("categories"))
	}
}
