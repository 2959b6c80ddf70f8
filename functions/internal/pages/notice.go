package pages

import (
	"io"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// NoticeLine is one thing that a recipient of data is told. Fields are corrected ones, with the values that are right.
type NoticeLine struct {
	System string
	What   dsar.Outcome // erased, corrected or restricted
	At     time.Time
	Fields []Fact
}

// NoticePage tells a recipient of data what changed, and about whom. Looking at it changes nothing; the button confirms it.
// Form.Hidden carries what was looked at. Confirmed shows the page once more without the button. Newer says that something was
// added since the page was last shown.
type NoticePage struct {
	Frame
	Form       Form
	Controller string
	Reference  string
	Person     []Fact // kinds of identifiers and their values
	Lines      []NoticeLine
	Confirmed  bool
	Newer      bool
}

// NoticePage writes the page.
func (r *Renderer) NoticePage(w io.Writer, m NoticePage) error {
	return r.render(w, m.Lang, "notice", m)
}

// NoticeGone is what the link of a notice opens that was confirmed or has ended.
type NoticeGone struct{ Frame }

// NoticeGone writes the page.
func (r *Renderer) NoticeGone(w io.Writer, m NoticeGone) error {
	return r.render(w, m.Lang, "notice-gone", m)
}
