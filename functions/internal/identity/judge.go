package identity

import (
	"context"
	"fmt"

	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// unproved is the reason of a refusal.
const unproved = "We could not be sure that it is you who asks: what was given did not agree with enough of what we hold, or was not given. Nothing was shown, changed or erased. You can ask again, or write to us if you want to prove it in another way."

// Judge compares what the person gave with what was found (casefile.File.Judge), under the commit of f, and writes to her when she may
// try again.
func (d *Desk) Judge(ctx context.Context, f *casefile.File) (verification.Verdict, error) {
	if f.Case.Verification.Need == nil {
		return verification.Reached, nil
	}
	pack, err := d.Letters.Packs.At(policy.ID(f.Case.Law.Pack), policy.Version(f.Case.Law.Version))
	if err != nil {
		return "", err
	}
	tenant, err := d.Letters.Registry.Tenant(ctx, f.Case.Tenant)
	if err != nil {
		return "", err
	}
	until := f.Now().AddDate(0, 0, tenant.Policy.Effective().VerifyWithinDays)
	verdict, err := f.Judge(pack, until, redact.NewText(unproved))
	if err != nil || verdict != verification.TryAgain {
		return verdict, err
	}
	return verdict, d.Letters.Send(ctx, f, letters.ProveAgain, func(l correspondence.Facts) {
		l.Tries, l.VerifyBy = verification.MaxTries-f.Case.Verification.Tries, l.Day(until)
	})
}

// DropDocument deletes the document of identity of a case, asks the store whether it is gone, and records the answer. Doing it again is
// fine; an object that is still there is fault.Unavailable.
func (d *Desk) DropDocument(ctx context.Context, store blobs.Store, tenant, caseID string) error {
	name := casefile.DocumentObject(tenant, caseID)
	if err := store.Delete(ctx, name); err != nil && !fault.Has(err, fault.NotFound) {
		return fmt.Errorf("deleting an object: %w", err)
	}
	body, _, err := store.Open(ctx, name, 0)
	if err == nil {
		_ = body.Close() // nothing was read
		return fault.New(fault.Unavailable, "an object that was deleted is still there")
	}
	if !fault.Has(err, fault.NotFound) {
		return fmt.Errorf("looking for a deleted object: %w", err)
	}
	return step.Change(ctx, d.Cases, tenant, caseID, func(_ context.Context, f *casefile.File) error { return f.DocumentGone(evidence.System) })
}

// Expire gives up waiting for the person at the time that was set for it. One who confirmed the address and gave no more is answered with
// what that proves; one who did not expires, and so does a request whose representative showed nothing. declined says that the case goes
// on.
func Expire(f *casefile.File) (declined bool, err error) {
	v := &f.Case.Verification
	if v.AddressAt.IsZero() || !v.VerifiedAt.IsZero() {
		return false, nil
	}
	err = f.DeclineProof(evidence.System)
	if fault.Has(err, fault.Conflict) {
		return false, nil
	}
	return err == nil && !v.VerifiedAt.IsZero(), err
}
