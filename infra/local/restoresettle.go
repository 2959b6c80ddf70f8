package local

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/mail"
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
	if r.Mails, err = app.settleMails(ctx); err != nil {
		return fmt.Errorf("settling mails: %w", err)
	}
	for _, c := range open {
		done, err := app.takeOver(ctx, c, b)
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

// settleMails takes every mail that was on its way out of it: whether it left after the backup was taken is not known. It is
// never sent by itself again; the case lists it among the letters that may not have arrived.
func (a *App) settleMails(ctx context.Context) (n int, err error) {
	for shard := range uint32(casefile.OutboxShards) {
		for cursor := ""; ; {
			rows, next, err := a.Cases.Outbox(ctx, shard, 500, cursor)
			if err != nil {
				return n, err
			}
			for _, row := range rows {
				if row.Kind != casefile.OutMail {
					continue
				}
				settled, err := a.settleMail(ctx, row)
				if err != nil {
					return n, err
				}
				if settled {
					n++
				}
			}
			if cursor = next; cursor == "" {
				break
			}
		}
	}
	return n, nil
}

func (a *App) settleMail(ctx context.Context, row casefile.OutboxRow) (bool, error) {
	m, _, err := a.Cases.Mail(ctx, row.Tenant, row.CaseID, row.Mail)
	if fault.Has(err, fault.NotFound) || err == nil && m.State != mail.Claimed {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	f, err := a.Cases.Load(ctx, row.Tenant, row.CaseID)
	if err != nil {
		return false, err
	}
	if err := f.SettleMail(m, mail.Unknown, "", row); err != nil {
		return false, err
	}
	return true, a.Cases.Commit(ctx, f)
}

// takeOver lets an open case go on from its record. One that waits for another to answer it, or is paused, has no execution.
func (a *App) takeOver(ctx context.Context, c casefile.DueRef, b Backup) (bool, error) {
	f, err := a.Cases.Load(ctx, c.Tenant, c.CaseID)
	if fault.Has(err, fault.NotFound) {
		return false, nil // its keys were destroyed
	}
	if err != nil {
		return false, err
	}
	if !f.Case.Open() {
		return false, nil
	}
	if err := f.Entry("restored", evidence.System, map[string]any{"backup": b.ID, "takenAt": b.TakenAt}); err != nil {
		return false, err
	}
	parked := f.Case.Paused != nil || (f.Case.MergedInto != "" && f.Case.Noticed)
	if !parked {
		if err := f.TakeOver(evidence.System, "restored from a backup"); err != nil {
			return false, err
		}
	}
	return !parked, a.Cases.Commit(ctx, f)
}
