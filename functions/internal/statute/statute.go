// Package statute writes what the clock computes into a case, in one place for triage and extension.
package statute

import (
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// Set computes the deadlines of the case under the pack and stores them with their reasoning. zone is the tenant's IANA zone.
// The mailed code moves no clock, so no event but an extension is known here.
func Set(c *casefile.Case, pack policy.Pack, zone string) error {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return fmt.Errorf("loading the tenant's zone: %w", err)
	}
	in := clock.Input{Rule: pack.Rule(c.Right), ReceivedAt: c.ReceivedAt, Zone: loc}
	if c.Extension != nil {
		in.Events = append(in.Events, clock.Event{Kind: clock.Extended, At: c.Extension.At, Reason: c.Extension.Decision})
	}
	d, err := clock.Compute(in)
	if err != nil {
		return fmt.Errorf("computing deadlines: %w", err)
	}
	c.Due = casefile.Due{At: d.Due.At, Date: d.Due.Date.String(), Ack: d.Acknowledge.At, Notice: d.ExtensionNoticeBy.At, Granted: string(pack.RightLevel(c.Right))}
	for _, s := range d.Due.Steps {
		c.Due.Steps = append(c.Due.Steps, casefile.DueStep{Text: s.Text, Citation: s.Citation, Code: s.Code, Args: s.Args})
	}
	return nil
}
