package pages

import (
	"io"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// HoldScopes lists what a legal hold may be about, as its wire values.
func HoldScopes() []string { return []string{"subject", "system", "case"} }

// HoldRow is one hold in a list. Whom it is about is not in it.
type HoldRow struct {
	URL        string
	Scope      string // one of HoldScopes
	Kind       string // of the identifier; optional
	System     string
	Collection string
	Records    int // how many single records it names; 0 = all
	Case       string
	ReviewBy   time.Time // zero = no date
	Overdue    bool      // the day of the review has passed
	PlacedAt   time.Time
	PlacedBy   string
	ReleasedAt time.Time
}

// ConsoleHolds lists the holds, live ones first. Without PlaceURL none can be placed.
type ConsoleHolds struct {
	ConsoleFrame
	Overdue  int // live ones whose review is overdue
	Live     []HoldRow
	Released []HoldRow
	PlaceURL string
	// ExemptionsURL leads to what is kept on exemptions.
	ExemptionsURL string
	// AuthoritiesURL leads to the requests of authorities.
	AuthoritiesURL string
	Paging         Paging // of the released ones
}

// ConsoleHolds writes the page.
func (r *Renderer) ConsoleHolds(w io.Writer, m ConsoleHolds) error {
	return r.render(w, m.Lang, "console-holds", m)
}

// HeldCase is a case of which a hold kept something.
type HeldCase struct {
	Reference string
	URL       string
	Right     dsar.Right
	Status    dsar.Status
}

// HoldDetails are the personal half of a hold, and why it was placed.
type HoldDetails struct {
	Identifier string
	Keys       []string
	Reason     string
}

// ConsoleHold is one hold. RevealForm shows Details; without an action the role may not see them.
type ConsoleHold struct {
	ConsoleFrame
	Hold       HoldRow
	CaseURL    string // of Hold.Case; optional
	ReleasedBy string
	Cases      []HeldCase
	More       bool // there are other cases
	Details    *HoldDetails
	RevealForm Form
	ReleaseURL string // empty = it is released, or the role may not
	BackURL    string
}

// ConsoleHold writes the page.
func (r *Renderer) ConsoleHold(w io.Writer, m ConsoleHold) error {
	return r.render(w, m.Lang, "console-hold", m)
}

// ConsolePlaceHold places a hold. Form fields: scope, kind, identifier, system, collection, keys (one a line), case, reviewBy,
// reason.
type ConsolePlaceHold struct {
	ConsoleFrame
	Form       Form
	Scope      string
	Kinds      []string
	Kind       string
	Identifier string
	Systems    []PlanTarget
	System     string
	Collection string
	Keys       string
	Case       string
	ReviewBy   string
	Reason     string
	Errors     Errors
	BackURL    string
}

// ConsolePlaceHold writes the page.
func (r *Renderer) ConsolePlaceHold(w io.Writer, m ConsolePlaceHold) error {
	return r.render(w, m.Lang, "console-place-hold", m)
}
