// Package disposerecords is clockwork: it takes closed cases out of the house. What the work needed (results, plan lists,
// spools) and the package go as soon as the package can no longer be fetched; at the end of retention everything personal
// goes, the keys of the case are destroyed, and a certificate stays in the case's own chain of evidence. Legal holds on a case
// stop both. What lies in the open for minutes (package handover) is deleted here too, whatever is held. Its cost follows what is due.
package disposerecords

import (
	"context"
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// Patience is how long a case that cannot go yet (a hold, a letter that is still to leave) is left alone.
const Patience = 24 * time.Hour

const (
	batch = 100
	day   = 24 * time.Hour
)

// Step is the handler.
type Step struct {
	Cases    *casefile.Store
	Registry *registry.Store
	Blobs    blobs.Store
	// Held reports whether a legal hold covers the case; nil = there are no holds.
	Held func(ctx context.Context, tenant, caseID string) (bool, error)
	// Shredding is told of keys before they are destroyed; see functions.Ports. nil = nobody keeps count.
	Shredding func(ctx context.Context, t keys.Tombstone) error
	// Open ends what lies in the open and returns how much it looked at; nil = nothing does.
	Open func(ctx context.Context) (int, error)
}

// Handle looks at every case that is due now and returns how many, objects in the open counted with them. One that cannot be
// disposed of holds up no other: it stays due, and the first such failure is returned at the end.
func (s *Step) Handle(ctx context.Context) (looked int, err error) {
	if s.Open != nil {
		if looked, err = s.Open(ctx); ctx.Err() != nil {
			return looked, err
		}
	}
	now := s.Cases.Now()
	for shard := range uint32(casefile.DueShards) {
		for cursor := ""; ; {
			refs, next, rerr := s.Cases.Disposable(ctx, shard, now, batch, cursor)
			if rerr != nil {
				return looked, rerr
			}
			for _, r := range refs {
				if lerr := s.look(ctx, r); lerr != nil && err == nil {
					err = fmt.Errorf("disposing of a case: %w", lerr)
				}
				if ctx.Err() != nil {
					return looked, err
				}
			}
			looked += len(refs)
			if cursor = next; cursor == "" {
				break
			}
		}
	}
	return looked, err
}

// look does what is due for one case; one that is not due after all, or is no more, is left as it is.
func (s *Step) look(ctx context.Context, r casefile.DueRef) error {
	t, err := s.Registry.Tenant(ctx, r.Tenant)
	if err != nil {
		return err
	}
	p, over := t.Policy.Effective(), false
	err = step.Change(ctx, s.Cases, r.Tenant, r.CaseID, func(ctx context.Context, f *casefile.File) (err error) {
		c := &f.Case
		if over = false; c.Open() || c.Disposal.Look.IsZero() || c.Disposal.Look.After(f.Now()) {
			return nil
		}
		wait, err := s.waits(ctx, f)
		if err != nil {
			return err
		}
		if wait {
			c.Disposal.Look = f.Now().Add(Patience)
			return nil
		}
		if c.Disposal.ClearedAt.IsZero() && !f.Now().Before(clearAt(c)) {
			if err := s.clear(ctx, f); err != nil {
				return err
			}
		}
		if over = !f.Now().Before(endOf(c, p)); over {
			return nil // it stays due until it is gone
		}
		c.Disposal.Look = endOf(c, p)
		if at := clearAt(c); c.Disposal.ClearedAt.IsZero() && at.Before(c.Disposal.Look) {
			c.Disposal.Look = at
		}
		return nil
	})
	if err == nil && over {
		err = s.dispose(ctx, r, p)
	}
	if fault.Has(err, fault.NotFound) {
		return nil
	}
	return err
}

// waits reports whether the case must stay for now: it is under a hold, an appeal or complaint is open, its answer is to be supplemented, a letter is still
// to leave, or our mail provider has not answered whether it erased its copies.
func (s *Step) waits(ctx context.Context, f *casefile.File) (bool, error) {
	c := &f.Case
	if f.Emptied() {
		return false, nil // there is nothing left that could wait
	}
	if m := c.MailCopies; c.OpenSubs > 0 || len(c.Supplement) > 0 || m != nil && (m.State == casefile.CopiesWaiting || m.State == casefile.CopiesAsked) {
		return true, nil
	}
	if pending, err := s.Cases.MailPending(ctx, c.Tenant, c.ID); pending || err != nil {
		return pending, err
	}
	if s.Held == nil {
		return false, nil
	}
	held, err := s.Held(ctx, c.Tenant, c.ID)
	if err != nil {
		return false, fmt.Errorf("asking for legal holds: %w", err)
	}
	return held, nil
}

// clearAt is when nobody needs the working objects and the package any more.
func clearAt(c *casefile.Case) time.Time {
	at := c.ClosedAt
	for _, p := range []*casefile.Package{c.Package, c.Prior} {
		if p != nil && p.ExpiresAt.After(at) {
			at = p.ExpiresAt
		}
	}
	return at
}

// endOf is the end of retention, never before the package has expired.
func endOf(c *casefile.Case, p registry.Policy) time.Time {
	end := c.ClosedAt.Add(time.Duration(p.RetentionDays) * day)
	if at := clearAt(c); at.After(end) {
		end = at
	}
	return end
}

// clear removes the objects of the case, which were for the work and the download.
func (s *Step) clear(ctx context.Context, f *casefile.File) error {
	n, err := s.removeObjects(ctx, f.Case.Tenant, f.Case.ID)
	if err != nil {
		return err
	}
	f.Case.Disposal.ClearedAt, f.Case.Prior = f.Now(), nil
	return f.Entry("working_records_removed", evidence.System, map[string]any{"objects": n})
}

// Again disposes of a case that came back with a backup of the installation after its keys had been destroyed: at once, whatever
// the copy says about when. A case that the copy shows open ends as the tombstone says it had. One that is not there, or has no
// keys, is left as it is.
func (s *Step) Again(ctx context.Context, t keys.Tombstone) error {
	tenant, err := s.Registry.Tenant(ctx, t.Tenant)
	if fault.Has(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	err = step.Change(ctx, s.Cases, t.Tenant, t.ID, func(_ context.Context, f *casefile.File) error {
		if !f.Case.Open() {
			return nil
		}
		if f.Case.Status, f.Case.ClosedAt = dsar.Status(t.Status), t.ClosedAt; !f.Case.Status.Final() {
			return fault.New(fault.Invalid, "the tombstone of a case does not say how it ended")
		}
		return f.Entry("case_closed", evidence.System, map[string]any{"status": t.Status, "from": "tombstone"})
	})
	if err == nil {
		err = s.dispose(ctx, casefile.DueRef{Tenant: t.Tenant, CaseID: t.ID}, tenant.Policy.Effective())
	}
	if fault.Has(err, fault.NotFound) {
		return nil
	}
	return err
}

// dispose empties the case and destroys its keys.
func (s *Step) dispose(ctx context.Context, r casefile.DueRef, p registry.Policy) error {
	objects, err := s.removeObjects(ctx, r.Tenant, r.CaseID)
	if err != nil {
		return err
	}
	f, err := s.Cases.Load(ctx, r.Tenant, r.CaseID)
	if err != nil {
		return err
	}
	records, err := f.Empty(ctx)
	if err != nil {
		return err
	}
	if s.Shredding != nil {
		t := keys.Tombstone{Tenant: r.Tenant, ID: r.CaseID, At: s.Cases.Now().UTC(), Status: string(f.Case.Status), ClosedAt: f.Case.ClosedAt}
		if err := s.Shredding(ctx, t); err != nil {
			return fmt.Errorf("noting that keys are destroyed: %w", err)
		}
	}
	return step.Change(ctx, s.Cases, r.Tenant, r.CaseID, func(ctx context.Context, f *casefile.File) error {
		if f.Case.Open() {
			return fault.New(fault.Internal, "a case was opened again while it was disposed of")
		}
		return f.Dispose(ctx, casefile.Certificate{
			RetentionDays: p.RetentionDays, Objects: objects, Records: records,
			KeyBackupsUntil: f.Now().Add(time.Duration(p.BackupDays) * day),
		})
	})
}

// kinds begin the names of a case's objects. Names of what lies in the open tell no case; it has ended long before.
var kinds = []string{"raw", "spool", "plan", "package", "mail"}

// removeObjects removes every object of the case and looks whether they are gone.
func (s *Step) removeObjects(ctx context.Context, tenant, caseID string) (removed int, err error) {
	for _, kind := range kinds {
		prefix := kind + "/" + tenant + "/" + caseID + "/"
		for cursor := ""; ; {
			page, err := s.Blobs.List(ctx, prefix, cursor, 0)
			if err != nil {
				return removed, fmt.Errorf("listing objects of a case: %w", err)
			}
			for _, o := range page.Objects {
				if err := s.Blobs.Delete(ctx, o.Name); err != nil {
					return removed, fmt.Errorf("removing an object of a case: %w", err)
				}
				removed++
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		left, err := s.Blobs.List(ctx, prefix, "", 1)
		if err == nil && len(left.Objects) > 0 {
			err = fault.New(fault.Unavailable, "an object of the case is still there")
		}
		if err != nil {
			return removed, fmt.Errorf("looking for removed objects: %w", err)
		}
	}
	return removed, nil
}
