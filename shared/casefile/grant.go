package casefile

import (
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Grant is that the person was told that the request is granted; it is carried out by a date of its own (LFPDPPP Art. 31).
type Grant struct {
	By  string    `json:"by"` // evidence actor
	At  time.Time `json:"at"`
	Due Due       `json:"due"` // of the execution
}

// GrantRequest records that the person was told. The date of the answer was met by it; the execution has its own. The letter is the
// caller's. fault.Conflict when it was told before, or the case is over.
func (f *File) GrantRequest(actor string, execution Due) error {
	c := &f.Case
	if c.Granted != nil || !c.Open() || c.Answered || c.Stopping() {
		return fault.New(fault.Conflict, "the request was granted before, answered or closed")
	}
	c.Granted = &Grant{By: actor, At: f.now, Due: execution}
	return f.Entry("request_granted", actor, map[string]any{"executeBy": execution.Date})
}

// AnswerShortly records that the first, short answer was given (LGPD Art. 19 I). The letter is the caller's. fault.Conflict when it
// was given before, or the case is over.
func (f *File) AnswerShortly(actor string) error {
	c := &f.Case
	if !c.ShortAt.IsZero() || !c.Open() || c.Answered || c.Stopping() {
		return fault.New(fault.Conflict, "the short answer was given before, or the request is answered or closed")
	}
	c.ShortAt = f.now
	return f.Entry("answered_shortly", actor, map[string]any{})
}
