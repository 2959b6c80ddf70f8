// Package fileoutbox keeps mail in a directory instead of sending it: the mail.Sender of development and of tests, with a
// mailbox to read it again.
//
// Each mail is one file, <messageID>.eml, that appears whole and once: sending the same MessageID again changes nothing and
// answers Sent, and Lookup is definite. Mail is stored in the clear, for its owner only; a real installation uses smtpmail.
package fileoutbox

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"mime"
	netmail "net/mail"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
)

const (
	suffix = ".eml"
	draft  = ".draft-"
	pageOf = 1000
)

// Outbox is a directory of mail. Make one with Open; safe for use by several goroutines.
type Outbox struct {
	root *os.Root
	mu   sync.Mutex
	last time.Time // of the newest mail: the order of files is the order of sending
}

var (
	_ mail.Sender  = (*Outbox)(nil)
	_ mail.Mailbox = (*Outbox)(nil)
)

// Open opens the outbox in dir, which is created when missing, and removes drafts that a killed process left. A directory
// that cannot be used is fault.Misconfigured. One process owns an outbox.
func Open(dir string) (*Outbox, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, classify(err, fault.Misconfigured, "creating outbox")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, classify(err, fault.Misconfigured, "opening outbox")
	}
	o := &Outbox{root: root}
	entries, err := fs.ReadDir(root.FS(), ".")
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), draft) {
			err = errors.Join(err, root.Remove(e.Name()))
		}
	}
	if err != nil {
		return nil, errors.Join(classify(err, fault.Misconfigured, "removing old drafts"), root.Close())
	}
	kept, err := o.kept()
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	if len(kept) > 0 {
		o.last = kept[len(kept)-1].at
	}
	return o, nil
}

// Close releases the directory.
func (o *Outbox) Close() error {
	return classify(o.root.Close(), fault.Unavailable, "closing outbox")
}

// maxTries is how often a draft is written anew that somebody else removed.
const maxTries = 4

// Send implements mail.Sender: Sent when the mail is on disk, by this call or an earlier one; Failed with fault.Invalid for a
// message that breaks a rule; Claimed with fault.Unavailable otherwise.
func (o *Outbox) Send(ctx context.Context, m mail.Message) (mail.State, error) {
	raw, err := mail.Render(m)
	if err != nil {
		return mail.Failed, err
	}
	if err := ctx.Err(); err != nil {
		return mail.Claimed, fault.Wrap(fault.Unavailable, err, "storing mail")
	}
	for range maxTries {
		name := draft + uuid.NewString()
		if err = o.write(name, raw); err == nil {
			err = o.publish(name, m.MessageID+suffix)
		}
		// The draft goes whatever happened; Open removes what stays.
		_ = o.root.Remove(name)
		// Another process that opens the directory just now takes the draft for one that a dead process left.
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return mail.Claimed, classify(err, fault.Unavailable, "storing mail")
	}
	return mail.Sent, nil
}

func (o *Outbox) write(name string, raw []byte) error {
	f, err := o.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err //nolint:wrapcheck // classified by the caller
	}
	_, err = f.Write(raw)
	return errors.Join(err, f.Sync(), f.Close())
}

// publish gives a draft its name, unless there is a mail of that name, and its place in the order.
func (o *Outbox) publish(name, target string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	info, err := o.root.Stat(name)
	if err != nil {
		return err //nolint:wrapcheck // classified by the caller
	}
	at := info.ModTime()
	if !at.After(o.last) {
		at = o.last.Add(time.Microsecond)
		if err := o.root.Chtimes(name, at, at); err != nil {
			return err //nolint:wrapcheck // classified by the caller
		}
	}
	// A link, unlike a rename, refuses to replace: the same mail never appears twice.
	if err := o.root.Link(name, target); err != nil && !errors.Is(err, fs.ErrExist) {
		return err //nolint:wrapcheck // classified by the caller
	}
	o.last = at
	d, err := o.root.Open(".")
	if err != nil {
		return err //nolint:wrapcheck // classified by the caller
	}
	return errors.Join(d.Sync(), d.Close())
}

// Lookup implements mail.Sender: Sent or Claimed, never Unknown.
func (o *Outbox) Lookup(ctx context.Context, messageID string) (mail.State, error) {
	if err := mail.CheckMessageID(messageID); err != nil {
		return mail.Unknown, err
	}
	if err := ctx.Err(); err != nil {
		return mail.Unknown, fault.Wrap(fault.Unavailable, err, "looking for mail")
	}
	_, err := o.root.Stat(messageID + suffix)
	if errors.Is(err, fs.ErrNotExist) {
		return mail.Claimed, nil
	}
	if err != nil {
		return mail.Unknown, classify(err, fault.Unavailable, "looking for mail")
	}
	return mail.Sent, nil
}

// Messages implements mail.Mailbox.
func (o *Outbox) Messages(ctx context.Context, from int) ([]mail.Received, error) {
	if from < 0 {
		return nil, fault.New(fault.Invalid, "the first mail has number 0")
	}
	kept, err := o.kept()
	if err != nil {
		return nil, err
	}
	kept = kept[min(from, len(kept)):]
	out := []mail.Received{}
	for _, k := range kept[:min(pageOf, len(kept))] {
		raw, err := o.Message(ctx, k.id)
		if err != nil {
			return nil, err
		}
		r, err := received(k.id, raw)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// Message implements mail.Mailbox.
func (o *Outbox) Message(ctx context.Context, id string) ([]byte, error) {
	if mail.CheckMessageID(id) != nil {
		return nil, fault.New(fault.NotFound, "there is no such mail")
	}
	if err := ctx.Err(); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reading mail")
	}
	f, err := o.root.Open(id + suffix)
	if err != nil {
		return nil, classify(err, fault.Unavailable, "reading mail")
	}
	raw, err := io.ReadAll(f)
	return raw, classify(errors.Join(err, f.Close()), fault.Unavailable, "reading mail")
}

type keptMail struct {
	id string
	at time.Time
}

// kept lists the mail in order of sending.
func (o *Outbox) kept() ([]keptMail, error) {
	entries, err := fs.ReadDir(o.root.FS(), ".")
	if err != nil {
		return nil, classify(err, fault.Unavailable, "listing mail")
	}
	var out []keptMail
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok || mail.CheckMessageID(id) != nil {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, classify(err, fault.Unavailable, "listing mail")
		}
		out = append(out, keptMail{id, info.ModTime()})
	}
	slices.SortFunc(out, func(a, b keptMail) int { return cmp.Or(a.at.Compare(b.at), strings.Compare(a.id, b.id)) })
	return out, nil
}

func received(id string, raw []byte) (mail.Received, error) {
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return mail.Received{}, fault.New(fault.Internal, "a stored mail is not readable")
	}
	to, err1 := m.Header.AddressList("To")
	date, err2 := m.Header.Date()
	subject, err3 := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if errors.Join(err1, err2, err3) != nil || len(to) != 1 {
		return mail.Received{}, fault.New(fault.Internal, "a stored mail is not readable")
	}
	return mail.Received{ID: id, To: redact.NewText(to[0].Address), Subject: subject, Date: date}, nil
}

// classify gives an error of the file system its class and drops names and paths from its text.
func classify(err error, otherwise fault.Class, doing string) error {
	if err == nil {
		return nil
	}
	class := otherwise
	if errors.Is(err, fs.ErrNotExist) {
		class = fault.NotFound
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	} else if e, ok := errors.AsType[*os.LinkError](err); ok {
		err = e.Err
	}
	return fault.Wrap(class, err, doing)
}
