package pages

import (
	"io"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// LateCauses lists what a late answer may have waited for, as its wire values.
func LateCauses() []string {
	return []string{"paused", "operator", "subject", "owner", "team", "approval", "system", "work"}
}

// LateRow is one answer that was late, or still is.
type LateRow struct {
	Reference string
	CaseURL   string
	Right     dsar.Right
	Status    dsar.Status
	DueAt     time.Time // the instant that passed
	Cause     string    // what the case waited for then; one of LateCauses
	Of        string    // the system that it concerns; for the causes that name one
	Open      bool      // still without an answer
	URL       string    // where the team accounts for it; empty when it cannot or need not
	SettledAt time.Time
}

// ConsoleLate is the register of late answers: those that nobody accounted for, or with Settled those that are done.
type ConsoleLate struct {
	ConsoleFrame
	Settled  bool
	Rows     []LateRow
	OtherURL string // the other half of the register
	Paging   Paging
}

// ConsoleLate writes the page.
func (r *Renderer) ConsoleLate(w io.Writer, m ConsoleLate) error {
	return r.render(w, m.Lang, "console-late", m)
}

// ConsoleLateAnswer accounts for one late answer. Form fields: cause, action. Without Form.Action it is read only; Why and Action are
// the account that was given, for roles that may read it.
type ConsoleLateAnswer struct {
	ConsoleFrame
	Row     LateRow
	Form    Form
	Why     string
	Action  string
	Errors  Errors
	BackURL string
}

// ConsoleLateAnswer writes the page.
func (r *Renderer) ConsoleLateAnswer(w io.Writer, m ConsoleLateAnswer) error {
	return r.render(w, m.Lang, "console-late-answer", m)
}
