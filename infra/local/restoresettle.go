package local

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/infra/settle"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
)

// settle brings restored records up to date before anything runs on them: nothing is sent twice, nothing destroyed comes back,
// and every open case goes on.
func (o RestoreOptions) settle(ctx context.Context, work string, b Backup, open []casefile.DueRef, tombstones []keys.Tombstone, r *Restored) (err error) {
	cfg := Config{Dir: work, BaseURL: "http://127.0.0.1", MailDomain: "habeas.localhost", Log: o.Log}
	if b.ManualClock != "" {
		if cfg.Clock, err = OpenManualClock(filepath.Join(work, clockFile), time.Now()); err != nil {
			return err
		}
	}
	app, err := Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, app.Close(ctx)) }()
	tenants, err := app.Registry.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		if _, err := app.Vault.Tenant(ctx, t.Name); err != nil {
			return fmt.Errorf("opening the keys of a tenant with the key file: %w", err)
		}
	}
	// What was destroyed goes first: no letter of such a case is looked at any more.
	for _, t := range tombstones {
		if err := app.again(ctx, t, r); err != nil {
			return fmt.Errorf("destroying again what was destroyed: %w", err)
		}
	}
	if r.Mails, err = settle.Mails(ctx, app.Cases); err != nil {
		return fmt.Errorf("settling mails: %w", err)
	}
	for _, c := range open {
		done, err := settle.TakeOver(ctx, app.Cases, c.Tenant, c.CaseID, map[string]any{"backup": b.ID, "takenAt": b.TakenAt})
		if err != nil {
			return fmt.Errorf("taking over an open case: %w", err)
		}
		if done {
			r.TakenOver++
		}
	}
	_, expired := app.Erasures.Expire(ctx)
	_, disposed := app.Dispose(ctx)
	if err := errors.Join(expired, disposed); err != nil {
		return fmt.Errorf("taking out what must not be kept: %w", err)
	}
	for _, t := range tenants {
		facts := map[string]any{"backup": b.ID, "takenAt": b.TakenAt, "takenOver": r.TakenOver, "mailsUnknown": r.Mails, "shreddedAgain": r.Shredded, "listFound": r.ListFound}
		if _, err := (evidence.Journal{Store: app.table}).Append(ctx, t.Name, evidence.Backups, "installation_restored", evidence.System, facts, app.clock.Now()); err != nil {
			return fmt.Errorf("proving the restore: %w", err)
		}
	}
	return nil
}

// again destroys keys that came back. Those of the erasure ledger are past their horizon: Expire sees to them.
func (a *App) again(ctx context.Context, t keys.Tombstone, r *Restored) error {
	_, err := a.Vault.Fingerprint(ctx, t.Tenant, t.ID)
	if fault.Has(err, fault.NotFound) {
		return nil // they are not in the backup
	}
	if err == nil && !strings.HasPrefix(t.ID, "erased-") {
		err = a.Again(ctx, t)
	}
	if err == nil {
		r.Shredded++
	}
	return err
}
