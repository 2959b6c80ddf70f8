// Package correspondence fills letters with the facts of a case and queues them with the case's change, in one place for all
// steps and handlers.
package correspondence

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/statute"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// Writer writes letters for cases.
type Writer struct {
	Registry  *registry.Store
	Packs     *policy.Set
	Catalogue *letters.Catalogue
	BaseURL   string // "https://privacy.example.com", without a slash at the end
}

// Facts are the facts of one letter with what edit functions need to complete them.
type Facts struct {
	*letters.Facts
	Policy registry.Policy
	Zone   *time.Location
	URL    func(path string) string // absolute address below the tenant's portal
}

// Day is the civil day of an instant in the tenant's zone.
func (f Facts) Day(t time.Time) civil.Date { return civil.In(t, f.Zone) }

// Send renders the letter from the case and what edit adds, and queues it to the person under the commit of f. edit may be nil.
func (w *Writer) Send(ctx context.Context, f *casefile.File, kind letters.Kind, edit func(Facts)) error {
	p, err := f.Person()
	if err != nil {
		return err
	}
	return w.send(ctx, f, kind, addressee{to: p.To().Value, locale: f.Case.Locale}, edit)
}

// SendOwner is Send to whoever holds the task of an owner. It is written in the language of the tenant.
func (w *Writer) SendOwner(ctx context.Context, f *casefile.File, kind letters.Kind, t *casefile.Task, to redact.Text, edit func(Facts)) error {
	return w.send(ctx, f, kind, addressee{to: to, party: casefile.ToOwner, taskID: t.ID}, edit)
}

// SendRecipient is Send to a recipient of data, for a notice. It is written in the language of the tenant.
func (w *Writer) SendRecipient(ctx context.Context, f *casefile.File, kind letters.Kind, n *casefile.Notice, to redact.Text, edit func(Facts)) error {
	return w.send(ctx, f, kind, addressee{to: to, party: casefile.ToRecipient, taskID: n.ID}, edit)
}

// SendTeam is Send to somebody of the privacy team. It is written in the language of the tenant.
func (w *Writer) SendTeam(ctx context.Context, f *casefile.File, kind letters.Kind, to redact.Text, edit func(Facts)) error {
	return w.send(ctx, f, kind, addressee{to: to, party: casefile.ToTeam}, func(l Facts) {
		l.PortalURL = w.BaseURL + "/console/cases/" + f.Case.ID + "?tenant=" + url.QueryEscape(f.Case.Tenant)
		if edit != nil {
			edit(l)
		}
	})
}

// addressee is to whom a letter goes; no locale is that of the tenant.
type addressee struct {
	to                    redact.Text
	locale, party, taskID string
}

func (w *Writer) send(ctx context.Context, f *casefile.File, kind letters.Kind, a addressee, edit func(Facts)) error {
	c := &f.Case
	tenant, err := w.Registry.Tenant(ctx, c.Tenant)
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(tenant.Zone)
	if err != nil {
		return fmt.Errorf("loading the tenant's zone: %w", err)
	}
	p, err := f.Person()
	if err != nil {
		return err
	}
	pack, err := w.law(ctx, c, p, tenant)
	if err != nil {
		return err
	}
	below := func(path string) string { return w.BaseURL + "/t/" + url.PathEscape(c.Tenant) + "/" + path }
	facts := letters.Facts{
		Tenant:    letters.Tenant{Title: tenant.Title, Controller: tenant.Controller, Contact: tenant.Contact},
		Reference: c.Reference, Right: c.Right, Pack: pack, PortalURL: below("requests/" + c.Reference), Name: p.Name,
		OptOutURL:  below("request?right=" + string(dsar.OptOut)),
		ReceivedOn: civil.In(c.ReceivedAt, zone), On: civil.In(f.Now(), zone), Assumption: c.Law.Assumption, Doubt: policy.Doubt(c.Law.Doubt),
		Systems: systems(ctx, w.Registry, f), Authority: tenant.Facts.Authority,
	}
	if !c.Due.At.IsZero() {
		facts.Due = civil.In(c.Due.At, zone)
		for n, s := range c.Due.Steps {
			facts.DueSteps = append(facts.DueSteps, clock.Step{N: n + 1, Text: s.Text, Citation: s.Citation, Code: s.Code, Args: s.Args})
		}
	}
	if facts.Wording, err = w.Wording(ctx, c.Tenant); err != nil {
		return err
	}
	if err := recipients(ctx, w.Registry, f, kind, &facts); err != nil {
		return err
	}
	if edit != nil {
		edit(Facts{&facts, tenant.Policy.Effective(), zone, below})
	}
	if a.locale == "" {
		a.locale = tenant.Locale
	}
	r, err := w.Catalogue.Render(kind, a.locale, facts)
	if err != nil {
		return err
	}
	return f.Send(casefile.Letter{Kind: string(kind), To: a.to, Subject: r.Subject, Text: r.Text, HTML: r.HTML, Party: a.party, TaskID: a.taskID, Wording: r.Wording})
}

// law returns the pinned law of the case, or the one it would get for a case that ends before its law is settled.
func (w *Writer) law(ctx context.Context, c *casefile.Case, p *casefile.Person, tenant registry.Tenant) (policy.Pack, error) {
	if c.Law.Pack == "" {
		allowed, err := w.Registry.Allowed(ctx, tenant)
		if err != nil {
			return policy.Pack{}, err
		}
		choice, err := statute.Choose(w.Packs, c, p.Region, tenant, allowed)
		return choice.Pack, err
	}
	pack, err := w.Packs.At(policy.ID(c.Law.Pack), policy.Version(c.Law.Version))
	if err != nil {
		return policy.Pack{}, fmt.Errorf("reading the pinned law: %w", err)
	}
	return pack, nil
}

// systems lists what each system said, by its title.
func systems(ctx context.Context, reg *registry.Store, f *casefile.File) []letters.System {
	var out []letters.System
	for _, t := range f.Acts() {
		if !t.Outcome.Valid() {
			continue
		}
		s := letters.System{Title: t.System, Outcome: t.Outcome, Files: len(t.Attachments())}
		if sys, err := reg.System(ctx, f.Case.Tenant, t.System); err == nil && sys.Title != "" {
			s.Title = sys.Title // a system that is no longer registered keeps its name
		}
		s.Records = int(t.ByHand())
		out = append(out, lines(s, t)...)
	}
	return out
}

// lines says what became of the records of a system: one line for its outcome, before it what was found or done of a system that is
// not through, after it what was kept.
func lines(s letters.System, t *casefile.Task) []letters.System {
	through := []dsar.Outcome{dsar.Found, dsar.Erased, dsar.Corrected, dsar.Restricted}
	before, kept := s, s
	before.Records, kept.Records, kept.Outcome = 0, 0, dsar.Retained
	for _, c := range t.Collections {
		switch {
		case c.Outcome == t.Outcome:
			s.Records += int(c.Records)
		case c.Outcome == dsar.Retained:
			kept.Records += int(c.Records)
		case t.Outcome == dsar.NotDone && slices.Contains(through, c.Outcome) && (c.Outcome == dsar.Found) == (t.Action == dsar.ReadOut):
			before.Outcome = c.Outcome
			before.Records += int(c.Records)
		}
	}
	var out []letters.System
	if before.Records > 0 {
		out = append(out, before)
	}
	out = append(out, s)
	if kept.Records > 0 && t.Outcome != dsar.Retained {
		out = append(out, kept)
	}
	return out
}
