package ownertask

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/habeas-dsar/habeas/functions/internal/intake"
	"github.com/habeas-dsar/habeas/functions/internal/owners"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/uploads"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// typed is what the forms of the page carry, to be shown again when something is wrong.
type typed struct {
	do, remove, answer, records, note, to, question, filename string

	asked   bool
	refused []pages.RefusedFile
	errors  pages.Errors
}

func (in *typed) wrong(field string, p pages.Problem) {
	in.errors = append(in.errors, pages.FieldError{Field: field, Problem: p})
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request, v *visit) error {
	return h.page(w, r, v, typed{asked: r.URL.Query().Get("sent") == "question"})
}

// page shows the task. Something wrong in it answers 400, or 413 when a file was too large.
func (h *Handler) page(w http.ResponseWriter, r *http.Request, v *visit, in typed) error {
	t, zone := v.task, v.frame.Now.Location()
	p, err := v.file.Person()
	if err != nil {
		return err
	}
	m := pages.OwnerTask{
		Frame: v.frame, Reference: v.file.Case.Reference, Action: t.Action, System: h.Owners.Title(r.Context(), v.file, t), Vendor: t.Owner.Vendor,
		AskedAt: t.Owner.AskedAt.In(zone), Until: t.Owner.DueAt.In(zone), Late: v.frame.Now.After(t.Owner.DueAt), Name: p.Name.Reveal(),
		Form: pages.Form{Action: v.action}, PassForm: pages.Form{Action: v.action + "/pass"}, AskForm: pages.Form{Action: v.action + "/question"},
		Answer: pages.OwnerAnswer(in.answer), Records: in.records, Note: in.note, To: in.to, Question: in.question,
		Asked: in.asked, Refused: in.refused, Filename: in.filename, Errors: in.errors,
	}
	m.Limits = pages.OwnerLimits{File: h.Limits.File, All: h.Limits.Task, Files: h.Limits.Files}
	m.Limits.Kinds, m.Limits.Names = uploads.Accepted()
	if h.HandOvers.Open() {
		m.LargeForm, m.Limits.Once, m.Limits.File = pages.Form{Action: v.action + "/file"}, once, h.HandOvers.Limits.File
	}
	if len(m.Refused) == 0 { // those of this very form come first
		if m.Refused, err = refusedBefore(v); err != nil {
			return err
		}
	}
	for _, i := range p.Known() {
		m.Identifiers = append(m.Identifiers, pages.Fact{Name: string(i.Kind), Value: i.Value.Reveal()})
	}
	if t.Action == dsar.Correct {
		for _, c := range p.Corrections {
			if c.System == "" || c.System == t.System {
				m.Corrections = append(m.Corrections, pages.Fact{Name: c.Field, Value: c.Value.Reveal()})
			}
		}
	}
	for _, u := range t.Owner.Uploads {
		name, err := v.file.UploadName(t, u)
		if err != nil {
			return err
		}
		m.Files = append(m.Files, pages.OwnerFile{Number: u.N, Name: name.Reveal(), Bytes: u.Bytes})
	}
	if status := in.status(); status != http.StatusOK {
		w.WriteHeader(status)
	}
	return h.Pages.OwnerTask(w, m)
}

func (in *typed) status() int {
	large := func(f pages.RefusedFile) bool { return f.Why == pages.TooLarge }
	switch {
	case slices.ContainsFunc(in.refused, large):
		return http.StatusRequestEntityTooLarge
	case len(in.refused) > 0 || len(in.errors) > 0:
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// back leads back to the page.
func back(w http.ResponseWriter, r *http.Request, query string) {
	http.Redirect(w, r, owners.Path+url.PathEscape(r.PathValue("token"))+query, http.StatusSeeOther)
}

// take takes the main form: files first, then the button that was pressed. Files that were taken stay whatever else is wrong.
func (h *Handler) take(w http.ResponseWriter, r *http.Request, v *visit) error {
	in, err := h.read(w, r, v)
	if err != nil {
		return err
	}
	switch {
	case len(in.refused) > 0:
	case in.remove != "":
		err = h.remove(r.Context(), v, in.remove)
	case in.do == "answer":
		err = h.answer(r.Context(), v, &in)
	}
	if err != nil {
		return err
	}
	if len(in.errors) == 0 && len(in.refused) == 0 && (in.do == "answer" || in.note+in.records+in.answer == "") {
		back(w, r, "")
		return nil
	}
	again, err := h.visit(r) // with what was added or removed
	if err != nil {
		return err
	}
	if over, err := h.over(w, again); over {
		return err
	}
	return h.page(w, r, again, in)
}

func (h *Handler) remove(ctx context.Context, v *visit, number string) error {
	n, err := strconv.Atoi(number)
	if err != nil {
		return fault.New(fault.Invalid, "this is no number of a file")
	}
	var object string
	err = h.change(ctx, v, func(_ context.Context, f *casefile.File, t *casefile.Task) (err error) {
		object, err = f.RemoveUpload(t, n)
		return err
	})
	if fault.Has(err, fault.NotFound) {
		return nil // the button was pressed twice
	}
	if err != nil {
		return err
	}
	return h.Blobs.Delete(ctx, object)
}

// answer records the owner's answer; what is wrong with it is noted in the form.
func (h *Handler) answer(ctx context.Context, v *visit, in *typed) error {
	reply := casefile.Reply{Answer: in.answer}
	if in.answer == "" {
		in.wrong("answer", pages.Missing)
		return nil
	}
	if counts := v.task.Action == dsar.Erase || v.task.Action == dsar.Correct; counts && in.answer == casefile.OwnerDone && in.records != "" {
		var ok bool
		if reply.Records, ok = count(in.records); !ok {
			in.wrong("records", pages.NotAllowed)
			return nil
		}
	}
	if in.note != "" {
		note, err := intake.Message("/note", in.note)
		if err != nil {
			in.wrong("note", problemOf(err))
			return nil
		}
		reply.Note = note
	}
	err := h.change(ctx, v, func(_ context.Context, f *casefile.File, t *casefile.Task) error { return f.OwnerAnswers(t, reply) })
	if fe, ok := errors.AsType[*fault.Error](err); ok && fe.Class == fault.Invalid {
		switch fe.Field {
		case "/files":
			p := pages.Missing
			if reply.Answer == casefile.OwnerNone {
				p = pages.Refused
			}
			in.wrong("file", p)
		case "/checking":
			in.wrong("file", pages.StillCheck)
		case "/records":
			in.wrong("records", pages.Missing)
		case "/note":
			in.wrong("note", pages.Missing)
		default:
			in.wrong("answer", pages.NotAChoice)
		}
		return nil
	}
	return err
}

// count reads a number of records.
func count(s string) (n int64, ok bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n > 0 && n <= casefile.MaxRecords
}

// problemOf turns what is wrong with a text into words for its field.
func problemOf(err error) pages.Problem {
	fields, ok := errors.AsType[web.Fields](err)
	switch {
	case ok && len(fields) > 0 && strings.Contains(fields[0].Detail, "longer"):
		return pages.TooLong
	case ok && len(fields) > 0 && strings.Contains(fields[0].Detail, "empty"):
		return pages.Missing
	}
	return pages.NotAllowed
}

// passOn gives the task to somebody else.
func (h *Handler) passOn(w http.ResponseWriter, r *http.Request, v *visit) error {
	r.Body = http.MaxBytesReader(w, r.Body, web.MaxBody)
	in := typed{to: strings.TrimSpace(r.PostFormValue("to"))}
	to, err := subject.New(subject.Email, in.to)
	switch {
	case in.to == "":
		in.wrong("to", pages.Missing)
	case err != nil:
		in.wrong("to", pages.NotAnEmail)
	}
	if len(in.errors) > 0 {
		return h.page(w, r, v, in)
	}
	err = h.change(r.Context(), v, func(ctx context.Context, f *casefile.File, t *casefile.Task) error {
		return h.Owners.PassOn(ctx, f, t, to)
	})
	if fault.Has(err, fault.Invalid) {
		in.wrong("to", pages.Refused)
		return h.page(w, r, v, in)
	}
	if err != nil {
		return err
	}
	back(w, r, "")
	return nil
}

// askBack keeps a question for the privacy team.
func (h *Handler) askBack(w http.ResponseWriter, r *http.Request, v *visit) error {
	r.Body = http.MaxBytesReader(w, r.Body, web.MaxBody)
	in := typed{question: strings.TrimSpace(r.PostFormValue("question"))}
	var text redact.Text
	var err error
	if text, err = intake.Message("/question", in.question); err != nil {
		in.wrong("question", problemOf(err))
		return h.page(w, r, v, in)
	}
	if err := h.change(r.Context(), v, func(_ context.Context, f *casefile.File, t *casefile.Task) error { return f.AskBack(t, text) }); err != nil {
		return err
	}
	back(w, r, "?sent=question")
	return nil
}
