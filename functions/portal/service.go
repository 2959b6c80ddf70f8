// Package portal is what the data subject sees: the public API of a tenant, and the same acts as pages that work without
// JavaScript. It proves nothing to a stranger: answers and timing are the same whether or not a person or a reference is
// known.
package portal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/handovers"
	"github.com/habeas-dsar/habeas/functions/internal/identity"
	"github.com/habeas-dsar/habeas/functions/internal/intake"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// Handler serves the portals and the public API of every tenant.
type Handler struct {
	Cases    *casefile.Store
	Registry *registry.Store
	Sessions *session.Store
	Desk     *identity.Desk
	Blobs    blobs.Store
	Packs    *policy.Set
	Pages    *pages.Renderer
	Log      *slog.Logger
	BaseURL  string
	// HandOvers hands volumes over where answers are small; nil, or closed = they stream through the process.
	HandOvers *handovers.Desk
	// Limits are those against mail bombing and guessing; the zero value allows everything.
	Limits verification.Limits
	// Demo and Manual are shown on every page.
	Demo, Manual bool
}

// pace is how long an attempt to prove something takes at least, whatever it finds.
const pace = 60 * time.Millisecond

// submit records a new request after counting it against the limits.
func (h *Handler) submit(ctx context.Context, tenant, channel, network string, r intake.Request) (casefile.Case, error) {
	o, err := r.Opening(tenant, channel, evidence.Subject, h.Cases.Now())
	if err != nil {
		return casefile.Case{}, err
	}
	if err := h.count(ctx, tenant, h.address(o.Person.Email), h.network(network)); err != nil {
		return casefile.Case{}, err
	}
	return h.Cases.Create(ctx, o)
}

// counted is one thing that a code which will be mailed is counted against. Only a keyed hash of the value is kept.
type counted struct {
	prefix, value string
	limits        []verification.Limit
}

func (h *Handler) address(i subject.Identifier) counted {
	return counted{"codes#a#", i.Normalise().Value.Reveal(), h.Limits.CodesPerAddress}
}

func (h *Handler) network(address string) counted {
	return counted{"codes#n#", address, h.Limits.CodesPerIP}
}

// reference counts the codes asked for again for a reference, whether or not there is one: what the address of a request may get
// less the first code, which nobody asked for.
func (h *Handler) reference(ref string) counted {
	c := counted{"codes#r#", ref, slices.Clone(h.Limits.CodesPerAddress)}
	for n := range c.limits {
		c.limits[n].Max--
	}
	return c
}

// count counts one code against everything given, or against nothing and fault.Throttled.
func (h *Handler) count(ctx context.Context, tenant string, what ...counted) error {
	if len(h.Limits.CodesPerAddress)+len(h.Limits.CodesPerIP) == 0 {
		return nil
	}
	k, err := h.Cases.Vault().Tenant(ctx, tenant)
	if err != nil {
		return fmt.Errorf("reading tenant keys: %w", err)
	}
	var counts []session.Count
	for _, c := range what {
		hash := hex.EncodeToString(k.MAC("rate", []byte(c.value)))
		counts = append(counts, session.Count{Key: c.prefix + tenant + "#" + hash, Limits: c.limits})
	}
	return h.Sessions.Allow(ctx, counts...)
}

func (h *Handler) countTry(ctx context.Context, tenant, network string) error {
	if len(h.Limits.TriesPerIP) == 0 {
		return nil
	}
	sum := sha256.Sum256([]byte(tenant + "/" + network))
	return h.Sessions.Allow(ctx, session.Count{Key: "tries#" + hex.EncodeToString(sum[:]), Limits: h.Limits.TriesPerIP})
}

// wrongCode is what every failed proof answers: it does not tell an unknown reference from a wrong code.
func wrongCode() error {
	return fault.New(fault.Unauthenticated, "this code does not fit, or it is no longer valid")
}

// find returns the case with the reference as a person typed it; fault.NotFound when there is none.
func (h *Handler) find(ctx context.Context, tenant, reference string) (string, error) {
	ref, ok := dsar.CleanReference(reference)
	if !ok {
		return "", fault.New(fault.NotFound, "this is no reference")
	}
	return h.Cases.ByReference(ctx, tenant, ref)
}

// verify tries a code or the secret of a link and returns a session when it fits.
func (h *Handler) verify(ctx context.Context, tenant, reference, network string, a identity.Answer) (token string, err error) {
	if err := h.countTry(ctx, tenant, network); err != nil {
		return "", err
	}
	var res verification.Result
	id, err := h.find(ctx, tenant, reference)
	if err == nil {
		err = step.Change(ctx, h.Cases, tenant, id, func(ctx context.Context, f *casefile.File) error {
			var err error
			if res, err = h.Desk.Check(ctx, f, a); err != nil || res.Outcome != verification.Accepted {
				return err
			}
			t, w, err := h.Sessions.Prepare(session.Grant{
				Kind: session.Subject, Tenant: tenant, CaseID: id, ExpiresAt: h.Desk.Rules.SessionEnds(f.Now()),
			})
			if err != nil {
				return err
			}
			token = t
			f.With(w)
			return nil
		})
	}
	if fault.Has(err, fault.NotFound) || (err == nil && res.Outcome != verification.Accepted) {
		return "", wrongCode()
	}
	if err != nil {
		return "", err
	}
	return token, nil
}

// reissue mails a new code to the address on file. Whoever asks sees the same whether or not there is such a request: both are
// counted alike, and an address that had its share through other requests gets nothing, in silence.
func (h *Handler) reissue(ctx context.Context, tenant, reference, network string) error {
	if err := h.countTry(ctx, tenant, network); err != nil {
		return err
	}
	ref, ok := dsar.CleanReference(reference)
	if !ok {
		return nil
	}
	if err := h.count(ctx, tenant, h.reference(ref), h.network(network)); err != nil {
		return err
	}
	id, err := h.Cases.ByReference(ctx, tenant, ref)
	var f *casefile.File
	if err == nil {
		f, err = h.Cases.Load(ctx, tenant, id)
	}
	if fault.Has(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	p, err := f.Person()
	if err != nil {
		return err
	}
	if err := h.count(ctx, tenant, h.address(p.Email)); err != nil {
		if fault.Has(err, fault.Throttled) {
			return nil
		}
		return err
	}
	return step.Change(ctx, h.Cases, tenant, id, func(ctx context.Context, f *casefile.File) error {
		switch c := &f.Case; {
		case c.Law.Pack == "" || (c.Verification.VerifiedAt.IsZero() && !c.Open()):
			return nil // not triaged yet: its first code is on the way; expired: nothing to come back to
		case c.Download() != nil:
			return h.Desk.Issue(ctx, f, letters.DownloadCode)
		default:
			return h.Desk.Issue(ctx, f, letters.CodeAgain)
		}
	})
}

// grant returns the session of a request; the reference must be that of its case.
func (h *Handler) grant(ctx context.Context, tenant, reference, token string) (session.Grant, *casefile.File, error) {
	none := fault.New(fault.Unauthenticated, "the session has ended; ask for a new code")
	if token == "" {
		return session.Grant{}, nil, none
	}
	g, err := h.Sessions.Get(ctx, session.Subject, token)
	if err != nil {
		return session.Grant{}, nil, err
	}
	if g.Tenant != tenant {
		return session.Grant{}, nil, none
	}
	f, err := h.Cases.Load(ctx, tenant, g.CaseID)
	if fault.Has(err, fault.NotFound) {
		return session.Grant{}, nil, none
	}
	if err != nil {
		return session.Grant{}, nil, err
	}
	if ref, ok := dsar.CleanReference(reference); !ok || ref != f.Case.Reference {
		return session.Grant{}, nil, none
	}
	return g, f, nil
}

// withdraw records the subject's withdrawal. One that comes after the answer, or after another ending, is fault.Conflict. A
// reason is the person's own words and joins the sealed conversation.
func (h *Handler) withdraw(ctx context.Context, g session.Grant, reason redact.Text) error {
	return step.Change(ctx, h.Cases, g.Tenant, g.CaseID, func(_ context.Context, f *casefile.File) error {
		again := f.Case.Withdrawal != nil
		if err := f.Withdraw(evidence.Subject, redact.Text{}); err != nil || again || reason.IsZero() {
			return err
		}
		return f.Say(evidence.Subject, reason)
	})
}

// say adds a message of the subject.
func (h *Handler) say(ctx context.Context, g session.Grant, text redact.Text) error {
	return step.Change(ctx, h.Cases, g.Tenant, g.CaseID, func(_ context.Context, f *casefile.File) error {
		return f.Say(evidence.Subject, text)
	})
}

// link makes a single-use link to the package. It asks for a code entered less than 15 minutes ago.
func (h *Handler) link(ctx context.Context, g session.Grant, f *casefile.File) (string, error) {
	if !h.Desk.Rules.Fresh(g.At, h.Cases.Now()) {
		return "", fault.New(fault.Unauthenticated, "the code was entered more than 15 minutes ago; ask for a new one")
	}
	p, caseID, err := h.packageOf(ctx, f)
	if err != nil {
		return "", err
	}
	var all []int
	for n := range p.Volumes {
		all = append(all, n+1)
	}
	return h.Sessions.New(ctx, session.Grant{
		Kind: session.Download, Tenant: g.Tenant, CaseID: caseID, Left: all, ExpiresAt: h.Cases.Now().Add(session.DownloadLife),
	})
}

// packageOf returns the package that answers the case: its own, or that of the case it was joined to. fault.NotFound when
// there is none, not yet, or no longer.
func (h *Handler) packageOf(ctx context.Context, f *casefile.File) (casefile.Package, string, error) {
	c := f.Case
	if c.MergedInto != "" {
		var err error
		if c, err = h.Cases.Case(ctx, c.Tenant, c.MergedInto); err != nil {
			return casefile.Package{}, "", err
		}
	}
	p := c.Download()
	if p == nil || !h.Cases.Now().Before(p.ExpiresAt) {
		return casefile.Package{}, "", fault.New(fault.NotFound, "there is nothing to download")
	}
	return *p, c.ID, nil
}

// volume uses up the link for volume n and returns the opened zip.
func (h *Handler) volume(ctx context.Context, g session.Grant, n int) (casefile.Volume, io.ReadCloser, error) {
	f, err := h.Cases.Load(ctx, g.Tenant, g.CaseID)
	if err != nil {
		return casefile.Volume{}, nil, err
	}
	p, _, err := h.packageOf(ctx, f)
	if err != nil {
		return casefile.Volume{}, nil, err
	}
	if n < 1 || n > len(p.Volumes) {
		return casefile.Volume{}, nil, fault.InvalidField("/volume", "there is no such volume")
	}
	v := p.Volumes[n-1]
	sealed, _, err := h.Blobs.Open(ctx, v.Object, 0)
	if err != nil {
		return casefile.Volume{}, nil, fmt.Errorf("opening package: %w", err)
	}
	plain, err := f.Keys.OpenResults(ctx, sealed)
	if err == nil {
		err = h.Sessions.UseVolume(ctx, g, n)
	}
	if err == nil {
		err = step.Change(ctx, h.Cases, g.Tenant, g.CaseID, func(_ context.Context, f *casefile.File) error {
			if p := f.Case.Download(); p != nil {
				p.Downloads++
			}
			return f.Entry("package_downloaded", evidence.Subject, map[string]any{"volume": n, "sha256": v.SHA256})
		})
	}
	if err != nil {
		_ = sealed.Close() // nothing was read from it; the first error says more
		return casefile.Volume{}, nil, fmt.Errorf("handing out package: %w", err)
	}
	return v, opened{plain, sealed}, nil
}

type opened struct {
	io.Reader
	io.Closer
}
