// Package consents joins the ledger of consents with the law and with cases: by when a withdrawal takes effect, when somebody may be
// asked again, which opt-out signals count, and which requests are themselves a word for the ledger.
package consents

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions/internal/statute"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/consent"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// GPC is the opt-out signal that browsers send as "Sec-GPC: 1" (Global Privacy Control, W3C).
const GPC = "gpc"

// Desk writes to the ledger what the law makes of it.
type Desk struct {
	Ledger *consent.Ledger
	Packs  *policy.Set
}

// Record completes what a person said with the law of her residence and stores it. It takes effect with the answer.
func (d *Desk) Record(ctx context.Context, tenant registry.Tenant, who []subject.Identifier, e consent.Entry, now time.Time) (consent.Entry, error) {
	zone, err := time.LoadLocation(tenant.Zone)
	if err != nil {
		return consent.Entry{}, fmt.Errorf("loading the tenant's zone: %w", err)
	}
	if e.At.IsZero() {
		e.At = now
	}
	choice := d.Packs.Choose(policy.Where{
		Residence: policy.Place{Country: e.Country, Region: e.Region}, RegionText: e.Region, Seat: tenant.Seat(), On: civil.In(e.At, zone), Scope: tenant.Laws,
	})
	under(&e, choice.Pack, tenant, zone)
	return d.Ledger.Append(ctx, tenant.Name, who, e)
}

// under adds to an entry what the law makes of it.
func under(e *consent.Entry, pack policy.Pack, tenant registry.Tenant, zone *time.Location) {
	e.Law = string(pack.Version)
	if !e.State.Suppresses() || pack.Consent == nil {
		return
	}
	in := clock.Setting{Zone: zone, Calendar: pack.CalendarAt(tenant.Seat()), Roll: pack.Roll}
	if a := pack.Consent.AskAgainAfter; a != nil {
		e.AskAfter = clock.After(policy.Period{Value: a.Value, Unit: a.Unit, StartEvent: policy.OnReceipt}, e.At, in, clock.ConsentStop).At
	}
	if p := pack.Consent.StopWithin; p != nil {
		in.Cautious = tenant.Policy.Cautious
		e.StopBy = clock.After(*p, e.At, in, clock.ConsentStop).At
	}
}

// Heeds reports whether a law of the case takes the signal for a request (11 CCR 7025(b)).
func Heeds(signal string, packs ...policy.Pack) bool {
	return slices.ContainsFunc(packs, func(p policy.Pack) bool { return p.Consent != nil && slices.Contains(p.Consent.Signals, signal) })
}

// Words are what a case itself says to the ledger: proved reports whether it is known who asks. An opt-out, a limit and an objection
// to advertising need no proof and are applied on receipt (11 CCR 7026(d), 7027(e); GDPR Art. 21(3)); a withdrawal of consent needs
// the proof that the law of the case asks for.
func Words(c *casefile.Case, proved bool) (out []consent.Entry) {
	say := func(s consent.State, purpose string) {
		out = append(out, consent.Entry{State: s, Purpose: purpose, Channel: "request"})
	}
	switch {
	case c.Right == dsar.OptOut:
		say(consent.Objected, consent.SaleOrSharing)
	case c.Right == dsar.LimitSensitive:
		say(consent.Objected, consent.SensitiveData)
	case c.Right == dsar.Objection && c.Purpose == consent.DirectMarketing:
		say(consent.Objected, consent.DirectMarketing)
	case c.Right == dsar.WithdrawConsent && proved:
		purpose := c.Purpose
		if purpose == "" {
			purpose = consent.Everything
		}
		say(consent.Withdrawn, purpose)
	}
	if c.Signal != "" && c.Right != dsar.OptOut {
		out = append(out, consent.Entry{State: consent.Objected, Purpose: consent.SaleOrSharing, Channel: "signal", How: c.Signal})
	}
	return out
}

// Apply writes what the case says to the ledger, once, under the commit of f: call it when the law is settled, and again when it is
// proved who asks. A signal counts where a law of the case heeds it.
func (d *Desk) Apply(ctx context.Context, f *casefile.File, tenant registry.Tenant, proved bool) error {
	c := &f.Case
	said := Words(c, proved)
	if len(said) == 0 {
		return nil
	}
	laws, err := statute.Laws(c, d.Packs)
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(tenant.Zone)
	if err != nil {
		return fmt.Errorf("loading the tenant's zone: %w", err)
	}
	for _, e := range said {
		if slices.Contains(c.Suppressed, e.Purpose) || (e.How == GPC && !Heeds(GPC, laws...)) {
			continue
		}
		p, err := f.Person()
		if err != nil {
			return err
		}
		e.Country, e.At, e.By, e.Case = c.Law.Country, c.ReceivedAt, evidence.Subject, c.ID
		under(&e, laws[0], tenant, zone)
		stored, writes, err := d.Ledger.Writes(ctx, c.Tenant, []subject.Identifier{p.Email}, e)
		if err != nil {
			return err
		}
		c.Suppressed = append(c.Suppressed, e.Purpose)
		f.With(writes...)
		f.Publish(events.ConsentChanged)
		facts := map[string]any{"state": e.State, "purpose": e.Purpose, "channel": e.Channel, "entry": stored.ID}
		if !e.StopBy.IsZero() {
			facts["stopBy"] = e.StopBy
		}
		if err := f.Entry("consent_recorded", evidence.System, facts); err != nil {
			return err
		}
		break // one to a commit: each is linked to the entry before
	}
	return nil
}
