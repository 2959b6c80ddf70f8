package pages

import (
	"io"
	"time"
)

// AuthorityStates lists how far a request of an authority may be, as its wire values.
func AuthorityStates() []string {
	return []string{"received", "approved", "rejected", "disclosed", "closed"}
}

// AuthorityKinds lists the kinds of request of an authority, as their wire values.
func AuthorityKinds() []string { return []string{"binding", "voluntary"} }

// AuthorityDecisions lists what a review may come to, as its wire values. The first is what is chosen unless somebody chooses otherwise.
func AuthorityDecisions() []string { return []string{"reject", "approve", "narrow"} }

// AuthorityWhoms lists who may be told of a request, as wire values.
func AuthorityWhoms() []string { return []string{"subject", "controller"} }

// AuthorityRow is one request of an authority in the register. Nothing in it is sealed.
type AuthorityRow struct {
	URL        string
	State      string // one of AuthorityStates
	Kind       string // one of AuthorityKinds
	Country    string // ISO 3166-1 alpha-2
	ReceivedAt time.Time
	DueOn      string // YYYY-MM-DD; optional
	Overdue    bool   // the day has passed and nobody decided
	Decision   string // one of AuthorityDecisions; empty = none yet
}

// Tone is the colour of the state.
func (r AuthorityRow) Tone() string {
	switch r.State {
	case "received":
		return "warn"
	case "approved":
		return "good"
	default:
		return "plain"
	}
}

// ConsoleAuthorities is the register of requests of authorities, the newest first. Without TakeURL the role may not take one in.
type ConsoleAuthorities struct {
	ConsoleFrame
	Rows    []AuthorityRow
	TakeURL string
	CSVURL  string
	BackURL string
	Paging  Paging
}

// ConsoleAuthorities writes the page.
func (r *Renderer) ConsoleAuthorities(w io.Writer, m ConsoleAuthorities) error {
	return r.render(w, m.Lang, "console-authorities", m)
}

// ConsoleTakeAuthority takes a request of an authority in. Form fields: authority, country, kind, legalBasis, scope, gag (yes), gagBasis,
// receivedAt, dueOn.
type ConsoleTakeAuthority struct {
	ConsoleFrame
	Form       Form
	Authority  string
	Country    string
	Kind       string
	LegalBasis string
	Scope      string
	Gag        bool
	GagBasis   string
	ReceivedAt string
	DueOn      string
	Errors     Errors
	BackURL    string
}

// ConsoleTakeAuthority writes the page.
func (r *Renderer) ConsoleTakeAuthority(w io.Writer, m ConsoleTakeAuthority) error {
	return r.render(w, m.Lang, "console-take-authority", m)
}

// AuthorityDetails is what is sealed of a request; what did not happen yet is empty.
type AuthorityDetails struct {
	Authority, LegalBasis, Scope, GagBasis string
	Reason, Citation, What, Note           string
}

// ConsoleAuthority is one request of an authority with the next act on it. The forms that have no action are for others or for later.
// Review fields: decision, reason, citation; Disclose: what, records; Close: whom, toldAt, note. Without RevealForm.Action the details are
// shown already, or the role may not see them.
type ConsoleAuthority struct {
	ConsoleFrame
	Row                                         AuthorityRow
	Based, Gag                                  bool
	ReceivedBy                                  string
	ReviewedBy, DisclosedBy, ClosedBy, Told     string // Told is one of AuthorityWhoms
	ReviewedAt, DisclosedAt, ClosedAt, ToldAt   time.Time
	DisclosedRecords                            int
	Details                                     *AuthorityDetails
	RevealForm, ReviewForm, DiscloseForm, Close Form
	Own                                         bool // who looks took it in, and somebody else reviews it

	Decision, Reason, Citation, What, Records, Whom, Day, Note string // as they were typed

	Errors  Errors
	BackURL string
}

// Doubtful reports whether the request is rejected unless the reviewer says what allows to answer it.
func (m ConsoleAuthority) Doubtful() bool { return m.Row.Kind != "binding" || !m.Based }

// ConsoleAuthority writes the page.
func (r *Renderer) ConsoleAuthority(w io.Writer, m ConsoleAuthority) error {
	return r.render(w, m.Lang, "console-authority", m)
}

// ConsoleAuthorityConfirm asks once more before a review counts. Form carries what was decided.
type ConsoleAuthorityConfirm struct {
	ConsoleFrame
	Form     Form
	Decision string // one of AuthorityDecisions
	Reason   string
	Citation string
	Doubtful bool
	BackURL  string
}

// ConsoleAuthorityConfirm writes the page.
func (r *Renderer) ConsoleAuthorityConfirm(w io.Writer, m ConsoleAuthorityConfirm) error {
	return r.render(w, m.Lang, "console-authority-confirm", m)
}
