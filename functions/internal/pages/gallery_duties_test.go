package pages

import (
	"io"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// addDuties names the messages of what the law makes the team do, which are put together from enumerations.
func addDuties(add func(kind string, values []string, forms ...string)) {
	add("duty.question", QuestionKinds())
	add("duty.claim", ClaimKinds())
	add("duty.sub", SubKinds())
	add("duty_state", texts(DutyStates()))
	add("question_code", QuestionCodes())
	add("question_answer", []string{"answer", "drop", "paid"})
	add("ask", []string{"identity", "clarification"}, "title", "what")
	add("ask_effect", QuestionEffects())
	add("claim", ClaimKinds(), "title", "what", "approve")
	add("claim_ground", ClaimGrounds())
	add("sub_outcome.appeal", SubOutcomes())
	add("sub_outcome.complaint", SubOutcomes())
	add("request.question", QuestionKinds())
	add("portal_bring", SubKinds(), "title", "what", "label", "button")
	add("portal_brought", SubKinds(), "title", "what")
	add("portal_answer", QuestionKinds(), "title", "what")
	add("portal_answer", []string{"identity", "clarification"}, "hint")
	add("portal_effect", QuestionEffects())
}

func dutyRows() []DutyRow {
	due := Due{At: at(12, 30, 23, 59), Law: "Virginia Consumer Data Protection Act"}
	return []DutyRow{
		{What: "question", Kind: "identity", State: DutyWaits, URL: "/console/cases/1/questions/q1", Case: "7K3QX-9M2DA", Right: dsar.Access, At: at(12, 1, 9, 0), By: "jo@shop.example.com"},
		{What: "question", Kind: "fee", State: DutyAccepted, URL: "/console/cases/1/questions/q2", Case: "7K3QX-9M2DA", Right: dsar.Access, At: at(12, 2, 9, 0), Amount: "CHF 40.00"},
		{What: "claim", Kind: "refuse", State: DutyReady, URL: "/console/cases/1/claims/c1", Case: "7K3QX-9M2DA", Right: dsar.Access, At: at(12, 3, 9, 0), By: "jo@shop.example.com"},
		{What: "sub", Kind: "appeal", State: DutyOpen, URL: "/console/cases/1/appeals/s01", Case: "7K3QX-9M2DA", Right: dsar.Access, At: at(12, 4, 9, 0), Due: due, Late: true},
		{What: "sub", Kind: "complaint", State: DutyUpheld, Case: "8K3QX-9M2DB", Right: dsar.Erasure, At: at(12, 5, 9, 0)},
	}
}

func dutyPages() map[string]page {
	frame := testConsoleFrame(SectionCases)
	const back = "/console/cases/1"
	rows := dutyRows()
	ask := ConsoleAsk{
		ConsoleFrame: frame, Form: Form{Action: "/x"}, Reference: "7K3QX-9M2DA", BackURL: back, Kinds: []KindLink{{"identity", "/a"}, {"clarification", "/b"}}, Kind: "identity",
		Codes: QuestionCodes()[:6], Effect: "pause", Citation: "EDPB 01/2022 s. 5.3", Prompt: 3, Blocks: true, Due: at(12, 22, 23, 59), Then: at(12, 29, 23, 59), Days: 7, Errors: testErrors("doubt", Missing),
	}
	late := ask
	late.Late, late.Effect, late.Then, late.Errors, late.Kind, late.Codes, late.Blocks = true, "none", ask.Due, nil, "clarification", QuestionCodes()[6:], false
	question := ConsoleQuestion{ConsoleFrame: frame, Form: Form{Action: "/x"}, Reference: "7K3QX-9M2DA", BackURL: back, Row: rows[1], Code: "excessive", Until: at(12, 12, 23, 59), Answers: []string{"paid", "drop"}, Errors: testErrors("decision", NotAChoice)}
	claim := ConsoleClaim{
		ConsoleFrame: frame, Form: Form{Action: "/x"}, Reference: "7K3QX-9M2DA", BackURL: back, Kinds: []KindLink{{"refuse", "/a"}, {"fee", "/b"}, {"effort", "/c"}}, Kind: "fee",
		Grounds: []GroundChoice{{"excessive", true, "", "GDPR Art. 12(5)"}, {"legal_claims", false, "The data is needed for a legal claim.", "GDPR Art. 17(3)(e)"}}, MaxAmount: "CHF 300", Free: 2, Count: 2, Earlier: 3,
		Errors: testErrors("ground", NotAChoice),
	}
	effort := claim
	effort.Kind, effort.Systems, effort.Intent, effort.Errors = "effort", []PlanTarget{{Value: "shop", Name: "Web shop"}}, "CJEU C-526/24", nil
	claimed := ConsoleClaimed{
		ConsoleFrame: frame, Form: Form{Action: "/x"}, Reference: "7K3QX-9M2DA", BackURL: back, Row: rows[2], Ground: claim.Grounds[0], Shown: true, Text: "You asked 40 times.", Objective: "40 requests in a month.",
		Subjective: "Wrote that the aim is to tie us up.", WarnedAt: at(12, 3, 10, 0), ReactBy: at(12, 10, 10, 0), ReactedAt: at(12, 4, 8, 0), MayApprove: true, MayDecline: true,
	}
	own := claimed
	own.Own, own.MayApprove, own.MayWarn, own.WarnedAt = true, false, true, at(12, 3, 10, 0).AddDate(-2030, 0, 0)
	sub := ConsoleSub{
		ConsoleFrame: frame, Form: Form{Action: "/x"}, Reference: "7K3QX-9M2DA", BackURL: back, Right: dsar.Access, Status: dsar.Refused, Row: rows[3], Steps: []Step{{Text: "The appeal arrived."}}, Shown: true,
		Text: "I did not ask 40 times.", AckAt: at(12, 4, 9, 0), MayDecide: true, MayExtend: true, Errors: testErrors("outcome", NotAChoice),
	}
	done := sub
	done.Form, done.MayDecide, done.MayExtend, done.Decided, done.MayAcknowledge, done.Errors, done.Todo, done.DecidedBy, done.DecidedWhy = Form{Action: "/x"}, false, false, true, true, nil, "Answer it.", "jo@shop.example.com", "The count was wrong."
	answer := PortalAnswer{Frame: testFrame(), Form: Form{Action: "/x"}, Reference: "7K3QX-9M2DA", Kind: "identity", Effect: "pause", Blocks: true, Due: at(12, 22, 23, 59), WithdrawURL: "/w", BackURL: "/b", Errors: testErrors("text", Missing)}
	fee := answer
	fee.Kind, fee.Amount, fee.Until, fee.Effect, fee.Errors = "fee", "CHF 40.00", at(12, 12, 23, 59), "refuse_until_paid", nil
	accepted := fee
	accepted.Accepted = true
	return map[string]page{
		"console-ask":      func(r *Renderer, w io.Writer) error { return r.ConsoleAsk(w, ask) },
		"console-ask-late": func(r *Renderer, w io.Writer) error { return r.ConsoleAsk(w, late) },
		"console-question": func(r *Renderer, w io.Writer) error { return r.ConsoleQuestion(w, question) },
		"console-claim":    func(r *Renderer, w io.Writer) error { return r.ConsoleClaim(w, claim) },
		"console-claim-effort": func(r *Renderer, w io.Writer) error {
			return r.ConsoleClaim(w, effort)
		},
		"console-claimed":     func(r *Renderer, w io.Writer) error { return r.ConsoleClaimed(w, claimed) },
		"console-claimed-own": func(r *Renderer, w io.Writer) error { return r.ConsoleClaimed(w, own) },
		"console-bring": func(r *Renderer, w io.Writer) error {
			return r.ConsoleBring(w, ConsoleBring{ConsoleFrame: frame, Form: Form{Action: "/x"}, Reference: "7K3QX-9M2DA", BackURL: back, Kinds: SubKinds(), Kind: "appeal", Errors: testErrors("text", Missing)})
		},
		"console-sub":         func(r *Renderer, w io.Writer) error { return r.ConsoleSub(w, sub) },
		"console-sub-decided": func(r *Renderer, w io.Writer) error { return r.ConsoleSub(w, done) },
		"console-appeals": func(r *Renderer, w io.Writer) error {
			return r.ConsoleAppeals(w, ConsoleAppeals{ConsoleFrame: frame, Claims: rows[2:3], Subs: rows[3:4]})
		},
		"console-appeals-empty": func(r *Renderer, w io.Writer) error {
			return r.ConsoleAppeals(w, ConsoleAppeals{ConsoleFrame: frame})
		},
		"portal-bring": func(r *Renderer, w io.Writer) error {
			return r.PortalBring(w, PortalBring{Frame: testFrame(), Form: Form{Action: "/x"}, Reference: "7K3QX-9M2DA", Kind: "appeal", Until: at(12, 30, 23, 59), BackURL: "/b", Errors: testErrors("text", Missing)})
		},
		"portal-bring-complaint": func(r *Renderer, w io.Writer) error {
			return r.PortalBring(w, PortalBring{Frame: testFrame(), Form: Form{Action: "/x"}, Reference: "7K3QX-9M2DA", Kind: "complaint", BackURL: "/b"})
		},
		"portal-brought": func(r *Renderer, w io.Writer) error {
			return r.PortalBrought(w, PortalBrought{Frame: testFrame(), Reference: "7K3QX-9M2DA", Kind: "appeal", Due: at(12, 30, 23, 59), RequestURL: "/r"})
		},
		"portal-answer":          func(r *Renderer, w io.Writer) error { return r.PortalAnswer(w, answer) },
		"portal-answer-fee":      func(r *Renderer, w io.Writer) error { return r.PortalAnswer(w, fee) },
		"portal-answer-accepted": func(r *Renderer, w io.Writer) error { return r.PortalAnswer(w, accepted) },
	}
}
