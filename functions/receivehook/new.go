package receivehook

import (
	"context"

	"github.com/habeas-dsar/habeas/functions/internal/parts"
)

// New puts the handler together.
func New(a *parts.Parts) (*Handler, error) {
	renderer, err := a.Pages()
	if err != nil {
		return nil, err
	}
	return &Handler{
		Cases: a.Cases, Sessions: a.Sessions, Log: a.Log, SendGrid: a.SendGridEvents,
		Recipients: &Recipients{Registry: a.Registry, Secret: a.Secret, Pages: renderer, Demo: a.Demo, Manual: a.Manual},
	}, nil
}

// Reports returns what takes the events of Amazon SES, as a queue hands them over; see Handler.SES.
func Reports(a *parts.Parts) (func(ctx context.Context, body []byte) error, error) {
	return (&Handler{Cases: a.Cases, Sessions: a.Sessions, Log: a.Log}).SES, nil
}
