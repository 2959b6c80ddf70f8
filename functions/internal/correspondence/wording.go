package correspondence

import (
	"context"
	"slices"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// Wording returns the tenant's own words at their newest version.
func (w *Writer) Wording(ctx context.Context, tenant string) (letters.Wording, error) {
	all, err := w.Registry.Wordings(ctx, tenant)
	if err != nil {
		return letters.Wording{}, err
	}
	return WordingAt(all, len(all)), nil
}

// WordingAt returns a tenant's own words as letters take them, at a version.
func WordingAt(all []registry.Words, version int) letters.Wording {
	out := letters.Wording{Version: min(version, len(all)), Phrases: map[string]map[string]letters.Phrase{}}
	for language, messages := range registry.WordsAt(all, version) {
		out.Phrases[language] = map[string]letters.Phrase{}
		for key, text := range messages {
			out.Phrases[language][key] = text
		}
	}
	return out
}

// recipients names who is told of a change, for letters that must say so.
func recipients(ctx context.Context, reg *registry.Store, f *casefile.File, kind letters.Kind, facts *letters.Facts) error {
	if !slices.Contains(facts.Pack.Letters[string(kind)], policy.StateRecipients) {
		return nil
	}
	notices, err := f.Notices(ctx)
	if err != nil {
		return err
	}
	for _, n := range notices {
		name := n.Recipient
		if r, err := reg.Recipient(ctx, f.Case.Tenant, n.Recipient); err == nil && r.Title != "" {
			name = r.Title // a recipient that is no longer registered keeps its name
		}
		facts.Recipients = append(facts.Recipients, name)
	}
	return nil
}
