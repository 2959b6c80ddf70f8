package crm

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// body reads one JSON value, strictly.
func body(r *http.Request, v any) *refusal {
	d := json.NewDecoder(r.Body)
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return &refusal{http.StatusBadRequest, "the body is not the JSON it should be"}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &refusal{http.StatusBadRequest, "there is something behind the body"}
	}
	return nil
}

func (s *Server) patch(w http.ResponseWriter, r *http.Request) *refusal {
	var fields Record
	if bad := body(r, &fields); bad != nil {
		return bad
	}
	object, id := r.PathValue("object"), s.idOf(r)
	if later(r) {
		if _, ok := s.store.one(object, id); !ok {
			return noRecord()
		}
		return s.accept(w, r, s.jobs.start("", nil, func() bool {
			_, err := s.store.patch(object, id, fields)
			return err == nil
		}))
	}
	return s.set(w, r, object, id, fields)
}

func (s *Server) set(w http.ResponseWriter, r *http.Request, object, id string, fields Record) *refusal {
	rec, err := s.store.patch(object, id, fields)
	switch {
	case errors.Is(err, errNoRecord):
		return noRecord()
	case err != nil:
		return &refusal{http.StatusUnprocessableEntity, err.Error()}
	}
	if !s.trouble(w, Moment{Stage: Changed, Request: r}) {
		answer(w, http.StatusOK, rec)
	}
	return nil
}

func (s *Server) restrict(w http.ResponseWriter, r *http.Request) *refusal {
	var in struct {
		Restricted *bool `json:"restricted"`
	}
	if bad := body(r, &in); bad != nil {
		return bad
	}
	o, ok := s.store.object(r.PathValue("object"))
	switch {
	case !ok:
		return noObject
	case o.Restricted == "" || in.Restricted == nil:
		return &refusal{http.StatusUnprocessableEntity, "the object cannot be restricted, or the body does not say how"}
	}
	return s.set(w, r, o.Name, s.idOf(r), Record{o.Restricted: *in.Restricted})
}

func (s *Server) remove(w http.ResponseWriter, r *http.Request) *refusal {
	object, id := r.PathValue("object"), s.idOf(r)
	if later(r) {
		if _, ok := s.store.one(object, id); !ok {
			return noRecord()
		}
		return s.accept(w, r, s.jobs.start("", nil, func() bool { return s.store.remove(object, id) }))
	}
	if !s.store.remove(object, id) {
		return noRecord()
	}
	if !s.trouble(w, Moment{Stage: Changed, Request: r}) {
		w.WriteHeader(http.StatusNoContent)
	}
	return nil
}

// later reports whether the caller prefers an answer before the change (RFC 7240, section 4.1).
func later(r *http.Request) bool {
	for _, line := range r.Header.Values("Prefer") {
		for p := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(p), "respond-async") {
				return true
			}
		}
	}
	return false
}

// accept answers that a job will do it.
func (s *Server) accept(w http.ResponseWriter, r *http.Request, j job) *refusal {
	w.Header().Set("Location", "/api/v1/jobs/"+j.ID)
	if !s.trouble(w, Moment{Stage: Changed, Request: r}) {
		answer(w, http.StatusAccepted, j)
	}
	return nil
}

func (s *Server) erasure(w http.ResponseWriter, r *http.Request) *refusal {
	var in struct {
		Object      string `json:"object"`
		Key         Record `json:"key"`
		CallbackURL string `json:"callbackUrl"`
	}
	if bad := body(r, &in); bad != nil {
		return bad
	}
	o, ok := s.store.object(in.Object)
	if !ok {
		return noObject
	}
	if len(in.Key) != len(o.Key) || !isCallback(in.CallbackURL) {
		return &refusal{http.StatusUnprocessableEntity, "want the whole key, and an address for callbackUrl"}
	}
	id := o.id(in.Key)
	if _, ok := s.store.one(o.Name, id); !ok {
		return noRecord()
	}
	return s.accept(w, r, s.jobs.start(in.CallbackURL, nil, func() bool { return s.store.remove(o.Name, id) }))
}

func isCallback(s string) bool {
	u, err := url.Parse(s)
	return s == "" || err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func (s *Server) export(w http.ResponseWriter, r *http.Request) *refusal {
	var in struct {
		Object      string `json:"object"`
		Field       string `json:"field"`
		Values      []any  `json:"values"`
		CallbackURL string `json:"callbackUrl"`
	}
	if bad := body(r, &in); bad != nil {
		return bad
	}
	x := export{object: in.Object, by: map[string][]string{}}
	for _, v := range in.Values {
		x.by[in.Field] = append(x.by[in.Field], text(v))
	}
	if _, ok := s.store.find(x.object, x.by); !ok || len(in.Values) == 0 || !isCallback(in.CallbackURL) {
		return &refusal{http.StatusUnprocessableEntity, "want an object, one of its fields, values, and an address for callbackUrl"}
	}
	return s.accept(w, r, s.jobs.start(in.CallbackURL, &x, func() bool { return true }))
}

func (s *Server) job(w http.ResponseWriter, r *http.Request) *refusal {
	j, ok := s.jobs.get(r.PathValue("job"))
	if !ok {
		return &refusal{http.StatusNotFound, "there is no such job"}
	}
	answer(w, http.StatusOK, j)
	return nil
}

func (s *Server) exported(w http.ResponseWriter, r *http.Request) *refusal {
	j, ok := s.jobs.get(r.PathValue("job"))
	if !ok || j.export == nil || j.State != "done" {
		return &refusal{http.StatusNotFound, "there is no such export, or it is not ready"}
	}
	return s.pageOf(w, r, j.export.object, j.export.by)
}
