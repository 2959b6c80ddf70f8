package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ohler55/ojg/jp"

	"github.com/habeas-dsar/habeas/connectors/internal/strictyaml"
	"github.com/habeas-dsar/habeas/shared/connector"
)

// api is a connector file that was checked against a data map and made ready.
type api struct {
	auth        authFile
	headers     http.Header
	perSecond   float64
	timeout     time.Duration
	maxBytes    int64
	parallel    int
	consistency time.Duration
	backups     time.Duration
	check       request
	collections map[string]*collection
	pageSize    int // the largest page
	batch       int // the largest batch
}

// collection is how one collection of the data map is asked for.
type collection struct {
	data     *connector.Collection
	paths    map[string]jp.Expr // by the name of a top-level field
	reads    []*read
	correct  *change
	erase    *change
	restrict *change
}

type request struct {
	method  string
	path    template
	query   []pair
	headers []pair
	form    []pair
	json    *body
}

type read struct {
	request
	by      []string
	batch   int
	records jp.Expr
	one     bool
	none    bool // 404 and 410 mean that nothing is there
	wider   bool
	paging  *paging
	async   *async
	index   int // among the reads of the collection
}

type pagingKind string

const (
	byCursor pagingKind = "cursor"
	byLink   pagingKind = "link"
	byPage   pagingKind = "page"
	byOffset pagingKind = "offset"
)

type paging struct {
	kind              pagingKind
	size, first       int
	next, more, total jp.Expr // nil: not there
	absentEnds        bool
}

type change struct {
	request
	names map[string]string
	async *async
}

type async struct {
	job          jp.Expr // nil: in Location
	status       request
	state        jp.Expr // nil: the status code says it
	done, failed []string
	wait         time.Duration
	callbackWait time.Duration
	result       *request
}

// readBy returns the read by exactly these fields, in any order; nil when there is none.
func (c *collection) readBy(fields []string) *read {
	for _, r := range c.reads {
		if len(r.by) == len(fields) && !slices.ContainsFunc(fields, func(f string) bool { return !slices.Contains(r.by, f) }) {
			return r
		}
	}
	return nil
}

// changing returns the call that carries out an action; nil when there is none.
func (c *collection) changing(a connector.ChangeAction) *change {
	switch a {
	case connector.ActDelete:
		return c.erase
	case connector.ActNull, connector.ActMask, connector.ActSet:
		return c.correct
	case connector.ActFlag:
		return c.restrict
	default: // keeping needs no call
		return nil
	}
}

// builder makes an api and notes what is wrong with the file.
type builder struct {
	doc  *strictyaml.Doc
	data *connector.Dataset
	out  *api
}

// build checks a file against the data map. The error is a *strictyaml.Invalid.
func build(f *file, doc *strictyaml.Doc, graph *connector.Graph) (*api, error) {
	b := builder{doc: doc, data: graph.Dataset(), out: &api{
		auth: f.Auth, headers: http.Header{}, perSecond: f.RateLimit.PerSecond, timeout: time.Duration(f.Timeout) * time.Second,
		maxBytes: f.MaxBytes, parallel: f.Parallel, consistency: time.Duration(f.Consistency) * time.Second,
		backups: time.Duration(f.BackupDays) * 24 * time.Hour, collections: map[string]*collection{}, batch: 1,
	}}
	b.auth(f.Auth)
	for _, h := range b.pairs(strictyaml.Path{"headers"}, f.Headers, nil) {
		if len(h.value) == 1 {
			b.out.headers.Set(h.name, h.value[0].text)
		}
	}
	b.headerNames(strictyaml.Path{"headers"}, f.Headers)
	b.out.check = b.request(strictyaml.Path{"check"}, requestFile{Method: http.MethodGet, Path: f.Check.Path}, nil)
	for name, c := range f.Collections {
		b.collection(name, c)
	}
	b.coverage(graph)
	if err := doc.Err(); err != nil {
		return nil, err
	}
	if b.out.pageSize == 0 {
		b.out.pageSize = defaultPage
	}
	return b.out, nil
}

func (b *builder) auth(a authFile) {
	at := strictyaml.Path{"auth"}
	if a.Type == "apiKey" && (a.Header == "") == (a.Query == "") {
		b.doc.Add(at, "apiKey needs either header or query")
	}
	for key, given := range map[string]bool{"header": a.Header != "", "query": a.Query != "", "prefix": a.Prefix != ""} {
		if given && a.Type != "apiKey" {
			b.doc.Add(at.At(key), "this belongs to apiKey alone")
		}
	}
	if a.Query != "" && a.Prefix != "" {
		b.doc.Add(at.At("prefix"), "this belongs to a header")
	}
	for key, given := range map[string]bool{"tokenUrl": a.TokenURL != "", "scopes": len(a.Scopes) > 0, "clientAuth": a.ClientAuth != ""} {
		if given && a.Type != "oauth2" {
			b.doc.Add(at.At(key), "this belongs to oauth2 alone")
		}
	}
}

// allowed says which placeholders a template may have. nil allows none.
type allowed func(part) string // empty when it is

func (b *builder) template(at strictyaml.Path, s string, ok allowed) template {
	t, err := parseTemplate(s)
	if err != nil {
		b.doc.Add(at, err.Error())
		return nil
	}
	b.placeholders(at, t, ok)
	return t
}

func (b *builder) placeholders(at strictyaml.Path, t template, ok allowed) {
	for p := range t.names {
		why := "no placeholder can stand here"
		if ok != nil {
			why = ok(p)
		}
		_, alone := t.alone()
		switch {
		case why != "":
			b.doc.Add(at, why)
		case !alone && (p.name == varCursor || p.name == varCallback || p.name == varChanges || p.mode == each):
			b.doc.Add(at, "a placeholder that may have no value, or several, stands alone")
		}
	}
}

func (b *builder) pairs(at strictyaml.Path, m map[string]string, ok allowed) []pair {
	var list []pair
	for name, s := range m {
		list = append(list, pair{name, b.template(at.At(name), s, ok)})
	}
	slices.SortFunc(list, func(x, y pair) int { return strings.Compare(x.name, y.name) })
	return list
}

// headerNames refuses headers that are not the file's to set.
func (b *builder) headerNames(at strictyaml.Path, m map[string]string) {
	ours := []string{"Authorization", "Connection", "Content-Length", "Content-Type", "Cookie", "Host", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}
	for name, value := range m {
		if !token(name) || slices.Contains(ours, http.CanonicalHeaderKey(name)) {
			b.doc.Add(at.At(name), "a connector file cannot set this header")
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			b.doc.Add(at.At(name), "a header has no control characters")
		}
	}
}

func token(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

func (b *builder) request(at strictyaml.Path, f requestFile, ok allowed) request {
	r := request{
		method: f.Method, path: b.path(at.At("path"), f.Path, ok),
		query: b.pairs(at.At("query"), f.Query, ok), headers: b.pairs(at.At("headers"), f.Headers, ok), form: b.pairs(at.At("form"), f.Form, ok),
	}
	b.headerNames(at.At("headers"), f.Headers)
	if f.JSON != nil {
		parsed, err := parseBody(f.JSON)
		if err != nil {
			b.doc.Add(at.At("json"), err.Error())
			return r
		}
		for t := range parsed.templates {
			b.placeholders(at.At("json"), t, ok)
		}
		r.json = &parsed
	}
	switch {
	case f.JSON != nil && f.Form != nil:
		b.doc.Add(at.At("form"), "a request has one body: json or form")
	case (f.JSON != nil || f.Form != nil) && f.Method == http.MethodGet:
		b.doc.Add(at, "a GET has no body")
	}
	return r
}

// path reads the template of a path. What the file says in plain must be a path and nothing else, so that no template can
// lead to another host or climb out of the base URL.
func (b *builder) path(at strictyaml.Path, s string, ok allowed) template {
	t := b.template(at, s, ok)
	var text strings.Builder
	for _, p := range t {
		if p.mode == each || p.name == varCursor || p.name == varCallback || p.name == varChanges {
			b.doc.Add(at, "this placeholder cannot stand in a path")
		}
		text.WriteString(p.text)
		if p.name != "" {
			text.WriteByte('x')
		}
	}
	plain := text.String()
	bad := t == nil || !strings.HasPrefix(plain, "/") || strings.HasPrefix(plain, "//") || strings.ContainsAny(plain, "?#\\") ||
		strings.ContainsFunc(plain, func(r rune) bool { return r <= ' ' || r >= 0x7f })
	if parsed, err := url.PathUnescape(plain); bad || err != nil || strings.Contains(plain[1:], "//") || slices.ContainsFunc(strings.Split(parsed, "/"), func(seg string) bool { return seg == "." || seg == ".." }) {
		b.doc.Add(at, "this is not a path: it begins with one slash and has no empty or dot segments, no query and no spaces")
	}
	return t
}

// expr reads a JSONPath that leads to one place.
func (b *builder) expr(at strictyaml.Path, s string) jp.Expr {
	x := b.anyExpr(at, s)
	if x != nil && !x.Normal() {
		b.doc.Add(at, "this path leads to more than one place; no wildcards, slices, filters or descents here")
	}
	return x
}

func (b *builder) anyExpr(at strictyaml.Path, s string) jp.Expr {
	if s == "" {
		return nil
	}
	x, err := jp.ParseString(s)
	if err != nil || len(x) == 0 || !strings.HasPrefix(s, "$") {
		b.doc.Add(at, "this is not a JSONPath; it begins with $")
		return nil
	}
	return x
}

func itoa(i int) string { return strconv.Itoa(i) }
