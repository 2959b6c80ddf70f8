package notifyrecipient

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/webhook"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// MessageType is the type of the webhook.
const MessageType = "recipient.notice"

// Message is the body of the webhook; see test/CONTRACT.md. It goes to the recipient alone and lies sealed in the record.
type Message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // when this revision was first sent
	Data      Data      `json:"data"`
}

// Data says who it is about and what changed. All changes of the case so far are in it, so that the highest revision says all.
type Data struct {
	Notice      string             `json:"notice"`
	Revision    int                `json:"revision"`
	Controller  string             `json:"controller"`
	Reference   string             `json:"reference"`
	Identifiers []subject.Revealed `json:"identifiers"`
	Changes     []Change           `json:"changes"`
	Callback    string             `json:"callback"` // where receipt is acknowledged, signed with the same secret
}

// Change is one thing that happened.
type Change struct {
	System string       `json:"system"`
	What   dsar.Outcome `json:"what"` // erased, corrected or restricted
	At     time.Time    `json:"at"`
	Fields []Field      `json:"fields,omitempty"` // of corrected data, with the values that are right
}

// Field is one corrected field.
type Field struct {
	Field string `json:"field"`
	Value string `json:"value"`
}

// message writes the body for the recipient.
func (t *turn) message(ctx context.Context, told casefile.Told) (redact.Bytes, error) {
	f, n := t.f, t.n
	tenant, err := t.Registry.Tenant(ctx, f.Case.Tenant)
	if err != nil {
		return redact.Bytes{}, err
	}
	m := Message{MessageType, f.Now(), Data{
		Notice: n.ID, Revision: n.Revision, Controller: tenant.Controller, Reference: f.Case.Reference, Identifiers: []subject.Revealed{},
		Callback: t.Letters.BaseURL + "/hooks/recipients/" + url.PathEscape(f.Case.Tenant) + "/" + n.ID,
	}}
	for _, i := range told.Identifiers {
		m.Data.Identifiers = append(m.Data.Identifiers, i.Reveal())
	}
	for _, c := range n.Changes {
		change := Change{System: c.System, What: c.What, At: c.At}
		for _, x := range told.Corrections {
			if c.What == dsar.Corrected && (x.System == "" || x.System == c.System) {
				change.Fields = append(change.Fields, Field{x.Field, x.Value.Reveal()})
			}
		}
		m.Data.Changes = append(m.Data.Changes, change)
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return redact.Bytes{}, fault.New(fault.Internal, "encoding a notice")
	}
	return redact.NewBytes(raw), nil
}

// post is a claimed webhook, ready to be called.
type post struct {
	call     webhook.Call
	revision int
	fault    error // why it cannot be called
}

// prepare signs what was claimed. A secret that is not there is a failed attempt like another: it may be there the next time.
func (t *turn) prepare(ctx context.Context) error {
	f, n := t.f, t.n
	t.post = &post{revision: n.Claimed}
	r, err := t.Registry.Recipient(ctx, f.Case.Tenant, n.Recipient)
	if fault.Has(err, fault.NotFound) {
		t.post.fault = fault.New(fault.Misconfigured, "the recipient is no longer registered")
		return nil
	}
	if err != nil {
		return err
	}
	body, err := f.NoticePayload(n)
	if err != nil {
		return err
	}
	t.post.call = webhook.Call{URL: r.Webhook, Body: body.Reveal(), AllowPrivate: r.AllowPrivate}
	t.post.call.Header, t.post.fault = t.sign(r, n, body)
	return nil
}

func (t *turn) sign(r registry.Recipient, n *casefile.Notice, body redact.Bytes) (map[string][]string, error) {
	secret, err := t.Secret(r.Secret)
	if err != nil {
		return nil, fmt.Errorf("reading the secret of a recipient: %w", err)
	}
	key, err := webhook.NewKey(secret)
	if err != nil {
		return nil, err
	}
	return key.Sign(fmt.Sprintf("%s-%d", n.ID, n.Claimed), t.f.Now(), body.Reveal())
}

// call calls the webhook and records how that ended, whatever became of the notice meanwhile.
func (s *Step) call(ctx context.Context, in step.Input, p *post) error {
	failed := p.fault
	if failed == nil {
		failed = webhook.Post(ctx, p.call)
	}
	if ctx.Err() != nil {
		return fault.Wrap(fault.Unavailable, ctx.Err(), "calling a webhook") // we are being stopped: that is no attempt of theirs
	}
	return step.Change(ctx, s.Cases, in.Tenant, in.CaseID, func(ctx context.Context, f *casefile.File) error {
		n, err := f.Notice(ctx, in.TaskID)
		if err != nil {
			return err
		}
		if failed != nil {
			return f.NoticeRefused(n, p.revision, fault.ClassOf(failed), fault.WaitOf(failed))
		}
		return f.NoticeDelivered(n, p.revision, true)
	})
}

// letter queues the letter with a fresh link. The link opens a page that says who it is about; confirming it uses the link up.
func (t *turn) letter(ctx context.Context, r registry.Recipient, reminder bool) error {
	f, n := t.f, t.n
	expires := f.Now().Add(session.NoticeLife)
	token, w, err := t.Sessions.Prepare(session.Grant{Kind: session.Notice, Tenant: f.Case.Tenant, CaseID: f.Case.ID, TaskID: n.ID, ExpiresAt: expires})
	if err != nil {
		return err
	}
	f.With(w)
	kind := letters.RecipientNotice
	if reminder {
		kind = letters.RecipientReminder
	}
	return t.Letters.SendRecipient(ctx, f, kind, n, redact.NewText(r.Email), func(l correspondence.Facts) {
		l.Link, l.Until = redact.NewText(l.URL("notices/"+token)), l.Day(expires)
		if reminder {
			l.On = l.Day(n.ClaimedAt)
		}
		for _, c := range n.Changes {
			l.Told = append(l.Told, c.What)
		}
	})
}
