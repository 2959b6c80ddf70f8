package pages

import (
	"io"
	"time"
)

// DemoHome is the first page of a demonstration: where everything is, and what to try first.
type DemoHome struct {
	Frame
	Portals    []DemoTenant
	ConsoleURL string
	Accounts   []DemoAccount
	People     []DemoPerson // invented people whose data can be asked for
	Commands   []string     // to be copied into a terminal
	Archive    string       // address of somebody who looks after paper; empty = nobody
	CRM        string       // base address of an API with data; empty = there is none
	Notices    []DemoNotice // what a recipient was told by webhook, the newest first; shown when there is a CRM
	Clock      Form         // posts advance (PT1H, P1D, P7D, P30D); without an action the clock cannot be moved here
}

// DemoTenant is a portal, and what there is to see.
type DemoTenant struct{ Name, URL, Note string }

// DemoNotice is a change that a recipient was told of, as the recipient keeps it.
type DemoNotice struct {
	At                                  time.Time
	Reference, Controller, What, People string
	Confirmed                           bool
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
