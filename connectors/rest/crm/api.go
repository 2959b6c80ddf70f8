package crm

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const maxBody = 1 << 20

// errRefused ends a request that was answered already.
type refusal struct {
	status int
	text   string
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(http.ResponseWriter, *http.Request) *refusal) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /api/v1"+path, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, path, h) })
	}
	handle("GET /me", func(w http.ResponseWriter, _ *http.Request) *refusal {
		answer(w, http.StatusOK, map[string]bool{"ok": true})
		return nil
	})
	handle("GET /objects/{object}", s.list)
	handle("GET /objects/{object}/{id}", s.get)
	handle("PATCH /objects/{object}/{id}", s.patch)
	handle("DELETE /objects/{object}/{id}", s.remove)
	handle("PUT /objects/{object}/{id}/restriction", s.restrict)
	handle("POST /erasures", s.erasure)
	handle("POST /exports", s.export)
	handle("GET /jobs/{job}", s.job)
	handle("GET /exports/{job}/records", s.exported)
	mux.HandleFunc("POST /oauth/token", s.token)
	return mux
}

// recorder remembers the status for the audit.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap gives http.ResponseController the way to flush.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (s *Server) serve(w http.ResponseWriter, r *http.Request, path string, h func(http.ResponseWriter, *http.Request) *refusal) {
	rec := &recorder{ResponseWriter: w}
	by, ok := s.proven(r)
	if !ok {
		by = ""
	}
	e := Entry{At: s.cfg.Now(), Method: r.Method, Path: strings.Replace(path, "{object}", r.PathValue("object"), 1), By: by}
	defer func() {
		e.Status = rec.status
		s.note(e)
	}()
	s.mu.Lock()
	latency := s.latency
	s.mu.Unlock()
	s.pause(r, latency)
	switch {
	case s.trouble(rec, Moment{Stage: Arrived, Request: r}):
	case !ok:
		rec.Header().Set("WWW-Authenticate", "Bearer")
		refuse(rec, refusal{http.StatusUnauthorized, "the credentials are missing or wrong"})
	default:
		r.Body = http.MaxBytesReader(rec, r.Body, maxBody)
		if bad := h(rec, r); bad != nil {
			refuse(rec, *bad)
		}
	}
}

// pause waits, but not longer than the caller.
func (s *Server) pause(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	case <-s.closing:
	}
}

// trouble asks the hook and reports whether the request was answered by it.
func (s *Server) trouble(w http.ResponseWriter, m Moment) (answered bool) {
	s.mu.Lock()
	hook := s.hook
	s.mu.Unlock()
	if hook == nil {
		return false
	}
	t := hook(m)
	switch {
	case t.Drop:
		panic(http.ErrAbortHandler)
	case t.Hang:
		s.pause(m.Request, 10*time.Minute)
		panic(http.ErrAbortHandler)
	case t.Status != 0:
		if t.RetryAfter != "" {
			w.Header().Set("Retry-After", t.RetryAfter)
		}
		refuse(w, refusal{t.Status, "trouble"})
		return true
	case t.Body != "":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, t.Body)
		return true
	}
	s.pause(m.Request, t.Delay)
	return false
}

func answer(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		status, raw = http.StatusInternalServerError, []byte(`{"error": "the answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}

func refuse(w http.ResponseWriter, r refusal) {
	answer(w, r.status, map[string]string{"error": r.text})
}

// idOf returns the id in the path as it is written there, so that an escaped comma stays one.
func (s *Server) idOf(r *http.Request) string {
	raw := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/api/v1/objects/"), "/")[1]
	var parts []string
	for p := range strings.SplitSeq(raw, ",") {
		plain, err := url.PathUnescape(p)
		if err != nil {
			return "\x00"
		}
		parts = append(parts, url.QueryEscape(plain))
	}
	return strings.Join(parts, ",")
}

var noObject = &refusal{http.StatusNotFound, "there is no such object"}

func (s *Server) list(w http.ResponseWriter, r *http.Request) *refusal {
	object := r.PathValue("object")
	if _, ok := s.store.object(object); !ok {
		return noObject
	}
	by := map[string][]string{}
	for name, v := range r.URL.Query() {
		if !slices.Contains([]string{"limit", "cursor", "page", "offset", "api_key"}, name) {
			by[name] = v
		}
	}
	return s.pageOf(w, r, object, by)
}

// window is the part of a list that a request asks for.
type window struct{ from, limit int }

func (s *Server) window(q url.Values, found set) (window, *refusal) {
	w := window{limit: s.cfg.PageLimit}
	number := func(name string, least int) (int, bool, *refusal) {
		if !q.Has(name) {
			return 0, false, nil
		}
		n, err := strconv.Atoi(q.Get(name))
		if err != nil || n < least {
			return 0, false, &refusal{http.StatusBadRequest, name + " is not a number that can be asked for"}
		}
		return n, true, nil
	}
	limit, given, bad := number("limit", 1)
	if bad != nil {
		return w, bad
	}
	if given {
		w.limit = min(limit, w.limit)
	}
	page, byPage, bad := number("page", 1)
	if bad != nil {
		return w, bad
	}
	offset, byOffset, bad := number("offset", 0)
	switch {
	case bad != nil:
		return w, bad
	case byPage:
		w.from = (page - 1) * w.limit
	case byOffset:
		w.from = offset
	case q.Has("cursor"):
		after, err := readCursor(q.Get("cursor"))
		if err != nil {
			return w, &refusal{http.StatusBadRequest, "this is no cursor"}
		}
		w.from, _ = slices.BinarySearch(found, after+1)
	}
	w.from = min(w.from, len(found))
	return w, nil
}

func writeCursor(n int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte("after " + strconv.FormatInt(n, 10)))
}

func readCursor(s string) (int64, error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return 0, err
	}
	n, ok := strings.CutPrefix(string(raw), "after ")
	if !ok {
		return 0, errors.New("not a cursor")
	}
	return strconv.ParseInt(n, 10, 64)
}

// pageOf sends a page of the records that were asked for.
func (s *Server) pageOf(w http.ResponseWriter, r *http.Request, object string, by map[string][]string) *refusal {
	found, ok := s.store.find(object, by)
	if !ok {
		return &refusal{http.StatusBadRequest, "the object has no such field"}
	}
	win, bad := s.window(r.URL.Query(), found)
	if bad != nil {
		return bad
	}
	numbers := found[win.from:min(win.from+win.limit, len(found))]
	records := s.store.get(object, numbers)
	var next any
	more := win.from+len(numbers) < len(found)
	if more {
		next = writeCursor(numbers[len(numbers)-1])
		q := r.URL.Query()
		q.Set("cursor", writeCursor(numbers[len(numbers)-1]))
		q.Del("page")
		q.Del("offset")
		q.Del("api_key")
		w.Header().Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, r.URL.EscapedPath(), q.Encode()))
	}
	tail := map[string]any{"total": len(found), "next": next, "more": more}
	return s.send(w, r, records, tail)
}

// send writes records one by one, so that a connection can break off between them.
func (s *Server) send(w http.ResponseWriter, r *http.Request, records []Record, tail map[string]any) *refusal {
	breakAt := -1
	s.mu.Lock()
	hook := s.hook
	s.mu.Unlock()
	if hook != nil {
		if t := hook(Moment{Stage: Listed, Request: r, Records: len(records)}); t.DropAfter > 0 {
			breakAt = t.DropAfter
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, `{"results":[`)
	for i, rec := range records {
		if i == breakAt {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		if i > 0 {
			_, _ = io.WriteString(w, ",")
		}
		raw, err := json.Marshal(rec)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(raw)
	}
	raw, err := json.Marshal(tail)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(w, "],"+string(raw[1:]))
	return nil
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) *refusal {
	rec, ok := s.store.one(r.PathValue("object"), s.idOf(r))
	if !ok {
		return noRecord()
	}
	answer(w, http.StatusOK, rec)
	return nil
}

func noRecord() *refusal { return &refusal{http.StatusNotFound, errNoRecord.Error()} }
