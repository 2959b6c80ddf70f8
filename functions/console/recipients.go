package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// recipientBody is what can be said of a recipient.
type recipientBody struct {
	Name         string         `json:"name,omitempty"`
	Title        string         `json:"title"`
	Country      string         `json:"country,omitempty"`
	Purpose      string         `json:"purpose,omitempty"`
	Email        string         `json:"email,omitempty"`
	Webhook      string         `json:"webhook,omitempty"`
	Secret       string         `json:"secret,omitempty"` // a reference, never a value
	AllowPrivate bool           `json:"allowPrivate,omitempty"`
	Identifiers  []subject.Kind `json:"identifiers,omitempty"`
}

func bodyOf(v registry.Recipient) recipientBody {
	return recipientBody{v.Name, v.Title, v.Country, v.Purpose, v.Email, v.Webhook, v.Secret, v.AllowPrivate, v.Identifiers}
}

// recipient returns what the body says of the recipient of the name, or every field that is wrong.
func (b recipientBody) recipient(tenant, name string) (registry.Recipient, error) {
	v := registry.Recipient{
		Tenant: tenant, Name: name, Title: strings.TrimSpace(b.Title), Country: b.Country, Purpose: strings.TrimSpace(b.Purpose), Email: b.Email, Webhook: b.Webhook,
		Secret: b.Secret, AllowPrivate: b.AllowPrivate, Identifiers: b.Identifiers,
	}
	var bad web.Fields
	if b.Name != "" && b.Name != name {
		bad.Add("/name", "the body repeats the name in the address, or leaves it out")
	}
	for _, e := range v.Check() {
		bad.Add(e.Field, e.Text)
	}
	return v, bad.Err()
}

func (h *Handler) apiRecipients(w http.ResponseWriter, r *http.Request, c *caller) error {
	all, err := h.Registry.Recipients(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	out := make([]recipientBody, 0, len(all))
	for _, v := range all {
		out = append(out, bodyOf(v))
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"recipients": out})
	return nil
}

func (h *Handler) apiRecipient(w http.ResponseWriter, r *http.Request, c *caller) error {
	v, err := h.Registry.Recipient(r.Context(), c.tenant.Name, r.PathValue("name"))
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, bodyOf(v))
	return nil
}

func (h *Handler) apiPutRecipient(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in recipientBody
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	v, err := h.putRecipient(r, c, r.PathValue("name"), in)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, bodyOf(v))
	return nil
}

func (h *Handler) putRecipient(r *http.Request, c *caller, name string, in recipientBody) (registry.Recipient, error) {
	v, err := in.recipient(c.tenant.Name, name)
	if err != nil {
		return v, err
	}
	if err := h.Registry.PutRecipient(r.Context(), v); err != nil {
		return v, err
	}
	return v, h.record(r.Context(), c, act{Kind: recipientPut, Target: name})
}

func (h *Handler) pageRecipients(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, err := h.frame(r, c, pages.SectionRecipients)
	if err != nil {
		return err
	}
	all, err := h.Registry.Recipients(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	m := pages.ConsoleRecipients{ConsoleFrame: f}
	if c.may(registry.ChangeSystems) {
		m.AddURL = c.url("/console/add-recipient")
	}
	for _, v := range all {
		systems, err := h.disclosing(r, c, v.Name)
		if err != nil {
			return err
		}
		m.Rows = append(m.Rows, pages.RecipientRow{
			Name: v.Title, URL: c.url("/console/recipients/" + url.PathEscape(v.Name)), Country: v.Country, Purpose: v.Purpose, Way: wayOf(v), Systems: systems,
		})
	}
	return h.Pages.ConsoleRecipients(w, m)
}

func wayOf(v registry.Recipient) pages.TellWay {
	switch {
	case v.Webhook != "":
		return pages.ByWebhook
	case v.Email != "":
		return pages.ByMail
	}
	return pages.NoWay
}

// disclosing names the systems whose data goes to the recipient.
func (h *Handler) disclosing(r *http.Request, c *caller, name string) ([]string, error) {
	all, err := h.Registry.Systems(r.Context(), c.tenant.Name)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, s := range all {
		if slices.Contains(s.Recipients, name) {
			out = append(out, titleOf(s))
		}
	}
	return out, nil
}

func (h *Handler) pageRecipient(w http.ResponseWriter, r *http.Request, c *caller) error {
	v, err := h.Registry.Recipient(r.Context(), c.tenant.Name, r.PathValue("name"))
	if err != nil {
		return err
	}
	return h.showRecipient(w, r, c, bodyOf(v), nil)
}

func (h *Handler) askRecipient(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showRecipient(w, r, c, recipientBody{}, nil)
}

// showRecipient shows the form of a recipient; without a name in the address it is a new one.
func (h *Handler) showRecipient(w http.ResponseWriter, r *http.Request, c *caller, b recipientBody, errs pages.Errors) error {
	f, err := h.frame(r, c, pages.SectionRecipients)
	if err != nil {
		return err
	}
	name := r.PathValue("name")
	systems, err := h.disclosing(r, c, name)
	if err != nil {
		return err
	}
	m := pages.ConsoleRecipient{
		ConsoleFrame: f, New: name == "", Name: b.Name, Title: b.Title, Country: b.Country, Purpose: b.Purpose, Email: b.Email, Webhook: b.Webhook, Secret: b.Secret,
		AllowPrivate: b.AllowPrivate, Systems: systems, Errors: errs, BackURL: c.url("/console/recipients"),
	}
	var kinds []string
	for _, k := range b.Identifiers {
		kinds = append(kinds, string(k))
	}
	m.Identifiers = strings.Join(kinds, ", ")
	if c.may(registry.ChangeSystems) {
		m.Form = pages.Form{Action: c.url("/console/recipients/" + url.PathEscape(name))}
		if m.New {
			m.Form.Action = c.url("/console/add-recipient")
		}
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.ConsoleRecipient(w, m)
}

func (h *Handler) takeRecipient(w http.ResponseWriter, r *http.Request, c *caller) error {
	name := r.PathValue("name")
	if name != "" {
		if _, err := h.Registry.Recipient(r.Context(), c.tenant.Name, name); err != nil {
			return err
		}
	} else {
		name = strings.TrimSpace(r.PostFormValue("name"))
	}
	in := recipientBody{
		Name: name, Title: r.PostFormValue("title"), Country: strings.ToUpper(strings.TrimSpace(r.PostFormValue("country"))), Purpose: r.PostFormValue("purpose"),
		Email: strings.TrimSpace(r.PostFormValue("email")), Webhook: strings.TrimSpace(r.PostFormValue("webhook")), Secret: strings.TrimSpace(r.PostFormValue("secret")),
		AllowPrivate: r.PostFormValue("allowPrivate") != "",
	}
	for k := range strings.FieldsFuncSeq(r.PostFormValue("identifiers"), func(x rune) bool { return x == ',' || x == ' ' }) {
		in.Identifiers = append(in.Identifiers, subject.Kind(k))
	}
	if r.PathValue("name") == "" {
		_, err := h.Registry.Recipient(r.Context(), c.tenant.Name, name)
		if err == nil {
			return h.showRecipient(w, r, c, in, pages.Errors{{Field: "name", Problem: pages.Refused}})
		}
		if !fault.Has(err, fault.NotFound) {
			return err
		}
	}
	_, err := h.putRecipient(r, c, name, in)
	if errs, ok := formErrors(err, nil); ok {
		return h.showRecipient(w, r, c, in, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/recipients/"+url.PathEscape(name), pages.NoticeSaved)
	return nil
}
