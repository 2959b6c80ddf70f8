package letters

import (
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Kind names a letter. Wire values: they are part of message ids and of evidence.
type Kind string

// The letters. Before each: the facts it needs besides Tenant, Reference, Right, PortalURL and Pack, which all need.
const (
	Code            Kind = "code"             // Code, Link, ValidFor; VerifyBy when the request ends by itself
	CodeAgain       Kind = "code_again"       // as Code; the one before no longer works
	DownloadCode    Kind = "download_code"    // Code, ValidFor: somebody followed the download link
	Acknowledgement Kind = "acknowledgement"  // ReceivedOn, Due, DueSteps; Assumption
	ResponseReady   Kind = "response_ready"   // Systems, Link, Until; Volumes; for rights that disclose
	NothingHeld     Kind = "nothing_held"     // Systems, where the search went; all of them hold nothing
	Done            Kind = "done"             // Systems; Reasons when something was kept
	NotIdentifiable Kind = "not_identifiable" // Reasons
	Withdrawn       Kind = "withdrawn"        // On; Systems, of which what was changed before is said
	Expired         Kind = "expired"          // On
	Refused         Kind = "refused"          // Reasons, and what the pack's refusal must state
	Locked          Kind = "locked"           // Tries
	Duplicate       Kind = "duplicate"        // Other, Due
	Extension       Kind = "extension"        // FirstDue, Due, DueSteps, ExtensionReason; Reasons
	CannotDetermine Kind = "cannot_determine" // Systems that are ambiguous; Message with a question
	Message         Kind = "message"          // Message
	NewLink         Kind = "new_link"         // Link, Until
	Grace           Kind = "grace"            // Link, which calls the erasure off; Until
)

// Kinds lists every letter.
func Kinds() []Kind {
	return append(slices.Concat(OwnerKinds(), RecipientKinds(), TeamKinds(), ActKinds(), ProofKinds()), Code, CodeAgain, DownloadCode, Acknowledgement, ResponseReady, NothingHeld, Done, NotIdentifiable, Withdrawn, Expired, Refused, Locked, Duplicate, Extension, CannotDetermine, Message, NewLink, Grace, RestrictionEnds)
}

// Valid reports whether k is one of Kinds.
func (k Kind) Valid() bool { return slices.Contains(Kinds(), k) }

// Tenant is who writes.
type Tenant struct {
	Title      string // what people read: "Lumen Books"
	Controller string // legal name and address, one line
	Contact    string // address of the privacy team
}

// System is what one system said, for lists.
type System struct {
	Title   string // as people of the tenant call it; not personal
	Outcome dsar.Outcome
	Records int // of this person; for outcomes that found some
	Files   int // that somebody added by hand; said when there are no records
}

// Reason is one reason of a refusal, an extension or a closing, written by staff or taken from the plan. One with a code is said in
// the words of the language.
type Reason struct {
	Text     redact.Text
	Citation string     // the law behind it
	Code     ReasonCode // instead of Text
	Of       string     // the collection that a reason with a code is about
}

// ReasonCode is a reason that every language has words for.
type ReasonCode string

// The reasons with a code.
const (
	KeptByHold ReasonCode = "hold"     // a legal hold
	KeptByMap  ReasonCode = "data_map" // a rule of the system's data map; Of
)

// ReasonCodes lists them.
func ReasonCodes() []ReasonCode { return []ReasonCode{KeptByHold, KeptByMap} }

// isZero reports whether there is nothing to say.
func (r Reason) isZero() bool { return r.Text.IsZero() && !slices.Contains(ReasonCodes(), r.Code) }

// Facts are everything a letter may say. Each letter takes what it needs and ignores the rest.
type Facts struct {
	Tenant    Tenant
	Reference string
	Right     dsar.Right
	Pack      policy.Pack // as pinned by the case
	PortalURL string      // page of the request; no secret in it

	// Name is used in the greeting of letters that go out after verification only. Before it, the name is what anybody typed
	// beside anybody's address, and a letter would carry it to a stranger.
	Name redact.Text

	Code     redact.Text   // 8 digits
	Link     redact.Text   // with its secret
	ValidFor time.Duration // of code and link
	Tries    int           // wrong codes that locked it; of ProveAgain: attempts that are left

	ReceivedOn civil.Date
	Due        civil.Date
	DueSteps   []clock.Step
	FirstDue   civil.Date   // the date before the extension
	VerifyBy   civil.Date   // the request ends by itself after this day
	Until      civil.Date   // last day of the download
	On         civil.Date   // day of the event the letter is about
	Assumption string       // sentence of policy.Choose, for cases whose doubt has no code
	Doubt      policy.Doubt // code of policy.Choose

	Act             Act            // of letters about questions, claims, appeals and complaints
	Task            Task           // of letters to owners
	WaitsFor        WaitsFor       // of letters to the team
	Told            []dsar.Outcome // what a recipient is told of: erased, corrected, restricted
	ExtensionReason string         // code out of the pack's extension.reasons
	Reasons         []Reason
	Systems         []System
	GoesOn          bool        // what Systems leave open is tried again, and another answer follows
	Volumes         int         // files of the download; 0 and 1 are one
	Other           string      // reference of the other request
	CategoriesOnly  bool        // the answer names what is held and does not show it
	Message         redact.Text // written by staff; empty lines separate paragraphs
	OptOutURL       string      // where to opt out of sale, for a refused erasure where the pack wants it said
	NotSold         bool        // the tenant sells and shares no data, so that there is nothing to opt out of
	Recipients      []string    // titles of those who were told of the change
	Wording         Wording     // the tenant's own words
	Authority       string      // overrides the pack's sentence on where to complain; one paragraph
}

// Rendered is a letter as it leaves.
type Rendered struct {
	Kind     Kind
	Locale   string // language of the letter (BCP 47)
	FellBack bool   // part of it, or all, is not in the language that was asked for
	Subject  string // nothing personal
	Wording  int    // version of the tenant's own words that it was written with; 0: the tenant has none
	Text     redact.Text
	HTML     redact.Text
}

// Render writes the letter in the language of the locale (BCP 47), or in English with FellBack set when there is no
// translation. A fact that the letter needs and does not get is fault.Invalid; something that the pack wants said and cannot
// be said, such as a missing route of complaint, is fault.Misconfigured. The same input gives the same bytes.
func (c *Catalogue) Render(kind Kind, locale string, f Facts) (Rendered, error) {
	b, subject, err := c.compose(kind, locale, f)
	if err != nil {
		return Rendered{}, err
	}
	html, err := c.html(b, subject)
	if err != nil {
		return Rendered{}, fault.Wrap(fault.Internal, err, "writing letter "+string(kind)+" as HTML")
	}
	return Rendered{
		Kind: kind, Locale: b.language(), FellBack: b.fellBack, Subject: subject, Wording: f.Wording.Version,
		Text: redact.NewText(plain(b.parts)), HTML: redact.NewText(html),
	}, nil
}

// compose writes the parts and the subject of a letter, and makes sure that the law is content with them.
func (c *Catalogue) compose(kind Kind, locale string, f Facts) (*builder, string, error) {
	if err := check(kind, f); err != nil {
		return nil, "", err
	}
	b := &builder{words: c.words(locale), kind: kind, facts: f}
	c.adopt(b.words, f.Wording)
	b.write()
	subject := b.say("subject."+string(kind), "Reference", f.Reference)
	if b.err != nil {
		return nil, "", fault.Wrap(fault.Internal, b.err, "writing letter "+string(kind))
	}
	return b, subject, b.lawful()
}

// afterVerification reports whether the letter goes to somebody who proved control of the address.
func (k Kind) afterVerification() bool {
	return k.acts() || slices.Contains([]Kind{ProveAgain, ResponseReady, NothingHeld, Done, NotIdentifiable, Refused, Extension, CannotDetermine, Message, NewLink, DownloadCode, Grace, RestrictionEnds}, k)
}

// complains reports whether the letter ends a request or changes its date, and so must say where to complain.
func (k Kind) complains() bool {
	return k.actComplains() || slices.Contains([]Kind{Acknowledgement, ResponseReady, NothingHeld, Done, NotIdentifiable, Withdrawn, Expired, Refused, Extension, RestrictionEnds}, k)
}

// refuses reports whether the letter says no, and so must state everything the pack's refusal must state.
func (k Kind) refuses() bool { return k == Refused || k == NotIdentifiable }

// oneLine removes what could break a line or hide text: control and format characters.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || !visible(r) }), " ")
}
