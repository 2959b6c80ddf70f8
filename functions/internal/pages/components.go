package pages

import (
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// Due is by when something must be answered.
type Due struct {
	At        time.Time // the exact instant in the zone of the tenant; zero = no date yet
	Law       string    // the law in words with its citation, shown beside the exact instant
	SettledAt time.Time // when it was answered or closed; zero = open
}

// Clock is the statutory clock of a case. DueAt is the date before an extension; ExtendedTo is zero without one.
type Clock struct {
	ReceivedAt      time.Time
	DueAt           time.Time
	ExtendedTo      time.Time
	ExtensionReason string
	SettledAt       time.Time // zero = open
	Stops           []Stop
	Ticks           []Tick    // other dates of the law, and the team's own
	Laws            []LawLine // when several laws apply: each with its own date; empty otherwise
}

// Tick is a date beside the one that governs. Kind is acknowledge, simple, notice, refuse, execute or target.
type Tick struct {
	Kind string
	At   time.Time
}

// TickKinds lists every kind of tick.
func TickKinds() []string {
	return []string{"acknowledge", "simple", "notice", "refuse", "execute", "target"}
}

// LawLine is what one of several laws alone sets.
type LawLine struct {
	Law     string // short name
	Why     string // it applies too; empty for the law of the person's residence
	DueAt   time.Time
	Governs bool // its date is that of the case
	Steps   []Step
}

// Stop is a time in which the clock stood still. To is zero while it still stands.
type Stop struct {
	From, To time.Time
	Why      string
}

// Step is one step of the explanation how a date came about. At may be zero.
type Step struct {
	Text     string
	Citation string
	At       time.Time
}

// Progress says what a system is doing as long as it has no outcome.
type Progress string

// The kinds of progress.
const (
	Queued    Progress = "queued"
	Working   Progress = "working"
	Waiting   Progress = "waiting" // the system is not reachable; Habeas goes on by itself
	ForPerson Progress = "person"  // somebody has to look
)

// ProgressKinds lists every kind of progress.
func ProgressKinds() []Progress { return []Progress{Queued, Working, Waiting, ForPerson} }

// SystemProgress is what one system said about the person. Either Outcome or Progress is set.
type SystemProgress struct {
	Name        string
	URL         string // to the system in the console; empty = no link
	Owner       string // who is asked; optional
	Outcome     dsar.Outcome
	Because     dsar.RetainedBecause // with Retained
	Progress    Progress
	Records     int
	Since       time.Time // when it took this state
	Why         string    // one sentence with the reason, where there is one; optional
	AskedAt     time.Time // when somebody was asked by mail; zero = nobody
	AnswerBy    time.Time // with AskedAt: until when they are asked to answer
	Files       int       // that somebody added
	Collections []CollectionProgress
}

// CollectionProgress is the same for one collection of a system.
type CollectionProgress struct {
	Name    string
	Outcome dsar.Outcome
	Because dsar.RetainedBecause
	Records int
	Why     string
}

// Party is who wrote a message or acted.
type Party string

// The parties.
const (
	FromSubject Party = "subject"
	FromTeam    Party = "team"
	FromSystem  Party = "system" // Habeas by itself: letters, clockwork
	FromOwner   Party = "owner"  // whoever is responsible for a system
)

// Parties lists every party.
func Parties() []Party { return []Party{FromSubject, FromTeam, FromSystem, FromOwner} }

// Message is one entry of a conversation.
type Message struct {
	From Party
	Name string // of the person in the team; optional
	At   time.Time
	Text string
	URL  string // to the whole letter; optional
	// Statement marks a statement of disagreement.
	Statement bool
}

// Event is one line of a timeline.
type Event struct {
	At          time.Time
	By          Party
	Name        string // who; optional
	Kind        string // of the entry; one of EventKinds is shown in words, any other by its name
	Text        string // what else is told of it; optional
	EvidenceURL string // optional
}

// EventKinds lists the entries of evidence that a timeline tells in words of their own.
func EventKinds() []string {
	return []string{
		"case_received", "code_issued", "code_wrong", "identity_verified", "verification_not_asked", "request_joined",
		"joined_to", "owner_asked", "owner_reminded", "owner_overdue", "owner_asked_back", "owner_changed", "owner_answered", "owner_cannot",
		"file_added", "file_refused", "file_removed", "triaged", "round_opened", "planned", "task_opened", "task_settled", "turn_recorded", "task_waits",
		"task_finished", "person_asked", "task_decided", "decision_carried_out", "response_assembled",
		"answer_settled", "response_decided", "response_delivered", "package_downloaded", "letter_claimed", "letter_sent",
		"letter_unknown", "letter_failed", "letter_bounced", "letter_sent_again", "letter_settled",
		"mail_copies_erasure_asked", "mail_copies_erasure_accepted", "mail_copies_not_erased",
		"message_added", "deadline_extended", "identifier_proven", "withdrawn", "operator_needed", "operator_decided",
		"taken_over", "note_added", "plan_decided", "case_closed", "plan_passed", "plan_edited", "grace_begun", "waits_for", "wait_over",
		"paused", "resumed", "proceeded_without", "left_out", "reopened", "hold_released", "law_corrected", "exemption_reviewed", "disagreement_stated",
		"question_asked", "question_answered", "question_dropped", "fee_accepted", "fee_paid", "claim_made", "claim_warned", "claim_decided",
		"appeal_received", "appeal_acknowledged", "appeal_extended", "appeal_decided", "appeal_late", "appeal_near",
		"complaint_received", "complaint_acknowledged", "complaint_decided", "complaint_late", "complaint_near", "request_granted", "answered_shortly",
		"notice_opened", "notice_added", "notice_claimed", "notice_sent", "notice_unknown", "notice_refused", "notice_given_up", "notice_reminded",
		"deadline_near", "nonconformity_opened", "nonconformity_settled", "restriction_lift_announced", "restriction_lifted", "consent_recorded",
		"notice_acknowledged", "notice_retried", "notice_waived", "notice_restarted",
	}
}

// TellState is how far a recipient is told.
type TellState string

// The states.
const (
	TellNotNeeded        TellState = "not_needed" // nothing changed that the recipient would have to know
	TellPending          TellState = "pending"
	TellDone             TellState = "told"
	TellConfirmed        TellState = "confirmed" // told, and the recipient said so
	TellUnknown          TellState = "unknown"   // sent, nobody knows whether it arrived
	TellFailed           TellState = "failed"    // given up: a person decides
	TellImpossible       TellState = "impossible"
	TellDisproportionate TellState = "disproportionate"
)

// TellStates lists every state.
func TellStates() []TellState {
	return []TellState{TellNotNeeded, TellPending, TellDone, TellConfirmed, TellUnknown, TellFailed, TellImpossible, TellDisproportionate}
}

// Recipient is a third party to which data was disclosed.
type Recipient struct {
	Name    string
	Purpose string // optional
	State   TellState
	At      time.Time // when told; optional
	Why     string    // why it was not, or how far it is; optional
	URL     string    // where staff decide about it; optional
}

// Letter is a text sent, or to be sent, to a person. Text is plain with empty lines between paragraphs.
type Letter struct {
	To      string
	Subject string
	Date    time.Time // zero = not sent yet
	Text    string
}

// Volume is one file of a package.
type Volume struct {
	Number int // from 1; the value of the form field "volume"
	Bytes  int64
}

// total is the size of all volumes in bytes.
func total(volumes []Volume) int64 {
	var sum int64
	for _, v := range volumes {
		sum += v.Bytes
	}
	return sum
}

// chip is a due date in words. Tone is "", "soon", "late" or "done".
type chip struct{ Text, Title, ISO, Tone string }

// nearlyLate is how many days before it is due a date is shown as near.
const nearlyLate = 5

func (w *words) dueChip(now time.Time, d Due) (chip, error) {
	if d.At.IsZero() {
		s, err := w.say("due.none")
		return chip{Text: s}, err
	}
	c := chip{ISO: d.At.Format(time.RFC3339)}
	exact, err := w.instant(d.At)
	if err != nil {
		return chip{}, err
	}
	if c.Title = exact; d.Law != "" {
		if c.Title, err = w.say("due.title", "Instant", exact, "Law", d.Law); err != nil {
			return chip{}, err
		}
	}
	if !d.SettledAt.IsZero() {
		return w.settledChip(now, d, c)
	}
	date, err := w.dayShort(now, d.At)
	if err != nil {
		return chip{}, err
	}
	switch days := daysBetween(now, d.At); {
	case now.After(d.At) && days == 0:
		c.Tone = "late"
		c.Text, err = w.say("due.late_today", "Date", date)
	case now.After(d.At):
		c.Tone = "late"
		c.Text, err = w.count("due.late", -days, "Date", date)
	case days == 0:
		c.Tone = "late"
		c.Text, err = w.say("due.today", "Date", date)
	default:
		if days <= nearlyLate {
			c.Tone = "soon"
		}
		c.Text, err = w.count("due.in", days, "Date", date)
	}
	return c, err
}

func (w *words) settledChip(now time.Time, d Due, c chip) (chip, error) {
	date, err := w.dayShort(now, d.SettledAt)
	if err != nil {
		return chip{}, err
	}
	c.Tone = "done"
	if d.SettledAt.After(d.At) {
		c.Tone = "late"
		c.Text, err = w.count("due.settled_late", max(1, daysBetween(d.At, d.SettledAt.In(d.At.Location()))), "Date", date)
		return c, err
	}
	c.Text, err = w.say("due.settled", "Date", date)
	return c, err
}

// holding counts the systems that hold something about the person, whatever was done with it.
func holding(list []SystemProgress) int {
	held := 0
	for _, s := range list {
		switch s.Outcome {
		case dsar.Found, dsar.Erased, dsar.Corrected, dsar.Restricted, dsar.Retained:
			held++
		default: // nothing more to do for the others
		}
	}
	return held
}

// heard says how many of the systems have answered, and what: "We found data in 3 of 4 systems". The list is not empty.
func (w *words) heard(list []SystemProgress) (string, error) {
	open, found := 0, holding(list)
	for _, s := range list {
		if s.Outcome == "" {
			open++
		}
	}
	switch {
	case open == len(list):
		return w.count("heard.waiting", open)
	case open > 0:
		return w.count("heard.some", len(list), "Done", w.number(len(list)-open))
	case found == 0:
		return w.count("heard.nothing", len(list))
	default:
		return w.count("heard.found", len(list), "Found", w.number(found))
	}
}

// outcomeTone colours an outcome: green only for what is proved, amber for what is open, red for what is wrong.
func outcomeTone(o dsar.Outcome) string {
	switch o {
	case dsar.Found, dsar.Erased, dsar.Corrected, dsar.Restricted:
		return "good"
	case dsar.Ambiguous, dsar.Unsupported:
		return "warn"
	case dsar.NotDone:
		return "bad"
	default:
		return "plain"
	}
}

// statusTone colours a status by the same rule.
func statusTone(s dsar.Status) string {
	switch s {
	case dsar.Fulfilled:
		return "good"
	case dsar.AwaitingPerson, dsar.AwaitingReview, dsar.PartlyFulfilled:
		return "warn"
	default:
		return "plain"
	}
}
