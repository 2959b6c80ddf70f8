package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// vacant refuses a name that a file has.
func vacant(name string) error {
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Conflict, name+" is there already")
	}
	return nil
}

// save writes a stream to a file that must not exist, readable by its owner alone, and returns its length and SHA-256 in
// hex. The file appears under its name only when it is whole.
func save(name string, from io.Reader) (n int64, sum string, err error) {
	if err := vacant(name); err != nil {
		return 0, "", err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".habeas-*")
	if err != nil {
		return 0, "", fault.Wrap(fault.Misconfigured, err, "making a file")
	}
	defer os.Remove(f.Name()) // gone when it got its name
	h := sha256.New()
	n, err = io.Copy(io.MultiWriter(f, h), from)
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, "", fault.Wrap(fault.Unavailable, err, "receiving "+filepath.Base(name))
	}
	// Link, unlike Rename, refuses to replace a file that appeared meanwhile.
	if err := os.Link(f.Name(), name); err != nil {
		return 0, "", fault.Wrap(fault.Misconfigured, err, "naming a file")
	}
	return n, hex.EncodeToString(h.Sum(nil)), nil
}
