// Package owners puts tasks to the people who are responsible for a system, and keeps after them: the first mail, reminders,
// the change to somebody else. It is one place for the step that opens tasks, the clockwork and the page behind the link.
//
// What a task is about never stands in a mail. Each mail has a link of its own; every link of the present holder works until
// the task is answered, and those of a holder before end when the task is passed on.
package owners

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Path is where the page of a task lies; the token follows.
const Path = "/owner/"

// vendorKind is the kind of systems whose owner is outside the controller and gets formal letters.
const vendorKind = "recipientmail"

// Desk writes to owners.
type Desk struct {
	Registry *registry.Store
	Sessions *session.Store
	Letters  *correspondence.Writer
}

// Ask puts the task to the owner of its system and queues the mail, both under the commit of f. Repeating it is fine: a task
// that was put to an owner, or is settled, stays as it is. A system that is no longer registered, or whose settings name no
// address, becomes a task of the privacy team.
//
// Call it once the action is authorised: an owner who erases cannot be called back, so for a right that changes data that is
// after the plan was approved. Each call takes up to six of the hundred items of a transaction.
func (d *Desk) Ask(ctx context.Context, f *casefile.File, t *casefile.Task) error {
	if t.Owner != nil || t.Status == casefile.TaskDone || t.Decision != nil || f.Case.Stopping() {
		return nil
	}
	sys, err := d.Registry.System(ctx, f.Case.Tenant, t.System)
	if err != nil && !fault.Has(err, fault.NotFound) {
		return err
	}
	to, ok := address(sys)
	if !ok {
		t.By = plan.Person
		t.Ask("manual", "Nobody can be asked about this system by mail: do it yourself, then record what became of it.", f.Now(), casefile.AnswersForHandwork)
		return f.TaskEntry(t, "person_asked", evidence.System, map[string]any{"why": "manual"})
	}
	ask, err := d.ask(ctx, f, to, sys.Kind == vendorKind)
	if err != nil {
		return err
	}
	if err := f.AskOwner(t, ask); err != nil {
		return err
	}
	return d.write(ctx, f, t, letters.OwnerTask, false)
}

// address reads to whom a system's tasks go.
func address(sys registry.System) (subject.Identifier, bool) {
	var settings struct {
		Email string `json:"email"`
	}
	if !sys.ByPerson || json.Unmarshal(sys.Settings, &settings) != nil {
		return subject.Identifier{}, false
	}
	to, err := subject.New(subject.Email, settings.Email)
	return to, err == nil
}

func (d *Desk) ask(ctx context.Context, f *casefile.File, to subject.Identifier, vendor bool) (casefile.OwnerAsk, error) {
	k, err := f.Tenant(ctx)
	if err != nil {
		return casefile.OwnerAsk{}, fmt.Errorf("reading tenant keys: %w", err)
	}
	return casefile.OwnerAsk{To: to, Ref: k.Ref(to), Vendor: vendor}, nil
}

// maxActs is how many tasks one commit looks after: a reminder takes six of the hundred items of a transaction.
const maxActs = 12

// Look does what the clockwork owes the owners of the case's tasks: reminders that are due, and word to the privacy team about
// answers that are late; as many as fit into a commit. The others stay due.
func (d *Desk) Look(ctx context.Context, f *casefile.File) error {
	acts := 0
	for _, t := range f.Tasks {
		if !f.OwnerIsDue(t) {
			continue
		}
		if acts++; acts > maxActs {
			return nil
		}
		remind, err := f.OwnerDueNow(t)
		if err != nil {
			return err
		}
		if !remind {
			continue
		}
		if err := d.write(ctx, f, t, letters.OwnerReminder, false); err != nil {
			return err
		}
	}
	return nil
}

// PassOn gives the task to somebody else, with a link of their own, and tells whoever had it. fault.Invalid when the address
// cannot have it, fault.Conflict when the task is settled.
func (d *Desk) PassOn(ctx context.Context, f *casefile.File, t *casefile.Task, to subject.Identifier) error {
	if err := f.OwnerMay(t); err != nil {
		return err
	}
	before, err := f.HolderAddress(t, 0)
	if err != nil {
		return err
	}
	ask, err := d.ask(ctx, f, to, t.Owner.Vendor)
	if err != nil {
		return err
	}
	if err := f.PassOn(t, ask); err != nil {
		return err
	}
	if err := d.write(ctx, f, t, letters.OwnerTask, true); err != nil {
		return err
	}
	title := d.Title(ctx, f, t)
	return d.Letters.SendOwner(ctx, f, letters.OwnerPassed, t, before, func(l correspondence.Facts) {
		l.Task = letters.Task{System: title, Action: t.Action, To: to.Value}
	})
}

// write queues a letter with a fresh link to the present holder. kind is that for people of the controller; a vendor gets the
// formal one.
func (d *Desk) write(ctx context.Context, f *casefile.File, t *casefile.Task, kind letters.Kind, passed bool) error {
	if t.Owner.Vendor {
		kind = map[letters.Kind]letters.Kind{letters.OwnerTask: letters.VendorTask, letters.OwnerReminder: letters.VendorReminder}[kind]
	}
	to, err := f.HolderAddress(t, 0)
	if err != nil {
		return err
	}
	token, row, err := d.Sessions.Prepare(session.Grant{
		Kind: session.Owner, Tenant: f.Case.Tenant, CaseID: f.Case.ID, TaskID: t.ID, Holder: len(t.Owner.Holders), ExpiresAt: f.Now().Add(session.OwnerLife),
	})
	if err != nil {
		return fmt.Errorf("making a link: %w", err)
	}
	f.With(row)
	title := d.Title(ctx, f, t)
	return d.Letters.SendOwner(ctx, f, kind, t, to, func(l correspondence.Facts) {
		l.Task = letters.Task{System: title, Action: t.Action, Passed: passed}
		l.Link, l.Until, l.On = redact.NewText(d.Letters.BaseURL+Path+token), l.Day(t.Owner.DueAt), l.Day(t.Owner.AskedAt)
	})
}

// Title is what people call the task's system.
func (d *Desk) Title(ctx context.Context, f *casefile.File, t *casefile.Task) string {
	if sys, err := d.Registry.System(ctx, f.Case.Tenant, t.System); err == nil && sys.Title != "" {
		return sys.Title
	}
	return t.System // a system that is no longer registered keeps its name
}
