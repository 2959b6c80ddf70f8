package receivehook

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/functions/internal/webhook"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
)

// Recipients serves the recipients of notices (GDPR Art. 19): the page behind the link of a letter, and signed callbacks.
type Recipients struct {
	Registry *registry.Store
	Secret   func(reference string) (redact.Text, error)
	Pages    *pages.Renderer
	Demo     bool
	Manual   bool
}

// Acknowledged is the type of the callback that confirms a notice.
const Acknowledged = "recipient.acknowledged"

// How a notice was confirmed, as evidence has it.
const (
	byLink     = "link"
	byCallback = "callback"
)

func (h *Handler) registerRecipients(mux *http.ServeMux) {
	mux.HandleFunc("POST /hooks/recipients/{tenant}/{notice}", h.serve(h.acknowledge))
	mux.HandleFunc("GET /t/{tenant}/notices/{token}", h.page(h.askNotice))
	mux.HandleFunc("POST /t/{tenant}/notices/{token}", h.page(h.takeNotice))
}

// acknowledge takes the callback of a recipient that confirms what it was told (POST /hooks/recipients/{tenant}/{notice}). It is
// signed with the recipient's secret and counted once by its id; whoever signs nothing, or for a notice that is none, learns nothing.
// fault.Conflict when something new is to be told since the revision that it names.
func (h *Handler) acknowledge(r *http.Request, body []byte) error {
	tenant, id := r.PathValue("tenant"), r.PathValue("notice")
	if !tenantName.MatchString(tenant) || uuid.Validate(id) != nil || len(id) != 36 {
		return webhook.Refused()
	}
	ref, err := h.Cases.NoticeByID(r.Context(), tenant, id)
	if fault.Has(err, fault.NotFound) {
		return webhook.Refused()
	}
	if err != nil {
		return err
	}
	key, err := h.keyOf(r.Context(), tenant, ref.Recipient)
	if err != nil {
		return err
	}
	message, err := key.Verify(r.Header, h.Cases.Now(), body)
	if err != nil {
		return err
	}
	var in struct {
		Type string `json:"type"`
		Data struct {
			Revision int `json:"revision"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &in) != nil || in.Type != Acknowledged {
		return fault.New(fault.Invalid, `the callback is {"type": "recipient.acknowledged", "data": {"revision": 1}}`)
	}
	caller := "recipient/" + tenant + "/" + ref.Recipient
	err = step.Change(r.Context(), h.Cases, tenant, ref.CaseID, func(ctx context.Context, f *casefile.File) error {
		if _, counted, err := h.Sessions.Recall(ctx, caller, message); err != nil || counted {
			return err
		}
		n, err := f.Notice(ctx, id)
		if err != nil {
			return err
		}
		if err := f.AcknowledgeNotice(n, in.Data.Revision, byCallback); err != nil {
			return err
		}
		f.With(h.Sessions.Remember(caller, message, nil))
		return nil
	})
	if fault.Has(err, fault.NotFound) {
		return webhook.Refused()
	}
	return err
}

// keyOf returns the key of a recipient; the zero key, which verifies nothing, when it has none.
func (h *Handler) keyOf(ctx context.Context, tenant, name string) (webhook.Key, error) {
	r, err := h.Recipients.Registry.Recipient(ctx, tenant, name)
	if fault.Has(err, fault.NotFound) || (err == nil && r.Secret == "") {
		return webhook.Key{}, nil
	}
	if err != nil {
		return webhook.Key{}, err
	}
	secret, err := h.Recipients.Secret(r.Secret)
	if err != nil {
		return webhook.Key{}, err
	}
	return webhook.NewKey(secret)
}

// page serves a page without a session; an error is a page that says what happened.
func (h *Handler) page(show func(w http.ResponseWriter, r *http.Request, f pages.Frame) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, web.MaxBody)
		w.Header().Set("Cache-Control", "no-store")
		f, err := h.frame(r)
		if err == nil {
			err = show(w, r, f)
		}
		if err == nil {
			return
		}
		rule := fault.RuleFor(fault.ClassOf(err))
		if rule.Status >= http.StatusInternalServerError {
			web.Log(r.Context(), h.Log, "notice page failed", err)
		}
		w.WriteHeader(rule.Status)
		if err := h.Recipients.Pages.ErrorPage(w, pages.ErrorPage{Frame: f, Status: rule.Status, Class: string(rule.Class), BackURL: f.HomeURL}); err != nil {
			web.Log(r.Context(), h.Log, "writing page failed", err)
		}
	}
}

func (h *Handler) frame(r *http.Request) (pages.Frame, error) {
	f := pages.Frame{Lang: r.Header.Get("Accept-Language"), HomeURL: "/", Now: h.Cases.Now(), Demo: h.Recipients.Demo, ManualClock: h.Recipients.Manual}
	t, err := h.Recipients.Registry.Tenant(r.Context(), r.PathValue("tenant"))
	if err != nil {
		return f, err
	}
	zone, err := time.LoadLocation(t.Zone)
	if err != nil {
		return f, fault.Wrap(fault.Misconfigured, err, "loading the tenant's zone")
	}
	f.TenantName, f.Contact, f.Now, f.HomeURL = t.Title, pages.Contact{Email: t.Contact}, f.Now.In(zone), "/t/"+t.Name+"/"
	return f, nil
}

// errGone is a link that was used, has ended or never was.
var errGone = errors.New("receivehook: this link opens nothing")

// opened is a notice as its link opens it.
type opened struct {
	grant session.Grant
	file  *casefile.File
	*casefile.Notice
}

// open follows the link of a letter; errGone when it opens nothing (any more).
func (h *Handler) open(r *http.Request) (opened, error) {
	g, err := h.Sessions.Get(r.Context(), session.Notice, r.PathValue("token"))
	if fault.Has(err, fault.Unauthenticated) || (err == nil && g.Tenant != r.PathValue("tenant")) {
		return opened{}, errGone
	}
	if err != nil {
		return opened{}, err
	}
	f, err := h.Cases.Load(r.Context(), g.Tenant, g.CaseID)
	if err == nil {
		var n *casefile.Notice
		if n, err = f.Notice(r.Context(), g.TaskID); err == nil && n.Status != casefile.NoticeAcknowledged {
			return opened{g, f, n}, nil
		}
	}
	if err == nil || fault.Has(err, fault.NotFound) {
		return opened{}, errGone
	}
	return opened{}, err
}

// askNotice shows what the recipient is told; looking at it confirms nothing: programs of mail servers follow links too.
func (h *Handler) askNotice(w http.ResponseWriter, r *http.Request, fr pages.Frame) error {
	o, err := h.open(r)
	if errors.Is(err, errGone) {
		return h.gone(w, fr)
	}
	if err != nil {
		return err
	}
	return h.show(w, r, fr, o, false, false)
}

// takeNotice confirms the notice and uses the link up, unless there is something new to tell since the page was shown.
func (h *Handler) takeNotice(w http.ResponseWriter, r *http.Request, fr pages.Frame) error {
	o, err := h.open(r)
	if errors.Is(err, errGone) {
		return h.gone(w, fr)
	}
	if err != nil {
		return err
	}
	seen, err := strconv.Atoi(r.PostFormValue("revision"))
	if err != nil {
		return fault.New(fault.Invalid, "the form lacks what was looked at")
	}
	newer := false
	err = step.Change(r.Context(), h.Cases, o.grant.Tenant, o.grant.CaseID, func(ctx context.Context, f *casefile.File) error {
		n, err := f.Notice(ctx, o.grant.TaskID)
		if err != nil {
			return err
		}
		o.file, o.Notice = f, n
		if newer = n.Revision != seen; newer || n.Status == casefile.NoticeAcknowledged {
			return nil
		}
		f.With(o.grant.Use())
		return f.AcknowledgeNotice(n, seen, byLink)
	})
	if fault.Has(err, fault.Conflict) || fault.Has(err, fault.NotFound) {
		return h.gone(w, fr) // somebody was faster with the same link
	}
	if err != nil {
		return err
	}
	return h.show(w, r, fr, o, !newer, newer)
}

func (h *Handler) gone(w http.ResponseWriter, fr pages.Frame) error {
	w.WriteHeader(http.StatusGone)
	return h.Recipients.Pages.NoticeGone(w, pages.NoticeGone{Frame: fr})
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request, fr pages.Frame, o opened, confirmed, newer bool) error {
	t, err := h.Recipients.Registry.Tenant(r.Context(), o.grant.Tenant)
	if err != nil {
		return err
	}
	rec, err := h.Recipients.Registry.Recipient(r.Context(), o.grant.Tenant, o.Recipient)
	if err != nil {
		return err
	}
	told, err := o.file.Tell(o.Notice, rec.KnowsBy())
	if err != nil {
		return err
	}
	m := pages.NoticePage{
		Frame: fr, Controller: t.Controller, Reference: o.file.Case.Reference, Confirmed: confirmed, Newer: newer,
		Form: pages.Form{Action: r.URL.Path, Hidden: []pages.Hidden{{Name: "revision", Value: strconv.Itoa(o.Revision)}}},
	}
	for _, i := range told.Identifiers {
		m.Person = append(m.Person, pages.Fact{Name: string(i.Kind), Value: i.Value.Reveal()})
	}
	for _, c := range o.Changes {
		line := pages.NoticeLine{System: c.System, What: c.What, At: c.At.In(fr.Now.Location())}
		for _, x := range told.Corrections {
			if c.What == dsar.Corrected && (x.System == "" || x.System == c.System) {
				line.Fields = append(line.Fields, pages.Fact{Name: x.Field, Value: x.Value.Reveal()})
			}
		}
		m.Lines = append(m.Lines, line)
	}
	return h.Recipients.Pages.NoticePage(w, m)
}
