package console

import (
	"context"
	"net/http"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/consent"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// maxPeople bounds how many people one question about suppression is about.
const maxPeople = 100

// consentRoutes are the ledger of consents, for the controller's own systems: they say what people agreed to and objected to, and ask
// before they use data. Identifiers travel in bodies only.
func (h *Handler) consentRoutes() []Route {
	const v = " /api/v1"
	return []Route{
		h.callRoute("POST"+v+"/consents", registry.UseConsents, h.apiRecordConsent),
		h.callRoute("POST"+v+"/consents/query", registry.UseConsents, h.apiConsents),
		h.callRoute("POST"+v+"/suppressions/check", registry.UseConsents, h.apiSuppressed),
	}
}

// consentView is one entry of the ledger.
type consentView struct {
	ID       string        `json:"id"`
	State    consent.State `json:"state"`
	Purpose  string        `json:"purpose"`
	Notice   string        `json:"notice,omitempty"`
	Channel  string        `json:"channel"`
	How      string        `json:"how,omitempty"`
	Law      string        `json:"law,omitempty"`
	At       time.Time     `json:"at"`
	Noted    time.Time     `json:"noted"`
	By       string        `json:"by"`
	Case     string        `json:"case,omitempty"`
	StopBy   time.Time     `json:"stopBy,omitzero"`
	AskAfter time.Time     `json:"askAfter,omitzero"`
}

func viewOfConsent(e consent.Entry) consentView {
	return consentView{e.ID, e.State, e.Purpose, e.Notice, e.Channel, e.How, e.Law, e.At, e.Noted, e.By, e.Case, e.StopBy, e.AskAfter}
}

// identifiers reads who is meant.
func identifiers(list []subject.Revealed) ([]subject.Identifier, error) {
	var bad web.Fields
	if len(list) == 0 || len(list) > consent.MaxIdentifiers {
		bad.Add("/identifiers", "name the person by one to ten identifiers")
	}
	var out []subject.Identifier
	for _, i := range list[:min(len(list), consent.MaxIdentifiers)] {
		id, err := subject.New(i.Kind, i.Value)
		if err != nil {
			bad.Add("/identifiers", "an identifier has a kind and a value that fits it")
			break
		}
		out = append(out, id)
	}
	return out, bad.Err()
}

// apiRecordConsent appends to the ledger what a person said.
func (h *Handler) apiRecordConsent(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Identifiers []subject.Revealed `json:"identifiers"`
		State       consent.State      `json:"state"`
		Purpose     string             `json:"purpose"`
		Notice      string             `json:"notice"`
		Channel     string             `json:"channel"`
		How         string             `json:"how"`
		Country     string             `json:"country"`
		Region      string             `json:"region"`
		At          time.Time          `json:"at"`
	}
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	who, err := identifiers(in.Identifiers)
	if err != nil {
		return err
	}
	e, err := h.Consents.Record(r.Context(), c.tenant, who, consent.Entry{
		State: in.State, Purpose: in.Purpose, Notice: in.Notice, Channel: in.Channel, How: in.How, Country: in.Country, Region: in.Region, At: in.At, By: c.actor(),
	}, h.Now())
	if err != nil {
		return err
	}
	return h.done(r.Context(), w, c, http.StatusCreated, viewOfConsent(e))
}

// done answers a call that has committed already, and keeps the answer for its idempotency key. A process that dies in between makes
// the repetition append a second entry that says the same.
func (h *Handler) done(ctx context.Context, w http.ResponseWriter, c *caller, status int, v any) error {
	ans, err := newReply(status, v)
	if err != nil {
		return err
	}
	extra, err := h.remember(c, ans)
	if err != nil {
		return err
	}
	if len(extra) > 0 {
		if err := h.Cases.Table().Transact(ctx, extra...); err != nil {
			return err
		}
	}
	ans.write(w)
	return nil
}

// apiConsents answers with everything that a person said, oldest first, and how each purpose stands.
func (h *Handler) apiConsents(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Identifiers []subject.Revealed `json:"identifiers"`
	}
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	who, err := identifiers(in.Identifiers)
	if err != nil {
		return err
	}
	entries, err := h.Consents.Ledger.Entries(r.Context(), c.tenant.Name, who)
	if err != nil {
		return err
	}
	out, standing := []consentView{}, map[string]consentView{}
	for _, e := range entries {
		out = append(out, viewOfConsent(e))
		standing[e.Purpose] = viewOfConsent(e)
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"entries": out, "standing": standing})
	return nil
}

// suppressedView says whether data of one person may be used for the purpose.
type suppressedView struct {
	Suppressed bool      `json:"suppressed"`
	Since      time.Time `json:"since,omitzero"`
	Because    string    `json:"because,omitempty"` // the state that says so
	AskAfter   time.Time `json:"askAfter,omitzero"` // she may not be asked again before
	StopBy     time.Time `json:"stopBy,omitzero"`   // processing that still runs ends by then
}

// apiSuppressed answers for many people at once, in the order of the question.
func (h *Handler) apiSuppressed(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Purpose string               `json:"purpose"`
		People  [][]subject.Revealed `json:"people"`
	}
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	if in.Purpose == "" {
		return fault.InvalidField("/purpose", "say for which purpose data is to be used")
	}
	if len(in.People) == 0 || len(in.People) > maxPeople {
		return fault.InvalidField("/people", "ask about one to a hundred people")
	}
	out := []suppressedView{}
	for _, p := range in.People {
		who, err := identifiers(p)
		if err != nil {
			return err
		}
		entries, err := h.Consents.Ledger.Entries(r.Context(), c.tenant.Name, who)
		if err != nil {
			return err
		}
		v := suppressedView{}
		if e, ok := consent.Suppressed(entries, in.Purpose); ok {
			v = suppressedView{true, e.At, string(e.State), e.AskAfter, e.StopBy}
		}
		out = append(out, v)
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"people": out})
	return nil
}
