package console

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/intake"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/progress"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

func (h *Handler) askResponse(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showResponse(w, r, c, nil)
}

func (h *Handler) showResponse(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	one := &f.Case
	if one.Package == nil {
		return fault.New(fault.NotFound, "this case has no response yet")
	}
	shown, err := h.reveal(r.Context(), c, one.ID, true)
	if err != nil {
		return err
	}
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	systems, err := h.Registry.Systems(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	list := progress.Systems(f, systems)
	if shown {
		if err := progress.Explain(f, list); err != nil {
			return err
		}
	}
	m := pages.ConsoleReview{
		ConsoleFrame: fr, Form: pages.Form{Action: c.caseURL(one.ID, "/response"), Hidden: []pages.Hidden{{Name: "hash", Value: one.ResponseHash()}}},
		Reference: one.Reference, CaseURL: c.caseURL(one.ID, ""), Right: one.Right, Digest: one.ResponseHash(), PreparedAt: c.shown(one.Package.BuiltAt),
		Due: h.due(c, one), Records: int(one.Package.Records), Systems: progress.Pages(list),
		MayDecide: waitsForReview(one), Reason: r.PostFormValue("reason"), Errors: errs,
	}
	if !m.MayDecide {
		m.NotBecause = "This response waits for no decision: it was decided, or the request ended."
	}
	for n, v := range one.Package.Volumes {
		m.Volumes = append(m.Volumes, pages.Volume{Number: n + 1, Bytes: v.Bytes})
	}
	if shown {
		p, err := f.Person()
		if err != nil {
			return err
		}
		m.Subject, m.Address = p.Name.Reveal(), p.Email.Value.Reveal()
		if m.Subject == "" {
			m.Subject, m.Address = m.Address, ""
		}
		m.PackageURL = c.caseURL(one.ID, "/package/1")
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.ConsoleReview(w, m)
}

func (h *Handler) takeResponse(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	d := decision{Decision: r.PostFormValue("decision"), Hash: r.PostFormValue("hash"), Reason: r.PostFormValue("reason")}
	done, err := h.decideResponse(r.Context(), c, id, d)
	if errs, ok := formErrors(err, nil); ok {
		return h.showResponse(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	n := pages.NoticeApproved
	if d.Decision == casefile.Refuse {
		n = pages.NoticeRefused
	}
	if done.waits() {
		n = pages.NoticeClaimed
	}
	c.then(w, r, "/console/cases/"+id, n)
	return nil
}

// readPackage hands a reviewer one volume as the person would get it. The look is recorded before the first byte leaves.
func (h *Handler) readPackage(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(r.PathValue("volume"))
	p := f.Case.Package
	if err != nil || p == nil || n < 1 || n > len(p.Volumes) {
		return fault.New(fault.NotFound, "there is no such volume")
	}
	if h.HandOvers.Open() {
		return h.handPackage(w, r, c, f, n)
	}
	v := p.Volumes[n-1]
	sealed, _, err := h.Blobs.Open(r.Context(), v.Object, 0)
	if err != nil {
		return fmt.Errorf("opening package: %w", err)
	}
	defer func() { _ = sealed.Close() }() // it was only read
	plain, err := f.Keys.OpenResults(r.Context(), sealed)
	if err != nil {
		return fmt.Errorf("opening package: %w", err)
	}
	if err := h.record(r.Context(), c, act{Kind: packageRead, CaseID: f.Case.ID, Target: strconv.Itoa(n)}); err != nil {
		return err
	}
	if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("preparing download: %w", err)
	}
	head := w.Header()
	head.Set("Content-Type", "application/zip")
	head.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": v.Name}))
	head.Set("Content-Length", strconv.FormatInt(v.Bytes, 10))
	if _, err := io.Copy(w, plain); err != nil {
		panic(http.ErrAbortHandler) // the answer has begun: only a broken connection tells that it is not whole
	}
	return nil
}

// task reads the case and the task of the path.
func (h *Handler) task(r *http.Request, c *caller) (*casefile.File, *casefile.Task, error) {
	f, err := h.load(r, c)
	if err != nil {
		return nil, nil, err
	}
	t := f.Task(r.PathValue("task"))
	if t == nil {
		return nil, nil, fault.New(fault.NotFound, "there is no such task")
	}
	return f, t, nil
}

func (h *Handler) askTask(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showTask(w, r, c, nil)
}

func (h *Handler) showTask(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, t, err := h.task(r, c)
	if err != nil {
		return err
	}
	fr, err := h.frame(r, c, pages.SectionTasks)
	if err != nil {
		return err
	}
	m := pages.ConsoleTask{
		ConsoleFrame: fr, Kind: pages.TaskOperator, System: t.System, Case: f.Case.Reference, CaseURL: c.caseURL(f.Case.ID, ""), Right: f.Case.Right,
		Due: h.due(c, &f.Case), Since: c.shown(t.StartedAt), Outcome: t.Outcome, Errors: errs,
		Answer: pages.TaskAnswer(r.PostFormValue("outcome")), Identifier: r.PostFormValue("identifier"), Reason: r.PostFormValue("reason"),
	}
	if t.Asked != nil {
		m.Kind, m.What, m.Since, m.Outcome = taskKind(t.Asked.Why, t.Action), t.Asked.Text, c.shown(t.Asked.Since), ""
	}
	if m.Owner, err = h.ownerWork(r, c, f, t); err != nil {
		return err
	}
	if t.Owner != nil {
		m.What = "" // its kind says it in full
		if t.Asked == nil {
			m.Kind = pages.TaskOwner
		}
	}
	if t.Asked != nil && t.Decision == nil && !f.Case.Stopping() {
		m.Form = pages.Form{Action: c.url("/console/tasks/" + f.Case.ID + "/" + url.PathEscape(t.ID))}
		for _, a := range t.Asked.Answers {
			m.Answers = append(m.Answers, pages.TaskAnswer(a))
		}
		if m.AskIdentifier = slices.Contains(t.Asked.Answers, identify); m.AskIdentifier {
			if m.Kinds, err = h.kinds(r, c, t.System); err != nil {
				return err
			}
		}
		if m.LookFor, err = h.lookFor(r, c, f, t); err != nil {
			return err
		}
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.ConsoleTask(w, m)
}

// kinds are the kinds of identifiers that the system can be searched by; those of one person each come first.
func (h *Handler) kinds(r *http.Request, c *caller, system string) ([]string, error) {
	sys, err := h.Registry.System(r.Context(), c.tenant.Name, system)
	if err != nil && !fault.Has(err, fault.NotFound) {
		return nil, err
	}
	list := sys.Identifiers
	if len(list) == 0 {
		list = []subject.Kind{subject.CustomerID, subject.Email, subject.Phone}
	}
	var first, then []string
	for _, k := range list {
		if k.ManyPerPerson() {
			then = append(then, string(k))
		} else {
			first = append(first, string(k))
		}
	}
	return append(first, then...), nil
}

// lookFor are the identifiers to search a system by hand for; showing them is recorded.
func (h *Handler) lookFor(r *http.Request, c *caller, f *casefile.File, t *casefile.Task) ([]pages.Fact, error) {
	byHand := []pages.TaskKind{pages.TaskSearch, pages.TaskByHand, pages.TaskRestrict}
	if !slices.Contains(byHand, taskKind(t.Asked.Why, t.Action)) || !c.may(registry.RevealData) {
		return nil, nil
	}
	if _, err := h.reveal(r.Context(), c, f.Case.ID, true); err != nil {
		return nil, err
	}
	p, err := f.Person()
	if err != nil {
		return nil, err
	}
	var out []pages.Fact
	for _, i := range p.Known() {
		out = append(out, pages.Fact{Name: string(i.Kind), Value: i.Value.Reveal()})
	}
	return out, nil
}

func (h *Handler) takeTask(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, t, err := h.task(r, c)
	if err != nil {
		return err
	}
	s := settlement{CaseID: f.Case.ID, Outcome: r.PostFormValue("outcome"), Reason: r.PostFormValue("reason")}
	if s.Outcome == identify {
		if strings.TrimSpace(r.PostFormValue("identifier")) == "" {
			return h.showTask(w, r, c, pages.Errors{{Field: "identifier", Problem: pages.Missing}})
		}
		s.Identifier = &intake.Identifier{Kind: subject.Kind(r.PostFormValue("kind")), Value: redact.NewText(r.PostFormValue("identifier"))}
	}
	_, err = h.settle(r.Context(), c, t.ID, s)
	if errs, ok := formErrors(err, nil); ok {
		return h.showTask(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+f.Case.ID, pages.NoticeSettled)
	return nil
}

// askOperator shows why a case is stuck. The page offers to try the failed phase again; another one is chosen by the API.
func (h *Handler) askOperator(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	o := f.Case.Operator
	if o == nil {
		return fault.New(fault.NotFound, "this case waits for no operator")
	}
	fr, err := h.frame(r, c, pages.SectionTasks)
	if err != nil {
		return err
	}
	m := pages.ConsoleTask{
		ConsoleFrame: fr, Kind: pages.TaskOperator, Case: f.Case.Reference, CaseURL: c.caseURL(f.Case.ID, ""), Right: f.Case.Right, Due: h.due(c, &f.Case),
		Since: c.shown(o.Since), What: fmt.Sprintf("It stopped at %q with %q.", strings.ReplaceAll(o.Phase, "_", " "), o.Fault),
	}
	if o.Next == "" {
		m.Form = pages.Form{Action: c.caseURL(f.Case.ID, "/operator")}
		m.Answers, m.Answer = []pages.TaskAnswer{pages.AnswerRetry}, pages.AnswerRetry
	}
	return h.Pages.ConsoleTask(w, m)
}

func (h *Handler) takeOperator(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	if f.Case.Operator == nil {
		return fault.New(fault.Conflict, "this case waits for no operator")
	}
	if r.PostFormValue("outcome") != string(pages.AnswerRetry) {
		return fault.InvalidField("/outcome", "a failed phase can be tried again")
	}
	if _, err := h.operate(r.Context(), c, f.Case.ID, dsar.Phase(f.Case.Operator.Phase), r.PostFormValue("reason")); err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+f.Case.ID, pages.NoticeSettled)
	return nil
}
