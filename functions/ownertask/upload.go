package ownertask

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/uploads"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/fault"
)

const (
	maxField = 16 << 10 // bytes of a field that is no file
	maxParts = 200      // parts of one form
	patience = time.Minute
)

// read streams the multipart form: every file is stored as it comes, every other field is kept. A file that is not taken is
// noted with the reason and holds up no other. fault.Invalid when the form itself cannot be read.
func (h *Handler) read(w http.ResponseWriter, r *http.Request, v *visit) (typed, error) {
	var in typed
	r.Body = http.MaxBytesReader(w, r.Body, h.Limits.Task+h.Limits.File+web.MaxBody)
	r.Body = &patient{ReadCloser: r.Body, control: http.NewResponseController(w)}
	form, err := r.MultipartReader()
	if err != nil {
		return in, fault.New(fault.Invalid, "the form must be multipart/form-data")
	}
	for n := 0; ; n++ {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return in, nil
		case tooLarge(err):
			in.refused = append(in.refused, pages.RefusedFile{Name: "…", Why: pages.TooLarge})
			return in, nil
		case err != nil || n == maxParts:
			return in, fault.New(fault.Invalid, "the form cannot be read")
		}
		if part.FormName() == "file" {
			err = h.file(r.Context(), v, part, &in)
		} else {
			err = in.field(part)
		}
		if err != nil {
			return in, err
		}
	}
}

func tooLarge(err error) bool {
	_, ok := errors.AsType[*http.MaxBytesError](err)
	return ok
}

// field keeps one field of the form.
func (in *typed) field(part *multipart.Part) error {
	raw, err := io.ReadAll(io.LimitReader(part, maxField+1))
	if err != nil || len(raw) > maxField {
		return fault.New(fault.Invalid, "a field of the form is too long or cannot be read")
	}
	value := strings.TrimSpace(string(raw))
	switch part.FormName() {
	case "do":
		in.do = value
	case "remove":
		in.remove = value
	case "answer":
		in.answer = value
	case "records":
		in.records = value
	case "note":
		in.note = value
	}
	return nil // whatever else a form may carry is not asked for
}

// file takes one file, or notes why not. An error is one that ends the form.
func (h *Handler) file(ctx context.Context, v *visit, part *multipart.Part, in *typed) error {
	if part.FileName() == "" {
		return nil // no file was chosen
	}
	name := uploads.CleanName(part.FileName())
	from := &source{r: part}
	why, err := h.Files.Take(ctx, v.slot(), h.through(), from, name, nil)
	switch {
	case err == nil && why == "":
		return nil
	case err != nil && fault.Has(err, fault.Conflict):
		return err // the task was settled or passed on meanwhile
	case tooLarge(from.err):
		why = pages.TooLarge
	case from.err != nil:
		return fault.New(fault.Invalid, "the form broke off in the middle of a file")
	case err != nil:
		web.Log(ctx, h.Log, "storing an owner's file failed", err)
		why = pages.NotStored
	}
	in.refused = append(in.refused, pages.RefusedFile{Name: name, Why: why})
	return nil
}

// source remembers that the form could not be read on: whoever sent it went away, or sent too much.
type source struct {
	r   io.Reader
	err error
}

// Read implements io.Reader.
func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// patient gives a slow connection time as long as something comes: the server's own limits are made for forms, not for files.
type patient struct {
	io.ReadCloser
	control *http.ResponseController
	until   time.Time
}

// Read implements io.Reader.
func (p *patient) Read(b []byte) (int, error) {
	if now := time.Now(); p.until.Sub(now) < patience/2 {
		p.until = now.Add(patience)
		// A server without deadlines needs none; any other error shows when reading.
		_ = p.control.SetReadDeadline(p.until)
		_ = p.control.SetWriteDeadline(p.until.Add(patience))
	}
	return p.ReadCloser.Read(b)
}
