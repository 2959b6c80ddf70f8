package portal

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/handovers"
	"github.com/habeas-dsar/habeas/functions/internal/identity"
	"github.com/habeas-dsar/habeas/functions/internal/intake"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/progress"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/session"
)

// maxMessages bounds the conversation shown with a request.
const maxMessages = 200

func (h *Handler) apiSubmit(w http.ResponseWriter, r *http.Request) error {
	var in intake.Request
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	c, err := h.submit(r.Context(), r.PathValue("tenant"), "api", web.ClientAddress(r), signalled(r, in))
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusAccepted, map[string]string{"reference": c.Reference, "next": "enter_code"})
	return nil
}

func (h *Handler) apiVerify(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Code string `json:"code"`
	}
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	start := time.Now()
	token, err := h.verify(r.Context(), r.PathValue("tenant"), r.PathValue("reference"), web.ClientAddress(r), identity.Answer{Code: in.Code})
	web.Pace(r.Context(), start, pace)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, map[string]string{"session": token})
	return nil
}

func (h *Handler) apiReissue(w http.ResponseWriter, r *http.Request) error {
	start := time.Now()
	err := h.reissue(r.Context(), r.PathValue("tenant"), r.PathValue("reference"), web.ClientAddress(r))
	web.Pace(r.Context(), start, pace)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusAccepted, map[string]string{"next": "enter_code"})
	return nil
}

// statusView is the contract's answer to GET /requests/{reference}.
type statusView struct {
	Reference   string             `json:"reference"`
	Right       dsar.Right         `json:"right"`
	Status      dsar.Status        `json:"status"`
	ReceivedAt  time.Time          `json:"receivedAt"`
	DueAt       time.Time          `json:"dueAt,omitzero"`
	DueDate     string             `json:"dueDate,omitempty"`
	Law         string             `json:"law,omitempty"`
	Assumption  string             `json:"assumption,omitempty"`
	JoinedTo    string             `json:"joinedTo,omitempty"` // reference of the older request that answers this one too
	Explanation []casefile.DueStep `json:"explanation"`
	Systems     []progress.System  `json:"systems"`
	Recipients  []recipientView    `json:"recipients"`
	Messages    []messageView      `json:"messages"`
	Package     *packageView       `json:"package,omitempty"`
	Stage       pages.Stage        `json:"stage,omitempty"`      // more exactly than status, while data is being changed
	CancelUntil time.Time          `json:"cancelUntil,omitzero"` // until when an approved erasure can be called off
	Supplement  []string           `json:"supplement,omitempty"` // systems that the answer left out and that are tried again

	dutiesView
	Proof []askedView `json:"proof,omitempty"` // what is still asked to prove who the person is, and why
}

// recipientView is a recipient of the person's data, and whether it was told of what changed (GDPR Art. 19).
type recipientView struct {
	Name     string            `json:"name"`
	Country  string            `json:"country,omitempty"`
	Purpose  string            `json:"purpose,omitempty"`
	Informed progress.Informed `json:"informed,omitempty"`
	At       time.Time         `json:"at,omitzero"`
	Why      string            `json:"why,omitempty"`

	page pages.Recipient
}

type messageView struct {
	From string    `json:"from"`
	At   time.Time `json:"at"`
	Text string    `json:"text"`

	Statement bool `json:"statement,omitempty"` // of disagreement
}

type packageView struct {
	Ready     bool         `json:"ready"`
	ExpiresAt time.Time    `json:"expiresAt"`
	Volumes   []volumeView `json:"volumes"`
}

type volumeView struct {
	Volume int    `json:"volume"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func (h *Handler) view(r *http.Request, f *casefile.File) (statusView, error) {
	c := f.Case
	v := statusView{
		Reference: c.Reference, Right: c.Right, Status: c.Status, ReceivedAt: c.ReceivedAt, DueAt: c.Due.At, DueDate: c.Due.Date,
		Law: c.Law.Pack, Assumption: c.Law.Assumption, Explanation: c.Due.Steps, Recipients: []recipientView{},
	}
	if v.Explanation == nil {
		v.Explanation = []casefile.DueStep{}
	}
	answering := f
	if c.MergedInto != "" {
		older, err := h.Cases.Load(r.Context(), c.Tenant, c.MergedInto)
		if err != nil {
			return v, err
		}
		answering, v.JoinedTo = older, older.Case.Reference
	}
	if c.Open() && !c.Stopping() {
		v.Proof = openView(&c.Verification)
	}
	v.Stage, v.CancelUntil = stage(&f.Case, h.Cases.Now())
	for _, s := range c.Supplement {
		if c.Answered || !c.Open() {
			v.Supplement = append(v.Supplement, s.System)
		}
	}
	systems, err := h.Registry.Systems(r.Context(), c.Tenant)
	if err != nil {
		return v, err
	}
	v.Systems = progress.Systems(answering, systems)
	if err := progress.Explain(answering, v.Systems); err != nil {
		return v, err
	}
	if v.dutiesView, err = h.dutiesOf(r.Context(), f); err != nil {
		return v, err
	}
	if v.Recipients, err = h.recipients(r, answering); err != nil {
		return v, err
	}
	if v.Messages, err = h.messagesOf(r.Context(), &c); err != nil {
		return v, err
	}
	if p, _, err := h.packageOf(r.Context(), f); err == nil {
		v.Package = &packageView{Ready: true, ExpiresAt: p.ExpiresAt, Volumes: []volumeView{}}
		for n, vol := range p.Volumes {
			v.Package.Volumes = append(v.Package.Volumes, volumeView{n + 1, vol.Bytes, vol.SHA256})
		}
	} else if !fault.Has(err, fault.NotFound) {
		return v, err
	}
	return v, nil
}

// messagesOf is the conversation with the person.
func (h *Handler) messagesOf(ctx context.Context, c *casefile.Case) ([]messageView, error) {
	messages, err := h.Cases.Messages(ctx, c.Tenant, c.ID, maxMessages)
	if err != nil {
		return nil, err
	}
	out := []messageView{}
	for _, m := range messages {
		from := "team"
		if m.From == evidence.Subject {
			from = "subject"
		}
		out = append(out, messageView{from, m.At, m.Text.Reveal(), m.Statement})
	}
	return out, nil
}

func (h *Handler) apiStatus(w http.ResponseWriter, r *http.Request, _ session.Grant, f *casefile.File) error {
	v, err := h.view(r, f)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, v)
	return nil
}

func (h *Handler) apiWithdraw(w http.ResponseWriter, r *http.Request, g session.Grant, _ *casefile.File) error {
	var in struct {
		Reason string `json:"reason"`
	}
	if r.ContentLength != 0 {
		if err := web.ReadJSON(w, r, &in); err != nil {
			return err
		}
	}
	var reason redact.Text
	if in.Reason != "" {
		var err error
		if reason, err = intake.Message("/reason", in.Reason); err != nil {
			return err
		}
	}
	if err := h.withdraw(r.Context(), g, reason); err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusAccepted, map[string]string{"status": "withdrawing"})
	return nil
}

func (h *Handler) apiMessage(w http.ResponseWriter, r *http.Request, g session.Grant, _ *casefile.File) error {
	var in struct {
		Text      string `json:"text"`
		Statement bool   `json:"statement"` // of disagreement with what was not corrected
	}
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	text, err := intake.Message("/text", in.Text)
	if err != nil {
		return err
	}
	add := h.say
	if in.Statement {
		add = h.disagree
	}
	if err := add(r.Context(), g, text); err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusCreated, map[string]string{"status": "received"})
	return nil
}

func (h *Handler) apiPackage(w http.ResponseWriter, r *http.Request, g session.Grant, f *casefile.File) error {
	token, err := h.link(r.Context(), g, f)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, map[string]string{"url": h.downloadURL(g.Tenant, token)})
	return nil
}

func (h *Handler) downloadURL(tenant, token string) string {
	return h.BaseURL + "/t/" + url.PathEscape(tenant) + "/download/" + token
}

func (h *Handler) apiEvidence(w http.ResponseWriter, r *http.Request, g session.Grant, f *casefile.File) error {
	var b bytes.Buffer
	if err := h.Cases.WriteBundle(r.Context(), &b, g.Tenant, g.CaseID); err != nil {
		return fmt.Errorf("exporting evidence: %w", err)
	}
	return h.HandOvers.File(w, r, handovers.File{
		Tenant: g.Tenant, CaseID: g.CaseID, By: evidence.Subject, Name: "evidence-" + f.Case.Reference + ".zip", Body: b.Bytes(),
	})
}
