package ownertask

import (
	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/functions/internal/uploads"
)

// New puts the handler together.
func New(a *parts.Parts) (*Handler, error) {
	desk, err := a.Owners()
	if err != nil {
		return nil, err
	}
	renderer, err := a.Pages()
	if err != nil {
		return nil, err
	}
	return &Handler{
		Cases: a.Cases, Registry: a.Registry, Sessions: a.Sessions, Owners: desk, Blobs: a.Blobs, Files: a.HandOvers().Files, HandOvers: a.HandOvers(),
		Pages: renderer, Log: a.Log, BaseURL: a.BaseURL, Limits: uploads.DefaultLimits(), Demo: a.Demo, Manual: a.Manual,
	}, nil
}
