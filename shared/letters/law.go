package letters

import (
	"slices"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// routes are the statements that name a way to complain.
func routes() []policy.Statement {
	return []policy.Statement{policy.StateComplaint, policy.StateCourt, policy.StateInternalComplaint, policy.StateAppeal}
}

// demanded lists what the law wants a letter of the kind to say, each once: what the pack asks of letters of this kind, for a letter
// that ends a request or changes its date the ways to complain, and for one that says no everything that a refusal must state.
func demanded(kind Kind, f Facts) []policy.Statement {
	must := slices.Clone(f.Pack.Letters[string(kind)])
	for _, s := range f.Pack.Refusal.MustState {
		// Who may appeal against a decision has to be told when there is one: in a refusal, and where something was kept.
		decides := kind.refuses() || kind == Done && len(f.Reasons) > 0
		route := kind.complains() && slices.Contains(routes(), s) && (s != policy.StateAppeal || decides)
		if (kind.refuses() || route) && !slices.Contains(must, s) {
			must = append(must, s)
		}
	}
	return slices.DeleteFunc(must, func(s policy.Statement) bool {
		// 11 CCR 7022(g): only a refused erasure, and only of a business that sells or shares.
		return s == policy.StateOptOut && (f.Right != dsar.Erasure || f.NotSold)
	})
}

// demands reports whether the law wants this letter to make the statement.
func (b *builder) demands(s policy.Statement) bool {
	return slices.Contains(demanded(b.kind, b.facts), s)
}

// lawful makes sure that the letter says what the law of the case wants said: it looks at the parts that were written, not at the
// facts they were written from, so that no way of writing a letter can leave it out.
func (b *builder) lawful() error {
	made := map[policy.Statement]bool{}
	for _, p := range b.parts {
		for _, s := range p.states {
			made[s] = made[s] || !p.empty()
		}
	}
	for _, s := range demanded(b.kind, b.facts) {
		if !made[s] {
			return fault.New(fault.Misconfigured, "the law wants the letter to say "+inWords(s))
		}
	}
	if b.kind.complains() && !slices.ContainsFunc(routes(), func(s policy.Statement) bool { return made[s] }) {
		return fault.New(fault.Misconfigured, "the pack names no way to complain")
	}
	return nil
}

// inWords names a statement for whoever has to mend the pack or the wording.
func inWords(s policy.Statement) string {
	switch s {
	case policy.StateReasons:
		return "the reasons"
	case policy.StateComplaint:
		return "where to complain"
	case policy.StateCourt:
		return "the way to a court"
	case policy.StateInternalComplaint:
		return "how to complain to the controller"
	case policy.StateStatutoryException:
		return "the law behind a reason"
	case policy.StateOptOut:
		return "where to opt out of sale"
	case policy.StateAppeal:
		return "how to appeal"
	case policy.StateHandling:
		return "how the request is handled"
	case policy.StateDue:
		return "by when the request is answered"
	case policy.StateRecipients:
		return "who was told of the change"
	case policy.StateAssistance:
		return "who helps to understand the answer"
	case policy.StateRecourseTime:
		return "until when a complaint can be made"
	}
	return "what this program does not know: " + string(s)
}
