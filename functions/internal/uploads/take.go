// Package uploads takes the files that owners of systems add to their tasks: those that come through the page, and those that were
// put into the inbox of the object store. What a file is, is told by its name and its first bytes; it is sealed with the case's
// results key while it streams, never whole in memory, never plain on disk, and never opened.
package uploads

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/objects"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
)

// Limits bound what an owner can add.
type Limits struct {
	File  int64 // bytes of one file
	Task  int64 // bytes of all files of a task
	Files int   // of a task
}

// DefaultLimits are 200 MiB a file, 1 GiB and 50 files a task.
func DefaultLimits() Limits { return Limits{File: 200 << 20, Task: 1 << 30, Files: 50} }

// Desk takes files.
type Desk struct {
	Cases *casefile.Store
	Blobs blobs.Store
	Log   *slog.Logger
}

// Slot is the task that a file is for. Holder is whose link it came by: a task that was passed on takes nothing of who had it before.
type Slot struct {
	Tenant, CaseID, TaskID string
	Holder                 int
	Keys                   *keys.CaseKeys
	Begun                  time.Time // when its owner began to send it; zero = now
}

// Change changes the task of the slot under a fresh read: fault.Conflict once it was settled or passed on.
func (d *Desk) Change(ctx context.Context, s Slot, do func(ctx context.Context, f *casefile.File, t *casefile.Task) error) error {
	return step.Change(ctx, d.Cases, s.Tenant, s.CaseID, func(ctx context.Context, f *casefile.File) error {
		t := f.Task(s.TaskID)
		if err := f.OwnerMay(t); err != nil {
			return err
		}
		if s.Holder != len(t.Owner.Holders) {
			return errPassed
		}
		return do(ctx, f, t)
	})
}

var errPassed = fault.New(fault.Conflict, "somebody else has this task now")

// errLimit ends the reading of a file that is too large.
var errLimit = errors.New("the file is larger than allowed")

// Take seals a file into the object store and adds it to the task, within limits and unless its kind, told by name and its first
// bytes, is not one that is taken: then why says so. also, when it is not nil, takes part in the commit that adds the file. What is
// not added leaves nothing behind.
func (d *Desk) Take(ctx context.Context, s Slot, l Limits, r io.Reader, name string, also func(f *casefile.File) error) (why pages.Problem, err error) {
	file := bufio.NewReaderSize(r, 64<<10)
	head, err := file.Peek(headBytes)
	if len(head) == 0 {
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("reading a file: %w", err)
		}
		return pages.EmptyFile, nil
	}
	extension, ok := kindOf(name, head)
	if !ok {
		return pages.BadKind, nil
	}
	u := casefile.Upload{Kind: extension, Object: fmt.Sprintf("raw/%s/%s/%s/owner-%s", s.Tenant, s.CaseID, s.TaskID, dsar.NewID())}
	sum := sha256.New()
	err = objects.Put(ctx, d.Blobs, s.Keys, u.Object, func(w io.Writer) error {
		u.Bytes, err = io.Copy(io.MultiWriter(w, sum), io.LimitReader(file, l.File+1))
		if err == nil && u.Bytes > l.File {
			err = errLimit
		}
		return err
	})
	if errors.Is(err, errLimit) {
		return pages.TooLarge, nil
	}
	if err != nil {
		return "", err
	}
	u.SHA256 = hex.EncodeToString(sum.Sum(nil))
	why, err = d.add(ctx, s, l, u, name, also)
	if err != nil || why != "" {
		// The request may have ended, the object must go all the same.
		if derr := d.Blobs.Delete(context.WithoutCancel(ctx), u.Object); derr != nil {
			web.Log(ctx, d.Log, "removing a file that was not added failed", derr)
		}
	}
	return why, err
}

// add adds a stored file to the task, if the task has room for it.
func (d *Desk) add(ctx context.Context, s Slot, l Limits, u casefile.Upload, name string, also func(f *casefile.File) error) (why pages.Problem, err error) {
	err = d.Change(ctx, s, func(_ context.Context, f *casefile.File, t *casefile.Task) error {
		why = ""
		all := u.Bytes
		for _, o := range t.Owner.Uploads {
			all += o.Bytes
		}
		switch {
		case len(t.Owner.Uploads) >= l.Files:
			why = pages.TooMany
			return nil
		case all > l.Task:
			why = pages.TooLarge
			return nil
		}
		begun := s.Begun
		if begun.IsZero() {
			begun = f.Now()
		}
		f.ForgetRefused(t, begun)
		if _, err := f.AddUpload(t, u, name); err != nil || also == nil {
			return err
		}
		return also(f)
	})
	return why, err
}
