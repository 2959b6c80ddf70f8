package sweepdeadlines

import (
	"context"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
)

// copies has the copies of a closed erasure's letters erased where the mail went through somebody who keeps them. While a letter
// is on its way, or bounced and may be sent anew, it looks again a day later.
func (s *Step) copies(ctx context.Context, f *casefile.File) error {
	c := &f.Case
	c.NextDue = time.Time{}
	if c.MailCopies == nil || c.MailCopies.State != casefile.CopiesWaiting {
		return nil
	}
	pending, err := s.Cases.MailPending(ctx, c.Tenant, c.ID)
	if err != nil {
		return err
	}
	if pending || (len(c.Undelivered) > 0 && f.Now().Before(c.ClosedAt.Add(casefile.CopiesAtLatest))) {
		c.NextDue = f.Now().Add(casefile.CopiesAfter)
		return nil
	}
	return f.EraseCopies()
}
