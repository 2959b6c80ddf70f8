package rest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ohler55/ojg/jp"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// digest is a fingerprint of something that must not come twice.
type digest [sha256.Size]byte

// place is where a list stands: which page comes next, and what tells a page that comes twice. The zero place is the first.
type place struct {
	number int    // pages behind us
	cursor string // of the next page, or its address
	seen   int    // records behind us
	last   digest // the keys of the last page
	mark   digest // a cursor of before, for finding circles (Brent 1980)
	power  int    // when the mark moves next
}

// parse reads an answer strictly: one JSON value in UTF-8 and nothing behind it.
func parse(a *answer, what string) (any, error) {
	bad := fault.New(fault.Invalid, "reading "+what+": the answer is not the JSON it should be")
	if !utf8.Valid(a.body) {
		return nil, bad
	}
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, bad
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, bad
	}
	return v, nil
}

// items returns the records of an answer.
func (r *read) items(root any, what string) ([]map[string]any, error) {
	at, found := root, true
	if r.records != nil {
		at, found = find(r.records, root)
	}
	list, isList := at.([]any)
	if r.one {
		list, isList = []any{at}, true
	}
	if !found || !isList {
		return nil, fault.New(fault.Invalid, "reading "+what+": the answer has no records where the connector file says")
	}
	items := make([]map[string]any, len(list))
	for i, e := range list {
		item, ok := e.(map[string]any)
		if !ok {
			return nil, fault.New(fault.Invalid, "reading "+what+": a record is not an object")
		}
		items[i] = item
	}
	return items, nil
}

// find returns what stands at a path. A null counts as found.
func find(x jp.Expr, root any) (any, bool) { return x.FirstFound(root) }

// after works out what comes behind a page: the next place, or nil at the end. keys is the fingerprint of the page's keys.
func (r *read) after(at place, a *answer, root any, records int, keys digest, what string) (*place, error) {
	if r.paging == nil {
		return nil, r.complete(a, what)
	}
	if at.number > 0 && records > 0 && keys == at.last {
		return nil, fault.New(fault.Invalid, "reading "+what+": the system gave the same page twice")
	}
	next := at
	next.number, next.seen, next.last = at.number+1, at.seen+records, keys
	p := r.paging
	more, said, err := p.goesOn(root, next.seen, what)
	if err != nil {
		return nil, err
	}
	switch p.kind {
	case byCursor:
		next.cursor, err = p.nextCursor(root, what)
	case byLink:
		next.cursor, err = nextLink(a)
	default:
		// Without a word of the system, a page without records is the end: a short one may be all that the system gives at once.
		if said && !more || !said && records == 0 {
			return nil, nil
		}
		if records == 0 {
			return nil, fault.New(fault.Invalid, "reading "+what+": a page is missing, the system says that there are more records")
		}
		return &next, nil
	}
	switch {
	case err != nil:
		return nil, err
	case next.cursor == "" && said && more:
		return nil, fault.New(fault.Invalid, "reading "+what+": the next page is missing, the system says that there are more records")
	case next.cursor == "" || said && !more && p.more != nil:
		return nil, nil
	}
	return &next, next.circle(at.cursor, what)
}

// complete refuses an answer in one piece that names a further one.
func (r *read) complete(a *answer, what string) error {
	if next, err := nextLink(a); err == nil && next == "" || r.one {
		return nil
	}
	return fault.New(fault.Invalid, "reading "+what+": the answer has a next page, and the connector file does not say how pages are read")
}

// goesOn returns what the answer says about further pages; said is false when the file names nothing that would.
func (p *paging) goesOn(root any, seen int, what string) (more, said bool, err error) {
	if p.more != nil {
		v, _ := find(p.more, root)
		flag, ok := v.(bool)
		if !ok {
			return false, false, fault.New(fault.Invalid, "reading "+what+": the answer does not say whether there are more pages")
		}
		return flag, true, nil
	}
	if p.total != nil {
		v, _ := find(p.total, root)
		n, ok := v.(json.Number)
		total, err := strconv.ParseInt(n.String(), 10, 64)
		if !ok || err != nil || total < 0 || total > math.MaxInt32*int64(1000) {
			return false, false, fault.New(fault.Invalid, "reading "+what+": the answer does not say how many records there are")
		}
		return int64(seen) < total, true, nil
	}
	return false, false, nil
}

// maxCursor bounds a cursor: it goes into an address, and many are remembered.
const maxCursor = 8 << 10

func (p *paging) nextCursor(root any, what string) (string, error) {
	v, found := find(p.next, root)
	if !found {
		if p.absentEnds {
			return "", nil
		}
		return "", fault.New(fault.Invalid, "reading "+what+": the answer does not say what the next page is")
	}
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		if len(v) <= maxCursor {
			return v, nil
		}
	case json.Number:
		return v.String(), nil
	}
	return "", fault.New(fault.Invalid, "reading "+what+": the cursor of the next page is neither number nor text, or too long")
}

// circle refuses a cursor that was there before. It remembers one cursor, at growing distances: a circle of any length is
// found when it has been walked a few times.
func (p *place) circle(before, what string) error {
	now := digest(sha256.Sum256([]byte(p.cursor)))
	if p.cursor == before || p.power > 0 && now == p.mark {
		return fault.New(fault.Invalid, "reading "+what+": the system gave the same cursor twice")
	}
	if p.number >= p.power {
		p.mark, p.power = now, max(1, 2*p.power)
	}
	return nil
}

// nextLink returns the target of rel=next (RFC 8288, section 3) as a whole address; empty when there is none.
func nextLink(a *answer) (string, error) {
	bad := fault.New(fault.Invalid, "the Link header of an answer cannot be read")
	for _, line := range a.header.Values("Link") {
		for rest := strings.TrimSpace(line); rest != ""; {
			if rest[0] != '<' {
				return "", bad
			}
			target, params, closed := strings.Cut(rest[1:], ">")
			if !closed {
				return "", bad
			}
			var next, ok bool
			if next, rest, ok = linkParams(params); !ok {
				return "", bad
			}
			if next {
				u, err := a.from.Parse(target)
				if err != nil {
					return "", bad
				}
				return u.String(), nil
			}
		}
	}
	return "", nil
}

// linkParams reads the parameters of one link and returns what stands behind its comma.
func linkParams(s string) (next bool, rest string, ok bool) {
	seen := false
	for {
		s = strings.TrimLeft(s, " \t")
		switch {
		case s == "":
			return next, "", true
		case s[0] == ',':
			return next, strings.TrimLeft(s[1:], " \t,"), true
		case s[0] != ';':
			return false, "", false
		}
		s = strings.TrimLeft(s[1:], " \t")
		i := strings.IndexAny(s, "=;, \t")
		if i < 0 {
			i = len(s)
		}
		name, value := s[:i], ""
		s = strings.TrimLeft(s[i:], " \t")
		if strings.HasPrefix(s, "=") {
			if value, s, ok = linkValue(strings.TrimLeft(s[1:], " \t")); !ok {
				return false, "", false
			}
		}
		// Only the first rel counts, and it may name several relations.
		if strings.EqualFold(name, "rel") && !seen {
			seen = true
			for rel := range strings.FieldsSeq(value) {
				next = next || strings.EqualFold(rel, "next")
			}
		}
	}
}

func linkValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexAny(s, ";, \t")
		if i < 0 {
			i = len(s)
		}
		return s[:i], s[i:], true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			return b.String(), s[i+1:], true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}

// record makes a record of an item. Members that the data map does not declare are not taken.
func (c *collection) record(item map[string]any) (*connector.Record, error) {
	rec := &connector.Record{Collection: c.data.Name, Fields: make([]connector.Field, 0, len(c.data.Fields))}
	absent := map[string]bool{}
	for _, f := range c.data.Fields {
		v, found := item[f.Name]
		if x := c.paths[f.Name]; x != nil && x.Normal() {
			v, found = find(x, item)
		} else if x != nil {
			v, found = x.Get(item), true
		}
		absent[f.Name] = !found
		rec.Fields = append(rec.Fields, connector.Field{Name: f.Name, Value: valueOf(v)})
	}
	for _, k := range c.data.Key() {
		head, _, _ := strings.Cut(k.Path, ".")
		v, ok := rec.Value(k.Path)
		if absent[head] && absent[k.Path] || !ok || v.Type() == connector.TypeJSON {
			return nil, fault.New(fault.Invalid, fmt.Sprintf("reading %s: a record has no %s, which is part of its key", c.data.Name, k.Path))
		}
		rec.Key = append(rec.Key, v)
	}
	return rec, nil
}

// valueOf turns a decoded JSON value into a value; numbers keep every digit.
func valueOf(v any) connector.Value {
	switch v := v.(type) {
	case nil:
		return connector.Null()
	case bool:
		return connector.Bool(v)
	case string:
		return connector.Text(v)
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil && v != "-0" {
			return connector.Int(n)
		}
		return connector.Decimal(v.String())
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // what came out of a decoder goes back in
	return connector.JSON(bytes.TrimSpace(b.Bytes()))
}

// pageCall renders the request of a page.
func (c *client) pageCall(r *read, base request, v values, at place) (*call, error) {
	if p := r.paging; p != nil {
		v = v.with(varLimit, itoa(p.size)).with(varPage, itoa(p.first+at.number)).with(varOffset, itoa(at.seen))
		if p.kind == byCursor && at.cursor != "" {
			v = v.with(varCursor, at.cursor)
		}
	}
	first, err := c.build(base, v)
	if err != nil || r.paging == nil || r.paging.kind != byLink || at.cursor == "" {
		return first, err
	}
	return c.follow(at.cursor, first)
}

// gone reports whether a status says that there is no such thing.
func gone(status int) bool { return status == http.StatusNotFound || status == http.StatusGone }
