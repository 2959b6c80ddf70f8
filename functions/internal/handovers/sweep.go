package handovers

import (
	"context"
	"fmt"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/handover"
)

const batch = 100

// Sweep ends every hand-over whose time is over, and returns how many it looked at: a file that came without its owner coming back
// is taken, objects are deleted and looked for, records that nobody needs go. One that cannot be ended stays due and holds up
// no other; the first such failure is returned at the end.
func (d *Desk) Sweep(ctx context.Context) (looked int, err error) {
	if !d.Open() {
		return 0, nil
	}
	for cursor := ""; ; {
		ids, next, derr := d.Records.Due(ctx, batch, cursor)
		if derr != nil {
			return looked, derr
		}
		for _, id := range ids {
			if lerr := d.end(ctx, id); lerr != nil && err == nil {
				err = fmt.Errorf("ending a hand-over: %w", lerr)
			}
			if ctx.Err() != nil {
				return looked, err
			}
			looked++
		}
		if cursor = next; cursor == "" {
			return looked, err
		}
	}
}

func (d *Desk) end(ctx context.Context, id string) error {
	r, err := d.Records.Get(ctx, id)
	if fault.Has(err, fault.NotFound) {
		return nil // the index lags
	}
	if err != nil || r.Look.After(d.Records.Now()) {
		return err
	}
	if r.Kind == handover.Upload && r.State == handover.Waiting {
		// What cannot be taken for a day, the owner is asked for again by the reminders of the task.
		if terr := d.take(ctx, r); terr != nil && d.Records.Now().Before(r.Look.Add(handover.AfterUpload)) {
			return terr
		}
		if r, err = d.Records.Get(ctx, id); err != nil {
			return err
		}
		if r.State == handover.Waiting {
			if err := d.giveUp(ctx, r); err != nil && !fault.Has(err, fault.NotFound) && !fault.Has(err, fault.Conflict) {
				return err
			}
		}
	}
	if r.State != handover.Ended {
		// First, so that whoever still prepares it finds that nobody wants it.
		r.State = handover.Ended
		if r, err = d.Records.Put(ctx, r); err != nil {
			return err
		}
	}
	if err := d.remove(ctx, r); err != nil {
		return err
	}
	if !r.ClearedAt.IsZero() {
		return d.Records.Remove(ctx, r)
	}
	r.ClearedAt = d.Records.Now().UTC()
	r.Look = r.ClearedAt.Add(r.After())
	_, err = d.Records.Put(ctx, r)
	return err
}
