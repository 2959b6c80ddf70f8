// Package filekeys keeps the key of an installation in a file: 32 random bytes, readable by its owner only. It is the
// keys.Keeper of the one-machine engine.
//
// Every tenant has its own wrapping key, derived from the master key (HKDF-SHA256, RFC 5869) and never stored. Whoever has
// the file has every key; a lost file makes every sealed document unreadable for good, so it belongs into a backup of its
// own, apart from the records.
package filekeys

import (
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/redact"
)

const (
	masterBytes = 32
	version     = 1 // first byte of what Wrap returns
)

// Keeper wraps under keys derived from a master key. Safe for use by several goroutines.
type Keeper struct{ master redact.Bytes }

var _ keys.Keeper = (*Keeper)(nil)

// Format implements fmt.Formatter: a mask under every verb.
func (Keeper) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redact.Mask) }

// LogValue implements slog.LogValuer: a mask.
func (Keeper) LogValue() slog.Value { return slog.StringValue(redact.Mask) }

// Create writes a fresh master key to path with mode 0600. A file that exists is never touched: fault.Conflict. The file
// appears as a whole and durable, or not at all.
func Create(path string) (err error) {
	master := make([]byte, masterBytes)
	_, _ = rand.Read(master)                                    // never fails (crypto/rand)
	temp, err := os.CreateTemp(filepath.Dir(path), ".master-*") // O_EXCL, 0600
	if err != nil {
		return plain(err, "creating key file")
	}
	defer func() {
		err = errors.Join(err, plain(os.Remove(temp.Name()), "removing draft of key file"))
	}()
	_, err = temp.Write(master)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return plain(err, "writing key file")
	}
	// A link, unlike a rename, refuses to replace: of two processes that start at once, one creates the key.
	if err := os.Link(temp.Name(), path); err != nil {
		return plain(err, "publishing key file")
	}
	return syncDir(filepath.Dir(path))
}

// Open reads the master key. A missing file is fault.NotFound; one that group or others may access, or that is no regular
// file of 32 bytes, is fault.Misconfigured.
func Open(path string) (*Keeper, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, plain(err, "opening key file")
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, plain(err, "opening key file")
	}
	switch {
	case !info.Mode().IsRegular() || info.Size() != masterBytes:
		return nil, fault.New(fault.Misconfigured, "the key file is not a file of 32 bytes")
	case info.Mode().Perm()&0o077 != 0:
		return nil, fault.New(fault.Misconfigured, "the key file is open to others than its owner: set its mode to 0600")
	}
	master := make([]byte, masterBytes)
	if _, err := f.ReadAt(master, 0); err != nil {
		return nil, plain(err, "reading key file")
	}
	return &Keeper{redact.NewBytes(master)}, nil
}

// Wrap implements keys.Keeper: a version byte, a random nonce and the secret under AES-256-GCM, bound to the context.
func (k *Keeper) Wrap(ctx context.Context, c keys.Context, secret redact.Bytes) ([]byte, error) {
	if n := len(secret.Reveal()); n == 0 || n > keys.MaxSecretBytes {
		return nil, fault.New(fault.Invalid, "a secret to wrap has 1 to 4096 bytes")
	}
	aead, err := k.tenantKey(ctx, c)
	if err != nil {
		return nil, err
	}
	return aead.Seal([]byte{version}, nil, secret.Reveal(), c.Binding()), nil
}

// Unwrap implements keys.Keeper.
func (k *Keeper) Unwrap(ctx context.Context, c keys.Context, wrapped []byte) (redact.Bytes, error) {
	aead, err := k.tenantKey(ctx, c)
	if err != nil {
		return redact.Bytes{}, err
	}
	if len(wrapped) == 0 || wrapped[0] != version {
		return redact.Bytes{}, fault.New(fault.Invalid, "the wrapped secret has an unknown form")
	}
	secret, err := aead.Open(nil, nil, wrapped[1:], c.Binding())
	if err != nil {
		return redact.Bytes{}, fault.New(fault.Invalid, "the wrapped secret does not open: changed, or wrapped for something else")
	}
	return redact.NewBytes(secret), nil
}

func (k *Keeper) tenantKey(ctx context.Context, c keys.Context) (cipher.AEAD, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "deriving tenant key")
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	derived, err := hkdf.Key(sha256.New, k.master.Reveal(), nil, string(keys.Binding("habeas/filekeys/tenant/v1", c.Tenant)), masterBytes)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "deriving tenant key")
	}
	return keys.NewAEAD(derived)
}

// plain classifies an error of the file system and drops the path from its text.
func plain(err error, doing string) error {
	if err == nil {
		return nil
	}
	class := fault.Misconfigured
	switch {
	case errors.Is(err, fs.ErrNotExist):
		class = fault.NotFound
	case errors.Is(err, fs.ErrExist):
		class = fault.Conflict
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	} else if e, ok := errors.AsType[*os.LinkError](err); ok {
		err = e.Err
	}
	return fault.Wrap(class, err, doing)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return plain(err, "opening directory of key file")
	}
	return plain(errors.Join(d.Sync(), d.Close()), "flushing directory of key file")
}
