package lambdaboot

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// handClock is the time of such a stage. It is read before every invocation.
type handClock struct {
	table table.Store
	now   atomic.Pointer[time.Time]
}

// Now returns the time as it was read last.
func (c *handClock) Now() time.Time {
	if t := c.now.Load(); t != nil {
		return *t
	}
	return time.Now()
}

func (c *handClock) read(ctx context.Context) error {
	i, err := c.table.Get(ctx, table.Key{Table: table.Registry, PK: cloud.ClockPK, SK: cloud.ClockSK})
	if fault.Has(err, fault.NotFound) {
		return nil // nobody has set it yet
	}
	if err != nil {
		return err
	}
	t, err := time.Parse(time.RFC3339Nano, string(i.Body))
	if err != nil {
		return fault.New(fault.Misconfigured, "the time set by hand is no RFC 3339 instant")
	}
	c.now.Store(&t)
	return nil
}
