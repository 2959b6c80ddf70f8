package pages

import (
	"io"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// ExemptionsRow is one closed request of which something is kept because the law allows or demands it.
type ExemptionsRow struct {
	Reference string
	URL       string
	Right     dsar.Right
	ReviewBy  string // yyyy-mm-dd
	Overdue   bool
}

// ConsoleExemptions lists what is kept on exemptions: those whose review is due, or with All every one.
type ConsoleExemptions struct {
	ConsoleFrame
	All      bool
	Rows     []ExemptionsRow
	OtherURL string // the other list
	Paging   Paging
}

// ConsoleExemptions writes the page.
func (r *Renderer) ConsoleExemptions(w io.Writer, m ConsoleExemptions) error {
	return r.render(w, m.Lang, "console-exemptions", m)
}

// CaseExemption is one exemption on which something of a request is kept.
type CaseExemption struct {
	Value    string // of the form field target
	Name     string // system, collection and field
	Why      string
	Citation string
	ReviewBy string // yyyy-mm-dd
	Overdue  bool
}

// ConsoleCaseExemptions shows what is kept of one request and why. Form fields: target (a Value), decision (keep or lift), reviewBy
// and reason. Without Form.Action it is read only.
type ConsoleCaseExemptions struct {
	ConsoleFrame
	Reference string
	CaseURL   string
	Rows      []CaseExemption
	Form      Form
	Target    string
	Lift      bool
	ReviewBy  string
	Reason    string
	Errors    Errors
	BackURL   string
}

// ConsoleCaseExemptions writes the page.
func (r *Renderer) ConsoleCaseExemptions(w io.Writer, m ConsoleCaseExemptions) error {
	return r.render(w, m.Lang, "console-case-exemptions", m)
}

// LawChoice is a law that a request may be under.
type LawChoice struct{ ID, Name string }

// ConsoleCaseLaw puts the law of a request right. Form fields: pack (an ID) and reason.
type ConsoleCaseLaw struct {
	ConsoleFrame
	Reference string
	Law       string // that governs now, with its assumption if there is one
	Choices   []LawChoice
	Pack      string
	Reason    string
	Form      Form
	Errors    Errors
	BackURL   string
}

// ConsoleCaseLaw writes the page.
func (r *Renderer) ConsoleCaseLaw(w io.Writer, m ConsoleCaseLaw) error {
	return r.render(w, m.Lang, "console-case-law", m)
}
