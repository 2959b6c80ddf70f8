package handovers

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"net/http"
	"strconv"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/handover"
)

// File is a file that is at hand as a whole, and of whom it is: evidence, which holds nothing personal.
type File struct {
	Tenant, CaseID string
	By             string // evidence actor who asked for it
	Name           string // ends in ".zip"
	Body           []byte
}

// File answers a GET with a file. One that is too large for an answer is laid out, and the answer leads there (303). A desk that is
// nil or closed answers with every file.
func (d *Desk) File(w http.ResponseWriter, r *http.Request, f File) error {
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	if d.Open() && int64(len(f.Body)) > d.Most {
		a, err := d.offer(r.Context(), f)
		if err != nil {
			return err
		}
		http.Redirect(w, r, a.URL.Reveal(), http.StatusSeeOther) // to who asked for it
		return nil
	}
	head.Set("Content-Type", blobs.MediaTypeOf(f.Name))
	head.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
	head.Set("Content-Length", strconv.Itoa(len(f.Body)))
	_, _ = w.Write(f.Body) // the connection may be gone
	return nil
}

// offer lays a file out and returns its address.
func (d *Desk) offer(ctx context.Context, f File) (blobs.Address, error) {
	now := d.Records.Now().UTC()
	r, err := d.Records.Put(ctx, handover.Record{
		ID: handover.NewID(), Kind: handover.Delivery, State: handover.Given, Tenant: f.Tenant, CaseID: f.CaseID, By: f.By, Bytes: int64(len(f.Body)),
		Filename: f.Name, Mints: 1, CreatedAt: now, Look: now.Add(handover.OpenLife),
	})
	if err != nil {
		return blobs.Address{}, err
	}
	if _, err := d.Blobs.Put(ctx, r.Object(), bytes.NewReader(f.Body)); err != nil {
		return blobs.Address{}, fmt.Errorf("laying out a file: %w", err)
	}
	a, err := d.Door.Download(ctx, r.Object(), f.Name, blobs.MaxAddressLife)
	if err != nil {
		return a, fmt.Errorf("addressing a file: %w", err)
	}
	return a, nil
}
