package pages

import (
	"io"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// OwnerTask is what somebody who is responsible for a system is asked to do about one person. It shows what the work needs and
// nothing else of the request.
//
// Form takes multipart/form-data with the fields file (any number), answer (one of OwnerAnswers), records, note, and one of the
// buttons: do=add, do=answer, or remove=<number of a file>. PassForm takes to; AskForm takes question. Both are plain forms.
type OwnerTask struct {
	Frame
	Reference   string
	Action      dsar.Action // ReadOut, Correct, Erase or Restrict
	System      string
	AskedAt     time.Time
	Until       time.Time
	Late        bool
	Vendor      bool
	Name        string // of the person; optional
	Identifiers []Fact
	Corrections []Fact // field and the value it shall have
	Files       []OwnerFile
	Limits      OwnerLimits
	Form        Form
	Answer      OwnerAnswer
	Records     string
	Note        string
	PassForm    Form
	To          string
	AskForm     Form
	Question    string
	Asked       bool // a question was just sent
	LargeForm   Form // asks for a way for one large file, field: filename; without an action every file goes through Form
	Filename    string
	Refused     []RefusedFile
	Errors      Errors
}

// OwnerFile is a file that was added.
type OwnerFile struct {
	Number int // value of the button remove
	Name   string
	Bytes  int64
}

// RefusedFile is a file that was not taken, by the name it came with.
type RefusedFile struct {
	Name string
	Why  Problem
}

// OwnerLimits are what can be added.
type OwnerLimits struct {
	File, All int64 // bytes
	Files     int
	Once      int64  // bytes that Form takes in one go; 0 = as much as is allowed at all
	Kinds     string // for the attribute accept: ".pdf,.csv"
	Names     string // the same for people: "PDF, CSV"
}

// OwnerAnswer is what an owner may answer; the value of the form field answer.
type OwnerAnswer string

// The answers.
const (
	OwnerDone   OwnerAnswer = "done"
	OwnerNone   OwnerAnswer = "nothing_held"
	OwnerCannot OwnerAnswer = "cannot"
)

// OwnerAnswers lists them in the order they are shown.
func OwnerAnswers() []OwnerAnswer { return []OwnerAnswer{OwnerDone, OwnerNone, OwnerCannot} }

// Answers are the choices of the page.
func (OwnerTask) Answers() []OwnerAnswer { return OwnerAnswers() }

// Counts reports whether a number of records is asked for.
func (m OwnerTask) Counts() bool { return m.Action == dsar.Erase || m.Action == dsar.Correct }

// OwnerTask writes the page.
func (r *Renderer) OwnerTask(w io.Writer, m OwnerTask) error {
	return r.render(w, m.Lang, "owner-task", m)
}

// OwnerEnd says why a link leads to no task any more.
type OwnerEnd string

// The reasons.
const (
	OwnerAnswered OwnerEnd = "answered" // through this page
	OwnerSettled  OwnerEnd = "settled"  // otherwise, or the request ended
	OwnerPassed   OwnerEnd = "passed"   // somebody else has it now
	OwnerUnknown  OwnerEnd = "unknown"  // there is no such link, or no longer
)

// OwnerEnds lists every reason.
func OwnerEnds() []OwnerEnd {
	return []OwnerEnd{OwnerAnswered, OwnerSettled, OwnerPassed, OwnerUnknown}
}

// OwnerEnded stands behind a link that leads to no task. It says nothing of the person, and of the request its reference alone.
type OwnerEnded struct {
	Frame
	Why       OwnerEnd
	Reference string    // empty with OwnerUnknown
	At        time.Time // when it was answered or passed on; optional
}

// OwnerEnded writes the page.
func (r *Renderer) OwnerEnded(w io.Writer, m OwnerEnded) error {
	return r.render(w, m.Lang, "owner-ended", m)
}

// OwnerWork is what the console tells of a task that an owner has.
type OwnerWork struct {
	AskedAt    time.Time
	Until      time.Time
	Holders    []OwnerHolder // who was asked, the present one last
	Reminders  int
	OverdueAt  time.Time
	Questions  int
	QuestionAt time.Time
	Files      int
	Bytes      int64
	Answer     OwnerAnswer // empty = none yet
	AnsweredAt time.Time
	Records    int
	Note       string // the owner's words; empty when there are none or the reader may not see them
}

// OwnerHolder is somebody who was asked. Address is empty when the reader may not see it.
type OwnerHolder struct {
	Address string
	Since   time.Time
}
