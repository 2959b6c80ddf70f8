package console

import (
	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/shared/passwords"
)

// New puts the handler together.
func New(a *parts.Parts) (*Handler, error) {
	desk, err := a.Desk()
	if err != nil {
		return nil, err
	}
	packs, err := a.Packs()
	if err != nil {
		return nil, err
	}
	renderer, err := a.Pages()
	if err != nil {
		return nil, err
	}
	said, err := a.Consents()
	if err != nil {
		return nil, err
	}
	restores, err := a.Restores()
	if err != nil {
		return nil, err
	}
	turner, err := a.Turner()
	if err != nil {
		return nil, err
	}
	h := &Handler{
		Consents: said,
		Cases:    a.Cases, Registry: a.Registry, Sessions: a.Sessions, Blobs: a.Blobs, Packs: packs, Pages: renderer, Letters: desk.Letters,
		Desk: desk, Holds: a.Holds, Authorities: a.Authorities, Systems: a.Systems, Restores: restores, Lists: turner, Passwords: passwords.New(2), HandOvers: a.HandOvers(), Log: a.Log,
		BaseURL: a.BaseURL, SignIn: a.SignIn, Demo: a.Demo, Manual: a.Manual, Now: a.Now,
	}
	if len(a.Limits.TriesPerIP) > 0 {
		h.Limits = DefaultLimits()
	}
	return h, nil
}
