package handover

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
	"time"

	"github.com/habeas-dsar/habeas/shared/blobs"
)

// Kind says which way an object goes.
type Kind string

// The kinds.
const (
	Delivery Kind = "delivery" // a volume of a package, out
	Upload   Kind = "upload"   // a file of an owner, in
)

// State is how far a hand-over is. The states of a delivery follow each other: Waiting, Ready, Given, Ended; those of an upload are
// Waiting, Done, Ended. Any state may be followed by Ended.
type State string

// The states.
const (
	Waiting State = "waiting" // of a delivery: its object is being made; of an upload: the file may come, or has come
	Ready   State = "ready"   // the object lies in the open, and nobody has its address
	Given   State = "given"   // an address was given out
	Done    State = "done"    // the file was taken or refused
	Ended   State = "ended"   // the object is deleted, or about to be
)

// Times of a hand-over.
const (
	PrepareLife = 30 * time.Minute // for making a delivery, repeats included
	OpenLife    = 15 * time.Minute // of a delivery: unasked for, and after its address was given out
	UploadLife  = time.Hour        // until a file that came without its owner coming back is taken all the same
	// A process that prepares runs for 15 minutes at most (AWS Lambda Developer Guide, "Lambda quotas").
	AfterDelivery = 20 * time.Minute
	// An upload that began before its form expired goes on as long as the connection does.
	AfterUpload = 24 * time.Hour
)

// Record is one hand-over.
type Record struct {
	ID        string    `json:"id"` // 64 hexadecimal digits, not to be guessed; the last part of the object's name
	Kind      Kind      `json:"kind"`
	State     State     `json:"state"`
	Tenant    string    `json:"tenant"`
	CaseID    string    `json:"caseId"`
	By        string    `json:"by,omitempty"`     // of a delivery: evidence actor it is for
	Volume    int       `json:"volume,omitempty"` // of a delivery, from 1
	Source    string    `json:"source,omitempty"` // of a delivery: the sealed object
	Bytes     int64     `json:"bytes,omitempty"`  // of a delivery: of the plain object
	SHA256    string    `json:"sha256,omitempty"` // of a delivery: of the plain object, lower-case hex
	Filename  string    `json:"filename,omitempty"`
	TaskID    string    `json:"taskId,omitempty"` // of an upload
	Holder    int       `json:"holder,omitempty"` // of an upload: whose it is, as in the link of the task
	Name      []byte    `json:"name,omitempty"`   // of an upload: what its owner calls the file, sealed
	Mints     int       `json:"mints,omitempty"`  // addresses and forms given out
	CreatedAt time.Time `json:"createdAt"`
	AskedAt   time.Time `json:"askedAt,omitzero"`   // when somebody was last asked to prepare it
	ClearedAt time.Time `json:"clearedAt,omitzero"` // when the object was deleted for the first time after the end
	Look      time.Time `json:"look"`               // when the clockwork looks at it

	version int64
}

// Object is the name of the object in the open.
func (r Record) Object() string {
	if r.Kind == Upload {
		return blobs.Inbox + r.ID
	}
	return blobs.Delivery + r.ID
}

// After is how long the object may come back although the record has ended.
func (r Record) After() time.Duration {
	if r.Kind == Upload {
		return AfterUpload
	}
	return AfterDelivery
}

// NewID returns an id that nobody can guess.
func NewID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// IDOf returns the id of the delivery of volume n through a link: always the same, and of no use without the link's token.
func IDOf(token string, n int) string {
	sum := sha256.Sum256([]byte("habeas/handover/v1\x00" + strconv.Itoa(n) + "\x00" + token))
	return hex.EncodeToString(sum[:])
}

var form = regexp.MustCompile(`\A[0-9a-f]{64}\z`)

// ValidID reports whether id has the form of one.
func ValidID(id string) bool { return form.MatchString(id) }
