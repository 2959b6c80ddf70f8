package evidence

import (
	"bytes"
	_ "embed" // the schema of receipt.json
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Names of a receipt inside a bundle: for machines and for people.
const (
	fileReceipt     = "receipt.json"
	fileReceiptText = "receipt.txt"
)

//go:embed schema/receipt.schema.json
var receiptSchema string

// ReceiptSchema returns the JSON Schema (draft 2020-12) of receipt.json.
func ReceiptSchema() []byte { return []byte(receiptSchema) }

// Receipt proves, to whoever knows the tenant's key, that the log of the tenant holds the head of a case's chain, and so
// everything that was recorded of the case until then. It holds no personal data.
type Receipt struct {
	SchemaVersion int              `json:"schemaVersion"`
	Tenant        string           `json:"tenant"`
	Case          string           `json:"case"`
	Reference     string           `json:"reference"`
	Seal          Seal             `json:"seal"`
	Proof         tlog.RecordProof `json:"proof"`      // RFC 6962, section 2.1.1; base64
	Checkpoint    string           `json:"checkpoint"` // signed; see Checkpoint.Note
}

// leaf is what the receipt says the log holds.
func (r Receipt) leaf() Leaf { return Leaf{Tenant: r.Tenant, Case: r.Case, Head: r.Seal.Head} }

// proves reports whether the proof leads from the leaf to the root of the checkpoint.
func (r Receipt) proves(c Checkpoint) bool {
	return c.Tenant == r.Tenant && r.leaf().check() == nil &&
		tlog.CheckRecord(r.Proof, c.Size, c.Root, r.Seal.Leaf, tlog.RecordHash(r.leaf().record())) == nil
}

// decodeReceipt reads receipt.json.
func decodeReceipt(raw []byte) (Receipt, error) {
	var r Receipt
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil || r.SchemaVersion != 1 {
		return Receipt{}, fault.New(fault.Invalid, "this is not a receipt of version 1")
	}
	return r, nil
}

// receiptFiles returns the files of a bundle's receipt in order of name; none when there is no receipt. A receipt that does
// not prove what it says, or is of another case, is fault.Internal: a signature would vouch for it.
func receiptFiles(in BundleInput, key string) ([]file, error) {
	r := in.Receipt
	if r == nil {
		return nil, nil
	}
	c, err := OpenCheckpoint(r.Checkpoint, key)
	if err != nil || !r.proves(c) || r.Tenant != in.Tenant || r.Case != in.Case || r.Reference != in.Reference {
		return nil, fault.New(fault.Internal, "the receipt does not fit the case and was not signed")
	}
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "writing receipt.json")
	}
	return []file{{fileReceipt, string(raw) + "\n"}, {fileReceiptText, r.text(c)}}, nil
}

// text is the receipt for people.
func (r Receipt) text(c Checkpoint) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Receipt for request %s\n\n", r.Reference)
	fmt.Fprintf(&b, "What was recorded of this request, up to entry %d, is sealed. The seal was last\nconfirmed on %s (UTC).\n\n",
		r.Seal.Seq, c.SealedAt.UTC().Format("2 January 2006 at 15:04:05"))
	b.WriteString("If anything recorded up to then is changed, removed or added later, this receipt\n" +
		"no longer fits it. The receipt says nothing about you: it holds numbers and\nfingerprints only.\n\n")
	fmt.Fprintf(&b, "Record      %s (%s)\n", r.Case, r.Tenant)
	fmt.Fprintf(&b, "Fingerprint %s\n", r.Seal.Hash)
	fmt.Fprintf(&b, "Place       leaf %d, counted from 0, of %d\n\n", r.Seal.Leaf, c.Size)
	b.WriteString("Anybody can check it with the file it came in:\n\n    habeas evidence verify FILE\n\n" +
		"The same is in receipt.json for machines. Keep the whole file: the receipt proves\n" +
		"something together with the entries.\n")
	return b.String()
}

// coverage is how far a receipt reaches: the case's chain up to the sealed head, and each task's chain up to the newest head
// that an entry until there names.
type coverage struct {
	sealed  Head
	upTo    map[string]int64 // by chain
	onChain bool             // the sealed head was met; true when there is no receipt
}

func newCoverage(r *Receipt) coverage {
	c := coverage{upTo: map[string]int64{}, onChain: r == nil}
	if r != nil {
		c.sealed = r.Seal.Head
		c.upTo[CaseChain] = r.Seal.Seq
	}
	return c
}

// see takes note of an entry of the case's chain.
func (c *coverage) see(e Entry) {
	if e.Chain != CaseChain || e.Seq > c.sealed.Seq {
		return
	}
	if e.Seq == c.sealed.Seq && e.Hash == c.sealed.Hash {
		c.onChain = true
	}
	if t, ok := e.endedTask(); ok {
		c.upTo[TaskChain(t.Task)] = max(c.upTo[TaskChain(t.Task)], t.Head.Seq)
	}
}
