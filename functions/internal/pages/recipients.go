package pages

import (
	"io"
	"time"
)

// TellWay is how a recipient of data is told of changes.
type TellWay string

// The ways.
const (
	ByMail    TellWay = "mail"
	ByWebhook TellWay = "webhook"
	NoWay     TellWay = "none" // neither address is registered: a person will have to
)

// TellWays lists every way.
func TellWays() []TellWay { return []TellWay{ByMail, ByWebhook, NoWay} }

// RecipientRow is one recipient in a list.
type RecipientRow struct {
	Name    string
	URL     string
	Country string // ISO 3166-1 alpha-2; optional
	Purpose string // optional
	Way     TellWay
	Systems []string // whose data goes there
}

// ConsoleRecipients lists the recipients. Without AddURL none can be added.
type ConsoleRecipients struct {
	ConsoleFrame
	Rows   []RecipientRow
	AddURL string
}

// ConsoleRecipients writes the page.
func (r *Renderer) ConsoleRecipients(w io.Writer, m ConsoleRecipients) error {
	return r.render(w, m.Lang, "console-recipients", m)
}

// ConsoleRecipient is one recipient, or a new one. Form fields: name (of a new one), title, country, purpose, email, webhook, secret,
// allowPrivate, identifiers (kinds, with commas between). Form without an action only shows it.
type ConsoleRecipient struct {
	ConsoleFrame
	Form         Form
	New          bool
	Name         string
	Title        string
	Country      string
	Purpose      string
	Email        string
	Webhook      string
	Secret       string // a reference
	AllowPrivate bool
	Identifiers  string
	Systems      []string
	Errors       Errors
	BackURL      string
}

// ConsoleRecipient writes the page.
func (r *Renderer) ConsoleRecipient(w io.Writer, m ConsoleRecipient) error {
	return r.render(w, m.Lang, "console-recipient", m)
}

// ConsoleNotice is a notice to a recipient about one case. Form fields: decision (one of Answers), reason. Form without an action
// only shows it.
type ConsoleNotice struct {
	ConsoleFrame
	Form       Form
	Recipient  string
	Case       string // reference
	CaseURL    string
	State      TellState
	Why        string // what kept it from arriving; optional
	Lines      []NoticeLine
	Attempts   int
	SentAt     time.Time
	AckAt      time.Time
	NextAt     time.Time
	DecidedWhy string // the reason of an exception; optional
	Answers    []TaskAnswer
	Answer     TaskAnswer
	Reason     string
	Errors     Errors
}

// ConsoleNotice writes the page.
func (r *Renderer) ConsoleNotice(w io.Writer, m ConsoleNotice) error {
	return r.render(w, m.Lang, "console-notice", m)
}
