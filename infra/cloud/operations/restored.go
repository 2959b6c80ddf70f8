package operations

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/infra/settle"
	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
)

// Restored says what settling a restore did.
type Restored struct {
	Tombstones int `json:"tombstones"` // keys that were ever destroyed, by the evidence bucket
	Destroyed  int `json:"destroyed"`  // of those: keys that were there again, and are destroyed again
	Stopped    int `json:"stopped"`    // executions that ran on from where the records no longer are
	Mails      int `json:"mails"`      // letters on their way when the copy was taken: marked unknown, not sent again
	TakenOver  int `json:"takenOver"`  // open cases that go on in a new generation
	// Systems are all there are, "tenant/system": one that was restored from its own backup is compared with the erasure ledger by
	// `habeas restore-check`.
	Systems []string `json:"systems"`
}

// SettleRestore brings records that were restored to the instant at up to date: executions are stopped, keys that were destroyed since are destroyed again,
// letters of unknown fate are not sent again, open cases go on in a new generation, and every tenant's journal says so. Nothing of
// the stage but those executions may run meanwhile. It is repeated until it succeeds; repeating it harms nothing.
func (in *Installation) SettleRestore(ctx context.Context, at time.Time) (r Restored, err error) {
	if r.Stopped, err = in.stopAll(ctx); err != nil {
		return r, err
	}
	// What was destroyed goes first: no letter of such a case is looked at any more.
	for t, err := range cloud.Shredded(ctx, in.Objects) {
		if err != nil {
			return r, err
		}
		r.Tombstones++
		again, err := in.destroy(ctx, t)
		if err != nil {
			return r, fmt.Errorf("destroying again what was destroyed: %w", err)
		}
		if again {
			r.Destroyed++
		}
	}
	if r.Mails, err = settle.Mails(ctx, in.Set.Cases); err != nil {
		return r, fmt.Errorf("settling letters: %w", err)
	}
	facts := map[string]any{"takenAt": at.UTC()}
	var open []reference // read before anything changes: the index is what is being changed
	if err := in.eachOpen(ctx, func(c reference) error { open = append(open, c); return nil }); err != nil {
		return r, err
	}
	for _, c := range open {
		done, err := settle.TakeOver(ctx, in.Set.Cases, c.tenant, c.caseID, facts)
		if err != nil {
			return r, fmt.Errorf("taking over an open case: %w", err)
		}
		if done {
			r.TakenOver++
		}
	}
	return r, in.prove(ctx, at, &r)
}

// stopAll stops every execution: each knows where its case was, and not where it is now.
func (in *Installation) stopAll(ctx context.Context) (n int, err error) {
	client := sfn.NewFromConfig(in.Cloud.Config)
	for _, name := range inventory.Machines() {
		machine := strings.TrimSuffix(in.Cloud.Machine(name), ":"+inventory.Alias)
		pages := sfn.NewListExecutionsPaginator(client, &sfn.ListExecutionsInput{StateMachineArn: &machine, StatusFilter: types.ExecutionStatusRunning})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return n, awsfault.Wrap(err, "listing executions")
			}
			for _, e := range page.Executions {
				_, err := client.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: e.ExecutionArn, Error: aws.String("restored")})
				if err != nil && awsfault.Class(err) != fault.NotFound {
					return n, awsfault.Wrap(err, "stopping an execution")
				}
				n++
			}
		}
	}
	return n, nil
}

// destroy disposes of a case whose keys came back, and reports whether they had. Keys of the erasure ledger are past their horizon
// then: the clockwork destroys them.
func (in *Installation) destroy(ctx context.Context, t keys.Tombstone) (bool, error) {
	_, err := in.Set.Vault.Fingerprint(ctx, t.Tenant, t.ID)
	if fault.Has(err, fault.NotFound) {
		return false, nil
	}
	if err != nil || strings.HasPrefix(t.ID, "erased-") {
		return false, err
	}
	return true, in.Set.Again(ctx, t)
}

// prove writes into the journal of every tenant that records were restored.
func (in *Installation) prove(ctx context.Context, at time.Time, r *Restored) error {
	tenants, err := in.Set.Registry.Tenants(ctx)
	if err != nil {
		return fmt.Errorf("listing tenants: %w", err)
	}
	r.Systems = []string{}
	for _, t := range tenants {
		systems, err := in.Set.Registry.Systems(ctx, t.Name)
		if err != nil {
			return fmt.Errorf("listing systems: %w", err)
		}
		for _, s := range systems {
			r.Systems = append(r.Systems, t.Name+"/"+s.Name)
		}
		facts := map[string]any{"takenAt": at.UTC(), "takenOver": r.TakenOver, "mailsUnknown": r.Mails, "shreddedAgain": r.Destroyed, "listFound": true}
		if _, err := (evidence.Journal{Store: in.Records}).Append(ctx, t.Name, evidence.Backups, "installation_restored", evidence.System, facts, in.Now()); err != nil {
			return fmt.Errorf("proving the restore: %w", err)
		}
	}
	return nil
}
