package sweepdeadlines

import (
	"context"
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/holds"
	"github.com/habeas-dsar/habeas/shared/evidence"
)

// Bounds of what one sweep does about holds that were released.
const (
	maxReleases = 200 // holds looked at
	maxResumed  = 50  // cases of each
	// settledAfter is how long a released hold is looked at: a batch that began under it may still write down what it kept.
	settledAfter = 24 * time.Hour
)

// resumeReleased takes up what released holds kept and the call that released them did not come to. Without such a hold it is one
// query that finds nothing.
func (s *Step) resumeReleased(ctx context.Context) (err error) {
	list, err := s.Holds.Releases(ctx, maxReleases)
	if err != nil {
		return err
	}
	resumer := holds.Resumer{Cases: s.Cases, Holds: s.Holds}
	for _, r := range list {
		more, rerr := resumer.Resume(ctx, r.Tenant, r.ID, evidence.System, maxResumed)
		if rerr == nil && !more && !s.Cases.Now().Before(r.At.Add(settledAfter)) {
			rerr = s.Holds.Settled(ctx, r)
		}
		if rerr != nil && err == nil {
			err = fmt.Errorf("taking up what a released hold kept: %w", rerr)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return err
}
