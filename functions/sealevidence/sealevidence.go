// Package sealevidence is clockwork: it puts the heads of cases whose chain grew into the log of their tenant and has the
// tenant's key sign a checkpoint over it, which it keeps outside of the records where somebody keeps such things. Its cost follows
// what changed. Several may run at once: the head of each log lets one of them through.
package sealevidence

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// The patience of the sealer on a clock that runs.
const (
	Quiet    = 5 * time.Second // a case that changed so short ago is likely to change again
	AtLatest = time.Minute     // after so long it is sealed all the same
)

// page is how many rows of the index are read at once.
const page = 500

// Step is the handler.
type Step struct {
	Cases    *casefile.Store
	Patience casefile.Patience
	// Keep keeps a document under a name where nothing that befalls the records reaches it; keeping the same twice is fine. It is
	// given every checkpoint that is signed, as Checkpoint.Note under Checkpoint.KeptName. What cannot be kept stays sealed, and
	// is tried again by the next run, or overtaken by the next checkpoint, which binds all that this one does. nil = nobody keeps.
	Keep func(ctx context.Context, name string, doc []byte) error
}

// Result is what one run did.
type Result struct {
	Sealed int       // cases
	Left   int       // cases that are still unsealed
	Oldest time.Time // since when the first of those is; zero when there is none
	Unkept int       // tenants whose newest checkpoint could not be kept
}

// Handle seals everything that is unsealed now. A tenant whose cases cannot be sealed holds up no other: its cases stay
// unsealed, and the first such failure is returned at the end.
func (s *Step) Handle(ctx context.Context) (Result, error) {
	r := run{step: s, waiting: map[string][]casefile.Unsealed{}, failed: map[string]bool{}, unkept: map[string]bool{}}
	for shard := range uint32(casefile.SealShards) {
		for cursor := ""; ; {
			cases, next, err := s.Cases.Unsealed(ctx, shard, page, cursor)
			if err != nil {
				return r.Result, err
			}
			for _, c := range cases {
				r.take(ctx, c)
			}
			if ctx.Err() != nil {
				return r.Result, fmt.Errorf("sealing evidence: %w", ctx.Err())
			}
			if cursor = next; cursor == "" {
				break
			}
		}
	}
	for _, tenant := range slices.Sorted(maps.Keys(r.waiting)) {
		r.flush(ctx, tenant)
	}
	if s.Keep != nil {
		r.keepLeft(ctx)
		r.Unkept = len(r.unkept)
	}
	return r.Result, r.err
}

// run is one run of the sealer: batches of one tenant are collected over all shards, so that a small tenant costs one
// transaction, not one a shard.
type run struct {
	Result
	step    *Step
	waiting map[string][]casefile.Unsealed
	failed  map[string]bool // tenants that are left for the next run
	unkept  map[string]bool // tenants whose checkpoint could not be kept in this run
	err     error
}

func (r *run) take(ctx context.Context, c casefile.Unsealed) {
	r.waiting[c.Tenant] = append(r.waiting[c.Tenant], c)
	if len(r.waiting[c.Tenant]) == evidence.MaxLeaves {
		r.flush(ctx, c.Tenant)
	}
}

func (r *run) flush(ctx context.Context, tenant string) {
	cases := r.waiting[tenant]
	delete(r.waiting, tenant)
	if r.failed[tenant] {
		r.leave(cases)
		return
	}
	if err := r.seal(ctx, tenant, cases); err != nil {
		r.failed[tenant] = true
		r.fail(fmt.Errorf("sealing the cases of a tenant: %w", err))
	}
}

// seal seals a batch. One that meets a conflict is halved: the case that changes all the time is left alone in the end, and
// the others are sealed.
func (r *run) seal(ctx context.Context, tenant string, cases []casefile.Unsealed) error {
	sealed, left, err := r.step.Cases.Seal(ctx, tenant, cases, r.step.Patience)
	if fault.Has(err, fault.Conflict) && len(cases) > 1 {
		half := len(cases) / 2
		if err := r.seal(ctx, tenant, cases[:half]); err != nil {
			r.leave(cases[half:])
			return err
		}
		return r.seal(ctx, tenant, cases[half:])
	}
	r.Sealed += sealed
	r.leave(left)
	if sealed > 0 && r.step.Keep != nil {
		r.keep(ctx, tenant)
	}
	if fault.Has(err, fault.Conflict) {
		return nil // it is sealed at the next run
	}
	return err
}

// keepLeft keeps the checkpoints that an earlier run could not keep.
func (r *run) keepLeft(ctx context.Context) {
	for cursor := ""; ; {
		tenants, next, err := r.step.Cases.Unkept(ctx, page, cursor)
		if err != nil {
			r.fail(err)
			return
		}
		for _, tenant := range tenants {
			if !r.unkept[tenant] { // once a run is enough
				r.keep(ctx, tenant)
			}
		}
		if cursor = next; cursor == "" {
			return
		}
	}
}

// keep keeps the newest checkpoint of a tenant. That it cannot is reported and undoes nothing.
func (r *run) keep(ctx context.Context, tenant string) {
	if err := r.step.keep(ctx, tenant); err != nil {
		r.unkept[tenant] = true
		r.fail(fmt.Errorf("keeping the checkpoint of a tenant: %w", err))
		return
	}
	delete(r.unkept, tenant)
}

func (s *Step) keep(ctx context.Context, tenant string) error {
	log, err := s.Cases.Log(ctx, tenant)
	if err != nil {
		return err
	}
	c, err := log.Checkpoint(ctx)
	if err != nil {
		return err
	}
	if err := s.Keep(ctx, c.KeptName(), []byte(c.Note)); err != nil {
		return err
	}
	return log.Kept(ctx, c)
}

// fail remembers the first failure.
func (r *run) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *run) leave(cases []casefile.Unsealed) {
	r.Left += len(cases)
	for _, c := range cases {
		if r.Oldest.IsZero() || c.Since.Before(r.Oldest) {
			r.Oldest = c.Since
		}
	}
}
