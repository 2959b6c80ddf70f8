package handovers

import (
	"context"
	"fmt"
	"slices"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/uploads"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/handover"
)

func label(id string) string { return "handover#" + id }

// Ask returns a form by which the holder of the task puts one file of this name into the inbox; then makes the address at which the
// store sends the browser of the id of the hand-over.
func (d *Desk) Ask(ctx context.Context, s uploads.Slot, name string, then func(id string) string) (blobs.Form, error) {
	now := d.Records.Now().UTC()
	r := handover.Record{
		ID: handover.NewID(), Kind: handover.Upload, State: handover.Waiting, Tenant: s.Tenant, CaseID: s.CaseID, TaskID: s.TaskID,
		Holder: s.Holder, Mints: 1, CreatedAt: now, Look: now.Add(handover.UploadLife),
	}
	r.Name = s.Keys.SealDoc(label(r.ID), []byte(name))
	form, err := d.Door.Form(ctx, r.Object(), blobs.FormUpload{MaxBytes: d.Limits.File, Then: then(r.ID), Life: blobs.MaxAddressLife})
	if err != nil {
		return form, fmt.Errorf("making a form for a file: %w", err)
	}
	_, err = d.Records.Put(ctx, r)
	return form, err
}

// Arrival is what became of a file that was to come.
type Arrival int

// The arrivals.
const (
	Missing  Arrival = iota // it is not there
	Checking                // it is there and is being checked; look again
	Settled                 // it was taken or refused: the task says which
)

// Arrived looks for the file that the holder of the slot was to put, and has it taken. fault.NotFound when the holder was to put none.
func (d *Desk) Arrived(ctx context.Context, s uploads.Slot, id string) (Arrival, handover.Record, error) {
	r, err := d.Records.Get(ctx, id)
	if err != nil {
		return Missing, r, err
	}
	if r.Kind != handover.Upload || r.Tenant != s.Tenant || r.CaseID != s.CaseID || r.TaskID != s.TaskID || r.Holder != s.Holder {
		return Missing, r, fault.New(fault.NotFound, "there is no such hand-over")
	}
	if r.State != handover.Waiting {
		return Settled, r, nil
	}
	size, err := d.there(ctx, r)
	if err != nil || size < 0 {
		return Missing, r, err
	}
	r, err = d.carried(ctx, r, size)
	if err != nil || r.State != handover.Waiting {
		return Settled, r, err
	}
	return Checking, r, d.Files.Change(ctx, s, func(_ context.Context, f *casefile.File, t *casefile.Task) error {
		now, err := d.Records.Get(ctx, id)
		if err != nil || now.State != handover.Waiting {
			return err // it is done by now
		}
		w, err := d.Records.Write(now) // and is not while this is committed
		if err != nil || slices.Contains(t.Owner.Checking, id) {
			return err
		}
		f.With(w)
		return f.CheckUpload(t, id)
	})
}

// errTaken stops the commit of somebody who was slower. Nobody outside sees it.
var errTaken = fault.New(fault.Conflict, "this file was taken before")

// take seals a file that came, or refuses it, and deletes it from the inbox. Without a file it does nothing.
func (d *Desk) take(ctx context.Context, r handover.Record) error {
	body, info, err := d.Blobs.Open(ctx, r.Object(), 0)
	if fault.Has(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening a file that came: %w", err)
	}
	defer func() { _ = body.Close() }() // it was only read
	f, err := d.Cases.Load(ctx, r.Tenant, r.CaseID)
	if fault.Has(err, fault.NotFound) {
		return d.settle(ctx, r) // its case went, and nobody asks for it
	}
	if err != nil {
		return err
	}
	name, err := f.Keys.OpenDoc(label(r.ID), r.Name)
	if err != nil {
		return fmt.Errorf("opening the name of a file: %w", err)
	}
	slot := uploads.Slot{Tenant: r.Tenant, CaseID: r.CaseID, TaskID: r.TaskID, Holder: r.Holder, Keys: f.Keys, Begun: r.CreatedAt}
	done := func(f *casefile.File) error { return d.done(ctx, f, r.ID) }
	why := pages.TooLarge // the form does not let it come; whoever else put it there is not believed
	if info.Bytes <= d.Limits.File {
		why, err = d.Files.Take(ctx, slot, d.Limits, body, string(name.Reveal()), done)
	}
	if err == nil && why != "" {
		err = d.Files.Change(ctx, slot, func(_ context.Context, f *casefile.File, t *casefile.Task) error {
			if err := f.RefuseUpload(t, string(name.Reveal()), string(why)); err != nil {
				return err
			}
			return done(f)
		})
	}
	if fault.Has(err, fault.Conflict) && d.unwanted(ctx, slot, r) {
		return d.settle(ctx, r)
	}
	if err != nil {
		return fmt.Errorf("taking a file that came: %w", err)
	}
	return d.remove(ctx, r)
}

// unwanted reports whether nobody waits for the file any more: the task was settled or passed on, or somebody else was faster. A
// case that was only too busy still wants it.
func (d *Desk) unwanted(ctx context.Context, s uploads.Slot, r handover.Record) bool {
	now, err := d.Records.Get(ctx, r.ID)
	if err != nil || now.State != handover.Waiting {
		return err == nil || fault.Has(err, fault.NotFound)
	}
	err = d.Files.Change(ctx, s, func(context.Context, *casefile.File, *casefile.Task) error { return nil })
	return fault.Has(err, fault.Conflict)
}

// done lets the commit of f settle the hand-over too.
func (d *Desk) done(ctx context.Context, f *casefile.File, id string) error {
	r, err := d.Records.Get(ctx, id)
	if err != nil {
		return err
	}
	if r.State != handover.Waiting {
		return errTaken
	}
	r.State = handover.Done
	w, err := d.Records.Write(r)
	if err == nil {
		f.Task(r.TaskID).Checked(id)
		f.With(w)
	}
	return err
}

// giveUp tells the owner of a file that was being checked and could not be taken, so that they send it again.
func (d *Desk) giveUp(ctx context.Context, r handover.Record) error {
	f, err := d.Cases.Load(ctx, r.Tenant, r.CaseID)
	if err != nil {
		return err
	}
	name, err := f.Keys.OpenDoc(label(r.ID), r.Name)
	if err != nil {
		return fmt.Errorf("opening the name of a file: %w", err)
	}
	slot := uploads.Slot{Tenant: r.Tenant, CaseID: r.CaseID, TaskID: r.TaskID, Holder: r.Holder, Keys: f.Keys}
	return d.Files.Change(ctx, slot, func(_ context.Context, f *casefile.File, t *casefile.Task) error {
		if !t.Checked(r.ID) {
			return nil
		}
		return f.RefuseUpload(t, string(name.Reveal()), string(pages.NotStored))
	})
}

// settle ends an upload that came to nothing and deletes the file.
func (d *Desk) settle(ctx context.Context, r handover.Record) error {
	now, err := d.Records.Get(ctx, r.ID)
	if err == nil && now.State == handover.Waiting {
		now.State = handover.Done
		_, err = d.Records.Put(ctx, now)
	}
	if err != nil && !fault.Has(err, fault.NotFound) && !fault.Has(err, fault.Conflict) {
		return err
	}
	return d.remove(ctx, r)
}
