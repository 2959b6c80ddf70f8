package letters

import (
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/policy"
)

// The letters about what the law makes the team do on a case beside answering it.
const (
	QuestionIdentity      Kind = "question_identity"      // Act.Code, Act.Effect, Message; Due
	QuestionClarification Kind = "question_clarification" // as QuestionIdentity
	FeeNotice             Kind = "fee_notice"             // as QuestionIdentity, and Act.Amount; Until: last day to accept
	ClaimWarning          Kind = "claim_warning"          // Act.Kind, Act.Code, Message, Until
	AppealReceived        Kind = "appeal_received"        // On: day of its arrival, Due, DueSteps
	AppealDecided         Kind = "appeal_decided"         // Act.Outcome, Reasons
	AppealExtended        Kind = "appeal_extended"        // FirstDue, Due, DueSteps, Reasons
	ComplaintReceived     Kind = "complaint_received"     // On; Due, DueSteps where the law sets a date
	ComplaintDecided      Kind = "complaint_decided"      // Act.Outcome, Reasons
	ShortAnswer           Kind = "short_answer"           // Message, Due
	RequestGranted        Kind = "request_granted"        // Due: by when it is carried out, DueSteps
	StatementKept         Kind = "statement_kept"         // On
)

// ActKinds lists them.
func ActKinds() []Kind {
	return []Kind{QuestionIdentity, QuestionClarification, FeeNotice, ClaimWarning, AppealReceived, AppealDecided, AppealExtended, ComplaintReceived, ComplaintDecided, ShortAnswer, RequestGranted, StatementKept}
}

// Act is what the letters of ActKinds say beside the common facts.
type Act struct {
	Code    string        // reason of a question, ground of a fee or claim; said in words where there are some
	Effect  policy.Effect // of a question on the date
	Blocks  bool          // nothing is handed out or changed before the answer
	Amount  string        // of a fee, as shown: "CHF 40.00"
	Kind    string        // of a claim: refuse, fee or effort
	Outcome string        // of an appeal or complaint: granted, partly or upheld
}

// IdentityReasons lists the codes of why the team doubts who is asking (GDPR Art. 12(6): "reasonable doubts").
func IdentityReasons() []string {
	return []string{"nothing_links", "several_people", "address_differs", "sensitive_data", "signs_of_misuse", "mandate_missing"}
}

// ClarifyReasons lists the codes of why the team asks which data or processing is meant.
func ClarifyReasons() []string {
	return []string{"large_quantity", "which_data", "which_processing"}
}

// GroundCodes lists the codes of fees and claims that every language has words for. A pack may have others: they are said in the
// words of whoever claims them.
func GroundCodes() []string {
	return []string{"manifestly_unfounded", "excessive", "repetitive", "further_copies", "quota_used", "reasonable_fee", "disproportionate_effort"}
}

// ClaimKinds lists what Act.Kind may be.
func ClaimKinds() []string { return []string{"refuse", "fee", "effort"} }

// SubOutcomes lists what Act.Outcome may be.
func SubOutcomes() []string { return []string{"granted", "partly", "upheld"} }

func effects() []policy.Effect {
	return []policy.Effect{policy.Pause, policy.RestartAtReceipt, policy.RefuseUntilPaid, policy.NoEffect}
}

func (k Kind) acts() bool { return slices.Contains(ActKinds(), k) }

// actComplains reports whether a letter of ActKinds must say where to turn who is not content.
func (k Kind) actComplains() bool {
	return slices.Contains([]Kind{FeeNotice, AppealDecided, AppealExtended, ComplaintDecided}, k)
}

func actNeeds(kind Kind, f Facts) []need {
	code := need{"/act/code", f.Act.Code != ""}
	effect := need{"/act/effect", slices.Contains(effects(), f.Act.Effect)}
	message := need{"/message", strings.TrimSpace(f.Message.Reveal()) != ""}
	due, steps := need{"/due", !f.Due.IsZero()}, need{"/dueSteps", len(f.DueSteps) > 0}
	on, until := need{"/on", !f.On.IsZero()}, need{"/until", !f.Until.IsZero()}
	outcome := need{"/act/outcome", slices.Contains(SubOutcomes(), f.Act.Outcome)}
	reasons := need{"/reasons", len(f.Reasons) > 0 && !slices.ContainsFunc(f.Reasons, Reason.isZero)}
	switch kind {
	case QuestionIdentity, QuestionClarification:
		return []need{code, effect, message, due}
	case FeeNotice:
		return []need{code, effect, message, due, {"/act/amount", f.Act.Amount != ""}}
	case ClaimWarning:
		return []need{code, message, until, {"/act/kind", slices.Contains(ClaimKinds(), f.Act.Kind)}}
	case AppealReceived:
		return []need{on, due, steps}
	case ComplaintReceived:
		return []need{on, {"/dueSteps", f.Due.IsZero() || steps.there}}
	case AppealDecided, ComplaintDecided:
		return []need{outcome, reasons}
	case AppealExtended:
		return []need{due, steps, reasons, {"/firstDue", !f.FirstDue.IsZero() && f.FirstDue.Before(f.Due)}}
	case ShortAnswer:
		return []need{message, due}
	case RequestGranted:
		return []need{due, steps}
	case StatementKept:
		return []need{on}
	default: // no letter of ActKinds
		return nil
	}
}

// act writes the body of a letter of ActKinds.
func (b *builder) act() {
	switch b.kind {
	case QuestionIdentity, QuestionClarification:
		b.question()
	case FeeNotice:
		b.feeNotice()
	case ClaimWarning:
		b.claimWarning()
	case AppealReceived, ComplaintReceived:
		b.subReceived()
	case AppealDecided, ComplaintDecided:
		b.subDecided()
	case AppealExtended:
		b.subExtended()
	case ShortAnswer:
		b.shortAnswer()
	case RequestGranted:
		b.paragraph(b.own("intro", "Right", b.right()))
		b.paragraph(b.own("due", "Day", b.day(b.facts.Due)))
		b.steps()
		b.request("request")
	case StatementKept:
		b.paragraph(b.own("intro", "Day", b.day(b.facts.On)))
		b.paragraph(b.own("effect"))
		b.request("request")
	default: // no letter of ActKinds
	}
}

// grounds says the code in words, where there are some, and quotes what the team wrote.
func (b *builder) grounds(kind string) {
	if key := kind + "." + b.facts.Act.Code; slices.Contains(slices.Concat(IdentityReasons(), ClarifyReasons(), GroundCodes()), b.facts.Act.Code) {
		b.paragraph(b.say(key))
	}
	if quote := paragraphs(b.facts.Message.Reveal()); len(quote) > 0 {
		b.parts = append(b.parts, part{Quote: quote})
	}
}

func (b *builder) question() {
	b.paragraph(b.own("intro", "Right", b.right()))
	b.heading(b.say("act.why"))
	kind := "identity_reason"
	if b.kind == QuestionClarification {
		kind = "clarify_reason"
	}
	b.grounds(kind)
	b.heading(b.say("act.meanwhile"))
	b.effect()
	b.heading(b.say("now"))
	b.paragraph(b.own("now"))
	b.request("answer")
}

// effect says what waiting for the person does to the date, and to the work.
func (b *builder) effect() {
	a := b.facts.Act
	b.paragraph(b.say("act.effect."+string(a.Effect), "Day", b.day(b.facts.Due)))
	if a.Blocks {
		b.paragraph(b.say("act.blocks"))
	}
}

func (b *builder) feeNotice() {
	f := b.facts
	b.paragraph(b.own("intro", "Right", b.right(), "Amount", oneLine(f.Act.Amount)))
	b.heading(b.say("act.why"))
	b.grounds("ground")
	b.heading(b.own("choice"))
	b.paragraph(b.own("accept", "Amount", oneLine(f.Act.Amount)))
	b.paragraph(b.own("withdraw"))
	if !f.Until.IsZero() {
		b.paragraph(b.own("until", "Day", b.day(f.Until)))
	}
	b.heading(b.say("act.meanwhile"))
	b.effect()
	b.request("fee")
}

func (b *builder) claimWarning() {
	f := b.facts
	b.paragraph(b.own("intro."+f.Act.Kind, "Right", b.right()))
	b.heading(b.say("act.why"))
	b.grounds("ground")
	b.heading(b.say("now"))
	b.paragraph(b.own("now", "Day", b.day(f.Until)))
	b.paragraph(b.own("nothing", "Day", b.day(f.Until)))
	b.request("answer")
}

func (b *builder) subReceived() {
	f := b.facts
	b.paragraph(b.own("intro", "Day", b.day(f.On)))
	b.paragraph(b.own("who"))
	if f.Due.IsZero() {
		b.paragraph(b.own("soon"))
	} else {
		b.paragraph(b.own("due", "Day", b.day(f.Due)))
		b.steps()
	}
	b.request("request")
}

func (b *builder) subDecided() {
	b.paragraph(b.own("intro." + b.facts.Act.Outcome))
	b.heading(b.say("act.reasons"))
	b.reasons()
	if b.facts.Act.Outcome != "upheld" {
		b.paragraph(b.own("next"))
	}
	b.request("request")
}

func (b *builder) subExtended() {
	f := b.facts
	b.paragraph(b.own("intro", "First", b.day(f.FirstDue), "Day", b.day(f.Due)))
	b.heading(b.say("act.reasons"))
	b.reasons()
	b.steps()
	b.request("request")
}

func (b *builder) shortAnswer() {
	b.paragraph(b.own("intro", "Right", b.right()))
	if quote := paragraphs(b.facts.Message.Reveal()); len(quote) > 0 {
		b.parts = append(b.parts, part{Quote: quote})
	}
	b.paragraph(b.own("due", "Day", b.day(b.facts.Due)))
	b.request("request")
}
