package disclosure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Attachment is a file that is disclosed as it is: somebody who looks after a system added it. It is never opened or changed.
type Attachment struct {
	Name   string // as it was added; its form in the package is plain and distinct
	Bytes  int64
	SHA256 string // lower-case hex
	Open   func(ctx context.Context) (io.ReadCloser, error)
}

const attachBuffer = 64 << 10

// attachments writes the files of a system, from where the state says; full reports that the volume ends before the next one.
func (v *volume) attachments(ctx context.Context, i int) (full bool, err error) {
	for list := v.in.Systems[i].Attachments; v.state.Attached < len(list); v.state.Attached++ {
		a := &list[v.state.Attached]
		// A file that does not deflate grows by a little at the end of each chunk.
		cost := a.Bytes + a.Bytes>>10 + (a.Bytes/chunkBytes+2)*chunkCost + 2*int64(len(v.attached(i, v.state.Attached))) + 256
		if v.used > 0 && v.used+cost+trailerCost+noteCost > v.assembler.options.VolumeBytes {
			return true, nil
		}
		if err := v.attach(ctx, v.attached(i, v.state.Attached), a); err != nil {
			return false, fmt.Errorf("writing an attachment: %w", err)
		}
	}
	return false, nil
}

// attached returns the path of a system's n-th attachment.
func (v *volume) attached(i, n int) string {
	return "attachments/" + v.paths[i].folder + "/" + v.paths[i].attachments[n]
}

// attach writes one file into the zip. One that is not what was announced is refused: nothing of the volume is stored then.
func (v *volume) attach(ctx context.Context, name string, a *Attachment) (err error) {
	spool := newSpool(v.assembler.options, v.assembler.tools)
	defer func() { err = errors.Join(err, spool.close()) }()
	r, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	before := v.spool
	v.spool = spool
	defer func() { v.spool = before }()
	f := spool.file(name)
	buffer := make([]byte, attachBuffer)
	for size := int64(0); ; {
		n, rerr := r.Read(buffer)
		if size += int64(n); size > a.Bytes {
			return errAttachment
		}
		if err := spool.add(ctx, f, buffer[:n]); err != nil {
			return err
		}
		if errors.Is(rerr, io.EOF) {
			break
		}
		if rerr == nil {
			rerr = ctx.Err()
		}
		if rerr != nil {
			return fmt.Errorf("reading an attachment: %w", rerr)
		}
	}
	if err := spool.finish(ctx); err != nil {
		return err
	}
	if f.size != a.Bytes || f.sum != a.SHA256 {
		return errAttachment
	}
	return v.put(f)
}

var errAttachment = fault.New(fault.Internal, "an attachment is not what was announced")

// attachmentNames is fileNames for files whose extension says what they are, and is kept.
func attachmentNames(list []Attachment) []string {
	stems, extensions := make([]string, len(list)), make([]string, len(list))
	taken := map[string]bool{}
	for n, a := range list {
		extension := path.Ext(a.Name)
		stems[n] = fileName(strings.TrimSuffix(a.Name, extension))
		if extension = strings.Trim(fileName(strings.TrimPrefix(extension, ".")), "_."); extension != "" {
			extensions[n] = "." + strings.ToLower(extension[:min(len(extension), 10)])
		}
	}
	out := make([]string, len(list))
	for n := range list {
		name := stems[n] + extensions[n]
		for k := 2; taken[strings.ToLower(name)]; k++ {
			name = stems[n] + "-" + strconv.Itoa(k) + extensions[n]
		}
		taken[strings.ToLower(name)] = true
		out[n] = name
	}
	return out
}

// attachedOf lists the attachments of a system as files of the page.
func (m *view) attachedOf(v *volume, i int) ([]viewFile, error) {
	var out []viewFile
	if m.In.CategoriesOnly {
		return nil, nil
	}
	for n, a := range m.In.Systems[i].Attachments {
		size, err := m.words.bytes(a.Bytes)
		if err != nil {
			return nil, err
		}
		label, err := m.words.say("data.attachment", "Name", a.Name, "Size", size)
		if err != nil {
			return nil, err
		}
		out = append(out, viewFile{Path: v.attached(i, n), Label: label})
	}
	return out, nil
}

// attachmentPaths lists the attachments of a system for the manifest; nil when there are none.
func (v *volume) attachmentPaths(i int) []string {
	var out []string
	if v.in.CategoriesOnly {
		return nil
	}
	for n := range v.in.Systems[i].Attachments {
		out = append(out, v.attached(i, n))
	}
	return out
}
