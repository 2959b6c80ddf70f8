package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/walk"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// thing writes a record.
func thing(id int) string {
	return fmt.Sprintf(`{"id": %d, "email": "a@example.com", "words": "w", "tags": []}`, id)
}

func thingsOf(ids ...int) string {
	var list []string
	for _, id := range ids {
		list = append(list, thing(id))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// script answers requests in order, the last one again and again. An answer that begins with { or [ has status 200; else it
// begins with the status.
func script(answers ...string) (http.HandlerFunc, *atomic.Int64) {
	var n atomic.Int64
	return func(w http.ResponseWriter, _ *http.Request) {
		i := min(int(n.Add(1))-1, len(answers)-1)
		status, body := http.StatusOK, answers[i]
		if code, rest, _ := strings.Cut(body, " "); !strings.HasPrefix(body, "{") && !strings.HasPrefix(body, "[") {
			status, _ = strconv.Atoi(code)
			body = rest
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}, &n
}

func byEmail(s *System, limit int, values ...string) walk.Lookup {
	l := walk.Lookup{Collection: s.graph.Dataset().Collection("things"), Fields: []string{"email"}, Match: connector.MatchExact, Limit: limit}
	for _, v := range values {
		l.Values = append(l.Values, []connector.Value{connector.Text(v)})
	}
	return l
}

// readAll reads a lookup page by page and returns the ids.
func readAll(t *testing.T, s *System, l walk.Lookup, between func()) (ids []int64, err error) {
	t.Helper()
	for range 1000 {
		more, err := s.Rows(t.Context(), l, func(rec *connector.Record) error {
			ids = append(ids, rec.Key[0].Reveal().(int64))
			l.After = rec.Key
			return nil
		})
		if err != nil || !more {
			return ids, err
		}
		if between != nil {
			between()
		}
	}
	t.Fatal("a lookup does not end")
	return nil, nil
}

func TestPages(t *testing.T) {
	cursor := pagedByCursor
	cursorMore := strings.Replace(cursor, "next: $.next", "next: $.next, more: $.more", 1)
	cursorTotal := strings.Replace(cursor, "next: $.next", "next: $.next, total: $.total", 1)
	page := "{by: [email], path: /things, query: {email: '{email}', page: '{$page}', per: '{$limit}'}, records: $.items, paging: {type: page, size: 2}}"
	total := strings.Replace(page, "size: 2", "size: 2, total: $.total", 1)
	whole := "{by: [email], path: /things, query: {email: '{email}'}, records: $.items}"
	items := func(rest string, ids ...int) string { return fmt.Sprintf(`{"items": %s%s}`, thingsOf(ids...), rest) }
	for name, tc := range map[string]struct {
		read    string
		answers []string
		want    []int64
		class   fault.Class
	}{
		"cursor":                    {cursor, []string{items(`, "next": "b"`, 1, 2), items(`, "next": null`, 3)}, []int64{1, 2, 3}, ""},
		"cursor is a number":        {cursor, []string{items(`, "next": 7`, 1, 2), items(`, "next": ""`, 3)}, []int64{1, 2, 3}, ""},
		"empty":                     {cursor, []string{items(`, "next": null`)}, nil, ""},
		"empty page on the way":     {cursor, []string{items(`, "next": "b"`, 1), items(`, "next": "c"`), items(`, "next": null`, 2)}, []int64{1, 2}, ""},
		"cursor repeats":            {cursor, []string{items(`, "next": "b"`, 1), items(`, "next": "b"`, 2)}, nil, fault.Invalid},
		"cursors in a circle":       {cursor, circle(t, items, 5), nil, fault.Invalid},
		"page repeats":              {cursor, []string{items(`, "next": "b"`, 1, 2), items(`, "next": "c"`, 1, 2)}, nil, fault.Invalid},
		"next is missing":           {cursor, []string{items(``, 1)}, nil, fault.Invalid},
		"next is missing, declared": {strings.Replace(cursor, "next: $.next", "next: $.next, absentEnds: true", 1), []string{items(``, 1)}, []int64{1}, ""},
		"next is an object":         {cursor, []string{items(`, "next": {}`, 1)}, nil, fault.Invalid},
		"next is endless":           {cursor, []string{items(`, "next": "`+strings.Repeat("x", maxCursor+1)+`"`, 1)}, nil, fault.Invalid},
		"more, and no cursor":       {cursorMore, []string{items(`, "next": null, "more": true`, 1)}, nil, fault.Invalid},
		"no word about more":        {cursorMore, []string{items(`, "next": null`, 1)}, nil, fault.Invalid},
		"no more, and a cursor":     {cursorMore, []string{items(`, "next": "b", "more": false`, 1)}, []int64{1}, ""},
		"fewer than the total":      {cursorTotal, []string{items(`, "next": null, "total": 2`, 1)}, nil, fault.Invalid},
		"as many as the total":      {cursorTotal, []string{items(`, "next": null, "total": 1`, 1)}, []int64{1}, ""},
		"pages until an empty one":  {page, []string{items(``, 1, 2), items(``, 3), items(``, 4), items(``)}, []int64{1, 2, 3, 4}, ""},
		"the page is passed over":   {page, []string{items(``, 1, 2)}, nil, fault.Invalid},
		"pages until the total":     {total, []string{items(`, "total": 3`, 1, 2), items(`, "total": 3`, 3)}, []int64{1, 2, 3}, ""},
		"a page of the total lacks": {total, []string{items(`, "total": 3`, 1, 2), items(`, "total": 3`)}, nil, fault.Invalid},
		"the total is missing":      {total, []string{items(``, 1, 2)}, nil, fault.Invalid},
		"the total is a text":       {total, []string{items(`, "total": "3"`, 1, 2)}, nil, fault.Invalid},
		"records are missing":       {whole, []string{`{"data": []}`}, nil, fault.Invalid},
		"records are null":          {whole, []string{`{"items": null}`}, nil, fault.Invalid},
		"records are an object":     {whole, []string{`{"items": {}}`}, nil, fault.Invalid},
		"a record is no object":     {whole, []string{`{"items": [1]}`}, nil, fault.Invalid},
		"a record has no key":       {whole, []string{`{"items": [{"email": "a@example.com"}]}`}, nil, fault.Invalid},
		"a key is an object":        {whole, []string{`{"items": [{"id": {}, "email": "a@example.com"}]}`}, nil, fault.Invalid},
		"not JSON":                  {whole, []string{`{"items": [`}, nil, fault.Invalid},
		"something behind":          {whole, []string{items(``, 1) + `{}`}, nil, fault.Invalid},
		"not UTF-8":                 {whole, []string{"{\"items\": [], \"x\": \"\xff\"}"}, nil, fault.Invalid},
		"another one's record":      {whole, []string{`{"items": [{"id": 1, "email": "b@example.com"}]}`}, nil, fault.Invalid},
		"no list for a 404":         {whole, []string{`404 {}`}, nil, fault.Misconfigured},
		"part of the content":       {whole, []string{`206 {"items": []}`}, nil, fault.Invalid},
		"later, unexpected":         {whole, []string{`202 {"items": []}`}, nil, fault.Invalid},
		"no content":                {whole, []string{`204 `}, nil, fault.Invalid},
	} {
		h, _ := script(tc.answers...)
		s := opened(t, thingsFile(tc.read, ""), h)
		got, err := readAll(t, s, byEmail(s, 100, "a@example.com"), nil)
		if fault.ClassOf(err) != tc.class {
			t.Errorf("%s: error %v of class %q, want %q", name, err, fault.ClassOf(err), tc.class)
		} else if err == nil && !slices.Equal(got, tc.want) {
			t.Errorf("%s: read %v, want %v", name, got, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "example.com") {
			t.Errorf("%s: the error tells what was asked for: %v", name, err)
		}
	}
}

// circle returns pages whose cursors come round again after n.
func circle(t *testing.T, items func(string, ...int) string, n int) []string {
	t.Helper()
	var list []string
	for i := range 100 {
		list = append(list, items(fmt.Sprintf(`, "next": "c%d"`, i%n), i))
	}
	return list
}

func TestLinkHeader(t *testing.T) {
	base, err := url.Parse("https://api.example.com/v1/things?page=1")
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		"": "",
		`<https://api.example.com/x?page=2>; rel="next"`:                    "https://api.example.com/x?page=2",
		`</v1/things?page=2>; rel=next`:                                     "https://api.example.com/v1/things?page=2",
		`<?page=2>; rel="prev next"`:                                        "https://api.example.com/v1/things?page=2",
		`<?page=0>; rel=prev, <?page=2>; title="a, b; rel=\"x\""; REL=NEXT`: "https://api.example.com/v1/things?page=2",
		`<?page=9>; rel="last"`:                                             "",
		`<?page=9>; rel="last"; rel="next"`:                                 "",
		`<?page=9>; x; rel=next`:                                            "https://api.example.com/v1/things?page=9",
		`<?page=2,3>; rel=next`:                                             "https://api.example.com/v1/things?page=2,3",
		`?page=2; rel=next`:                                                 "bad",
		`<?page=2; rel=next`:                                                "bad",
		`<?page=2>; rel="next`:                                              "bad",
		`<?page=2> rel=next`:                                                "bad",
		`<://%zz>; rel=next`:                                                "bad",
	} {
		got, err := nextLink(&answer{header: http.Header{"Link": {header}}, from: base})
		if err != nil {
			got = "bad"
		}
		if got != want {
			t.Errorf("%s leads to %q, want %q", header, got, want)
		}
	}
}

const pagedByLink = "{by: [email], path: /things, query: {email: '{email}'}, records: $, paging: {type: link, size: 2}}"

func TestLinksStayOnTheHost(t *testing.T) {
	for name, target := range map[string]string{
		"another host": "https://evil.test/things", "another scheme": "ftp://127.0.0.1/", "another port": "http://127.0.0.1:1/", "a user": "http://me@HOST/things?p=2",
	} {
		s := opened(t, thingsFile(pagedByLink, ""), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "<"+strings.Replace(target, "HOST", r.Host, 1)+">; rel=next")
			_, _ = w.Write([]byte(thingsOf(1)))
		}))
		if ids, err := readAll(t, s, byEmail(s, 100, "a@example.com"), nil); !fault.Has(err, fault.Invalid) {
			t.Errorf("a link to %s gives %v, %v", name, ids, err)
		}
	}
	// A list that is said to be whole and has a next page is not.
	s := opened(t, thingsFile("{by: [email], path: /things, query: {email: '{email}'}, records: $}", ""), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</things?p=2>; rel=next")
		_, _ = w.Write([]byte(thingsOf(1)))
	}))
	if _, err := readAll(t, s, byEmail(s, 100, "a@example.com"), nil); !fault.Has(err, fault.Invalid) {
		t.Errorf("a truncated list gives %v", err)
	}
}

// paged serves things in pages by cursor, at most two at once.
type paged struct {
	mu       sync.Mutex
	ids      []int
	requests int
	expired  bool // cursors are refused
}

func (l *paged) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	from := 0
	if after := r.URL.Query().Get("after"); after != "" {
		if l.expired {
			l.expired = false
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		n, _ := strconv.Atoi(after)
		from, _ = slices.BinarySearch(l.ids, n+1)
	}
	page := l.ids[from:min(from+2, len(l.ids))]
	next := "null"
	if from+2 < len(l.ids) {
		next = fmt.Sprintf("%q", strconv.Itoa(page[1]))
	}
	_, _ = fmt.Fprintf(w, `{"items": %s, "next": %s}`, thingsOf(page...), next)
}

func TestReadingGoesOnWhereItStopped(t *testing.T) {
	for name, tc := range map[string]struct {
		limit    int
		between  func(l *paged, s *System)
		want     []int64
		requests int
	}{
		"page by page":          {100, func(*paged, *System) {}, []int64{1, 2, 3, 4, 5}, 3},
		"one by one":            {1, func(*paged, *System) {}, []int64{1, 2, 3, 4, 5}, 5},
		"in another process":    {100, func(_ *paged, s *System) { s.places = newMemory[position](10) }, []int64{1, 2, 3, 4, 5}, 6},
		"the cursor is too old": {100, func(l *paged, _ *System) { l.once() }, []int64{1, 2, 3, 4, 5}, 0},
		"the last record went": {100, func(l *paged, s *System) {
			s.places = newMemory[position](10)
			l.ids = slices.DeleteFunc(l.ids, func(i int) bool { return i == 2 })
		}, []int64{1, 2, 1, 3, 4, 5}, 0},
	} {
		l := &paged{ids: []int{1, 2, 3, 4, 5}}
		s := opened(t, thingsFile(pagedByCursor, ""), l)
		got, err := readAll(t, s, byEmail(s, tc.limit, "a@example.com"), func() { tc.between(l, s) })
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: read %v, %v; want %v", name, got, err, tc.want)
		}
		if tc.requests > 0 && l.requests != tc.requests {
			t.Errorf("%s: %d requests, want %d", name, l.requests, tc.requests)
		}
	}
}

// once makes the next request with a cursor fail.
func (l *paged) once() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expired = l.requests == 1
}

func TestOneRecordFoundByTwoValuesIsGivenOnce(t *testing.T) {
	read := "{by: [email], path: /things, query: {email: '{email}'}, records: $, wider: true}"
	s := opened(t, thingsFile(read, "")+"parallel: 1\n", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(thingsOf(1))) }))
	l := byEmail(s, 100, "a@example.com", "A@example.com", "b@example.com")
	got, err := readAll(t, s, l, nil)
	if err != nil || !slices.Equal(got, []int64{1}) {
		t.Errorf("read %v, %v", got, err)
	}
}

func TestValuesAreAskedForSideBySide(t *testing.T) {
	var now, most atomic.Int64
	both := make(chan struct{})
	s := opened(t, thingsFile("{by: [email], path: /things, query: {email: '{email}'}, records: $}", ""), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := now.Add(1); n == defaultParallel {
			close(both)
		}
		select {
		case <-both:
		case <-time.After(5 * time.Second):
		}
		most.Store(max(most.Load(), now.Load()))
		n, _ := strconv.Atoi(r.URL.Query().Get("email"))
		_, _ = fmt.Fprintf(w, `[{"id": %d, "email": "%d"}]`, n, n)
	}))
	got, err := readAll(t, s, byEmail(s, 100, "1", "2", "3", "4"), nil)
	if err != nil || !slices.Equal(got, []int64{1, 2, 3, 4}) || most.Load() != defaultParallel {
		t.Errorf("read %v, %v, %d at the same time", got, err, most.Load())
	}
}

func TestFieldsComeFromWhereTheFileSays(t *testing.T) {
	yaml := thingsFile("{by: [email], path: /things, query: {email: '{email}'}, records: $.data.list}", "    fields: {id: $.key.id, words: \"$.body['the words']\", tags: '$.tags[*].name'}\n")
	h, _ := script(`{"data": {"list": [{"key": {"id": 12345678901234567890}, "email": "a@example.com", "body": {"the words": "x"}, "tags": [{"name": "p"}, {"name": "q"}], "other": 1}]}}`)
	s := opened(t, yaml, h)
	var line string
	if _, err := s.Rows(t.Context(), byEmail(s, 9, "a@example.com"), func(rec *connector.Record) error {
		line = string(rec.AppendJSON(nil))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := `{"id":12345678901234567890,"email":"a@example.com","words":"x","tags":["p","q"]}`; line != want {
		t.Errorf("got %s, want %s", line, want)
	}
}

func TestWhatCannotBeAskedForIsNotGone(t *testing.T) {
	s := opened(t, thingsFile(pagedByCursor, "    erase: {method: DELETE, path: '/things/{id}'}\n"), http.NotFoundHandler())
	for name, key := range map[string]connector.Key{"null": {connector.Null()}, "text": {connector.Text("x")}, "two parts": {connector.Int(1), connector.Int(2)}} {
		effects, err := s.apply(t.Context(), []connector.Change{{Collection: "things", Key: key, Action: connector.ActDelete}})
		if !fault.Has(err, fault.Invalid) || len(effects) > 0 {
			t.Errorf("a key of the form %s gives %v, %v", name, effects, err)
		}
	}
}

// TestReadsThatComeLater: an export is started once, waited for without being taken for a failure, and read in pages.
func TestReadsThatComeLater(t *testing.T) {
	var started, polled int
	ready := false
	mux := http.NewServeMux()
	mux.HandleFunc("POST /exports", func(w http.ResponseWriter, r *http.Request) {
		started++
		var in struct{ Emails []string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || !slices.Equal(in.Emails, []string{"a@example.com"}) {
			t.Errorf("the export asks for %v", in.Emails)
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte(`{"id": "e1"}`))
	})
	mux.HandleFunc("GET /exports/e1", func(w http.ResponseWriter, _ *http.Request) {
		if polled++; !ready {
			w.Header().Set("Retry-After", "11")
			w.WriteHeader(http.StatusAccepted)
		}
	})
	mux.HandleFunc("GET /exports/e1/records", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("after") == "" {
			_, _ = fmt.Fprintf(w, `{"items": %s, "next": "b"}`, thingsOf(1, 2))
			return
		}
		_, _ = fmt.Fprintf(w, `{"items": %s, "next": null}`, thingsOf(3))
	})
	read := "{by: [email], method: POST, path: /exports, batch: 5, query: {after: '{$cursor}'}, json: {emails: '{email...}'}, records: $.items, paging: {type: cursor, next: $.next}, " +
		"async: {job: $.id, status: '/exports/{$job}', result: '/exports/{$job}/records', waitSeconds: 3}}"
	s := opened(t, thingsFile(read, ""), mux)
	sink := &counter{}
	call := connector.Call{Identifiers: mail(t, "a@example.com"), Spool: newSpool(t), Records: sink, Request: once}
	p, err := s.Access(t.Context(), call)
	if err != nil || p.Finished || p.Cursor == "" || p.Wait != 3*time.Second || p.Callback {
		t.Fatalf("the first call: %+v, %v", p, err)
	}
	if _, err := s.Locate(context.Background(), connector.Query{Proven: call.Identifiers}); !fault.Has(err, fault.Unavailable) || fault.WaitOf(err) != 11*time.Second {
		t.Errorf("a search that has to wait gives %v, wait %v", err, fault.WaitOf(err))
	}
	s.jobs = newMemory[string](10) // another process: what it has to know lies in the spool
	call.Cursor = p.Cursor
	if p, err = s.Access(t.Context(), call); err != nil || p.Wait != 11*time.Second {
		t.Fatalf("the second call: %+v, %v", p, err)
	}
	ready, call.Cursor = true, p.Cursor
	if p, err = s.Access(t.Context(), call); err != nil || !p.Finished || sink.n != 3 || started != 1 {
		t.Errorf("the third call: %+v, %v; %d records, %d exports started", p, err, sink.n, started)
	}
}

// TestReadsThatAreReported: a system that is told where to report is left alone until it does.
func TestReadsThatAreReported(t *testing.T) {
	read := "{by: [email], method: POST, path: /exports, json: {email: '{email}', tell: '{$callback}'}, records: $, async: {status: '/exports/{$job}', result: '/exports/{$job}/records'}}"
	told := ""
	s := opened(t, thingsFile(read, ""), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in map[string]string
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		told = in["tell"]
		w.Header().Set("Location", "/exports/e1")
		w.WriteHeader(http.StatusAccepted)
	}))
	for _, url := range []string{"", "https://habeas.example.com/hooks/secret"} {
		s.jobs = newMemory[string](10)
		call := connector.Call{Identifiers: mail(t, "a@example.com"), Spool: newSpool(t), Records: &counter{}, Request: once}
		p, err := s.Access(connector.WithCallback(t.Context(), url), call)
		want := defaultWait * time.Second
		if url != "" {
			want = defaultCallbackWait * time.Second
		}
		if err != nil || told != url || p.Callback != (url != "") || p.Wait != want {
			t.Errorf("callback %q: told %q, %+v, %v", url, told, p, err)
		}
	}
}
