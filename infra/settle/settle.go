// Package settle brings restored records up to date before anything runs on them: nothing that may have been sent is sent again, and
// every open case goes on from its record. A restore on one machine and one on AWS both need it.
package settle

import (
	"context"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
)

// Mails takes every mail that was on its way out of it and returns how many there were: whether it left after the copy was taken is
// not known. It is never sent by itself again; the case lists it among the letters that may not have arrived. Idempotent.
func Mails(ctx context.Context, cases *casefile.Store) (n int, err error) {
	for shard := range uint32(casefile.OutboxShards) {
		for cursor := ""; ; {
			rows, next, err := cases.Outbox(ctx, shard, 500, cursor)
			if err != nil {
				return n, err
			}
			for _, row := range rows {
				if row.Kind != casefile.OutMail {
					continue
				}
				settled, err := one(ctx, cases, row)
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

func one(ctx context.Context, cases *casefile.Store, row casefile.OutboxRow) (bool, error) {
	m, _, err := cases.Mail(ctx, row.Tenant, row.CaseID, row.Mail)
	if fault.Has(err, fault.NotFound) || err == nil && m.State != mail.Claimed {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	f, err := cases.Load(ctx, row.Tenant, row.CaseID)
	if err != nil {
		return false, err
	}
	if err := f.SettleMail(m, mail.Unknown, "", row); err != nil {
		return false, err
	}
	return true, cases.Commit(ctx, f)
}

// TakeOver lets an open case go on from its record, in a new generation, and proves with facts that it was restored; it reports
// whether it did. One that waits for another to answer it, or is paused, has no execution and is only proved; one that is closed, or
// whose keys were destroyed, is left as it is. Doing it again is one more generation and nothing else.
func TakeOver(ctx context.Context, cases *casefile.Store, tenant, caseID string, facts map[string]any) (bool, error) {
	f, err := cases.Load(ctx, tenant, caseID)
	if fault.Has(err, fault.NotFound) {
		return false, nil // its keys were destroyed
	}
	if err != nil {
		return false, err
	}
	if !f.Case.Open() {
		return false, nil
	}
	if err := f.Entry("restored", evidence.System, facts); err != nil {
		return false, err
	}
	parked := f.Case.Paused != nil || (f.Case.MergedInto != "" && f.Case.Noticed)
	if !parked {
		if err := f.TakeOver(evidence.System, "restored from a backup"); err != nil {
			return false, err
		}
	}
	return !parked, cases.Commit(ctx, f)
}
