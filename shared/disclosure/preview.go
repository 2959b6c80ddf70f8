package disclosure

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/habeas-dsar/habeas/shared/connector"
)

const (
	previewRows    = 50      // of a collection shown in index.html
	previewCell    = 2000    // bytes of one value shown
	previewBytes   = 1 << 20 // of values of the whole package
	previewAtLeast = 4 << 10 // of one collection, however many there are
)

// previews are the first records of each collection, for index.html. Their size is bounded whatever the package holds.
type previews struct {
	in     *Input
	budget int // bytes of one collection
	lists  [][]preview
}

// preview is the first records of one collection.
type preview struct {
	columns []string
	rows    [][]connector.Field
	bytes   int
	full    bool // no further record fits
	cut     bool // a value was shortened
}

func newPreviews(in *Input, volumeBytes int64) *previews {
	p := &previews{in: in, lists: make([][]preview, len(in.Systems))}
	filled := 1
	for i, s := range in.Systems {
		p.lists[i] = make([]preview, len(s.Collections))
		for _, c := range s.Collections {
			if c.Records > 0 {
				filled++
			}
		}
	}
	p.budget = max(min(previewBytes, int(volumeBytes/8))/filled, previewAtLeast)
	return p
}

// add takes a record if there is room. The first one is always taken.
func (p *previews) add(i, k int, fields []connector.Field) {
	v := &p.lists[i][k]
	if v.full {
		return
	}
	row := slices.Clone(fields)
	size := 0
	for f := range row {
		var cut bool
		row[f].Value, cut = shorten(row[f].Value)
		v.cut = v.cut || cut
		size += len(row[f].Name) + len(row[f].Value.RevealText()) + 64
	}
	if len(v.rows) > 0 && v.bytes+size > p.budget {
		v.full = true
		return
	}
	v.rows, v.bytes = append(v.rows, row), v.bytes+size
	v.full = len(v.rows) == previewRows
	for f := range row {
		if !slices.Contains(v.columns, row[f].Name) {
			v.columns = append(v.columns, row[f].Name)
		}
	}
}

// shorten cuts long values; the copy does not hold on to the whole.
func shorten(v connector.Value) (connector.Value, bool) {
	switch v.Type() {
	case connector.TypeText, connector.TypeJSON:
	default:
		return v, false
	}
	s := v.RevealText()
	if len(s) <= previewCell {
		return v, false
	}
	n := previewCell
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return connector.Text(strings.Clone(s[:n]) + "…"), true
}

// fill reads again what earlier volumes took, because a state holds no personal data.
func (p *previews) fill(ctx context.Context, v *volume) error {
	for i := range p.in.Systems {
		if i > v.from || (i == v.from && v.fromSkip == 0) {
			return nil
		}
		clear(p.lists[i])
		if err := p.read(ctx, v, i); err != nil {
			return err
		}
	}
	return nil
}

func (p *previews) read(ctx context.Context, v *volume, i int) error {
	missing := 0
	for _, c := range p.in.Systems[i].Collections {
		if c.Records > 0 {
			missing++
		}
	}
	if missing == 0 {
		return nil
	}
	seen := make([]int64, len(p.lists[i]))
	for r, err := range p.in.Systems[i].Records(ctx, 0) {
		if err != nil {
			return err
		}
		k, known := v.paths[i].index[r.Collection]
		if !known {
			return errForeign
		}
		seen[k]++
		if !p.lists[i][k].full {
			if err := connector.DecodeRecord(r.Line.Reveal(), &v.record); err != nil {
				return err
			}
			v.paths[i].secrets[k].hide(&v.record)
			p.add(i, k, v.record.Fields)
			if p.lists[i][k].full || seen[k] == p.in.Systems[i].Collections[k].Records {
				p.lists[i][k].full = true
				if missing--; missing == 0 {
					return nil
				}
			}
		}
	}
	return nil
}
