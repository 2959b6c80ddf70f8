package local

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
)

// shreddedFile, in the data directory, lists every key that was destroyed. It is not part of a backup: a backup that is restored
// later is held against the newest list there is.
const shreddedFile = "shredded"

// shredded appends to the list of destroyed keys.
type shredded struct {
	mu   sync.Mutex
	path string
}

// note adds a tombstone; it is on disk when note returns. A key may stand in the list more than once.
func (s *shredded) note(_ context.Context, t keys.Tombstone) error {
	line, err := json.Marshal(t)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing a tombstone")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := os.OpenFile(s.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fault.Wrap(fault.Misconfigured, unnamed(err), "opening the list of destroyed keys")
	}
	_, err = f.Write(append(line, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fault.Wrap(fault.Unavailable, unnamed(err), "writing the list of destroyed keys")
	}
	return nil
}

// readShredded reads a list of destroyed keys; none is an empty list. A last line that a killed process cut off is ignored: its
// key was not destroyed yet.
func readShredded(path string) ([]keys.Tombstone, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Misconfigured, unnamed(err), "reading the list of destroyed keys")
	}
	var out []keys.Tombstone
	sc := bufio.NewScanner(bytes.NewReader(raw[:bytes.LastIndexByte(raw, '\n')+1]))
	for n := 1; sc.Scan(); n++ {
		var t keys.Tombstone
		if json.Unmarshal(sc.Bytes(), &t) != nil || t.Tenant == "" || t.ID == "" {
			return nil, fault.New(fault.Invalid, fmt.Sprintf("line %d of the list of destroyed keys is not one", n))
		}
		out = append(out, t)
	}
	if err := sc.Err(); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the list of destroyed keys")
	}
	return out, nil
}

// unnamed returns the reason of a file error without the name of the file.
func unnamed(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

func shreddedIn(dir string) string { return filepath.Join(dir, shreddedFile) }
