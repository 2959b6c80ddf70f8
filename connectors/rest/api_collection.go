package rest

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ohler55/ojg/jp"

	"github.com/habeas-dsar/habeas/connectors/internal/strictyaml"
	"github.com/habeas-dsar/habeas/shared/connector"
)

func (b *builder) collection(name string, f collectionFile) {
	at := strictyaml.Path{"collections", name}
	data := b.data.Collection(name)
	if data == nil || data.Skip {
		b.doc.Add(at, "the data map has no such collection, or passes it over")
		return
	}
	c := &collection{data: data, paths: map[string]jp.Expr{}}
	for field, path := range f.Fields {
		if !slices.ContainsFunc(data.Fields, func(d *connector.DataField) bool { return d.Name == field }) {
			b.doc.Add(at.At("fields", field), "the collection of the data map has no such field at its top level")
		}
		c.paths[field] = b.anyExpr(at.At("fields", field), path)
	}
	for i := range f.Read {
		c.reads = append(c.reads, b.read(at.At("read", itoa(i)), data, &f.Read[i], i))
		for _, o := range c.reads[:i] {
			if len(o.by) == len(f.Read[i].By) && c.readBy(f.Read[i].By) == o {
				b.doc.Add(at.At("read", itoa(i), "by"), "there is another read by the same fields")
			}
		}
	}
	c.correct = b.change(at.At("correct"), data, f.Correct)
	c.erase = b.change(at.At("erase"), data, f.Erase)
	c.restrict = b.change(at.At("restrict"), data, f.Restrict)
	if c.correct != nil && !uses(c.correct.request, varChanges) {
		b.doc.Add(at.At("correct"), "the call says nowhere what changes: {$changes}")
	}
	if c.restrict != nil && !marksRestriction(data) {
		b.doc.Add(at.At("restrict"), "the data map names no field that marks a restriction (on_restrict), so nothing could be verified")
	}
	if (c.correct != nil || c.erase != nil || c.restrict != nil) && c.readBy(data.KeyPaths()) == nil {
		b.doc.Add(at.At("read"), "a record that is changed must be read before and after: there is no read by the primary key")
	}
	if r := c.readBy(data.KeyPaths()); c.erase != nil && r != nil && r.one && !r.none {
		b.doc.Add(at.At("read", itoa(r.index)), "a record that was erased is not found: the read by the primary key says what that means (notFound: none)")
	}
	b.out.collections[name] = c
}

func marksRestriction(c *connector.Collection) bool {
	for f := range c.All {
		if f.OnRestrict != nil {
			return true
		}
	}
	return false
}

// uses reports whether a placeholder stands anywhere in a request.
func uses(r request, name string) bool {
	found := false
	note := func(t template) bool {
		for p := range t.names {
			found = found || p.name == name
		}
		return !found
	}
	note(r.path)
	for _, p := range slices.Concat(r.query, r.headers, r.form) {
		note(p.value)
	}
	if r.json != nil {
		r.json.templates(note)
	}
	return found
}

func (b *builder) read(at strictyaml.Path, data *connector.Collection, f *readFile, index int) *read {
	for i, field := range f.By {
		if d := data.Field(field); d == nil || len(d.Fields) > 0 {
			b.doc.Add(at.At("by", itoa(i)), "the collection of the data map has no such field")
		}
	}
	known := f.known()
	ok := func(p part) string {
		switch {
		case strings.HasPrefix(p.name, "$") && (!slices.Contains(known, p.name) || p.mode != single):
			return "there is nothing of this name here; paging and async decide what there is"
		case !strings.HasPrefix(p.name, "$") && !slices.Contains(f.By, p.name):
			return "a placeholder of a read is one of the fields it is by"
		case p.mode == single && f.Batch > 1 && !strings.HasPrefix(p.name, "$"):
			return "a read with a batch asks for several values: {field...} or {field,...}"
		}
		return ""
	}
	r := &read{
		request: b.request(at, f.Request, ok), by: f.By, batch: f.Batch, one: f.One, none: f.NotFound == "none", wider: f.Wider, index: index,
		records: b.expr(at.At("records"), f.Records), paging: b.paging(at.At("paging"), f.Paging), async: b.async(at.At("async"), f.Async, f),
	}
	for _, field := range f.By {
		if !uses(r.request, field) {
			b.doc.Add(at.At("by"), "the request does not ask for all the fields it is by")
		}
	}
	if k, named := map[pagingKind]string{byCursor: varCursor, byPage: varPage, byOffset: varOffset}[f.kind()]; named && !uses(r.request, k) && (r.async == nil || r.async.result == nil || !uses(*r.async.result, k)) {
		b.doc.Add(at.At("paging"), "the request never asks for another page: {"+k+"}")
	}
	switch {
	case f.Batch > 1 && len(f.By) > 1:
		b.doc.Add(at.At("batch"), "several fields are asked for one tuple at a time")
	case f.One && (f.Paging != nil || f.Batch > 1):
		b.doc.Add(at.At("one"), "one record has no pages and no batch")
	case !f.One && f.Records == "":
		b.doc.Add(at, "records must say where the list of records stands")
	}
	b.out.batch = max(b.out.batch, f.Batch)
	if f.Paging != nil {
		b.out.pageSize = max(b.out.pageSize, f.Paging.Size)
	}
	return r
}

func (f *readFile) kind() pagingKind {
	if f.Paging == nil {
		return ""
	}
	return pagingKind(f.Paging.Type)
}

// known lists what Habeas knows when it reads.
func (f *readFile) known() []string {
	var list []string
	switch f.kind() {
	case byCursor:
		list = []string{varCursor, varLimit}
	case byLink:
		list = []string{varLimit}
	case byPage:
		list = []string{varPage, varLimit}
	case byOffset:
		list = []string{varOffset, varLimit}
	}
	if f.Async != nil {
		list = append(list, varCallback)
	}
	return list
}

func (b *builder) paging(at strictyaml.Path, f *pagingFile) *paging {
	if f == nil {
		return nil
	}
	p := &paging{
		kind: pagingKind(f.Type), size: f.Size, first: *f.First, absentEnds: f.AbsentEnds,
		next: b.expr(at.At("next"), f.Next), more: b.expr(at.At("more"), f.More), total: b.expr(at.At("total"), f.Total),
	}
	if p.kind != byCursor && (f.Next != "" || f.AbsentEnds) {
		b.doc.Add(at, "next and absentEnds belong to paging by cursor")
	}
	return p
}

func (b *builder) change(at strictyaml.Path, data *connector.Collection, f *changeFile) *change {
	if f == nil {
		return nil
	}
	ok := func(p part) string {
		switch {
		case p.mode != single:
			return "a change is about one record: no lists"
		case p.name == varChanges, p.name == varCallback && f.Async != nil:
			return ""
		case strings.HasPrefix(p.name, "$"):
			return "there is nothing of this name here"
		case data.Field(p.name) == nil:
			return "the collection of the data map has no such field"
		}
		return ""
	}
	for field := range f.Names {
		if data.Field(field) == nil {
			b.doc.Add(at.At("names", field), "the collection of the data map has no such field")
		}
	}
	return &change{request: b.request(at, f.Request, ok), names: f.Names, async: b.async(at.At("async"), f.Async, nil)}
}

// async reads how a job is asked for; of is the read it belongs to, nil for changes.
func (b *builder) async(at strictyaml.Path, f *asyncFile, of *readFile) *async {
	if f == nil {
		return nil
	}
	onlyJob := func(p part) string {
		if p.name != varJob || p.mode != single {
			return "the only placeholder here is {" + varJob + "}"
		}
		return ""
	}
	a := &async{
		job: b.expr(at.At("job"), f.Job), state: b.expr(at.At("state"), f.State), done: f.Done, failed: f.Failed,
		status: b.request(at, requestFile{Method: http.MethodGet, Path: f.Status}, onlyJob),
		wait:   time.Duration(f.Wait) * time.Second, callbackWait: time.Duration(f.CallbackWait) * time.Second,
	}
	if !uses(a.status, varJob) {
		b.doc.Add(at.At("status"), "the path does not name the job: {"+varJob+"}")
	}
	switch {
	case of == nil && f.Result != "":
		b.doc.Add(at.At("result"), "a change has no result to read")
	case of != nil && f.Result == "":
		b.doc.Add(at, "result must say where the records are when the job is done")
	case of != nil:
		known := of.known()
		result := b.request(at, requestFile{Method: http.MethodGet, Path: f.Result, Query: of.pageQuery()}, func(p part) string {
			if p.mode == single && (p.name == varJob || slices.Contains(known, p.name)) {
				return ""
			}
			return "the placeholders here are {" + varJob + "} and those of paging"
		})
		a.result = &result
	}
	return a
}

// pageQuery returns the parameters of a read that are about paging: the result of a job is paged in the same way.
func (f *readFile) pageQuery() map[string]string {
	q := map[string]string{}
	for name, s := range f.Request.Query {
		if slices.Contains([]string{"{" + varCursor + "}", "{" + varPage + "}", "{" + varOffset + "}", "{" + varLimit + "}"}, s) {
			q[name] = s
		}
	}
	return q
}

// coverage compares the ways into the data map with the reads.
func (b *builder) coverage(graph *connector.Graph) {
	missing := func(c *connector.Collection, fields []string, why string) {
		ours, at := b.out.collections[c.Name], strictyaml.Path{"collections", c.Name}
		switch {
		case ours == nil:
			b.doc.Add(at, why+" to "+c.Name+", and the file does not say how it is read")
		case ours.readBy(fields) == nil:
			b.doc.Add(at.At("read"), why+" to "+c.Name+" by "+strings.Join(fields, ", ")+", and there is no read by it")
		}
	}
	for _, e := range graph.Entries() {
		if graph.Reached(e.Collection) {
			missing(e.Collection, e.Fields, "the data map leads")
		}
	}
	for name, c := range b.out.collections {
		if c.correct == nil && c.erase == nil && c.restrict == nil || !c.data.Disclosed() {
			continue
		}
		for _, e := range graph.LookupsTo(c.data) {
			if len(e.Fields) > 0 {
				missing(e.From, e.Fields, "whether records of "+name+" are other people's too is asked by the way back")
			}
		}
	}
}
