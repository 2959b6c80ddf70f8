package pages

import (
	"io"
	"time"
)

// DemoHome is the first page of a demonstration: where everything is, and what to try first.
type DemoHome struct {
	Frame
	Portals    []TenantLink
	ConsoleURL string
	Accounts   []DemoAccount
	People     []DemoPerson // invented people whose data can be asked for
	Clock      Form         // posts advance (PT1H, P1D, P7D, P30D); without an action the clock cannot be moved here
}

// DemoAccount is a console account of the demonstration.
type DemoAccount struct{ Email, Password, Roles string }

// DemoPerson is somebody invented, and why to try this one.
type DemoPerson struct{ Name, Email, Note string }

// DemoHome writes the page.
func (r *Renderer) DemoHome(w io.Writer, m DemoHome) error {
	return r.render(w, m.Lang, "demo-home", m)
}

// DevMailbox lists what the development mailer kept, the newest first.
type DevMailbox struct {
	Frame
	Mails  []MailRow
	Paging Paging
}

// MailRow is one mail in the list.
type MailRow struct {
	URL     string
	To      string
	Subject string
	Date    time.Time
}

// DevMailbox writes the page.
func (r *Renderer) DevMailbox(w io.Writer, m DevMailbox) error {
	return r.render(w, m.Lang, "dev-mailbox", m)
}

// DevMail shows one mail. Addresses in its text become links.
type DevMail struct {
	Frame
	Letter    Letter
	SourceURL string // the mail as sent (message/rfc822)
	BackURL   string
}

// DevMail writes the page.
func (r *Renderer) DevMail(w io.Writer, m DevMail) error {
	return r.render(w, m.Lang, "dev-mail", m)
}
