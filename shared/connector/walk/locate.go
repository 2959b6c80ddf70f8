package walk

import (
	"context"
	"errors"
	"fmt"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Bounds of a search, per way into a collection.
const (
	probeRows  = 50   // rows read when nothing but their number is to be learned
	locateRows = 1000 // rows read when they may hold further identifiers
)

// Locate searches every collection that has identity fields for the known identifiers, reads a bounded number of rows and
// applies the rules of ambiguity. It never follows references.
func (w *Walker) Locate(ctx context.Context, q connector.Query) (connector.Located, error) {
	l := locating{w: w, known: q.Known()}
	l.matcher = connector.NewMatcher(l.known)
	var located connector.Located
	for _, c := range w.graph.Dataset().Collections {
		if c.Skip || !w.graph.Reached(c) {
			continue
		}
		res, searched, err := l.collection(ctx, c)
		if err != nil {
			return connector.Located{}, fmt.Errorf("searching %s: %w", c.Name, err)
		}
		if l.ambiguity != nil {
			return connector.Located{Ambiguity: l.ambiguity, Collections: []connector.CollectionResult{
				{Collection: c.Name, Outcome: connector.Ambiguous},
			}}, nil
		}
		if searched {
			located.Collections = append(located.Collections, res)
		}
	}
	located.Identifiers = l.matcher.Found()
	return located, nil
}

type locating struct {
	w         *Walker
	known     []subject.Identifier
	matcher   *connector.Matcher
	ambiguity *connector.Ambiguity
	scratch   []connector.Value
}

// collection searches one collection by every way in that identifiers have.
func (l *locating) collection(ctx context.Context, c *connector.Collection) (connector.CollectionResult, bool, error) {
	f := l.w.facts[c]
	res := connector.CollectionResult{Collection: c.Name, Outcome: connector.NothingHeld}
	keys := map[string]bool{}
	searchable, bounded := false, false
	for _, e := range f.entries {
		if len(e.Kinds()) == 0 {
			continue
		}
		searchable = true
		lookups, err := l.w.identityLookups(ctx, e, l.known)
		if err != nil {
			return res, true, err
		}
		for _, lookup := range lookups {
			more, err := l.lookup(ctx, f, e, lookup, keys)
			if u, ok := errors.AsType[*Unserved](err); ok {
				res.Outcome, res.Records, res.Note = connector.NotDone, len(keys), u.Note
				return res, true, nil
			}
			if err != nil || l.ambiguity != nil {
				return res, true, err
			}
			bounded = bounded || more
		}
	}
	if res.Records = len(keys); res.Records > 0 {
		res.Outcome = connector.Found
	}
	switch {
	case bounded && len(f.exports) > 0:
		res.Outcome, res.Note = connector.NotDone, fmt.Sprintf("more than %d rows lead to other systems", locateRows)
	case bounded:
		res.Note = "there are more"
	}
	return res, searchable && f.disclosed, nil
}

func (l *locating) lookup(ctx context.Context, f *facts, e *connector.Entry, lookup Lookup, keys map[string]bool) (more bool, err error) {
	budget := probeRows
	if len(f.identities)+len(f.exports)+len(f.proofs) > 1 {
		budget = locateRows
	}
	for read := 0; ; {
		lookup.Limit = min(l.w.limits.PageRecords, budget-read)
		rows := 0
		more, err = l.w.source.Rows(ctx, lookup, func(rec *connector.Record) error {
			rows++
			if err := f.checkKey(rec); err != nil {
				return err
			}
			lookup.After = append(lookup.After[:0:0], rec.Key...)
			keys[string(connector.AppendKey(nil, rec.Key))] = true
			if ids := f.identifiersOf(rec, l.scratch); l.ambiguity == nil {
				l.ambiguity = l.matcher.Row(f.name, matchedBy(e, l.known, ids), ids)
			}
			return nil
		})
		read += rows
		switch {
		case err != nil:
			return false, err
		case more && rows == 0:
			return false, errNoProgress(f.name)
		case !more || read >= budget || l.ambiguity != nil:
			return more, nil
		}
	}
}

func errNoProgress(collection string) error {
	return fault.New(fault.Invalid, "the source promised more rows of "+collection+" and gave none")
}
