// Package identity issues and checks the mailed code of a case, for the steps and the portal alike. The rules are those of
// shared/verification; here they meet the case's record, its letters and the tenant's keys.
package identity

import (
	"context"
	"fmt"
	"net/url"

	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// Desk issues and checks codes.
type Desk struct {
	Cases   *casefile.Store
	Letters *correspondence.Writer
	Rules   verification.Rules
}

func bound(c *casefile.Case) string { return c.Tenant + "/" + c.ID + "/mailed_code" }

func (d *Desk) mac(ctx context.Context, f *casefile.File) (verification.MAC, error) {
	k, err := f.Tenant(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading tenant keys: %w", err)
	}
	return func(m []byte) []byte { return k.MAC("challenge", m) }, nil
}

// Issue replaces the case's challenge by a fresh one and queues the letter that carries it, under the commit of f.
func (d *Desk) Issue(ctx context.Context, f *casefile.File, kind letters.Kind) error {
	mac, err := d.mac(ctx, f)
	if err != nil {
		return err
	}
	ch, secret := verification.Issue(f.Now(), mac, bound(&f.Case), d.Rules)
	v := &f.Case.Verification
	v.Challenge = &ch
	v.Codes++
	if err := f.Entry("code_issued", evidence.System, map[string]any{"n": v.Codes, "expiresAt": ch.ExpiresAt}); err != nil {
		return err
	}
	path := "requests/" + url.PathEscape(f.Case.Reference) + "/confirm?s=" + url.QueryEscape(secret.Link.Reveal())
	return d.Letters.Send(ctx, f, kind, func(l correspondence.Facts) {
		l.Code, l.Link, l.ValidFor = secret.Code, redact.NewText(l.URL(path)), d.Rules.CodeLife
		if !v.ExpiresAt.IsZero() && v.VerifiedAt.IsZero() {
			l.VerifyBy = l.Day(v.ExpiresAt)
		}
	})
}

// Answer is what a person gave: a code, or the secret of a link.
type Answer struct{ Code, Link string }

// Check tries the answer and records what came of it, under the commit of f. Accepted proves the address: a case that nothing
// has ended goes on, and is joined to an older one of the same person and right. The fifth wrong code locks the challenge and says so by
// letter.
func (d *Desk) Check(ctx context.Context, f *casefile.File, a Answer) (verification.Result, error) {
	mac, err := d.mac(ctx, f)
	if err != nil {
		return verification.Result{}, err
	}
	v := &f.Case.Verification
	var ch verification.Challenge
	if v.Challenge != nil {
		ch = *v.Challenge
	}
	var res verification.Result
	if a.Link != "" {
		ch, res = ch.Follow(f.Now(), mac, bound(&f.Case), a.Link)
	} else {
		ch, res = ch.Attempt(f.Now(), mac, bound(&f.Case), a.Code)
	}
	if v.Challenge != nil {
		v.Challenge = &ch
	}
	switch {
	case res.Outcome == verification.Accepted:
		return res, d.accept(ctx, f)
	case res.JustLocked:
		if err := f.Entry("code_locked", evidence.System, nil); err != nil {
			return res, err
		}
		return res, d.Letters.Send(ctx, f, letters.Locked, func(l correspondence.Facts) { l.Tries = d.Rules.Tries })
	case res.Outcome == verification.Wrong && a.Link == "":
		return res, f.Entry("code_wrong", evidence.System, map[string]any{"left": res.Left})
	}
	return res, nil
}

// Fits reports whether the secret of a link would be accepted now. It changes nothing.
func (d *Desk) Fits(ctx context.Context, f *casefile.File, secret string) (bool, error) {
	mac, err := d.mac(ctx, f)
	if err != nil || f.Case.Verification.Challenge == nil {
		return false, err
	}
	_, res := f.Case.Verification.Challenge.Follow(f.Now(), mac, bound(&f.Case), secret)
	return res.Outcome == verification.Accepted, nil
}

func (d *Desk) accept(ctx context.Context, f *casefile.File) error {
	v := &f.Case.Verification
	if !v.AddressAt.IsZero() || !v.VerifiedAt.IsZero() || !f.Case.Open() || f.Case.Stopping() {
		return f.Entry("code_accepted", evidence.Subject, nil)
	}
	if _, err := f.ConfirmAddress(); err != nil {
		return err
	}
	if err := d.Settled(ctx, f); err != nil || f.Case.MergedInto != "" {
		return err
	}
	return d.Letters.Send(ctx, f, letters.Acknowledgement, nil)
}

// Settled does what follows when the present change proved the last thing that was asked: the case is joined to an older one of the
// same person and right. Whoever changes what is proved calls it afterwards, under the commit of f.
func (d *Desk) Settled(ctx context.Context, f *casefile.File) error {
	if !f.Case.Verification.VerifiedAt.Equal(f.Now()) {
		return nil
	}
	return d.merge(ctx, f)
}

// merge joins the case to the older one that triage noted, when that is verified too, still open and not yet answered, and under the
// same law: one answer serves both, the older clock governs. Another law may want its answer sooner, and other words in it.
func (d *Desk) merge(ctx context.Context, f *casefile.File) error {
	if f.Case.DuplicateOf == "" {
		return nil
	}
	older, err := d.Cases.Load(ctx, f.Case.Tenant, f.Case.DuplicateOf)
	if fault.Has(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the older request: %w", err)
	}
	o := &older.Case
	if o.Verification.VerifiedAt.IsZero() || !o.Open() || o.Stopping() || o.Answered || o.Phase == dsar.PhaseClose || o.Law.Pack != f.Case.Law.Pack {
		return nil
	}
	f.Case.MergedInto = o.ID
	o.Merged = append(o.Merged, f.Case.ID)
	if err := older.Entry("request_joined", evidence.System, map[string]any{"reference": f.Case.Reference}); err != nil {
		return err
	}
	f.Join(older)
	return f.Entry("joined_to", evidence.System, map[string]any{"reference": o.Reference})
}
