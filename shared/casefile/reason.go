package casefile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"

	"github.com/habeas-dsar/habeas/shared/redact"
)

const labelReason = "reason#"

// decide makes a decision of this instant with its reason sealed.
func (f *File) decide(decision, actor, hash string, reason redact.Text) *Decision {
	d := &Decision{Decision: decision, By: actor, At: f.now, Hash: hash}
	if !reason.IsZero() {
		d.Reason = f.Keys.SealDoc(d.label(), []byte(reason.Reveal()))
	}
	return d
}

// label binds a reason to what was decided, by whom and when: it opens in a copy of its decision and in no other.
func (d *Decision) label() string { return labelReason + d.Decision + "#" + d.By + "#" + stamp(d.At) }

// facts adds to the facts of an entry what proves later that the reason is the one that was given then, and tells nothing of it:
// the SHA-256 of the sealed document.
func (d *Decision) facts(more map[string]any) map[string]any {
	if len(d.Reason) == 0 {
		return more
	}
	sum := sha256.Sum256(d.Reason)
	out := maps.Clone(more)
	out["reason"] = hex.EncodeToString(sum[:])
	return out
}

// Reason opens the reason of a decision of this case; empty when none was given, or d is nil.
func (f *File) Reason(d *Decision) (redact.Text, error) {
	if d == nil || len(d.Reason) == 0 {
		return redact.Text{}, nil
	}
	plain, err := f.Keys.OpenDoc(d.label(), d.Reason)
	if err != nil {
		return redact.Text{}, fmt.Errorf("opening a reason: %w", err)
	}
	return redact.NewText(string(plain.Reveal())), nil
}
