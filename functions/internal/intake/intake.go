// Package intake turns a request as it arrives, from the form, the public API or staff, into the opening of a case. The schema
// is closed and every value bounded; what is wrong is told per field, and no value is ever quoted.
package intake

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Request is the body of POST /requests. Form fields have the same names.
type Request struct {
	Right       dsar.Right   `json:"right"`
	Email       redact.Text  `json:"email"`
	Name        redact.Text  `json:"name"`
	Country     string       `json:"country"`
	Region      string       `json:"region"`
	Locale      string       `json:"locale"`
	Identifiers []Identifier `json:"identifiers"`
	Corrections []Correction `json:"corrections"`
	Details     redact.Text  `json:"details"`
	Purpose     string       `json:"purpose"` // of an objection or a withdrawal of consent: direct_marketing, or a purpose of the controller
	Agent       *Agent       `json:"agent"`
	Requester   *Requester   `json:"requester"` // as agent, by whatever title; one of the two
	AgeBand     string       `json:"ageBand"`   // of the person: casefile.AgeBands; asked only where children are served
	Scope       policy.Scope `json:"scope"`     // of an access: how much is to be shown; empty: the data itself

	Signal string `json:"-"` // opt-out signal of the browser that sent it: gpc
}

// Requester asks for the person.
type Requester struct {
	Kind    casefile.RequesterKind `json:"kind"`
	Name    redact.Text            `json:"name"`
	Email   redact.Text            `json:"email"`
	Mandate redact.Text            `json:"mandate"`
}

// Identifier is one more value the requester gives. It is not proven and never searched by itself.
type Identifier struct {
	Kind  subject.Kind `json:"kind"`
	Value redact.Text  `json:"value"`
}

// Correction is one field to correct.
type Correction struct {
	System string      `json:"system"`
	Field  string      `json:"field"`
	Value  redact.Text `json:"value"`
}

// Agent acts for the subject.
type Agent struct {
	Name    redact.Text `json:"name"`
	Email   redact.Text `json:"email"`
	Mandate redact.Text `json:"mandate"`
}

// Bounds of the input.
const (
	maxName        = 200
	maxDetails     = 4000
	maxIdentifiers = 10
	maxCorrections = 20
	maxRegion      = 60 // characters
)

var (
	country = regexp.MustCompile(`^[A-Za-z]{2}$`)
	region  = regexp.MustCompile(`^[\p{L}0-9 .'-]+$`) // up to maxRegion: a bound would repeat all letters of the world
	purpose = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	field   = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)
)

// Opening checks the request and returns what a case is opened with. The error is web.Fields.
func (r Request) Opening(tenant, channel, actor string, receivedAt time.Time) (casefile.Opening, error) {
	var bad web.Fields
	o := casefile.Opening{
		Tenant: tenant, Right: r.Right, Channel: channel, Actor: actor, ReceivedAt: receivedAt,
		Country: strings.ToUpper(strings.TrimSpace(r.Country)), Locale: r.locale(&bad),
	}
	area := strings.TrimSpace(r.Region)
	if !r.Right.Valid() {
		bad.Add("/right", "choose one of the rights: "+rightsList())
	}
	email, err := subject.New(subject.Email, r.Email.Reveal())
	if err != nil {
		bad.Add("/email", textOf(err))
	}
	if o.Country != "" && !country.MatchString(o.Country) {
		bad.Add("/country", "a country has two letters, such as DE (ISO 3166-1)")
	}
	if area != "" && (utf8.RuneCountInString(area) > maxRegion || !region.MatchString(area)) {
		bad.Add("/region", "a region has at most 60 letters")
	}
	if o.Purpose = strings.TrimSpace(r.Purpose); o.Purpose != "" && !purpose.MatchString(o.Purpose) {
		bad.Add("/purpose", "a purpose is a code of small letters, digits and _, such as direct_marketing")
	}
	o.Signal = r.Signal
	o.Person = casefile.Person{Email: email, Region: redact.NewText(area), Name: text(&bad, "/name", r.Name, maxName, false), Details: text(&bad, "/details", r.Details, maxDetails, true)}
	o.Person.Claimed = r.claimed(&bad)
	o.Person.Corrections = r.corrections(&bad)
	o.Person.Agent = r.agent(&bad)
	o.Person.AgeBand, o.Scope = r.AgeBand, r.Scope
	if r.AgeBand != "" && !slices.Contains(casefile.AgeBands(), r.AgeBand) {
		bad.Add("/ageBand", "choose one of: "+strings.Join(casefile.AgeBands(), ", "))
	}
	if r.Scope != "" && (!r.Right.Discloses() || r.Scope != policy.SpecificPieces && r.Scope != policy.Categories) {
		bad.Add("/scope", "a copy shows specific_pieces or categories; other rights have no scope")
	}
	return o, bad.Err()
}

func (r Request) locale(bad *web.Fields) string {
	if r.Locale == "" {
		return ""
	}
	tag, err := language.Parse(r.Locale)
	if err != nil || len(r.Locale) > 35 {
		bad.Add("/locale", "a locale is a language tag such as en or de-AT (BCP 47)")
		return ""
	}
	base, script, place := tag.Raw() // extensions are free text: they stay outside
	short, err := language.Compose(base, script, place)
	if err != nil {
		bad.Add("/locale", "a locale is a language tag such as en or de-AT (BCP 47)")
	}
	return short.String()
}

func (r Request) claimed(bad *web.Fields) []subject.Identifier {
	if len(r.Identifiers) > maxIdentifiers {
		bad.Add("/identifiers", "at most 10 identifiers")
		return nil
	}
	var out []subject.Identifier
	for n, i := range r.Identifiers {
		id, err := subject.New(i.Kind, i.Value.Reveal())
		if err != nil {
			bad.Add(fmt.Sprintf("/identifiers/%d", n), textOf(err))
			continue
		}
		out = subject.Add(out, id)
	}
	return out
}

func (r Request) corrections(bad *web.Fields) []casefile.Correction {
	if len(r.Corrections) > maxCorrections {
		bad.Add("/corrections", "at most 20 corrections")
		return nil
	}
	var out []casefile.Correction
	for n, c := range r.Corrections {
		at := fmt.Sprintf("/corrections/%d", n)
		if !field.MatchString(c.Field) {
			bad.Add(at+"/field", "name the field to correct with letters, digits, dots, - or _")
		}
		if c.System != "" && !field.MatchString(c.System) {
			bad.Add(at+"/system", "name the system with letters, digits, dots, - or _")
		}
		out = append(out, casefile.Correction{System: c.System, Field: c.Field, Value: text(bad, at+"/value", c.Value, maxDetails, true)})
	}
	return out
}

// agent returns who asks for the person: the field agent, or requester, which also says by what title.
func (r Request) agent(bad *web.Fields) *casefile.Agent {
	at, a, kind := "/agent", r.Agent, casefile.AuthorisedAgent
	if r.Requester != nil {
		at, a, kind = "/requester", &Agent{r.Requester.Name, r.Requester.Email, r.Requester.Mandate}, r.Requester.Kind
		if r.Agent != nil {
			bad.Add(at, "give agent or requester, not both")
		}
		if !slices.Contains(casefile.RequesterKinds(), kind) {
			bad.Add(at+"/kind", "choose one of: agent, guardian, heir, nominee")
		}
	}
	if a == nil {
		return nil
	}
	if a.Name.IsZero() {
		bad.Add(at+"/name", "say who acts for the person")
	}
	email, err := subject.New(subject.Email, a.Email.Reveal())
	if err != nil {
		bad.Add(at+"/email", textOf(err))
	}
	if kind == casefile.AuthorisedAgent {
		kind = "" // as it was before there were others
	}
	return &casefile.Agent{
		Name: text(bad, at+"/name", a.Name, maxName, false), Email: email.Value, Kind: kind, Mandate: text(bad, at+"/mandate", a.Mandate, maxDetails, true),
	}
}

// text trims and bounds a text of a person; lines says whether line breaks and tabs are allowed.
func text(bad *web.Fields, pointer string, t redact.Text, limit int, lines bool) redact.Text {
	s := strings.TrimSpace(t.Reveal())
	switch {
	case !utf8.ValidString(s):
		bad.Add(pointer, "this is not valid text")
	case utf8.RuneCountInString(s) > limit:
		bad.Add(pointer, fmt.Sprintf("this is longer than %d characters", limit))
	case strings.ContainsFunc(s, func(c rune) bool {
		return (c < ' ' && (!lines || (c != '\n' && c != '\r' && c != '\t'))) || c == 0x7f
	}):
		bad.Add(pointer, "this contains a control character")
	}
	return redact.NewText(s)
}

// Message checks a message or a reason: not empty, at most 4000 characters.
func Message(pointer, s string) (redact.Text, error) {
	var bad web.Fields
	t := text(&bad, pointer, redact.NewText(s), maxDetails, true)
	if t.IsZero() {
		bad.Add(pointer, "this must not be empty")
	}
	return t, bad.Err()
}

func textOf(err error) string {
	e := &fault.Error{}
	if errors.As(err, &e) {
		return e.Text
	}
	return "this is not valid"
}

func rightsList() string {
	names := make([]string, 0, len(dsar.Rights()))
	for _, r := range dsar.Rights() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}
