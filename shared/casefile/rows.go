package casefile

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Sort keys inside a case's partition. Everything a step reads begins with "A#", so that one query reads it.
const (
	skCase     = "A#CASE"
	skGuard    = "A#GUARD" // generation and stop flag; tasks check it instead of contending for the case
	skPerson   = "A#PERSON"
	skTask     = "A#TASK#"
	skWait     = "A#WAIT#"
	skMail     = "M#MAIL#"
	skMessage  = "M#MESSAGE#"
	skNote     = "M#NOTE#"
	skOutbox   = "O#"
	skReceived = "P#RECEIVED"
	skDue      = "P#DUE"

	skUndelivered = "P#MAIL"
	skLate        = "P#LATE"

	labelPerson  = "person"
	labelFound   = "found#"
	labelWait    = "wait#"
	labelMail    = "mail#"
	labelMessage = "message#"
)

// DueShards is the number of partitions of the due index; OutboxShards that of the outbox index (see table/ACCESS.md).
const (
	DueShards    = 8
	OutboxShards = 8
)

const instant = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) string { return t.UTC().Format(instant) }

func shard(id string, n uint32) uint32 { //nolint:unparam // every index has a number of its own, though all are eight today
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return h.Sum32() % n
}

func pkCase(tenant, id string) string { return "T#" + tenant + "#C#" + id }

func pkReference(tenant, ref string) string { return "T#" + tenant + "#R#" + ref }

func pkIdentifier(tenant string, ref subject.Ref) string { return "T#" + tenant + "#I#" + string(ref) }

func ipkStatus(tenant string, s dsar.Status) string { return "T#" + tenant + "#S#" + string(s) }

func ipkReceived(tenant string) string { return "T#" + tenant + "#RECEIVED" }

func ipkPerson(tenant string) string { return "T#" + tenant + "#TASKS" }

func ipkUndelivered(tenant string) string { return "T#" + tenant + "#UNDELIVERED" }

func ipkDue(n uint32) string { return fmt.Sprintf("DUE#%d", n) }

func ipkOutbox(n uint32) string { return fmt.Sprintf("%s%d", OutboxIndex, n) }

// OutboxKind says what an outbox row asks for.
type OutboxKind string

// The kinds of outbox rows.
const (
	OutStart  OutboxKind = "start"  // start the case's execution of this generation
	OutSignal OutboxKind = "signal" // look at the waiting tokens
	OutMail   OutboxKind = "mail"   // send a claimed mail
	OutEvent  OutboxKind = "event"  // tell the bus
	OutCopies OutboxKind = "copies" // have the provider of our mail erase its copies
	OutNotify OutboxKind = "notify" // start the execution of a notice to a recipient
	OutWake   OutboxKind = "wake"   // make the execution of a notice look again
)

// OutboxRow is one promise made in a transaction, kept after it. Rows are carried out at least once.
type OutboxRow struct {
	Tenant     string     `json:"tenant"`
	CaseID     string     `json:"caseId"`
	N          int        `json:"n"`
	Kind       OutboxKind `json:"kind"`
	Generation int        `json:"generation,omitempty"`
	ResumeAt   dsar.Phase `json:"resumeAt,omitempty"`
	Mail       int        `json:"mail,omitempty"`
	Event      string     `json:"event,omitempty"`  // event type, see package events
	Notice     string     `json:"notice,omitempty"` // id; for notify, Generation is the notice's run
	At         time.Time  `json:"at"`
}

// Key is where the row lies.
func (r OutboxRow) Key() table.Key {
	return table.Key{Table: table.Cases, PK: pkCase(r.Tenant, r.CaseID), SK: fmt.Sprintf("%s%08d", skOutbox, r.N)}
}

// Mail is one letter on its way. Content (recipient, subject, text, HTML) is sealed.
type Mail struct {
	N         int        `json:"n"`
	Kind      string     `json:"kind"` // kind of letter
	MessageID string     `json:"messageId"`
	State     mail.State `json:"state"`
	Attempted bool       `json:"attempted,omitempty"` // handed over at least once; a driver that cannot tell leaves it unknown
	TriedAt   time.Time  `json:"triedAt,omitzero"`    // of the last hand-over that was begun
	SHA256    string     `json:"sha256"`              // of the rendered text
	QueuedAt  time.Time  `json:"queuedAt"`
	SettledAt time.Time  `json:"settledAt,omitzero"`
	Fault     string     `json:"fault,omitempty"`
	Content   []byte     `json:"content"`
	Party     string     `json:"party,omitempty"`  // as in Letter
	TaskID    string     `json:"taskId,omitempty"` // as in Letter

	version int64
}

// Message is one entry of the conversation with the subject. Text is sealed.
type Message struct {
	N    int       `json:"n"`
	From string    `json:"from"` // subject or staff:<id>
	At   time.Time `json:"at"`
	Text []byte    `json:"text"`

	Statement bool `json:"statement,omitempty"` // of disagreement; see Disagree
}

func errDecode(what string) error { return fault.New(fault.Internal, "decoding "+what) }
