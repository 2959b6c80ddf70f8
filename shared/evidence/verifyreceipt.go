package evidence

import (
	"encoding/json"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// checkReceipt checks the files of the receipt, and what it proves but for the place on the chain: that comes with the
// entries. It runs after checkSignature, whose key it uses.
func (v *verification) checkReceipt() {
	for _, name := range []string{fileReceipt, fileReceiptText} {
		listed := slices.ContainsFunc(v.bundle.Files, func(f fileHash) bool { return f.Name == name })
		if _, ok := v.files[name]; ok && !listed {
			v.report.find(Foreign, name, 0, "bundle.json does not know this file")
		}
	}
	if len(v.bundle.Files) == 0 {
		if v.opts.Since != "" {
			v.report.find(Missing, fileReceipt, 0, "there is no receipt to compare with the checkpoint given")
		}
		return
	}
	v.broken = true
	whole := true
	var receipt []byte
	for _, f := range v.bundle.Files {
		raw, ok := v.small(f.Name)
		if ok && hash(raw) != f.SHA256 {
			v.report.find(Edited, f.Name, 0, "the content of the file does not match its hash")
		}
		whole = whole && ok
		if f.Name == fileReceipt {
			receipt = raw
		}
	}
	if !whole || v.key == "" {
		return
	}
	r, err := decodeReceipt(receipt)
	if err != nil {
		v.report.find(Unreadable, fileReceipt, 0, "this is not a receipt of version 1")
		return
	}
	if r.Tenant != v.bundle.Tenant || r.Case != v.bundle.Case || r.Reference != v.bundle.Reference {
		v.report.find(Foreign, fileReceipt, 0, "the receipt belongs to another tenant, case or reference")
		return
	}
	v.checkProof(r)
}

// checkProof checks the checkpoint of a receipt and the proof under it.
func (v *verification) checkProof(r Receipt) {
	c, err := OpenCheckpoint(r.Checkpoint, v.key)
	if err != nil {
		v.report.find(BadCheckpoint, fileReceipt, 0, "the checkpoint of the receipt is not one of this tenant's log")
		return
	}
	switch {
	case r.Seal.Leaf >= c.Size:
		v.report.find(BadProof, fileReceipt, 0, "the log of the checkpoint ends before the leaf of this case")
	case !r.proves(c):
		v.report.find(BadProof, fileReceipt, 0, "the proof does not lead from this case to the checkpoint")
	default:
		v.broken, v.sealed = false, newCoverage(&r)
		v.report.Sealed = &Sealed{Seq: r.Seal.Seq, Leaf: r.Seal.Leaf, TreeHead: TreeHead{c.Size, c.Root}, SealedAt: c.SealedAt}
	}
	if v.opts.Since != "" {
		v.compare(c)
	}
}

// compare holds the log of the receipt to the checkpoint that was given. Which of them is older does not matter: a log that
// only grows has each of its states in every later one.
func (v *verification) compare(c Checkpoint) {
	given, err := OpenCheckpoint(v.opts.Since, v.key)
	if err != nil {
		v.report.find(BadCheckpoint, "", 0, "the checkpoint given is not one that this key signed")
		return
	}
	v.report.Since = &TreeHead{given.Size, given.Root}
	old, later := given, c
	if old.Size > later.Size {
		old, later = later, old
	}
	var proof tlog.TreeProof // of a state to itself it is empty
	if old.Size < later.Size {
		if v.opts.Prove == nil {
			v.err = fault.New(fault.Invalid, "checkpoints of different sizes are compared with a proof")
			return
		}
		raw, err := v.opts.Prove(old.Size, later.Size)
		if err != nil {
			v.err = fmt.Errorf("asking for the proof: %w", err)
			return
		}
		var answer Consistency
		if json.Unmarshal(raw, &answer) != nil {
			v.err = fault.New(fault.Invalid, "what was given as a proof is none")
			return
		}
		proof = answer.Proof
	}
	if tlog.CheckTree(proof, later.Size, later.Root, old.Size, old.Root) != nil {
		v.report.find(LogRewritten, fileReceipt, 0, fmt.Sprintf(
			"the log with %d leaves is not shown to be the beginning of the log with %d leaves", old.Size, later.Size))
	}
}

// checkSealed runs when all chains were read: what was sealed must have been met on the chain of the case, and the counts
// must agree with heads and receipt.
func (v *verification) checkSealed() {
	if !v.sealed.onChain {
		v.report.find(SealedHead, entriesPrefix+CaseChain+entriesSuffix, v.sealed.sealed.Seq, "the entry that was sealed is not on the chain of the case")
		v.report.Unsealed, v.report.Sealed = v.report.Entries, nil
	}
	// How much a broken receipt covers cannot be told.
	want := count(v.bundle.Heads, v.sealed)
	if v.broken || !v.sealed.onChain {
		want.Unsealed = v.bundle.Counts.Unsealed
	}
	if v.bundle.Counts != want {
		v.report.find(Edited, fileBundle, 0, "the counts do not agree with the heads and the receipt")
	}
}
