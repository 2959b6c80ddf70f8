// Package handovers carries what is too large for an answer past the process, where the engine has a way (blobs.HandOver): a volume
// of a package out, as a plain object that lies in the open for minutes, and a file of an owner in. It is one place for the
// pages and APIs, the function that prepares what takes longer than a call may, and the clockwork that cleans up. On one
// machine nothing is handed over, and everything streams through the process.
//
// Every step looks at the record first and may be repeated, or run twice at once: the worst that happens is work done twice.
package handovers

import (
	"context"
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/uploads"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/handover"
)

const (
	// Small is what is prepared within a call, of which a function behind an HTTP API has 29 s. 64 MiB take 0.25 s of a core, so about
	// 1 s where there is a third of one (512 MB of memory); the rest is the bandwidth to the store. See test/aws/handover.
	Small = 64 << 20
	// Most is what goes into an answer: a function answers at most 6 MB, in base64 (AWS Lambda Developer Guide, "Lambda quotas"), so
	// 4.5 MB of a file, its headers included.
	Most = 4 << 20
	// Patience is how long somebody who was asked to prepare something is left alone, before somebody else is asked.
	Patience = 3 * time.Minute
	// Refresh is how often who waits should look again.
	Refresh = 5 * time.Second
)

// Desk hands over.
type Desk struct {
	Records *handover.Store
	Cases   *casefile.Store
	Blobs   blobs.Store
	Door    blobs.HandOver // nil = nothing is handed over
	// Later has Carry called with the id, somewhere with time to spare, and does not wait for it; nil = there is no such place.
	Later  func(ctx context.Context, id string) error
	Small  int64 // bytes that are carried at once all the same
	Most   int64 // bytes of a file that go into an answer; larger ones are offered
	Files  *uploads.Desk
	Limits uploads.Limits // of files that owners put into the inbox
}

// Open reports whether things are handed over here.
func (d *Desk) Open() bool { return d != nil && d.Door != nil }

// Carry prepares the object of a hand-over that waits: it opens a volume, or seals a file that came. One that does not wait, or is
// gone, is left alone.
func (d *Desk) Carry(ctx context.Context, id string) error {
	r, err := d.Records.Get(ctx, id)
	if fault.Has(err, fault.NotFound) {
		return nil
	}
	if err != nil || r.State != handover.Waiting {
		return err
	}
	if r.Kind == handover.Upload {
		return d.take(ctx, r)
	}
	return d.unseal(ctx, r)
}

// carried has r carried, here when it is small, and returns it as it is then: still Waiting when it is done elsewhere.
func (d *Desk) carried(ctx context.Context, r handover.Record, size int64) (handover.Record, error) {
	if d.Later == nil || size <= d.Small {
		if err := d.Carry(ctx, r.ID); err != nil {
			return r, err
		}
		return d.Records.Get(ctx, r.ID)
	}
	if now := d.Records.Now(); now.Sub(r.AskedAt) >= Patience {
		if err := d.Later(ctx, r.ID); err != nil {
			return r, fmt.Errorf("having a hand-over prepared: %w", err)
		}
		r.AskedAt = now
		put, err := d.Records.Put(ctx, r)
		if fault.Has(err, fault.Conflict) { // it was quick, or somebody else asked
			return d.Records.Get(ctx, r.ID)
		}
		return put, err
	}
	return r, nil
}

// remove deletes an object in the open and looks whether it is gone.
func (d *Desk) remove(ctx context.Context, r handover.Record) error {
	if err := d.Blobs.Delete(ctx, r.Object()); err != nil {
		return fmt.Errorf("removing an object in the open: %w", err)
	}
	there, err := d.there(ctx, r)
	if err == nil && there >= 0 {
		err = fault.New(fault.Unavailable, "an object in the open is still there")
	}
	return err
}

// there returns how many bytes the object has, -1 when there is none.
func (d *Desk) there(ctx context.Context, r handover.Record) (int64, error) {
	page, err := d.Blobs.List(ctx, r.Object(), "", 1)
	if err != nil {
		return 0, fmt.Errorf("looking for an object in the open: %w", err)
	}
	for _, o := range page.Objects { // no name begins with another: all ids are of one length
		return o.Bytes, nil
	}
	return -1, nil
}
