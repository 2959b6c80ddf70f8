package handovers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/habeas-dsar/habeas/functions/internal/objects"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/handover"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Delivery returns the record of a new delivery of volume n to by, for the caller to store before Prepare.
func (d *Desk) Delivery(id string, c *casefile.Case, n int, v casefile.Volume, by string) handover.Record {
	now := d.Records.Now().UTC()
	return handover.Record{
		ID: id, Kind: handover.Delivery, State: handover.Waiting, Tenant: c.Tenant, CaseID: c.ID, By: by, Volume: n,
		Source: v.Object, Bytes: v.Bytes, SHA256: v.SHA256, Filename: v.Name, CreatedAt: now, Look: now.Add(handover.PrepareLife),
	}
}

// Prepare has the object of a delivery made, at once when it is small, and returns the record as it is then: Ready, or Waiting when
// it takes longer; call it again then.
func (d *Desk) Prepare(ctx context.Context, r handover.Record) (handover.Record, error) {
	if r.State != handover.Waiting {
		return r, nil
	}
	return d.carried(ctx, r, r.Bytes)
}

// unseal opens a volume into the delivery's object. What is not what its package says is no delivery.
func (d *Desk) unseal(ctx context.Context, r handover.Record) error {
	f, err := d.Cases.Load(ctx, r.Tenant, r.CaseID)
	if err != nil {
		return err
	}
	plain, err := objects.Open(ctx, d.Blobs, f.Keys, r.Source)
	if err != nil {
		return err
	}
	defer func() { _ = plain.Close() }() // it was only read
	sum := sha256.New()
	info, err := d.Blobs.Put(ctx, r.Object(), io.TeeReader(plain, sum))
	if err != nil {
		return fmt.Errorf("laying out a volume: %w", err)
	}
	if info.Bytes != r.Bytes || hex.EncodeToString(sum.Sum(nil)) != r.SHA256 {
		if err := d.remove(ctx, r); err != nil {
			return err
		}
		return fault.New(fault.Internal, "a volume is not what its package says")
	}
	return d.ready(ctx, r)
}

// ready records that the object is there. A delivery that ended meanwhile takes its object along.
func (d *Desk) ready(ctx context.Context, made handover.Record) error {
	for {
		r, err := d.Records.Get(ctx, made.ID)
		if fault.Has(err, fault.NotFound) || err == nil && r.State == handover.Ended {
			return d.remove(ctx, made)
		}
		if err != nil || r.State != handover.Waiting {
			return err
		}
		r.State, r.Look = handover.Ready, d.Records.Now().UTC().Add(handover.OpenLife)
		if _, err = d.Records.Put(ctx, r); !fault.Has(err, fault.Conflict) {
			return err
		}
	}
}

// Address returns where a delivery that is Ready can be fetched, for at most five minutes. It is of no use to anybody until the
// caller gives it out, which is under Give. fault.NotFound when it is not Ready, or no longer.
func (d *Desk) Address(ctx context.Context, r handover.Record) (blobs.Address, error) {
	if r.State != handover.Ready {
		return blobs.Address{}, errOver
	}
	a, err := d.Door.Download(ctx, r.Object(), r.Filename, blobs.MaxAddressLife)
	if err != nil {
		return a, fmt.Errorf("addressing a delivery: %w", err)
	}
	return a, nil
}

var errOver = fault.New(fault.NotFound, "this part was downloaded before")

// Give returns the write that counts the address of a delivery as given out, for the transaction that records to whom: one of
// several who try succeeds. fault.NotFound when it is not Ready, or no longer.
func (d *Desk) Give(ctx context.Context, id string) (table.Write, error) {
	r, err := d.Records.Get(ctx, id)
	if err != nil {
		return table.Write{}, err
	}
	if r.State != handover.Ready {
		return table.Write{}, errOver
	}
	r.Mints++
	r.State, r.Look = handover.Given, d.Records.Now().UTC().Add(handover.OpenLife)
	return d.Records.Write(r)
}
