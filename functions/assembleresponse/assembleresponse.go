// Package assembleresponse is the step that builds what the person receives: the package of a disclosure, volume by volume,
// sealed as it is written. For rights that change data there is no package; the answer is a letter.
package assembleresponse

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/objects"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/tasks"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/disclosure"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// DataMaps returns the data map of a registered system; nil for kinds without collections.
type DataMaps interface {
	DataMap(ctx context.Context, tenant, system string) (*connector.Dataset, error)
}

// Step is the handler.
type Step struct {
	Cases     *casefile.Store
	Registry  *registry.Store
	Packs     *policy.Set
	DataMaps  DataMaps
	Blobs     blobs.Store
	Assembler *disclosure.Assembler
}

// Handle writes one volume of the package and answers more until the last one is stored. The objects of a repeated step have
// the same names and the same content.
func (s *Step) Handle(ctx context.Context, in step.Input) (step.Answer, error) {
	f, err := s.Cases.Load(ctx, in.Tenant, in.CaseID)
	if err != nil {
		return step.Answer{}, err
	}
	if f.Case.Generation == in.Generation && !f.Case.Stopping() && f.Case.Package == nil && needsPackage(f) {
		return s.volume(ctx, in, f)
	}
	return step.Run(ctx, s.Cases, in, func(ctx context.Context, f *casefile.File) (step.Answer, error) {
		if f.Case.Stopping() {
			return step.To(step.Close), nil
		}
		if err := step.Enter(f, dsar.PhaseAssemble, dsar.InProgress); err != nil {
			return step.Answer{}, err
		}
		if f.Case.Answer == "" {
			if more, err := tasks.Inform(ctx, f, s.Registry); err != nil || more {
				return step.Repeat(), err
			}
			f.Case.Answer = answer(f.Acts())
			if err := f.Entry("answer_settled", evidence.System, map[string]any{"answer": f.Case.Answer}); err != nil {
				return step.Answer{}, err
			}
		}
		return s.next(ctx, f)
	})
}

// next says whether the response waits: for a person who looks at it, or for the answer to a question without which nothing is
// handed out.
func (s *Step) next(ctx context.Context, f *casefile.File) (step.Answer, error) {
	f.Case.Unreviewed = false
	looked, err := s.needsLook(ctx, f)
	switch {
	case err != nil:
		return step.Answer{}, err
	case looked:
		return step.To(step.Review), nil
	case f.Case.Awaits(): // for the person, who was asked something
		f.Case.Unreviewed = true
		return step.To(step.Review), nil
	}
	return step.To(step.Proceed), nil
}

// needsLook says whether a person looks at the response first: always when the tenant's policy says so, otherwise when data of a
// system is in it that is not marked autopilot.
func (s *Step) needsLook(ctx context.Context, f *casefile.File) (bool, error) {
	if f.Case.Package == nil || f.Case.Review != nil {
		return false, nil
	}
	tenant, err := s.Registry.Tenant(ctx, f.Case.Tenant)
	if err != nil {
		return false, err
	}
	if tenant.Policy.ReviewAlways || f.Case.Verification.ForPerson() {
		return true, nil
	}
	for _, t := range f.Acts() {
		if !holds(t) {
			continue
		}
		sys, err := s.Registry.System(ctx, f.Case.Tenant, t.System)
		if err != nil && !fault.Has(err, fault.NotFound) {
			return false, err
		}
		if !sys.Autopilot {
			return true, nil
		}
	}
	return false, nil
}

func discloses(t *casefile.Task) bool { return t.Action == dsar.ReadOut }

// holds reports whether the task has data for the person: records that were read, or files that were added.
func holds(t *casefile.Task) bool {
	return discloses(t) && (len(t.Parts) > 0 || len(t.Attachments()) > 0)
}

func needsPackage(f *casefile.File) bool {
	// What was read is disclosed, whatever else the system could not do.
	return f.Case.Right.Discloses() && slices.ContainsFunc(f.Acts(), holds)
}

// answer sums the tasks up: found (or what was done) beats nothing held; anything incomplete shows in the closing status.
func answer(acts []*casefile.Task) dsar.Outcome {
	out := dsar.NothingHeld
	for _, t := range acts {
		if t.Outcome == dsar.NothingHeld {
			continue
		}
		if t.Outcome.Complete() {
			return t.Outcome
		}
		out = t.Outcome
	}
	return out
}

// volume writes the next volume outside any transaction and then records it.
func (s *Step) volume(ctx context.Context, in step.Input, f *casefile.File) (step.Answer, error) {
	c := &f.Case
	var state disclosure.State
	if len(c.Assembly.State) > 0 && json.Unmarshal(c.Assembly.State, &state) != nil {
		return step.Answer{}, fault.New(fault.Internal, "decoding assembly state")
	}
	at := c.Assembly.At
	if at.IsZero() {
		at = f.Now()
	}
	input, err := s.input(ctx, f, at)
	if err != nil {
		return step.Answer{}, err
	}
	seal := func(ctx context.Context, n int, write func(io.Writer) error) error {
		return objects.Put(ctx, s.Blobs, f.Keys, object(c, n), write)
	}
	state, err = s.Assembler.Step(ctx, input, state, seal)
	if err != nil {
		return step.Answer{}, fmt.Errorf("assembling the package: %w", err)
	}
	return step.Run(ctx, s.Cases, in, func(ctx context.Context, f *casefile.File) (step.Answer, error) {
		if f.Case.Package != nil {
			return step.To(step.More), nil
		}
		raw, err := json.Marshal(state)
		if err != nil {
			return step.Answer{}, fmt.Errorf("encoding assembly state: %w", err)
		}
		f.Case.Phase, f.Case.Assembly = dsar.PhaseAssemble, casefile.Assembly{At: at, State: raw}
		if !state.Done {
			return step.To(step.More), nil
		}
		if err := s.finish(ctx, f, state.Result(input)); err != nil {
			return step.Answer{}, err
		}
		return s.next(ctx, f)
	})
}

func (s *Step) finish(ctx context.Context, f *casefile.File, r disclosure.Result) error {
	tenant, err := s.Registry.Tenant(ctx, f.Case.Tenant)
	if err != nil {
		return err
	}
	c := &f.Case
	p := casefile.Package{Records: r.Records, Bytes: r.Bytes, BuiltAt: f.Now(), ExpiresAt: f.Now().AddDate(0, 0, tenant.Policy.Effective().PackageDays)}
	var sums []string
	for _, v := range r.Volumes {
		p.Volumes = append(p.Volumes, casefile.Volume{Object: object(c, v.Number), Bytes: v.Bytes, SHA256: v.SHA256, Name: v.Name})
		sums = append(sums, v.SHA256)
	}
	c.Package, c.Answer, c.Assembly = &p, answer(f.Acts()), casefile.Assembly{}
	return f.Entry("response_assembled", evidence.System, map[string]any{
		"records": r.Records, "bytes": r.Bytes, "volumes": sums, "manifest": r.ManifestSHA256, "answer": c.Answer,
	})
}

func object(c *casefile.Case, n int) string {
	return fmt.Sprintf("package/%s/%s/g%d-%d", c.Tenant, c.ID, c.Generation, n)
}

// zone returns the tenant's zone for the dates in the package.
func zone(t registry.Tenant) (*time.Location, error) {
	z, err := time.LoadLocation(t.Zone)
	if err != nil {
		return nil, fault.Wrap(fault.Misconfigured, err, "loading the tenant's zone")
	}
	return z, nil
}
