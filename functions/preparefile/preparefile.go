// Package preparefile prepares what takes longer than an HTTP call may: it opens a large volume of a package for its person, or seals
// a large file that an owner has put into the inbox. It is called with the id of a hand-over and answers nobody: who waits
// looks at the record. Repeating it is fine, and so is never being called again: whoever waits asks once more, and the
// clockwork ends what nobody finished.
package preparefile

import (
	"context"

	"github.com/habeas-dsar/habeas/functions/internal/handovers"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
)

// Ref is the payload.
type Ref struct {
	HandOver string `json:"handOver"` // id
}

// Step is the handler.
type Step struct{ Desk *handovers.Desk }

// New puts the handler together.
func New(a *parts.Parts) (*Step, error) { return &Step{Desk: a.HandOvers()}, nil }

// Handle prepares one file.
func (s *Step) Handle(ctx context.Context, ref Ref) error { return s.Desk.Carry(ctx, ref.HandOver) }
