package pages

import (
	"io"
	"time"
)

// PortalPreparing says that a part of a package is being made ready, and looks again by itself until it is.
type PortalPreparing struct {
	Frame
	Reference  string
	Number, Of int
	Bytes      int64
	Refresh    Refresh
	Retry      Form // asks for it again; without an action the page offers none
	RequestURL string
}

// PortalPreparing writes the page.
func (r *Renderer) PortalPreparing(w io.Writer, m PortalPreparing) error {
	return r.render(w, m.Lang, "portal-preparing", m)
}

// PortalHandedOver leads to a part of a package: the download begins by itself, and the page has a link for when it does not. The
// link works any number of times until ExpiresAt.
type PortalHandedOver struct {
	Frame
	Reference  string
	Number, Of int
	Bytes      int64
	URL        string
	ExpiresAt  time.Time
	RequestURL string
}

// Refresh leads to the file at once.
func (m PortalHandedOver) Refresh() Refresh { return Refresh{URL: m.URL} }

// PortalHandedOver writes the page.
func (r *Renderer) PortalHandedOver(w io.Writer, m PortalHandedOver) error {
	return r.render(w, m.Lang, "portal-handed-over", m)
}

// ConsolePreparing is PortalPreparing for a member of staff who looks at a package before it goes.
type ConsolePreparing struct {
	ConsoleFrame
	Reference string
	Bytes     int64
	Refresh   Refresh
	BackURL   string
}

// ConsolePreparing writes the page.
func (r *Renderer) ConsolePreparing(w io.Writer, m ConsolePreparing) error {
	return r.render(w, m.Lang, "console-preparing", m)
}

// OwnerFilePick lets an owner pick one file for the object store, which takes it in until ExpiresAt. Form goes there and not to
// the site; its last field is file.
type OwnerFilePick struct {
	Frame
	Reference string
	Name      string // what the owner calls the file
	Limit     int64  // bytes
	Kinds     string // for the attribute accept
	Form      Form
	ExpiresAt time.Time
	BackURL   string
}

// OwnerFilePick writes the page.
func (r *Renderer) OwnerFilePick(w io.Writer, m OwnerFilePick) error {
	return r.render(w, m.Lang, "owner-file-pick", m)
}

// OwnerFileWait says that a file has come and is being checked, and looks again by itself; or, when it is Missing, that it has not.
type OwnerFileWait struct {
	Frame
	Reference string
	Missing   bool
	Refresh   Refresh
	BackURL   string
}

// OwnerFileWait writes the page.
func (r *Renderer) OwnerFileWait(w io.Writer, m OwnerFileWait) error {
	return r.render(w, m.Lang, "owner-file-wait", m)
}

// Refresh opens URL after so many seconds without a script. Without a URL it does nothing.
type Refresh struct {
	Seconds int
	URL     string
}
