package assembleresponse

import (
	"context"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/objects"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/disclosure"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// input gathers what the package states, from the case, the registry and the pinned law.
func (s *Step) input(ctx context.Context, f *casefile.File, at time.Time) (disclosure.Input, error) {
	c := &f.Case
	tenant, err := s.Registry.Tenant(ctx, c.Tenant)
	if err != nil {
		return disclosure.Input{}, err
	}
	z, err := zone(tenant)
	if err != nil {
		return disclosure.Input{}, err
	}
	p, err := f.Person()
	if err != nil {
		return disclosure.Input{}, err
	}
	pack, err := s.Packs.At(policy.ID(c.Law.Pack), policy.Version(c.Law.Version))
	if err != nil {
		return disclosure.Input{}, err
	}
	locale := c.Locale
	if locale == "" {
		locale = tenant.Locale
	}
	in := disclosure.Input{
		Reference: c.Reference, Right: c.Right, Locale: locale, GeneratedAt: at.In(z), ReceivedAt: c.ReceivedAt.In(z), Subject: p.Name,
		Controller: disclosure.Controller{Title: tenant.Title, Name: tenant.Controller, Contact: tenant.Contact},
		Law:        law(pack, s.Assembler.Language(locale)), Facts: disclosure.Facts{
			AutomatedDecisions: tenant.Facts.AutomatedDecisions, Transfers: tenant.Facts.Transfers, Authority: tenant.Facts.Authority,
		},
	}
	in.CategoriesOnly = c.Verification.CategoriesOnly()
	if in.Deny, err = s.deny(c.Law, pack); err != nil {
		return disclosure.Input{}, err
	}
	recipients, err := s.Registry.Recipients(ctx, c.Tenant)
	if err != nil {
		return disclosure.Input{}, err
	}
	for _, r := range recipients {
		in.Recipients = append(in.Recipients, disclosure.Recipient{Title: r.Title, Country: r.Country, Purpose: r.Purpose})
	}
	open := f.Keys.ResultsOpener() // one call of the keeper, however many parts there are
	for _, t := range f.Acts() {
		if !discloses(t) {
			continue
		}
		sys, err := s.system(ctx, f, t, recipients, open)
		if err != nil {
			return disclosure.Input{}, err
		}
		in.Systems = append(in.Systems, sys)
	}
	return in, nil
}

// deny returns what no law of the case lets a package show, each kind with the provisions.
func (s *Step) deny(l casefile.Law, governing policy.Pack) ([]disclosure.Deny, error) {
	packs := []policy.Pack{governing}
	for _, a := range l.Also {
		p, err := s.Packs.At(policy.ID(a.Pack), policy.Version(a.Version))
		if err != nil {
			return nil, err
		}
		packs = append(packs, p)
	}
	var out []disclosure.Deny
	for _, p := range packs {
		for _, n := range p.NeverDisclose {
			out = append(out, disclosure.Deny{Kind: n.Kind, Basis: n.Basis})
		}
	}
	return out, nil
}

// law returns what the page says of the law in its language. Where the pack does not speak it, the name and the address of the
// authority stand alone: the letter that comes with the package has the sentences (GDPR Art. 15(1)(f) asks for the authority only).
func law(p policy.Pack, language string) disclosure.Law {
	out := disclosure.Law{Name: p.Law, Citation: p.Short, GDPR: p.ID == "eu" || p.ID == "uk"}
	for _, r := range dsar.Rights() {
		if p.RightLevel(r) != policy.None {
			out.Rights = append(out.Rights, r)
		}
	}
	for _, r := range []*policy.Route{p.Complaint.Internal, p.Complaint.Authority, p.Complaint.Court} {
		if r == nil {
			continue
		}
		text, missing := r.Text.In(language)
		switch {
		case !missing:
			out.Complaint = append(out.Complaint, disclosure.Route{Name: r.Name, URL: r.URL, Text: text})
		case r == p.Complaint.Authority:
			out.Complaint = append(out.Complaint, disclosure.Route{Name: r.Name, URL: r.URL})
		}
	}
	return out
}

func (s *Step) system(ctx context.Context, f *casefile.File, t *casefile.Task, recipients []registry.Recipient, open engine.Opener) (disclosure.System, error) {
	sys, err := s.Registry.System(ctx, f.Case.Tenant, t.System)
	if err != nil && !fault.Has(err, fault.NotFound) {
		return disclosure.System{}, err
	}
	out := disclosure.System{
		Name: t.System, Title: sys.Title, Outcome: t.Outcome,
		Facts: disclosure.SystemFacts{Purposes: sys.Facts.Purposes, Retention: sys.Facts.Retention, Source: sys.Facts.Source},
	}
	if t.Outcome == dsar.Retained {
		out.Because = dsar.Keep
	}
	note, err := f.Reason(t.Decision)
	if err != nil {
		return disclosure.System{}, err
	}
	out.Note = note.Reveal() // the answer is its owner's
	for _, name := range sys.Recipients {
		for _, r := range recipients {
			if r.Name == name {
				out.Facts.Recipients = append(out.Facts.Recipients, r.Title)
			}
		}
	}
	// A data map that cannot be read any more takes only the categories away, not the data.
	dataset, err := s.DataMaps.DataMap(ctx, f.Case.Tenant, t.System)
	if err != nil && !fault.Has(err, fault.NotFound) && !fault.Has(err, fault.Misconfigured) {
		return disclosure.System{}, err
	}
	for _, c := range t.Collections {
		out.Collections = append(out.Collections, collection(c, dataset))
	}
	if out.Attachments, err = s.attachments(f, t); err != nil {
		return disclosure.System{}, err
	}
	refs, err := casefile.PartsOf[engine.PartRef](t)
	if err != nil {
		return disclosure.System{}, err
	}
	if len(refs) > 0 {
		out.Records = s.records(open, refs)
	}
	return out, nil
}

// attachments are the files that the owner of the system added.
func (s *Step) attachments(f *casefile.File, t *casefile.Task) ([]disclosure.Attachment, error) {
	var out []disclosure.Attachment
	for _, u := range t.Attachments() {
		name, err := f.UploadName(t, u)
		if err != nil {
			return nil, err
		}
		out = append(out, disclosure.Attachment{
			Name: name.Reveal(), Bytes: u.Bytes, SHA256: u.SHA256, // the package is its owner's
			Open: func(ctx context.Context) (io.ReadCloser, error) { return objects.Open(ctx, s.Blobs, f.Keys, u.Object) },
		})
	}
	return out, nil
}

func collection(c casefile.Collection, d *connector.Dataset) disclosure.Collection {
	out := disclosure.Collection{
		Name: c.Name, Outcome: c.Outcome, Because: dsar.RetainedBecause(c.Because), Records: c.Records,
		ReadFrom: c.ReadFrom, ReadTo: c.ReadTo, Note: c.Note,
	}
	if d == nil {
		return out
	}
	dc := d.Collection(c.Name)
	if dc == nil {
		return out
	}
	out.Fields = map[string][]string{}
	for field := range dc.All {
		if len(field.Categories) > 0 {
			out.Fields[field.Path] = field.Categories
		}
		for _, cat := range field.Categories {
			if !slices.Contains(out.Categories, cat) {
				out.Categories = append(out.Categories, cat)
			}
		}
	}
	slices.Sort(out.Categories)
	return out
}

// records yields the sealed records collection by collection, always in the same order. A collection that the results do not
// list is refused by the assembler, never left out.
func (s *Step) records(open engine.Opener, refs []engine.PartRef) func(context.Context, int64) iter.Seq2[disclosure.Record, error] {
	parts := engine.NewParts(s.Blobs, open, refs)
	var contents []disclosure.Content
	for _, c := range parts.Contents() {
		contents = append(contents, disclosure.Content{Collection: c.Collection, Records: int64(c.Records)})
	}
	return disclosure.Serial(contents, parts.Records)
}
