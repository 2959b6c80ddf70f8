package functions

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/mail"
)

// Guide is what the first page of a demonstration tells: where to sign in, whose data to ask for, and what stands outside.
type Guide struct {
	Accounts []GuideAccount
	People   []GuidePerson
	Tenants  map[string]string    // what each shows, by name
	Commands []string             // to be copied into a terminal
	Archive  string               // address of somebody who is asked by mail
	CRM      string               // base address of the CRM's API
	Notices  func() []GuideNotice // what a company was told by webhook, the newest first; nil = there is none
}

// GuideAccount is an account of the demonstration's console.
type GuideAccount struct{ Email, Password, Roles string }

// GuidePerson is somebody invented, and what happens when this person asks.
type GuidePerson struct{ Name, Email, Shows string }

// GuideNotice is a change that a company was told of by webhook, as that company keeps it.
type GuideNotice struct {
	At         time.Time
	Controller string
	Reference  string
	What       string
	People     string
	Confirmed  bool
}

// DevelopmentPages are what the pages for development are made of. Mailbox may be nil.
type DevelopmentPages struct {
	*Set
	Mailbox mail.Mailbox
	Now     func() time.Time
	Demo    bool
	Manual  bool
	Guide   Guide
}

const mailsOnPage = 50

// Development adds the pages that exist only with a demo or a clock set by hand: the landing page and the mailbox.
func Development(mux *http.ServeMux, d DevelopmentPages) {
	page := func(pattern string, serve func(w http.ResponseWriter, r *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := serve(w, r); err != nil {
				web.WriteProblem(w, err)
			}
		})
	}
	page("GET /{$}", d.home)
	page("GET /dev/mailbox", d.list)
	page("GET /dev/mailbox/{id}", d.show)
}

func (d DevelopmentPages) frame(r *http.Request) pages.Frame {
	return pages.Frame{Lang: r.Header.Get("Accept-Language"), HomeURL: "/", Now: d.Now(), Demo: d.Demo, ManualClock: d.Manual, MailboxURL: "/dev/mailbox"}
}

func (d DevelopmentPages) home(w http.ResponseWriter, r *http.Request) error {
	tenants, err := d.Registry.Tenants(r.Context())
	if err != nil {
		return err
	}
	m := pages.DemoHome{Frame: d.frame(r), ConsoleURL: "/console/"}
	for _, t := range tenants {
		m.Portals = append(m.Portals, pages.DemoTenant{Name: t.Title, URL: "/t/" + url.PathEscape(t.Name) + "/", Note: d.Guide.Tenants[t.Name]})
	}
	m.Commands, m.Archive, m.CRM = d.Guide.Commands, d.Guide.Archive, d.Guide.CRM
	if d.Guide.Notices != nil {
		for _, n := range d.Guide.Notices() {
			m.Notices = append(m.Notices, pages.DemoNotice{At: n.At, Reference: n.Reference, Controller: n.Controller, What: n.What, People: n.People, Confirmed: n.Confirmed})
		}
	}
	for _, a := range d.Guide.Accounts {
		m.Accounts = append(m.Accounts, pages.DemoAccount(a))
	}
	for _, p := range d.Guide.People {
		m.People = append(m.People, pages.DemoPerson{Name: p.Name, Email: p.Email, Note: p.Shows})
	}
	if d.Manual {
		m.Clock = pages.Form{Action: "/dev/clock"}
	}
	return d.Pages.DemoHome(w, m)
}

// list shows the newest mails first; ?before=N pages back.
func (d DevelopmentPages) list(w http.ResponseWriter, r *http.Request) error {
	if d.Mailbox == nil {
		return fault.New(fault.NotFound, "mail is not kept here")
	}
	var all []mail.Received
	for {
		page, err := d.Mailbox.Messages(r.Context(), len(all))
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		all = append(all, page...)
	}
	end := len(all)
	if n, err := strconv.Atoi(r.URL.Query().Get("before")); err == nil && n >= 0 && n < end {
		end = n
	}
	m := pages.DevMailbox{Frame: d.frame(r)}
	for i := end - 1; i >= max(0, end-mailsOnPage); i-- {
		x := all[i]
		m.Mails = append(m.Mails, pages.MailRow{URL: "/dev/mailbox/" + url.PathEscape(x.ID), To: x.To.Reveal(), Subject: x.Subject, Date: x.Date})
	}
	if end > mailsOnPage {
		m.Paging.Next = "/dev/mailbox?before=" + strconv.Itoa(end-mailsOnPage)
	}
	if end < len(all) {
		m.Paging.First = "/dev/mailbox"
	}
	return d.Pages.DevMailbox(w, m)
}

func (d DevelopmentPages) show(w http.ResponseWriter, r *http.Request) error {
	if d.Mailbox == nil {
		return fault.New(fault.NotFound, "mail is not kept here")
	}
	raw, err := d.Mailbox.Message(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	e, err := enmime.ReadEnvelope(strings.NewReader(string(raw)))
	if err != nil {
		return fault.Wrap(fault.Internal, err, "reading a kept mail")
	}
	date, err := e.Date()
	if err != nil {
		date = time.Time{} // shown as not sent; the source tells more
	}
	return d.Pages.DevMail(w, pages.DevMail{
		Frame: d.frame(r), Letter: pages.Letter{To: to(e), Subject: e.GetHeader("Subject"), Date: date, Text: letters.Unwrap(e.Text)},
		SourceURL: "/dev/mail/" + url.PathEscape(r.PathValue("id")), BackURL: "/dev/mailbox",
	})
}

// to returns the addresses a mail went to, without the marks around them.
func to(e *enmime.Envelope) string {
	list, err := e.AddressList("To")
	if err != nil {
		return e.GetHeader("To")
	}
	var out []string
	for _, a := range list {
		out = append(out, a.Address)
	}
	return strings.Join(out, ", ")
}
