// Package plan owns what is going to be done for a case: which action on which system, what each system's dry run said, and
// the hash that a person approves. It is pure; it neither reads systems nor decides exemptions.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// Plan is what will be done for one case. Its JSON is the contract's answer to GET /cases/{id}/plan.
type Plan struct {
	Hash        string   `json:"hash"`
	PreparedBy  string   `json:"preparedBy"` // evidence actor
	GrowthLimit float64  `json:"growthLimit"`
	Systems     []System `json:"systems"`
}

// System is the part of one system.
type System struct {
	Name        string       `json:"name"`
	Action      dsar.Action  `json:"action"`
	By          By           `json:"by"`
	Outcome     dsar.Outcome `json:"outcome,omitempty"` // known before acting: nothing_held, unsupported
	ListHash    string       `json:"listHash,omitempty"`
	Collections []Collection `json:"collections"`
}

// Collection is what will happen in one collection.
type Collection struct {
	Name    string `json:"name"`
	Action  string `json:"action"` // an action of a right without a dry run, or what happens to each record: delete, null, mask, keep, set, flag
	Records int64  `json:"records"`
	Because string `json:"because,omitempty"` // of keep: hold, exemption, keep
	Reason  string `json:"reason,omitempty"`  // of keep, in words
	Before  string `json:"before,omitempty"`  // of set: salted digest over what is replaced
	After   string `json:"after,omitempty"`   // of set: and over what replaces it
}

// Keep is the action of records that stay as they are.
const Keep = "keep"

// Machine reports whether a machine is going to change records of the system.
func (s System) Machine() bool {
	return s.By == Machine && s.Outcome == "" && s.Action != dsar.ReadOut
}

// ByMachine reports whether a machine is going to change data.
func (p *Plan) ByMachine() bool { return slices.ContainsFunc(p.Systems, System.Machine) }

// ChangesData reports whether a machine or a person is going to change data.
func (p *Plan) ChangesData() bool {
	return slices.ContainsFunc(p.Systems, func(s System) bool { return s.Outcome == "" && s.Action != dsar.ReadOut })
}

// By says who carries out a system's part.
type By string

// Who carries it out.
const (
	Machine By = "machine"
	Person  By = "person" // somebody of the privacy team
	Owner   By = "owner"  // whoever is responsible for the system, through a task link
)

// DefaultGrowthLimit is how much a planned list may have grown when it is carried out: 5 %, at least MinGrowth rows.
const (
	DefaultGrowthLimit = 0.05
	MinGrowth          = 20
)

// Seal sorts the plan and sets its hash: SHA-256 over the growth limit and, system by system in order of name, the SHA-256
// of everything that is approved. Two plans with the same content have the same hash, whoever prepared them.
func (p *Plan) Seal() error {
	slices.SortFunc(p.Systems, func(a, b System) int { return strings.Compare(a.Name, b.Name) })
	root := sha256.New()
	_, _ = fmt.Fprintf(root, "habeas plan 1\n%g\n", p.GrowthLimit)
	for i := range p.Systems {
		if p.Systems[i].Collections == nil {
			p.Systems[i].Collections = []Collection{}
		}
		raw, err := json.Marshal(p.Systems[i])
		if err != nil {
			return fmt.Errorf("encoding plan: %w", err)
		}
		leaf := sha256.Sum256(raw)
		root.Write(leaf[:])
	}
	p.Hash = hex.EncodeToString(root.Sum(nil))
	return nil
}

// ActionFor returns the action that serves a right on a system. Rights that no machine serves yet map to the action whose
// outcome a person records.
func ActionFor(r dsar.Right) dsar.Action {
	switch r {
	case dsar.Access, dsar.Portability:
		return dsar.ReadOut
	case dsar.Correction:
		return dsar.Correct
	case dsar.Erasure, dsar.WithdrawConsent:
		return dsar.Erase
	default:
		return dsar.Restrict
	}
}

// MachineRight returns the right of connectors that a right of a person is served through; ok is false for rights that people
// carry out.
func MachineRight(r dsar.Right) (right dsar.Right, ok bool) {
	switch r {
	case dsar.Access, dsar.Portability:
		return dsar.Access, true
	case dsar.Correction, dsar.Erasure, dsar.Restriction:
		return r, true
	case dsar.Objection: // GDPR Art. 18(1)(d): until it is decided whose grounds override, the data is restricted
		return dsar.Restriction, true
	default:
		return "", false
	}
}

// Changes reports whether serving the right changes data by machine, where a system can.
func Changes(r dsar.Right) bool {
	right, ok := MachineRight(r)
	return ok && right != dsar.Access
}
