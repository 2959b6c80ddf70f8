package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/duties"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// dutyRoutes are the pages for what the law asks for beside the answer.
func dutyRoutes(h *Handler, page func(pattern string, p registry.Permission, f handler) Route) []Route {
	const v = " /console/"
	const one = v + "cases/{id}"
	return []Route{
		page("GET"+one+"/ask", registry.HandleCases, h.askQuestion),
		page("POST"+one+"/ask", registry.HandleCases, h.takeQuestion),
		page("GET"+one+"/questions/{question}", registry.HandleCases, h.pageQuestion),
		page("POST"+one+"/questions/{question}", registry.HandleCases, h.takeSettled),
		page("GET"+one+"/claim", registry.HandleCases, h.askClaim),
		page("POST"+one+"/claim", registry.HandleCases, h.takeClaim),
		page("GET"+one+"/claims/{claim}", registry.ReadCases, h.pageClaim),
		page("POST"+one+"/claims/{claim}", registry.HandleCases, h.takeClaimDecision), // approving asks for decide_cases
		page("GET"+one+"/bring", registry.HandleCases, h.askBring),
		page("POST"+one+"/bring", registry.HandleCases, h.takeBring),
		page("GET"+one+"/appeals/{sub}", registry.ReadCases, h.pageSub),
		page("POST"+one+"/appeals/{sub}", registry.HandleCases, h.takeSub), // deciding asks for decide_cases
		page("GET"+one+"/short-answer", registry.HandleCases, h.askShort),
		page("POST"+one+"/short-answer", registry.HandleCases, h.takeShort),
		page("GET"+one+"/grant", registry.DecideCases, h.askGrant),
		page("POST"+one+"/grant", registry.DecideCases, h.takeGrant),
		page("GET"+v+"appeals", registry.ReadCases, h.pageAppeals),
	}
}

func (h *Handler) askQuestion(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showAsk(w, r, c, nil)
}

func (h *Handler) showAsk(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	d := h.duties()
	may := d.May(r.Context(), &f.Case)
	kind := r.FormValue("kind")
	if kind == "" && len(may) > 0 {
		kind = may[0]
	}
	if kind != casefile.AskIdentity && kind != casefile.AskClarification {
		return fault.New(fault.Conflict, "the person cannot be asked anything now")
	}
	p, err := d.Preview(r.Context(), f.Case, kind, f.Now())
	if err != nil {
		return err
	}
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	m := pages.ConsoleAsk{
		ConsoleFrame: fr, Form: pages.Form{Action: c.caseURL(f.Case.ID, "/ask"), Hidden: []pages.Hidden{{Name: "kind", Value: kind}}}, Reference: f.Case.Reference,
		BackURL: c.caseURL(f.Case.ID, ""), Kind: kind, Codes: duties.Codes(kind), Code: r.PostFormValue("doubt"), Effect: string(p.Effect), Citation: p.Citation,
		Late: p.Late, Prompt: p.Prompt, Blocks: p.Blocks, Due: c.shown(p.Due.At), Then: c.shown(p.Then.At), Days: p.Days, Text: r.PostFormValue("text"), Errors: errs,
	}
	for _, k := range may {
		m.Kinds = append(m.Kinds, pages.KindLink{Kind: k, URL: c.caseURL(f.Case.ID, "/ask", "kind", k)})
	}
	return h.bad(w, errs, func() error { return h.Pages.ConsoleAsk(w, m) })
}

// bad writes a page with the status that its problems deserve.
func (h *Handler) bad(w http.ResponseWriter, errs pages.Errors, write func() error) error {
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return write()
}

func (h *Handler) takeQuestion(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	_, err = h.ask(r.Context(), c, id, asking{Kind: r.PostFormValue("kind"), Code: r.PostFormValue("doubt"), Text: r.PostFormValue("text")})
	if errs, ok := dutyErrors(err); ok {
		return h.showAsk(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id, pages.NoticeAsked)
	return nil
}

// dutyErrors is formErrors with a missing text told from a wrong one.
func dutyErrors(err error) (pages.Errors, bool) {
	errs, ok := formErrors(err, map[string]string{"at": "day", "receivedAt": "day", "code": "doubt"})
	for i := range errs {
		switch errs[i].Field {
		case "text", "objective", "subjective", "todo":
			if errs[i].Problem == pages.NotAllowed {
				errs[i].Problem = pages.Missing
			}
		case "doubt", "kind", "system":
			errs[i].Problem = pages.NotAChoice
		case "day":
			errs[i].Problem = pages.NotADate
		}
	}
	return errs, ok
}

// question returns the case and its question of the path.
func (h *Handler) question(r *http.Request, c *caller) (*casefile.File, *casefile.Question, error) {
	f, err := h.load(r, c)
	if err != nil {
		return nil, nil, err
	}
	q := f.Case.Question(r.PathValue("question"))
	if q == nil {
		return nil, nil, fault.New(fault.NotFound, "there is no such question")
	}
	return f, q, nil
}

func (h *Handler) pageQuestion(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showQuestion(w, r, c, nil)
}

func (h *Handler) showQuestion(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, q, err := h.question(r, c)
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
	m := pages.ConsoleQuestion{
		ConsoleFrame: fr, Reference: f.Case.Reference, BackURL: c.caseURL(f.Case.ID, ""), Row: c.questionRow(&f.Case, q, names), Code: strings.ReplaceAll(q.Code, "_", " "),
		Until: c.shown(q.Until), Day: r.PostFormValue("day"), Text: r.PostFormValue("text"), Errors: errs,
	}
	if q.IsOpen() && f.Case.Open() && !f.Case.Stopping() {
		m.Form.Action = c.caseURL(f.Case.ID, "/questions/"+url.PathEscape(q.ID))
		m.Answers = []string{"answer", "drop"}
		if q.Kind == casefile.AskFee {
			m.Answers[0] = "paid"
		}
	}
	return h.bad(w, errs, func() error { return h.Pages.ConsoleQuestion(w, m) })
}

func (h *Handler) takeSettled(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, q, err := h.question(r, c)
	if err != nil {
		return err
	}
	_, err = h.settleQuestion(r.Context(), c, f.Case.ID, q.ID, r.PostFormValue("decision"), r.PostFormValue("day"), r.PostFormValue("text"))
	if errs, ok := dutyErrors(err); ok {
		for i := range errs {
			if errs[i].Field == "reason" {
				errs[i].Field = "text"
			}
		}
		return h.showQuestion(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+f.Case.ID, pages.NoticeQuestionSettled)
	return nil
}

func (h *Handler) askClaim(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showClaim(w, r, c, nil)
}

func (h *Handler) showClaim(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	one := &f.Case
	if !running(one) {
		return fault.New(fault.Conflict, "the request is answered or closed")
	}
	d := h.duties()
	all, err := d.Grounds(r.Context(), one)
	if err != nil {
		return err
	}
	q, err := d.Quota(r.Context(), f)
	if err != nil {
		return err
	}
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	kind := casefile.ClaimKind(r.FormValue("kind"))
	if !slices.Contains(casefile.ClaimKinds(), kind) {
		kind = casefile.ClaimRefuse
	}
	v := func(name string) string { return r.PostFormValue(name) }
	m := pages.ConsoleClaim{
		ConsoleFrame: fr, Form: pages.Form{Action: c.caseURL(one.ID, "/claim"), Hidden: []pages.Hidden{{Name: "kind", Value: string(kind)}}}, Reference: one.Reference,
		BackURL: c.caseURL(one.ID, ""), Kind: string(kind), Ground: v("ground"), System: v("system"), Amount: v("amount"), Citation: v("citation"), Text: v("text"),
		Objective: v("objective"), Subjective: v("subjective"), Free: q.Free, Count: q.Count, Earlier: q.Earlier, Errors: errs,
	}
	if pack, err := h.lawOfCase(one); err == nil {
		m.MaxAmount = pack.Fees.MaxAmount
		if q.Earlier == 0 {
			m.Intent = pack.Fees.FirstNeedsIntent
		}
	}
	for _, g := range all {
		if g.For(kind) {
			m.Grounds = append(m.Grounds, groundChoice(g.Code, g.Citation, g.Text))
		}
	}
	open := openSystems(f)
	for _, k := range casefile.ClaimKinds() {
		if k == casefile.ClaimEffort && len(open) == 0 || !slices.ContainsFunc(all, func(g duties.Ground) bool { return g.For(k) }) {
			continue
		}
		m.Kinds = append(m.Kinds, pages.KindLink{Kind: string(k), URL: c.caseURL(one.ID, "/claim", "kind", string(k))})
	}
	for _, name := range open {
		m.Systems = append(m.Systems, pages.PlanTarget{Value: name, Name: name})
	}
	return h.bad(w, errs, func() error { return h.Pages.ConsoleClaim(w, m) })
}

func groundChoice(code, citation, text string) pages.GroundChoice {
	return pages.GroundChoice{Code: code, Known: slices.Contains(pages.ClaimGrounds(), code), Text: text, Citation: citation}
}

func (h *Handler) takeClaim(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	v := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	_, err = h.claim(r.Context(), c, id, claiming{
		Kind: v("kind"), Ground: v("ground"), Citation: v("citation"), System: v("system"), Amount: v("amount"), Text: v("text"), Objective: v("objective"), Subjective: v("subjective"),
	})
	if errs, ok := dutyErrors(err); ok {
		for i := range errs {
			if errs[i].Field == "reason" {
				errs[i].Field = "text"
			}
		}
		return h.showClaim(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id, pages.NoticeClaimed)
	return nil
}

// claimed returns the case and its claim of the path.
func (h *Handler) claimed(r *http.Request, c *caller) (*casefile.File, *casefile.Claim, error) {
	f, err := h.load(r, c)
	if err != nil {
		return nil, nil, err
	}
	k := f.Case.Claim(r.PathValue("claim"))
	if k == nil {
		return nil, nil, fault.New(fault.NotFound, "there is no such claim")
	}
	return f, k, nil
}

func (h *Handler) pageClaim(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showClaimed(w, r, c, nil)
}

func (h *Handler) showClaimed(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, k, err := h.claimed(r, c)
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
	shown, err := h.reveal(r.Context(), c, f.Case.ID, true)
	if err != nil {
		return err
	}
	m := pages.ConsoleClaimed{
		ConsoleFrame: fr, Form: pages.Form{Action: c.caseURL(f.Case.ID, "/claims/"+url.PathEscape(k.ID))}, Reference: f.Case.Reference, BackURL: c.caseURL(f.Case.ID, ""),
		Row: c.claimRow(&f.Case, k, names, f.Now()), Ground: groundChoice(k.Ground, k.Citation, ""), System: k.System, Shown: shown,
		WarnedAt: c.shown(k.WarnedAt), ReactBy: c.shown(k.ReactBy), ReactedAt: c.shown(k.ReactedAt), Reason: r.PostFormValue("reason"), Errors: errs,
	}
	if shown {
		facts, err := f.ClaimFacts(k)
		if err != nil {
			return err
		}
		m.Text, m.Objective, m.Subjective = facts.Text.Reveal(), facts.Objective.Reveal(), facts.Subjective.Reveal()
	}
	switch alive := k.Open() && running(&f.Case); {
	case !k.Open():
		m.DecidedBy, m.DecidedAt = names[k.Decision.By], c.shown(k.Decision.At)
	case alive:
		m.Own = k.By == c.actor()
		m.MayWarn = k.WarnedAt.IsZero() && k.On == "" && c.may(registry.HandleCases)
		m.MayApprove = !m.Own && k.Ready(f.Now()) && c.mayDecide()
		m.MayDecline = c.mayDecide()
	}
	return h.bad(w, errs, func() error { return h.Pages.ConsoleClaimed(w, m) })
}

func (h *Handler) takeClaimDecision(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, k, err := h.claimed(r, c)
	if err != nil {
		return err
	}
	at, decision := "/console/cases/"+f.Case.ID, r.PostFormValue("decision")
	if decision == "warn" {
		if _, err := h.warn(r.Context(), c, f.Case.ID, k.ID); err != nil {
			return err
		}
		c.then(w, r, at+"/claims/"+k.ID, pages.NoticeWarned)
		return nil
	}
	if err := c.allow(registry.DecideCases); err != nil {
		return err
	}
	_, err = h.decideClaim(r.Context(), c, f.Case.ID, k.ID, decision, r.PostFormValue("reason"))
	if errs, ok := dutyErrors(err); ok {
		return h.showClaimed(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, at, pages.NoticeClaimDecided)
	return nil
}

func (h *Handler) askShort(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showShort(w, r, c, nil)
}

func (h *Handler) showShort(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	if short, _ := h.duties().Steps(r.Context(), &f.Case); !short {
		return fault.New(fault.Conflict, "the law asks for no short answer, or it was given")
	}
	return h.confirm(w, r, c, f, pages.ConsoleConfirm{Act: pages.ConfirmShort, Until: c.shown(f.Case.Due.At), Errors: errs}, "/short-answer")
}

func (h *Handler) takeShort(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	_, err = h.answerShortly(r.Context(), c, id, r.PostFormValue("reason"))
	if errs, ok := dutyErrors(err); ok {
		for i := range errs {
			errs[i].Field = "reason"
		}
		return h.showShort(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id, pages.NoticeShortAnswered)
	return nil
}

func (h *Handler) askGrant(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	if _, grant := h.duties().Steps(r.Context(), &f.Case); !grant {
		return fault.New(fault.Conflict, "the law has one date for decision and execution, or the request was granted")
	}
	return h.confirm(w, r, c, f, pages.ConsoleConfirm{Act: pages.ConfirmGrant, NoReason: true, Until: c.shown(f.Case.Due.At)}, "/grant")
}

func (h *Handler) takeGrant(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	if _, err := h.grantRequest(r.Context(), c, id); err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id, pages.NoticeGranted)
	return nil
}

// dutyActs are the acts that the law allows on the case now and the caller may do.
func (h *Handler) dutyActs(r *http.Request, c *caller, f *casefile.File) []pages.ActLink {
	one := &f.Case
	if !c.may(registry.HandleCases) || one.Law.Pack == "" {
		return nil
	}
	var out []pages.ActLink
	add := func(act pages.CaseAct, below string) {
		out = append(out, pages.ActLink{Act: act, URL: c.caseURL(one.ID, below)})
	}
	d := h.duties()
	short, grant := d.Steps(r.Context(), one)
	if short {
		add(pages.ActShort, "/short-answer")
	}
	if grant && c.mayDecide() {
		add(pages.ActGrant, "/grant")
	}
	if len(d.May(r.Context(), one)) > 0 {
		add(pages.ActAsk, "/ask")
	}
	if running(one) {
		add(pages.ActClaim, "/claim")
	}
	add(pages.ActBring, "/bring")
	return out
}

// caseDuties lists the questions, claims, appeals and complaints of a case, newest first.
func (h *Handler) caseDuties(r *http.Request, c *caller, f *casefile.File, names map[string]string) ([]pages.DutyRow, error) {
	one := &f.Case
	var out []pages.DutyRow
	for i := range one.Questions {
		out = append(out, c.questionRow(one, &one.Questions[i], names))
	}
	for i := range one.Claims {
		out = append(out, c.claimRow(one, &one.Claims[i], names, f.Now()))
	}
	subs, err := f.Subs(r.Context())
	if err != nil {
		return nil, err
	}
	for _, s := range subs {
		out = append(out, h.subRow(c, one, s))
	}
	slices.SortStableFunc(out, func(a, b pages.DutyRow) int { return b.At.Compare(a.At) })
	return out, nil
}

func (c *caller) questionRow(one *casefile.Case, q *casefile.Question, names map[string]string) pages.DutyRow {
	row := pages.DutyRow{What: "question", Kind: q.Kind, State: pages.DutyWaits, Case: one.Reference, Right: one.Right, At: c.shown(q.At), By: names[q.By], Amount: q.Amount}
	switch {
	case !q.Dropped.IsZero():
		row.State = pages.DutyDropped
	case !q.Paid.IsZero():
		row.State = pages.DutyPaid
	case q.Kind == casefile.AskFee && !q.Accepted.IsZero():
		row.State = pages.DutyAccepted
	case q.Kind != casefile.AskFee && !q.Answered.IsZero():
		row.State = pages.DutyAnswered
	}
	if c.may(registry.HandleCases) {
		row.URL = c.caseURL(one.ID, "/questions/"+url.PathEscape(q.ID))
	}
	return row
}

func (c *caller) claimRow(one *casefile.Case, k *casefile.Claim, names map[string]string, now time.Time) pages.DutyRow {
	row := pages.DutyRow{
		What: "claim", Kind: string(k.Kind), State: pages.DutyReady, URL: c.caseURL(one.ID, "/claims/"+url.PathEscape(k.ID)), Case: one.Reference, Right: one.Right,
		At: c.shown(k.At), By: names[k.By], Amount: k.Amount,
	}
	switch {
	case !k.Open() && k.Decision.Decision == casefile.Approve:
		row.State = pages.DutyApproved
	case !k.Open():
		row.State = pages.DutyDeclined
	case k.Ready(now):
	case k.WarnedAt.IsZero():
		row.State = pages.DutyUnwarned
	default:
		row.State = pages.DutyWarned
	}
	return row
}
