package evidence

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Leaf is what the log of a tenant holds of a case: where the case's chain ended when it was sealed. Every entry of the case
// before that place is bound to it by the chain, and so are the tasks that had ended.
type Leaf struct {
	Tenant, Case string
	Head         Head
}

// record returns the bytes that the log hashes. Names hold no line breaks, so no two leaves have the same.
func (l Leaf) record() []byte {
	return fmt.Appendf(nil, "habeas evidence leaf v1\n%s\n%s\n%d\n%s\n", l.Tenant, l.Case, l.Head.Seq, l.Head.Hash)
}

func (l Leaf) check() error {
	if !isName(l.Tenant) || !isName(l.Case) || l.Head.Seq < 1 || l.Head.Seq > MaxSeq || !isHash(l.Head.Hash) {
		return fault.New(fault.Invalid, "a leaf names a tenant, a case and the head of its chain")
	}
	return nil
}

// Seal says where the log holds a case: the head that was sealed, and the number of its leaf, from 0. The zero value is that
// of a case that was never sealed.
type Seal struct {
	Head
	Leaf int64 `json:"leaf"`
}

// Checkpoint is the state of a tenant's log at one time: how many leaves it had, and the hash that binds all of them.
type Checkpoint struct {
	Tenant   string
	Size     int64 // at least 1
	Root     tlog.Hash
	SealedAt time.Time // when the newest leaf entered, UTC, to the millisecond

	// Note is the checkpoint as it was signed (C2SP signed-note): the text of a C2SP tlog-checkpoint whose origin is the name
	// of the key, with one line more that tells the time.
	Note string
}

// sealedAtLine begins the line of a checkpoint that tells the time; layoutMilli is how.
const (
	sealedAtLine = "sealed "
	layoutMilli  = "2006-01-02T15:04:05.000Z"
)

func (c Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\n%s%s\n", keyName(c.Tenant), c.Size, c.Root, sealedAtLine, c.SealedAt.UTC().Format(layoutMilli))
}

// OpenCheckpoint reads a signed checkpoint. It is fault.Invalid when the note is not signed by the key (in the form of
// PublicKey), or its text is no checkpoint of the tenant that the key names. Signatures of others, such as witnesses, are left
// alone.
func OpenCheckpoint(signed, key string) (Checkpoint, error) {
	verifier, err := note.NewVerifier(strings.TrimSpace(key))
	if err != nil {
		return Checkpoint{}, fault.New(fault.Invalid, "this is no evidence key of the form <name>+<hash>+<key>")
	}
	n, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return Checkpoint{}, fault.New(fault.Invalid, "the checkpoint is not signed by the key")
	}
	tenant, ok := strings.CutPrefix(verifier.Name(), keyPrefix)
	c := Checkpoint{Tenant: tenant, Note: signed}
	lines := strings.Split(n.Text, "\n")
	if len(lines) == 5 {
		var errs [3]error
		c.Size, errs[0] = strconv.ParseInt(lines[1], 10, 64)
		c.Root, errs[1] = tlog.ParseHash(lines[2])
		c.SealedAt, errs[2] = time.Parse(layoutMilli, strings.TrimPrefix(lines[3], sealedAtLine))
		err = firstError(errs[:]...)
	}
	// The text is written again and compared: every checkpoint has one spelling.
	if err != nil || !ok || !isName(tenant) || c.Size < 1 || c.text() != n.Text {
		return Checkpoint{}, fault.New(fault.Invalid, "the signed text is no checkpoint of a tenant's log")
	}
	return c, nil
}

// Consistency proves that of two states of a log the later one only added leaves to the earlier one.
type Consistency struct {
	SchemaVersion int            `json:"schemaVersion"`
	Tenant        string         `json:"tenant"`
	From          TreeHead       `json:"from"`
	To            TreeHead       `json:"to"`
	Proof         tlog.TreeProof `json:"proof"` // RFC 6962, section 2.1.2; base64
}

// TreeHead is a state of a log without a signature.
type TreeHead struct {
	Size int64     `json:"size"`
	Root tlog.Hash `json:"root"`
}
