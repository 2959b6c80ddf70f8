package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/progress"
	"github.com/habeas-dsar/habeas/functions/internal/statute/clockpage"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// timelineShort is how many events the case page shows before somebody asks for all.
const timelineShort = 20

func (h *Handler) pageCase(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	return h.showCase(w, r, c, f, "", nil)
}

func (h *Handler) showCase(w http.ResponseWriter, r *http.Request, c *caller, f *casefile.File, text string, errs pages.Errors) error {
	one := &f.Case
	shown, err := h.reveal(r.Context(), c, one.ID, true)
	if err != nil {
		return err
	}
	v, err := h.view(r.Context(), f, shown)
	if err != nil {
		return err
	}
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	names, err := h.staffNames(r)
	if err != nil {
		return err
	}
	m := pages.ConsoleCase{
		ConsoleFrame: fr, Reference: one.Reference, Right: one.Right, Status: one.Status, ReceivedAt: c.shown(one.ReceivedAt),
		Law: lawOf(v.Law), Next: c.next(f), Due: h.due(c, one), Clock: clockpage.ForTeam(one, h.Packs, c.zone),
		Systems: progress.Pages(v.Systems), Acts: append(h.caseActs(c, f), h.dutyActs(r, c, f)...), Paused: one.Paused != nil, MessageText: text, Errors: errs,
	}
	for i := range m.Systems {
		m.Systems[i].Since, m.Systems[i].AskedAt, m.Systems[i].AnswerBy = c.shown(m.Systems[i].Since), c.shown(m.Systems[i].AskedAt), c.shown(m.Systems[i].AnswerBy)
		if name := v.Systems[i].Name; c.may(registry.ReadSystems) && h.registered(r, c, name) {
			m.Systems[i].URL = c.url("/console/systems/" + url.PathEscape(name))
		}
	}
	if one.MailCopies != nil {
		m.Copies = string(one.MailCopies.State)
	}
	for _, s := range steps(one) {
		m.Steps = append(m.Steps, pages.Step{Text: s.Text, Citation: s.Citation})
	}
	for _, rec := range v.Recipients {
		m.Recipients = append(m.Recipients, c.told(one.ID, rec))
	}
	if v.Personal != nil {
		m.Details, m.People = v.Personal.Details, people(v)
	}
	if m.Duties, err = h.caseDuties(r, c, f, names); err != nil {
		return err
	}
	m.Messages = c.thread(v, names)
	if c.may(registry.HandleCases) && !one.Verification.VerifiedAt.IsZero() && one.Law.Pack != "" {
		m.MessageForm = pages.Form{Action: c.caseURL(one.ID, "/messages"), Hidden: []pages.Hidden{{Name: "once", Value: dsar.NewID()}}}
	}
	if c.may(registry.ReadEvidence) {
		if m.Timeline, m.MoreURL, err = h.timeline(r, c, one.ID, names); err != nil {
			return err
		}
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.ConsoleCase(w, m)
}

// registered reports whether the system is still there; the registry answers from memory.
func (h *Handler) registered(r *http.Request, c *caller, name string) bool {
	_, err := h.Registry.System(r.Context(), c.tenant.Name, name)
	return err == nil
}

// next is what the case waits for.
func (c *caller) next(f *casefile.File) pages.Decision {
	one := &f.Case
	letters := pages.Decision{Kind: pages.DecideTask, Count: len(one.Undelivered)}
	if letters.Count > 0 && c.may(registry.HandleCases) {
		letters.URL = c.letterURL(one.ID, one.Undelivered[0].N)
	}
	switch {
	case !one.Open() && letters.Count > 0:
		return letters
	case !one.Open():
		return pages.Decision{Kind: pages.DecideClosed}
	}
	if one.Paused != nil {
		d := pages.Decision{Kind: pages.DecidePaused}
		if c.may(registry.HandleCases) {
			d.URL = c.caseURL(one.ID, "/resume")
		}
		return d
	}
	if planWaits(one) {
		d := pages.Decision{Kind: pages.DecidePlan, URL: c.caseURL(one.ID, "/plan")}
		for _, s := range one.Plan.Systems {
			d.Count += int(changes(s))
		}
		return d
	}
	if waitsForReview(one) {
		d := pages.Decision{Kind: pages.DecideResponse, Count: int(one.Package.Records)}
		if c.may(registry.DecideCases) {
			d.URL = c.caseURL(one.ID, "/response")
		}
		return d
	}
	task := pages.Decision{Kind: pages.DecideTask}
	if o := one.Operator; o != nil && o.Next == "" {
		task.Count++
		task.URL = c.caseURL(one.ID, "/operator")
	}
	for _, t := range f.Tasks {
		if t.Asked == nil || t.Decision != nil || one.Stopping() {
			continue
		}
		if task.Count++; task.URL == "" {
			task.URL = c.url("/console/tasks/" + one.ID + "/" + t.ID)
		}
	}
	if task.Count += letters.Count; task.URL == "" {
		task.URL = letters.URL
	}
	if task.Count == 0 {
		return c.waits(one)
	}
	if !c.may(registry.HandleCases) {
		task.URL = ""
	}
	return task
}

// waits says what a case waits for by itself.
func (c *caller) waits(one *casefile.Case) pages.Decision {
	switch {
	case one.Phase != dsar.PhaseReviewPlan || !one.PlanApproved() || one.Stopping():
		return pages.Decision{Kind: pages.DecideNothing}
	case one.After != "":
		return pages.Decision{Kind: pages.DecideAfter}
	case !one.GraceUntil.IsZero():
		return pages.Decision{Kind: pages.DecideGrace, Until: c.shown(one.GraceUntil)}
	}
	return pages.Decision{Kind: pages.DecideNothing}
}

func waitsForReview(one *casefile.Case) bool {
	return one.Status == dsar.AwaitingReview && one.Phase == dsar.PhaseReviewResponse && one.Package != nil && one.Review == nil && !one.Stopping()
}

// caseActs are the acts that are possible now and that the caller may do.
func (h *Handler) caseActs(c *caller, f *casefile.File) []pages.ActLink {
	one := &f.Case
	var out []pages.ActLink
	if one.Plan != nil {
		out = append(out, pages.ActLink{Act: pages.ActPlan, URL: c.caseURL(one.ID, "/plan")})
	}
	out = append(out, pages.ActLink{Act: pages.ActProof, URL: c.caseURL(one.ID, "/proof")})
	if c.may(registry.HandleCases) {
		if len(h.grounds(one)) > 0 {
			if _, err := h.extended(*one, c, h.grounds(one)[0], h.proposed(one, c), h.Now()); err == nil {
				out = append(out, pages.ActLink{Act: pages.ActExtend, URL: c.caseURL(one.ID, "/extend")})
			}
		}
		switch {
		case one.Paused != nil:
			out = append(out, pages.ActLink{Act: pages.ActResume, URL: c.caseURL(one.ID, "/resume")})
		case running(one):
			out = append(out, pages.ActLink{Act: pages.ActPause, URL: c.caseURL(one.ID, "/pause")})
		}
		if running(one) && len(openSystems(f)) > 0 {
			out = append(out, pages.ActLink{Act: pages.ActProceed, URL: c.caseURL(one.ID, "/proceed-without")})
		}
		if running(one) {
			out = append(out, pages.ActLink{Act: pages.ActWithdraw, URL: c.caseURL(one.ID, "/withdraw")})
		}
	}
	if c.may(registry.PlaceHolds) && one.Open() && holdable(one.Right) {
		out = append(out, pages.ActLink{Act: pages.ActHold, URL: c.url("/console/place-hold", "case", one.Reference)})
	}
	if c.may(registry.DecideCases) && one.MayLift() {
		out = append(out, pages.ActLink{Act: pages.ActLift, URL: c.caseURL(one.ID, "/lift")})
	}
	if c.may(registry.HandleCases) && one.Open() && !one.Answered && !one.Stopping() && one.Law.Pack != "" {
		out = append(out, pages.ActLink{Act: pages.ActLaw, URL: c.caseURL(one.ID, "/law")})
	}
	if one.ReviewBy != "" {
		out = append(out, pages.ActLink{Act: pages.ActExempt, URL: c.caseURL(one.ID, "/exemptions")})
	}
	if c.may(registry.ReadEvidence) {
		out = append(out, pages.ActLink{Act: pages.ActEvidence, URL: c.caseURL(one.ID, "/evidence")})
	}
	return out
}

// grounds are the reasons for which the law of the case allows an extension.
func (h *Handler) grounds(one *casefile.Case) []string {
	pack, err := h.Packs.At(policy.ID(one.Law.Pack), policy.Version(one.Law.Version))
	if err != nil {
		return nil // not triaged yet
	}
	if rule := pack.Rule(one.Right); rule.Extension != nil {
		return rule.Extension.Reasons
	}
	return nil
}

// proposed is the day that is proposed for an extension whose length the law leaves open: as long again as the first period. Empty
// when the law sets the length, or knows no extension.
func (h *Handler) proposed(one *casefile.Case, c *caller) string {
	pack, err := h.Packs.At(policy.ID(one.Law.Pack), policy.Version(one.Law.Version))
	if err != nil {
		return "" // not triaged yet
	}
	if rule := pack.Rule(one.Right); rule.Extension == nil || !rule.Extension.Open {
		return ""
	}
	return one.Due.At.Add(one.Due.At.Sub(one.ReceivedAt)).In(c.zone).Format(time.DateOnly)
}

func people(v *caseView) []pages.Person {
	p := v.Personal
	one := pages.Person{Role: pages.RoleSubject, Name: p.Name, Note: p.Email}
	if one.Name == "" {
		one.Name, one.Note = p.Email, ""
	}
	if !v.Verification.VerifiedAt.IsZero() {
		one.Note = strings.TrimPrefix(one.Note+", address confirmed", ", ")
	}
	out := []pages.Person{one}
	if p.Agent != nil {
		out = append(out, pages.Person{Role: pages.RoleAgent, Name: p.Agent.Name, Note: p.Agent.Email})
	}
	return out
}

// thread is the conversation; without reveal_data its words are left out.
func (c *caller) thread(v *caseView, names map[string]string) []pages.Message {
	var out []pages.Message
	for _, msg := range v.Messages {
		one := pages.Message{From: pages.FromTeam, Name: names[msg.From], At: c.shown(msg.At), Text: msg.Text, Statement: msg.Statement}
		if msg.From == evidence.Subject {
			one.From = pages.FromSubject
		}
		if v.Personal == nil {
			one.Text = "(The words are shown to roles that may see personal data.)"
		}
		out = append(out, one)
	}
	return out
}

// timeline is the evidence, newest first.
func (h *Handler) timeline(r *http.Request, c *caller, id string, names map[string]string) ([]pages.Event, string, error) {
	list, err := h.entries(r.Context(), c.tenant.Name, id)
	if err != nil {
		return nil, "", err
	}
	// That a task ended says no more than its last entry, which is in the list too; the two are tied for the verifier.
	list = slices.DeleteFunc(list, func(e entryView) bool { return e.Kind == "task_ended" })
	slices.Reverse(list)
	more := ""
	if len(list) > timelineShort && r.URL.Query().Get("timeline") != "all" {
		list, more = list[:timelineShort], c.caseURL(id, "", "timeline", "all")
	}
	var out []pages.Event
	for _, e := range list {
		ev := pages.Event{At: c.shown(e.At), By: pages.FromSystem, Name: names[e.Actor], Kind: e.Kind, Text: plainFacts(e.Facts)}
		switch {
		case e.Actor == evidence.Subject:
			ev.By = pages.FromSubject
		case strings.HasPrefix(e.Actor, "staff:"):
			ev.By = pages.FromTeam
		case strings.HasPrefix(e.Actor, "owner:"):
			ev.By = pages.FromOwner
		}
		out = append(out, ev)
	}
	return out, more, nil
}

func (h *Handler) takeMessage(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	at := "/console/cases/" + f.Case.ID
	typed := r.PostFormValue("text")
	if once := r.PostFormValue("once"); once != "" && len(once) <= maxKey {
		c.key, c.print = "form/"+once, digest(at+typed)
		if _, sent, err := h.Sessions.Recall(r.Context(), c.staff.ID, c.key); err != nil || sent {
			if err == nil {
				c.then(w, r, at, pages.NoticeMessage) // the button was pressed twice
			}
			return err
		}
	}
	_, err = h.say(r.Context(), c, f.Case.ID, typed)
	if errs, ok := formErrors(err, nil); ok {
		return h.showCase(w, r, c, f, typed, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, at, pages.NoticeMessage)
	return nil
}

func (h *Handler) askExtend(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showExtend(w, r, c, nil)
}

func (h *Handler) showExtend(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	grounds := h.grounds(&f.Case)
	if len(grounds) == 0 {
		return fault.New(fault.Conflict, "the law has no extension for this right")
	}
	open := h.proposed(&f.Case, c)
	next, err := h.extended(f.Case, c, grounds[0], open, h.Now())
	if err != nil {
		return err
	}
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.ConsoleConfirm(w, pages.ConsoleConfirm{
		ConsoleFrame: fr, Form: pages.Form{Action: c.caseURL(f.Case.ID, "/extend")}, Act: pages.ConfirmExtend, Reference: f.Case.Reference,
		Until: c.shown(next.Due.At), Grounds: grounds, Ground: r.PostFormValue("ground"), Reason: r.PostFormValue("reason"), Errors: errs,
		BackURL: c.caseURL(f.Case.ID, ""), AskDay: open != "", Day: cmp.Or(r.PostFormValue("until"), open),
	})
}

func (h *Handler) takeExtend(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	_, err = h.extend(r.Context(), c, id, r.PostFormValue("ground"), r.PostFormValue("until"), r.PostFormValue("reason"))
	if errs, ok := formErrors(err, map[string]string{"reason": "ground", "text": "reason"}); ok {
		return h.showExtend(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id, pages.NoticeExtended)
	return nil
}

func (h *Handler) askWithdraw(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showWithdraw(w, r, c, nil)
}

func (h *Handler) showWithdraw(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	if !f.Case.Open() || f.Case.Answered || f.Case.Stopping() {
		return fault.New(fault.Conflict, "the request is answered or closed and can no longer be withdrawn")
	}
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.ConsoleConfirm(w, pages.ConsoleConfirm{
		ConsoleFrame: fr, Form: pages.Form{Action: c.caseURL(f.Case.ID, "/withdraw")}, Act: pages.ConfirmWithdraw, Reference: f.Case.Reference,
		Reason: r.PostFormValue("reason"), Errors: errs, BackURL: c.caseURL(f.Case.ID, ""),
	})
}

func (h *Handler) takeWithdraw(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	why := strings.TrimSpace(r.PostFormValue("reason"))
	if why == "" {
		return h.showWithdraw(w, r, c, pages.Errors{{Field: "reason", Problem: pages.Missing}})
	}
	_, err = h.withdraw(r.Context(), c, id, why)
	if errs, ok := formErrors(err, nil); ok {
		return h.showWithdraw(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id, pages.NoticeWithdrawn)
	return nil
}

// lawOf names the law of a case, with what was assumed to choose it; empty before it is known.
func lawOf(l lawView) string {
	if l.Title == "" || l.Assumption == "" {
		return l.Title
	}
	return l.Title + ". " + l.Assumption
}
