package casefile

import (
	"fmt"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// The kinds of questions to the person: those of which a law may say what they do to the date (policy.StopEvent).
const (
	AskIdentity      = "identity"
	AskClarification = "clarification"
	AskFee           = "fee"
)

// QuestionKinds lists them.
func QuestionKinds() []string { return []string{AskIdentity, AskClarification, AskFee} }

// AskedLate is Question.NotPause of one that was not asked promptly, which is what a pause is tied to (EDPB Guidelines 01/2022, 5.3).
const AskedLate = "late"

// Asking is a question about to be put to the person.
type Asking struct {
	Kind, Code string
	Amount     string    // of a fee, as shown: "CHF 40.00"
	Blocks     bool      // as in Question
	NotPause   string    // as in Question
	Until      time.Time // as in Question
}

// IsOpen reports whether the question waits for the person, or a fee for its payment.
func (q *Question) IsOpen() bool {
	if q.Kind == AskFee {
		return q.Paid.IsZero() && q.Dropped.IsZero()
	}
	return q.Answered.IsZero() && q.Dropped.IsZero()
}

// Question returns the question with the id, or nil.
func (c *Case) Question(id string) *Question {
	for i := range c.Questions {
		if c.Questions[i].ID == id {
			return &c.Questions[i]
		}
	}
	return nil
}

// Awaits reports whether a question is open without whose answer nothing is handed out or changed. The search goes on meanwhile.
func (c *Case) Awaits() bool {
	return slices.ContainsFunc(c.Questions, func(q Question) bool { return q.Blocks && q.IsOpen() })
}

// MayAsk reports why the person cannot be asked; nil when she can. fault.Conflict.
func (c *Case) MayAsk(kind string) error {
	switch {
	case !c.Open() || c.Answered || c.Stopping():
		return fault.New(fault.Conflict, "the request is answered or closed")
	case c.Verification.VerifiedAt.IsZero() || c.Law.Pack == "":
		return fault.New(fault.Conflict, "the address is not confirmed yet: the question could reach a stranger")
	}
	for i := range c.Questions {
		q := &c.Questions[i]
		switch {
		case q.Kind != kind:
		case q.IsOpen():
			return fault.New(fault.Conflict, "the person was asked this and has not answered yet")
		case kind == AskIdentity && q.Dropped.IsZero():
			return fault.New(fault.Conflict, "proof of identity is asked for once")
		}
	}
	return nil
}

// Ask puts a question to the person, in words that join the conversation. What it does to the date is the clock's business: the
// caller computes that anew. Errors are those of MayAsk, and fault.Invalid without words.
func (f *File) Ask(actor string, a Asking, text redact.Text) (*Question, error) {
	c := &f.Case
	if err := c.MayAsk(a.Kind); err != nil {
		return nil, err
	}
	if text.IsZero() {
		return nil, fault.InvalidField("/text", "say what you ask for, and why; the person reads it")
	}
	if err := f.Say(actor, text); err != nil {
		return nil, err
	}
	q := Question{
		ID: fmt.Sprintf("q%d", len(c.Questions)+1), Kind: a.Kind, Code: a.Code, Amount: a.Amount, By: actor, At: f.now,
		Blocks: a.Blocks, NotPause: a.NotPause, Until: a.Until,
	}
	c.Questions = append(c.Questions, q)
	if !q.Until.IsZero() && (c.NextDue.IsZero() || q.Until.Before(c.NextDue)) {
		c.NextDue = q.Until
	}
	facts := map[string]any{"question": q.ID, "kind": q.Kind, "code": q.Code, "blocks": q.Blocks}
	if q.NotPause != "" {
		facts["notPause"] = q.NotPause
	}
	if q.Amount != "" {
		facts["amount"] = q.Amount
	}
	return &c.Questions[len(c.Questions)-1], f.Entry("question_asked", actor, facts)
}

// waiting returns the question for a change; fault.NotFound when there is none, fault.Conflict when it is settled.
func (f *File) waitingQuestion(id string) (*Question, error) {
	q := f.Case.Question(id)
	switch {
	case q == nil:
		return nil, fault.New(fault.NotFound, "there is no such question")
	case !q.IsOpen():
		return nil, fault.New(fault.Conflict, "this question is settled")
	case !f.Case.Open() || f.Case.Stopping():
		return nil, fault.New(fault.Conflict, "the request is closed")
	}
	return q, nil
}

// AnswerQuestion records that the answer came, at an instant not before the question: what the person wrote joins the conversation,
// what staff noted the notes. A fee is not answered but accepted and paid: fault.Conflict.
func (f *File) AnswerQuestion(id, actor string, at time.Time, text redact.Text) error {
	q, err := f.waitingQuestion(id)
	switch {
	case err != nil:
		return err
	case q.Kind == AskFee:
		return fault.New(fault.Conflict, "a fee is accepted, and paid")
	case at.Before(q.At) || at.After(f.now):
		return fault.InvalidField("/at", "an answer comes after its question, and not in the future")
	}
	q.Answered, q.AnswerBy = at, actor
	if err := f.hear(actor, text); err != nil {
		return err
	}
	f.Signal()
	return f.Entry("question_answered", actor, map[string]any{"question": q.ID, "kind": q.Kind, "answeredAt": q.Answered})
}

// hear keeps what came with an answer: the person's words in the conversation, those of staff as a note.
func (f *File) hear(actor string, text redact.Text) error {
	switch {
	case text.IsZero():
		return nil
	case actor == evidence.Subject:
		return f.Say(actor, text)
	default:
		return f.Note(actor, text)
	}
}

// DropQuestion lets a question go that the team no longer needs answered. The law's clock runs on from then.
func (f *File) DropQuestion(id, actor string, reason redact.Text) error {
	q, err := f.waitingQuestion(id)
	if err != nil {
		return err
	}
	if reason.IsZero() {
		return fault.InvalidField("/reason", "say why; it is kept with the case")
	}
	if err := f.Note(actor, reason); err != nil {
		return err
	}
	q.Dropped = f.now
	f.Signal()
	return f.Entry("question_dropped", actor, map[string]any{"question": q.ID, "kind": q.Kind})
}

// AcceptFee records that the person agrees to pay. With fromThen the law's time runs from the agreement and not from the payment.
// Repeating it is harmless.
func (f *File) AcceptFee(id, actor string, fromThen bool) error {
	q, err := f.waitingQuestion(id)
	switch {
	case err != nil:
		return err
	case q.Kind != AskFee:
		return fault.New(fault.Conflict, "only a fee is accepted")
	case !q.Accepted.IsZero():
		return nil
	}
	q.Accepted, q.AnswerBy = f.now, actor
	if fromThen {
		q.Answered = f.now
	}
	return f.Entry("fee_accepted", actor, map[string]any{"question": q.ID, "amount": q.Amount})
}

// PayFee records that a fee was paid, at an instant not before it was asked for. A payment accepts it too.
func (f *File) PayFee(id, actor string, at time.Time) error {
	q, err := f.waitingQuestion(id)
	switch {
	case err != nil:
		return err
	case q.Kind != AskFee:
		return fault.New(fault.Conflict, "only a fee is paid")
	case at.Before(q.At) || at.After(f.now):
		return fault.InvalidField("/at", "a payment comes after the fee was asked for, and not in the future")
	}
	q.Paid = at
	if q.Accepted.IsZero() {
		q.Accepted = at
	}
	if q.Answered.IsZero() {
		q.Answered = at
	}
	f.Signal()
	return f.Entry("fee_paid", actor, map[string]any{"question": q.ID, "amount": q.Amount, "paidAt": at})
}

// LapsedFee returns the fee that was not accepted within its time, so that the request counts as withdrawn; nil when there is none.
func (c *Case) LapsedFee(now time.Time) *Question {
	for i := range c.Questions {
		q := &c.Questions[i]
		if q.Kind == AskFee && q.IsOpen() && q.Accepted.IsZero() && !q.Until.IsZero() && now.After(q.Until) {
			return q
		}
	}
	return nil
}
