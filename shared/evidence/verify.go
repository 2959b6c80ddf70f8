package evidence

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Bounds of the verifier, so that no bundle can exhaust the machine that checks it.
const (
	maxBundleBytes = 256 << 20 // all files of a bundle, unpacked; about 700,000 entries fit
	maxSmallFile   = 16 << 20  // bundle.json, checkpoint, key.pub; about 100,000 tasks fit
	maxFiles       = 200_000   // members of the zip
	maxFindings    = 10_000    // later ones are only counted
	maxGaps        = 1_000     // holes in one chain, before it is given up
)

// Finding kinds. Wire values.
const (
	Edited       = "edited"        // content does not match its own hash, or is not in the form it was written in
	Missing      = "missing"       // an entry, or a file, is not there
	Reordered    = "reordered"     // an entry is there, but not in its place
	Foreign      = "foreign"       // an entry of another tenant, case or chain, or one too many
	CutOff       = "cut_off"       // the end of a chain is gone
	TaskHead     = "task_head"     // the chain of the case names a head that the task's chain does not have
	BadSignature = "bad_signature" // the checkpoint is not signed by the key, or not over this bundle
	KeyDiffers   = "key_differs"   // the key given is not the key in the bundle
	UnknownFile  = "unknown_file"  // a file that no bundle has, or one that is there twice
	TooLarge     = "too_large"     // beyond the bounds of the verifier; not read to the end
	Unreadable   = "unreadable"    // not a zip, or a file whose content cannot be understood

	BadCheckpoint = "bad_checkpoint" // the checkpoint of a receipt, or the one given, is not one that the key signed
	BadProof      = "bad_proof"      // the log of the receipt's checkpoint does not hold what the receipt says
	SealedHead    = "sealed_head"    // what was sealed is not on the chain of the case
	LogRewritten  = "log_rewritten"  // of the receipt's log and the one given, neither only added to the other
)

// Finding is one thing that is wrong with a bundle. File and Seq (the place of an entry) may be empty.
type Finding struct {
	Kind string `json:"kind"`
	File string `json:"file,omitempty"`
	Seq  int64  `json:"seq,omitempty"`
	Text string `json:"text"`
}

// Report is what VerifyBundle checked and found. What it says of the bundle is only as good as OK, and OK without KeyGiven
// means: whole and consistent, signed by a key that the bundle brought along.
type Report struct {
	Tenant     string    `json:"tenant"`
	Case       string    `json:"case"`
	Reference  string    `json:"reference"`
	ExportedAt time.Time `json:"exportedAt"`
	KeyName    string    `json:"keyName"`
	KeyGiven   bool      `json:"keyGiven"` // the signature was checked against a key from elsewhere
	Chains     int       `json:"chains"`   // chains read
	Entries    int64     `json:"entries"`  // entries read
	Unsealed   int64     `json:"unsealed"` // entries that no valid receipt covers
	Sealed     *Sealed   `json:"sealed,omitempty"`
	Since      *TreeHead `json:"since,omitempty"` // the checkpoint that the receipt's was compared with
	Checks     []string  `json:"checks"`          // what was checked, for people
	Findings   []Finding `json:"findings"`        // empty when nothing is wrong
	More       int       `json:"more"`            // findings beyond the first 10,000, not listed
}

// Sealed is what the receipt of a bundle proves: which entry of the case's chain is in the log of the tenant, and where.
type Sealed struct {
	Seq  int64 `json:"seq"`
	Leaf int64 `json:"leaf"`
	TreeHead
	SealedAt time.Time `json:"sealedAt"`
}

// OK reports whether nothing is wrong.
func (r Report) OK() bool { return len(r.Findings) == 0 }

func (r *Report) find(kind, file string, seq int64, text string) {
	if len(r.Findings) == maxFindings {
		r.More++
		return
	}
	r.Findings = append(r.Findings, Finding{kind, file, seq, text})
}

// VerifyOptions are choices of VerifyBundle. Key is the tenant's evidence key from a trusted place, in the form of
// PublicKey; empty: the key in the bundle is used, and the report says so. Since is a signed checkpoint of the tenant's log from
// another time, which somebody kept: the log of the receipt must have grown out of that one, or into it. When they differ in
// size, Prove is asked for the proof: the JSON of a Consistency, from anywhere; its failure is that of VerifyBundle.
type VerifyOptions struct {
	Key   string
	Since string
	Prove func(from, to int64) ([]byte, error)
}

// CheckKey reports whether a text is an evidence key in the form of PublicKey; fault.Invalid when it is not.
func CheckKey(key string) error {
	if _, err := note.NewVerifier(strings.TrimSpace(key)); err != nil {
		return fault.New(fault.Invalid, "the key given is no evidence key of the form <name>+<hash>+<key>")
	}
	return nil
}

// VerifyBundle checks a bundle and reports everything that is wrong with it. The error is for what is not the bundle's fault:
// r cannot be read, or the key given is no key (fault.Invalid). Nothing of the bundle is trusted; memory grows with the number
// of chains and of files, not of entries.
func VerifyBundle(r io.ReaderAt, size int64, opts VerifyOptions) (Report, error) {
	if opts.Key != "" {
		if err := CheckKey(opts.Key); err != nil {
			return Report{}, err
		}
	}
	src := &sourceAt{r: r}
	v := &verification{budget: maxBundleBytes, opts: opts, report: Report{Findings: []Finding{}, KeyGiven: opts.Key != ""}}
	v.report.Checks = []string{
		"the files are those of a bundle, each once",
		"the checkpoint is signed by the key and covers bundle.json and the head of every chain",
		"every entry has the content its hash says and belongs to this tenant, case and chain",
		"every chain is whole, in order, and ends at its head",
		"every task's head in the chain of the case is in the chain of the task",
		"the receipt, if there is one, proves that a signed checkpoint of the tenant's log holds this case's chain",
	}
	if opts.Since != "" {
		v.report.Checks = append(v.report.Checks, "the log of the receipt and that of the checkpoint given grew out of each other")
	}
	if zr, err := zip.NewReader(src, size); err != nil || len(zr.File) > maxFiles {
		v.report.find(Unreadable, "", 0, "this is not a zip file")
	} else {
		v.run(zr, strings.TrimSpace(opts.Key))
	}
	if err := firstError(src.err, v.err); err != nil {
		return Report{}, fmt.Errorf("reading bundle: %w", err)
	}
	return v.report, nil
}

// verification is one run over one bundle.
type verification struct {
	opts   VerifyOptions
	err    error // of opts.Prove
	report Report
	files  map[string]*zip.File
	bundle bundle
	budget int64             // bytes that may still be unpacked
	ended  map[string][]Head // by chain of a task: the heads that the chain of the case names
	key    string            // that signatures are checked with; empty when there is none that can be read
	sealed coverage          // by a receipt that holds
	broken bool              // there is a receipt, and it does not hold
}

func (v *verification) run(zr *zip.Reader, givenKey string) {
	v.files, v.ended, v.sealed = map[string]*zip.File{}, map[string][]Head{}, newCoverage(nil)
	for _, f := range zr.File {
		if _, twice := v.files[f.Name]; twice || !isBundleFile(f.Name) {
			v.report.find(UnknownFile, printable(f.Name), 0, "no bundle has this file, or not twice")
			continue
		}
		v.files[f.Name] = f
	}
	raw, ok := v.small(fileBundle)
	if !ok || !v.readBundle(raw) {
		return
	}
	v.checkSignature(raw, givenKey)
	v.checkReceipt()
	known := map[string]bool{}
	for _, h := range v.bundle.Heads {
		// bundle.json lists chains in order, so the case's chain comes first and its task heads are known in time.
		known[h.Chain] = true
		v.checkChain(h.Chain, h.Head)
	}
	for name := range v.files {
		if chain, ok := chainOf(name); ok && !known[chain] {
			v.report.find(Foreign, name, 0, "bundle.json does not know this chain")
		}
	}
	for chain := range v.ended {
		if !known[chain] {
			v.report.find(Missing, entriesPrefix+chain+entriesSuffix, 0, "the chain of the case names this task, and it is not there")
		}
	}
	v.checkSealed()
	slices.SortStableFunc(v.report.Findings, func(a, b Finding) int { return strings.Compare(a.File, b.File) })
}

// readBundle takes over what bundle.json says. False when nothing else can be checked without it.
func (v *verification) readBundle(raw []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v.bundle); err != nil || v.bundle.SchemaVersion != 1 {
		v.report.find(Unreadable, fileBundle, 0, "this is not a bundle of version 1")
		return false
	}
	b := v.bundle
	if !isName(b.Tenant) || !isName(b.Case) {
		v.report.find(Unreadable, fileBundle, 0, "the bundle does not name a tenant and a case")
		return false
	}
	v.report.Tenant, v.report.Case, v.report.Reference = b.Tenant, b.Case, printable(b.Reference)
	v.report.ExportedAt = b.ExportedAt
	for i, h := range b.Heads {
		_, isTask := strings.CutPrefix(h.Chain, "task/")
		if (h.Chain != CaseChain && !isTask) || !isBundleFile(entriesPrefix+h.Chain+entriesSuffix) || h.Seq < 1 || !isHash(h.Hash) {
			v.report.find(Unreadable, fileBundle, 0, "a head is not well formed")
			return false
		}
		if i > 0 && b.Heads[i-1].Chain >= h.Chain {
			v.report.find(Reordered, fileBundle, 0, "the heads are not in order of chain")
			return false
		}
	}
	if len(b.Files) > 0 && (len(b.Files) != 2 || b.Files[0].Name != fileReceipt || b.Files[1].Name != fileReceiptText) {
		v.report.find(Unreadable, fileBundle, 0, "the files of a receipt are two, in order of name")
		return false
	}
	return true
}

// checkSignature checks the checkpoint against bundle.json and the key, and the key in the bundle against the one given.
func (v *verification) checkSignature(bundleJSON []byte, givenKey string) {
	signed, ok1 := v.small(fileCheckpoint)
	enclosed, ok2 := v.small(fileKey)
	key := strings.TrimSuffix(string(enclosed), "\n")
	if ok2 && string(enclosed) != key+"\n" {
		v.report.find(Edited, fileKey, 0, "the key is not on a line of its own")
	}
	if givenKey != "" {
		if ok2 && key != givenKey {
			v.report.find(KeyDiffers, fileKey, 0, "the key in the bundle is not the key given")
		}
		key = givenKey
	}
	if !ok1 || key == "" {
		return
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		v.report.find(Unreadable, fileKey, 0, "this is no evidence key")
		return
	}
	v.report.KeyName, v.key = verifier.Name(), key
	if verifier.Name() != v.bundle.KeyName || verifier.Name() != keyName(v.bundle.Tenant) {
		v.report.find(BadSignature, fileCheckpoint, 0, "the key is not one of this tenant")
	}
	n, err := note.Open(signed, note.VerifierList(verifier))
	switch {
	case err != nil:
		v.report.find(BadSignature, fileCheckpoint, 0, "the checkpoint is not signed by the key")
	case n.Text != checkpointText(bundleJSON, v.bundle.Heads):
		v.report.find(BadSignature, fileCheckpoint, 0, "the checkpoint was signed over another bundle.json")
	case !bytes.Equal(signed, resign(n)):
		v.report.find(Edited, fileCheckpoint, 0, "the checkpoint holds more than its text and one signature")
	}
}

// resign writes a note with one signature as it was written at first; base64 alone has several spellings of the same bytes.
func resign(n *note.Note) []byte {
	raw, err := base64.StdEncoding.DecodeString(n.Sigs[0].Base64)
	if err != nil || len(n.Sigs)+len(n.UnverifiedSigs) != 1 || binary.BigEndian.Uint32(raw) != n.Sigs[0].Hash {
		return nil
	}
	return fmt.Appendf(nil, "%s\n— %s %s\n", n.Text, n.Sigs[0].Name, base64.StdEncoding.EncodeToString(raw))
}

// small reads a whole file that is not a chain. False, and a finding, when it is not there or not readable.
func (v *verification) small(name string) ([]byte, bool) {
	f, ok := v.files[name]
	if !ok {
		v.report.find(Missing, name, 0, "the file is not there")
		return nil, false
	}
	r, err := v.open(f, maxSmallFile)
	if err != nil {
		v.report.find(Unreadable, name, 0, "the file cannot be unpacked")
		return nil, false
	}
	raw, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); errors.Is(err, errTooLarge) {
		v.report.find(TooLarge, name, 0, "the file is too large")
		return nil, false
	} else if err != nil {
		v.report.find(Unreadable, name, 0, "the file cannot be unpacked")
		return nil, false
	}
	return raw, true
}

func isBundleFile(name string) bool {
	if name == fileBundle || name == fileCheckpoint || name == fileKey || name == fileReceipt || name == fileReceiptText {
		return true
	}
	_, ok := chainOf(name)
	return ok
}

// chainOf returns the chain whose entries a file holds.
func chainOf(file string) (string, bool) {
	chain, ok1 := strings.CutPrefix(file, entriesPrefix)
	chain, ok2 := strings.CutSuffix(chain, entriesSuffix)
	task, isTask := strings.CutPrefix(chain, "task/")
	return chain, ok1 && ok2 && (chain == CaseChain || isTask && isName(task))
}

// printable makes text from a bundle fit for a terminal.
func printable(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
