// Package registry owns what an installation knows about its tenants: systems and their data maps, recipients, staff, legal
// holds, and the facts that an answer must state (GDPR Art. 15(1)). It stores them in table registry; it never opens a
// connector and never resolves a secret: secrets are references.
package registry

import (
	"encoding/json"
	"regexp"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Tenant is one controller served by the installation.
type Tenant struct {
	Name       string `json:"name"`       // [a-z0-9-], part of every URL
	Title      string `json:"title"`      // what people read
	Controller string `json:"controller"` // legal name and address, one line
	Contact    string `json:"contact"`    // privacy contact or DPO, an address
	From       string `json:"from"`       // sender of letters
	Zone       string `json:"zone"`       // IANA time zone of the statutory clock
	Locale     string `json:"locale"`
	Facts      Facts  `json:"facts"`
	Policy     Policy `json:"policy"`

	Country string      `json:"country,omitempty"` // seat of the controller, ISO 3166-1 alpha-2; empty: not known
	Region  string      `json:"region,omitempty"`  // of the seat, ISO 3166-2 without the country
	Laws    []policy.ID `json:"laws,omitempty"`    // laws that the controller works under; empty: every law that is built in
	// Production is set for controllers whose requests are real: a law that is a draft governs theirs only once it is confirmed.
	Production bool `json:"production,omitempty"`
}

// Seat returns where the controller sits.
func (t Tenant) Seat() policy.Place { return policy.Place{Country: t.Country, Region: t.Region} }

// Facts are what an answer states for the tenant as a whole. An empty fact is printed as "not recorded".
type Facts struct {
	AutomatedDecisions string `json:"automatedDecisions,omitempty"` // Art. 15(1)(h)
	Transfers          string `json:"transfers,omitempty"`          // Art. 15(2)
	Authority          string `json:"authority,omitempty"`          // Art. 15(1)(f); overrides the pack's text
}

// Policy is what a tenant may choose. Zero values mean the defaults of Effective.
type Policy struct {
	VerifyWithinDays int  `json:"verifyWithinDays,omitempty"` // unverified requests expire after; default 14
	CodeMinutes      int  `json:"codeMinutes,omitempty"`      // life of a code; default 30
	PackageDays      int  `json:"packageDays,omitempty"`      // how long a package can be fetched; default 30
	ReviewAlways     bool `json:"reviewAlways,omitempty"`     // a person looks at every plan and response, autopilot or not
	// GraceDays is how long an approved erasure waits, with a link in the person's mailbox that calls it off; default 0: at once.
	// UnattendedChanges lets plans pass without approval in which every system that is changed is on autopilot.
	UnattendedChanges bool `json:"unattendedChanges,omitempty"`
	GraceDays         int  `json:"graceDays,omitempty"`
	GrowthLimit       int  `json:"growthLimit,omitempty"` // per cent of the approved records that may come on top; default 5
	// RetentionDays is how long a closed case is kept before its keys are destroyed; default 1095. Three years is when a claim for
	// damages (GDPR Art. 82) or a fine is time-barred in most of the Union, such as under BGB s. 195 and OWiG s. 31(2) no. 1, and
	// covers the 24 months of 11 CCR 7101. The open part of the case and its evidence, which hold no personal data, stay.
	RetentionDays int `json:"retentionDays,omitempty"`
	BackupDays    int `json:"backupDays,omitempty"` // how long backups of wrapped case keys are kept at most; default 30
	// Details are the kinds of details that a person may be asked for to prove who she is, the best known first; empty: those of the data
	// maps that people know by heart. ServesChildren has the form ask for the age band of the person.
	Details        []subject.Kind `json:"details,omitempty"`
	ServesChildren bool           `json:"servesChildren,omitempty"`

	PromptDays int `json:"promptDays,omitempty"` // a question asked later than this after receipt is no prompt one, and pauses nothing; default 3
	ReactDays  int `json:"reactDays,omitempty"`  // how long a person has to react to a warning; default 7

	Cautious   bool `json:"cautious,omitempty"`   // dates take the earlier reading wherever the law leaves room: clock.Input.Cautious
	LeadDays   int  `json:"leadDays,omitempty"`   // how many days before the date of the law the tenant wants to be done; 0: no target
	AnswerDays int  `json:"answerDays,omitempty"` // the period that the tenant publishes where the law asks it to (India); 0: the law's limit
	Processors bool `json:"processors,omitempty"` // somebody who processes data for the tenant acts on requests too (Vietnam gives more time)
}

// Effective returns the policy with its defaults filled in.
func (p Policy) Effective() Policy {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&p.VerifyWithinDays, 14)
	set(&p.CodeMinutes, 30)
	set(&p.PackageDays, 30)
	set(&p.GrowthLimit, 5)
	set(&p.RetentionDays, 1095)
	set(&p.BackupDays, 30)
	set(&p.PromptDays, 3)
	set(&p.ReactDays, 7)
	return p
}

// System is a place that holds personal data.
type System struct {
	Tenant     string            `json:"tenant"`
	Name       string            `json:"name"`
	Title      string            `json:"title,omitempty"`
	Kind       string            `json:"kind"`            // of the connector
	Owner      string            `json:"owner,omitempty"` // address of the person responsible
	Settings   json.RawMessage   `json:"settings,omitempty"`
	Secrets    map[string]string `json:"secrets,omitempty"` // name -> reference, see IsSecretReference
	Dataset    string            `json:"dataset,omitempty"` // data map, YAML as given
	BaseDir    string            `json:"baseDir,omitempty"` // relative paths in settings start here
	Recipients []string          `json:"recipients,omitempty"`
	Rights     []dsar.Right      `json:"rights,omitempty"` // rights it serves by machine
	Autopilot  bool              `json:"autopilot,omitempty"`
	Exemptions []Exemption       `json:"exemptions,omitempty"`
	Facts      SystemFacts       `json:"facts,omitzero"`
	// BackupHorizon is how long the system's own backups keep what was erased, as an ISO 8601 duration in days or weeks (P90D);
	// see Horizon.
	BackupHorizon string `json:"backupHorizon,omitempty"`

	// What registration found out by opening it.
	Identifiers []subject.Kind `json:"identifiers,omitempty"` // kinds it can be searched by
	Collections []string       `json:"collections,omitempty"`
	ByPerson    bool           `json:"byPerson,omitempty"` // its owner acts, see connector.Descriptor
	CheckedAt   time.Time      `json:"checkedAt,omitzero"`
	Problem     string         `json:"problem,omitempty"` // empty when the last check was well

	Version int64 `json:"-"`
}

// Exemption is a lawful ground to leave the data of a collection as it is although its change is asked for, such as a duty to
// keep invoices (GDPR Art. 17(3)(b)). The rest is still changed.
type Exemption struct {
	Collection string       `json:"collection,omitempty" yaml:"collection"` // empty = the whole system
	Citation   string       `json:"citation" yaml:"citation"`               // the law
	Reason     string       `json:"reason" yaml:"reason"`                   // in words a person understands
	Rights     []dsar.Right `json:"rights,omitempty" yaml:"rights"`         // empty = erasure
	ReviewBy   string       `json:"reviewBy,omitempty" yaml:"reviewBy"`     // YYYY-MM-DD: when somebody should ask whether it still holds
}

// Covers reports whether the exemption is from the right.
func (x Exemption) Covers(r dsar.Right) bool {
	if len(x.Rights) == 0 {
		return r == dsar.Erasure
	}
	return slices.Contains(x.Rights, r)
}

// SystemFacts are what an answer states for one system.
type SystemFacts struct {
	Purposes  []string `json:"purposes,omitempty"`  // Art. 15(1)(a)
	Source    string   `json:"source,omitempty"`    // Art. 15(1)(g)
	Retention string   `json:"retention,omitempty"` // Art. 15(1)(d)
}

// Serves reports whether the system acts by machine on the right.
func (s System) Serves(r dsar.Right) bool {
	if r == dsar.Portability {
		r = dsar.Access
	}
	return slices.Contains(s.Rights, r)
}

// SearchableBy reports whether one of the kinds finds anything in the system.
func (s System) SearchableBy(kinds []subject.Kind) bool {
	return slices.ContainsFunc(kinds, func(k subject.Kind) bool { return slices.Contains(s.Identifiers, k) })
}

// Recipient is a third party to whom data is disclosed (GDPR Art. 4(9), 15(1)(c), 19).
type Recipient struct {
	Tenant  string `json:"tenant"`
	Name    string `json:"name"`
	Title   string `json:"title"`
	Country string `json:"country,omitempty"`
	Purpose string `json:"purpose,omitempty"`
	Email   string `json:"email,omitempty"`
	Webhook string `json:"webhook,omitempty"` // goes before Email when both are there

	Secret       string         `json:"secret,omitempty"`       // a reference, see IsSecretReference: signs the webhook and its callback
	AllowPrivate bool           `json:"allowPrivate,omitempty"` // the webhook may resolve to a private or loopback address
	Identifiers  []subject.Kind `json:"identifiers,omitempty"`  // kinds by which it knows people; none = email
}

// KnowsBy returns the kinds of identifiers by which the recipient finds a person.
func (r Recipient) KnowsBy() []subject.Kind {
	if len(r.Identifiers) == 0 {
		return []subject.Kind{subject.Email}
	}
	return slices.Clone(r.Identifiers)
}

// Role is what a member of staff may do. One permission table (Permissions) maps roles to acts.
type Role string

// The roles.
const (
	Admin    Role = "admin"
	Handler  Role = "handler"
	Approver Role = "approver"
	Auditor  Role = "auditor"
	Site     Role = "site" // a system of the controller, by token: the ledger of consents and nothing else
)

// Permission is one kind of act on the staff side.
type Permission string

// The permissions.
const (
	ReadCases     Permission = "read_cases"
	HandleCases   Permission = "handle_cases" // intake, messages, extension, pause, task outcomes
	DecideCases   Permission = "decide_cases" // approve or refuse plans and responses
	RevealData    Permission = "reveal_data"  // see identifiers and samples, logged
	ReadEvidence  Permission = "read_evidence"
	ReadSystems   Permission = "read_systems"
	ChangeSystems Permission = "change_systems"
	ChangeStaff   Permission = "change_staff"
	PlaceHolds    Permission = "place_holds"
	UseConsents   Permission = "use_consents"   // write to the ledger of consents, and ask it
	ChangeWording Permission = "change_wording" // publish what letters say in the tenant's own words
	ConfirmLaws   Permission = "confirm_laws"   // let a law that is a draft govern a tenant in production
)

var permissions = map[Role][]Permission{
	Admin:    {ReadSystems, ChangeSystems, ChangeStaff, ReadCases, ConfirmLaws, ChangeWording},
	Handler:  {ReadCases, HandleCases, RevealData, ReadSystems, ReadEvidence, UseConsents},
	Approver: {ReadCases, HandleCases, DecideCases, RevealData, ReadSystems, ReadEvidence, PlaceHolds, UseConsents, ConfirmLaws},
	Auditor:  {ReadCases, ReadEvidence, ReadSystems},
	Site:     {UseConsents},
}

// Roles lists the roles.
func Roles() []Role { return []Role{Admin, Handler, Approver, Auditor, Site} }

// Permissions returns the acts a role allows.
func Permissions(r Role) []Permission { return slices.Clone(permissions[r]) }

// Staff is one person of the privacy team. One record per person; sign-ins map to it by (issuer, subject). Four-eyes checks
// compare ID.
type Staff struct {
	ID       string    `json:"id"`
	Tenant   string    `json:"tenant"` // empty: every tenant of the installation
	Email    string    `json:"email"`
	Roles    []Role    `json:"roles"`
	Password string    `json:"password,omitempty"` // argon2id, PHC string
	Disabled bool      `json:"disabled,omitempty"`
	AddedAt  time.Time `json:"addedAt"`
	// Subject is SubjectHash of the account at an issuer that the record is tied to; empty: none yet.
	Subject string `json:"subject,omitempty"`
	// BreakGlass leaves the password in force where staff sign in at an issuer only. Of administrators.
	BreakGlass bool `json:"breakGlass,omitempty"`

	Version int64 `json:"-"`
}

// May reports whether the member of staff may do p in the tenant.
func (s Staff) May(p Permission, tenant string) bool {
	if s.Disabled || (s.Tenant != "" && s.Tenant != tenant) {
		return false
	}
	return slices.ContainsFunc(s.Roles, func(r Role) bool { return slices.Contains(permissions[r], p) })
}

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// CheckName refuses names that could not be part of a URL, an object name or a key.
func CheckName(pointer, name string) error {
	if !namePattern.MatchString(name) {
		return fault.InvalidField(pointer, "a name is 1 to 63 characters of a-z, 0-9, - and _, and starts with a letter or digit")
	}
	return nil
}
