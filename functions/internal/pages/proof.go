package pages

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// ConsoleProof is the page on who asks: what was asked, why and what came of it, and what a person of the team can do about it. Each form
// is there when the act is possible; the name of the act is the field act.
type ConsoleProof struct {
	ConsoleFrame
	Reference string
	Right     dsar.Right
	Items     []ProofItem
	Wanted    int // things that must match, the address among them; 0 = the address alone
	Tier      string
	Reached   verification.Level // empty: not yet
	Less      bool               // the answer names what is held and does not show it
	Short     bool               // the systems hold too little to be sure
	Proved    time.Time
	Staff     string // who of the team proved it
	Method    string
	Requester *ProofRequester
	Document  *ProofDocument

	Form        Form     // of every act
	MayVouch    bool     // fields: method, reason
	Methods     []string // codes
	MayMandate  bool     // fields: decision, reason
	MayAsk      bool     // for a document; field: reason
	Forbidden   bool     // the law of the case lets nobody ask for a document
	MayLook     bool     // the document waits for the caller
	LookURL     string
	MayDecide   bool // fields: accepted (yes or no), method, reason
	BackURL     string
	Errors      Errors
	WrittenText string // reason, after an error
}

// ProofItem is one thing that was asked.
type ProofItem struct {
	What   verification.Item
	Of     string
	Needs  []string
	Why    string
	Basis  string
	Result verification.Finding // empty: open
}

// ProofRequester is somebody who asks for the person.
type ProofRequester struct {
	Kind     string // casefile.RequesterKind
	Evidence []string
	Direct   bool
	Allowed  bool // the law lets such a requester use the right
	Basis    string
	Note     string
	Mandate  string // what they wrote of it; empty: nothing, or not revealed
	Decision string // approve, refuse; empty: open, or not needed
}

// ProofDocument is how far a document of identity is.
type ProofDocument struct {
	SentAt, DecidedAt, DeleteBy, GoneAt time.Time
	Accepted                            bool
	Method                              string
}

// ConsoleProof writes the page.
func (r *Renderer) ConsoleProof(w io.Writer, m ConsoleProof) error {
	return r.render(w, m.Lang, "console-proof", m)
}

// ProofMethods lists how a person of the team may prove who asks.
func ProofMethods() []string {
	return []string{"in_person", "account", "telephone", "existing_relation", "document"}
}

// RequesterKinds lists by what title somebody asks for another person.
func RequesterKinds() []string { return []string{"agent", "guardian", "heir", "nominee"} }

// EvidenceKinds lists what shows that somebody may ask for another person and has words of its own; other codes are shown as they are.
func EvidenceKinds() []string {
	return []string{"signed_permission", "power_of_attorney", "proof_of_relation", "court_order", "death_certificate", "nomination"}
}

// evidenceKind names what shows that somebody may ask for another person.
func (w *words) evidenceKind(code string) (string, error) {
	if slices.Contains(EvidenceKinds(), code) {
		return w.say("evidence_kind." + code)
	}
	return strings.ReplaceAll(code, "_", " "), nil
}
