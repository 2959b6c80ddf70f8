package publishevents

import (
	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/functions/internal/signal"
	"github.com/habeas-dsar/habeas/shared/mail"
)

// New puts the handler together.
func New(a *parts.Parts) (*Step, error) {
	copies, _ := a.Mail.(mail.Eraser) // nil: what carries the mail keeps no copies, or takes no order
	waker := &signal.Waker{Cases: a.Cases, Engine: a.Workflow}
	return &Step{
		Cases: a.Cases, Registry: a.Registry, Engine: a.Workflow, Mail: a.Mail, Copies: copies, Signal: waker.Signal, Wake: waker.Wake, Publish: a.Publish,
		Log: a.Log, Manual: a.Manual,
	}, nil
}
