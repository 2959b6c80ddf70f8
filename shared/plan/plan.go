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
	Action  string `json:"action"`
	Records int64  `json:"records"`
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
