package pages

import (
	"io"
	"time"
)

// ConsoleLift ends a restriction: announcing it to the person (form fields from and reason), and once the day has come recording how it was
// lifted (do with the value lift, and reason).
type ConsoleLift struct {
	ConsoleFrame
	Reference string
	Form      Form
	From      string // yyyy-mm-dd, as typed
	Reason    string
	Announced time.Time // the day that was announced; zero: nothing was yet
	Come      bool      // that day has come
	Errors    Errors
	BackURL   string
}

// ConsoleLift writes the page.
func (r *Renderer) ConsoleLift(w io.Writer, m ConsoleLift) error {
	return r.render(w, m.Lang, "console-lift", m)
}
