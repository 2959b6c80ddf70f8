package portal

import (
	"github.com/habeas-dsar/habeas/functions/internal/parts"
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
	return &Handler{
		Cases: a.Cases, Registry: a.Registry, Sessions: a.Sessions, Desk: desk, Blobs: a.Blobs, Packs: packs, Pages: renderer,
		HandOvers: a.HandOvers(), Log: a.Log, BaseURL: a.BaseURL, Limits: a.Limits, Demo: a.Demo, Manual: a.Manual,
	}, nil
}
