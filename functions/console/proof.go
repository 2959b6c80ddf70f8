package console

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/objects"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// The acts of proving who asks, as they stand in the audit.
const (
	identityVouched = "identity_vouched"
	mandateDecided  = "mandate_decided"
	documentAsked   = "document_asked"
	documentRead    = "document_read"
	documentDecided = "document_decided"
)

// proofView is what else is known about the proof of who asks. Nothing in it is personal.
type proofView struct {
	Need      *verification.Requirement `json:"need,omitempty"`
	AddressAt time.Time                 `json:"addressAt,omitzero"`
	Tries     int                       `json:"tries,omitempty"`
	Verdict   verification.Verdict      `json:"verdict,omitempty"`
	Reached   verification.Level        `json:"reached,omitempty"`
	By        string                    `json:"by,omitempty"`     // who of the team proved it
	Method    string                    `json:"method,omitempty"` // and how
	Requester *requesterView            `json:"requester,omitempty"`
	Document  *documentView             `json:"document,omitempty"`
}

type requesterView struct {
	Kind     casefile.RequesterKind `json:"kind"`
	Evidence []string               `json:"evidence"`
	Direct   bool                   `json:"direct"`  // the person confirmed herself
	Allowed  bool                   `json:"allowed"` // the law lets such a requester use the right
	Basis    string                 `json:"basis,omitempty"`
	Decision string                 `json:"decision,omitempty"`
	By       string                 `json:"by,omitempty"`
}

type documentView struct {
	AskedBy   string    `json:"askedBy"`
	AskedAt   time.Time `json:"askedAt"`
	SentAt    time.Time `json:"sentAt,omitzero"`
	Waits     bool      `json:"waits"` // for its checker
	Accepted  bool      `json:"accepted"`
	Method    string    `json:"method,omitempty"`
	DecidedAt time.Time `json:"decidedAt,omitzero"`
	DeleteBy  time.Time `json:"deleteBy,omitzero"`
	GoneAt    time.Time `json:"goneAt,omitzero"`
}

func proofOf(v *casefile.Verification) proofView {
	out := proofView{Need: v.Need, AddressAt: v.AddressAt, Tries: v.Tries, Verdict: v.Verdict, Reached: v.Reached}
	if v.Staff != nil {
		out.By, out.Method = v.Staff.By, v.Staff.Decision
	}
	if q := v.Requester; q != nil {
		out.Requester = &requesterView{Kind: q.Kind, Evidence: q.Evidence, Direct: q.Direct, Allowed: q.Allowed, Basis: q.Basis}
		if q.Decision != nil {
			out.Requester.Decision, out.Requester.By = q.Decision.Decision, q.Decision.By
		}
	}
	if d := v.Document; d != nil {
		out.Document = &documentView{d.AskedBy, d.AskedAt, d.SentAt, d.Object != "" && d.DecidedAt.IsZero(), d.Accepted, d.Method, d.DecidedAt, d.DeleteBy, d.GoneAt}
	}
	return out
}

// vouching is the body of POST /cases/{id}/verification.
type vouching struct {
	Method string `json:"method"`
	Reason string `json:"reason"`
}

// vouchFor records that the caller proved who asks, of a case that is under way.
func (h *Handler) vouchFor(ctx context.Context, c *caller, id string, in vouching) (reply, error) {
	why, err := reason("/reason", in.Reason)
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusOK, map[string]string{"method": in.Method})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: identityVouched, Detail: in.Method}, func(ctx context.Context, f *casefile.File) error {
		if err := f.Vouch(c.actor(), in.Method, redact.NewText(why)); err != nil {
			return err
		}
		return h.Desk.Settled(ctx, f)
	})
}

// mandating is the body of POST /cases/{id}/mandate.
type mandating struct {
	Decision string `json:"decision"`
	Reason   string `json:"reason"`
}

// decideMandate records whether the requester may ask for the person.
func (h *Handler) decideMandate(ctx context.Context, c *caller, id string, in mandating) (reply, error) {
	why, err := reason("/reason", in.Reason)
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusOK, map[string]string{"decision": in.Decision})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: mandateDecided, Detail: in.Decision}, func(ctx context.Context, f *casefile.File) error {
		if err := f.DecideMandate(c.actor(), in.Decision, redact.NewText(why)); err != nil {
			return err
		}
		return h.Desk.Settled(ctx, f)
	})
}

// askDocument opens the slot for a document of identity, where no law of the case forbids it. The reason goes to the person.
func (h *Handler) askDocument(ctx context.Context, c *caller, id, why string) (reply, error) {
	why, err := reason("/reason", why)
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusAccepted, map[string]string{"status": "asked"})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: documentAsked}, func(_ context.Context, f *casefile.File) error {
		may, basis, err := h.mayAskDocument(&f.Case)
		if err != nil {
			return err
		}
		return f.AskDocument(c.actor(), may, basis, redact.NewText(why))
	})
}

// mayAskDocument reports whether every law of the case lets anybody ask for a document of identity; basis is that of the governing one.
func (h *Handler) mayAskDocument(one *casefile.Case) (may bool, basis string, err error) {
	pinned := []casefile.Also{{Pack: one.Law.Pack, Version: one.Law.Version}}
	for n, a := range append(pinned, one.Law.Also...) {
		pack, err := h.Packs.At(policy.ID(a.Pack), policy.Version(a.Version))
		if err != nil {
			return false, "", fault.New(fault.Conflict, "the law of the case is not settled yet")
		}
		if n == 0 {
			basis = pack.Verification.Basis
		}
		if !verification.MayAsk(pack, verification.Document, one.Right) {
			return false, basis, nil
		}
	}
	return true, basis, nil
}

// readDocument streams the document to its checker, and to nobody else. Every look is recorded.
func (h *Handler) readDocument(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	var d casefile.Document
	err = step.Change(r.Context(), h.Cases, c.tenant.Name, id, func(_ context.Context, f *casefile.File) error {
		got, err := f.LookAtDocument(c.actor())
		if err != nil {
			return err
		}
		d = *got
		f.With(h.by(c, act{Kind: documentRead, CaseID: id}))
		return nil
	})
	if err != nil {
		return err
	}
	f, err := h.Cases.Load(r.Context(), c.tenant.Name, id)
	if err != nil {
		return err
	}
	body, err := objects.Open(r.Context(), h.Blobs, f.Keys, d.Object)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // it was only read
	extension := map[string]string{"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png"}[d.Type]
	head := w.Header()
	head.Set("Content-Type", "application/octet-stream") // shown by no browser: what it is nobody has looked at
	head.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "identity-" + f.Case.Reference + extension}))
	head.Set("Content-Length", strconv.FormatInt(d.Bytes, 10))
	head.Set("Cache-Control", "no-store")
	if _, err := io.Copy(w, body); err != nil {
		panic(http.ErrAbortHandler) // the answer has begun: only a broken connection tells that it is not whole
	}
	return nil
}

// documenting is the body of POST /cases/{id}/identity-document/decision.
type documenting struct {
	Accepted bool   `json:"accepted"`
	Method   string `json:"method"`
	Reason   string `json:"reason"`
}

// decideDocument records what the check showed and then deletes the document. That it is gone is asked of the store and recorded; where
// that fails, the sweeper goes on.
func (h *Handler) decideDocument(ctx context.Context, c *caller, id string, in documenting) (reply, error) {
	why, err := reason("/reason", in.Reason)
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusOK, map[string]bool{"accepted": in.Accepted})
	if err != nil {
		return r, err
	}
	err = h.change(ctx, c, id, r, act{Kind: documentDecided, Detail: strconv.FormatBool(in.Accepted)}, func(ctx context.Context, f *casefile.File) error {
		if err := f.DecideDocument(c.actor(), in.Accepted, strings.TrimSpace(in.Method), redact.NewText(why)); err != nil {
			return err
		}
		return h.Desk.Settled(ctx, f)
	})
	if err != nil {
		return r, err
	}
	if err := h.Desk.DropDocument(ctx, h.Blobs, c.tenant.Name, id); err != nil {
		return r, fmt.Errorf("deleting a document of identity: %w", err)
	}
	return r, nil
}

func (h *Handler) apiVouch(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in vouching
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.vouchFor(r.Context(), c, id, in) })
}

func (h *Handler) apiMandate(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in mandating
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.decideMandate(r.Context(), c, id, in) })
}

func (h *Handler) apiAskDocument(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Reason string `json:"reason"`
	}
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.askDocument(r.Context(), c, id, in.Reason) })
}

func (h *Handler) apiDecideDocument(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in documenting
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.decideDocument(r.Context(), c, id, in) })
}
