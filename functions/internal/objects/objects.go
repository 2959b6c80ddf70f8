// Package objects streams what is sealed with a case's results key into the object store, in one place for the packages that
// are assembled and the files that owners add.
package objects

import (
	"context"
	"fmt"
	"io"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/keys"
)

// Put streams what write produces through the results key into the object. The object appears as a whole when Put returns nil,
// or not at all. Memory is bounded, and nothing plain leaves the process.
func Put(ctx context.Context, store blobs.Store, k *keys.CaseKeys, name string, write func(io.Writer) error) error {
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := store.Put(ctx, name, pr)
		_ = pr.CloseWithError(err) // a failed Put ends the writer
		done <- err
	}()
	sealed, err := k.SealResults(pw)
	if err == nil {
		err = write(sealed)
	}
	if err == nil {
		err = sealed.Close()
	}
	_ = pw.CloseWithError(err) // nil ends the object, an error abandons it
	if perr := <-done; err == nil {
		err = perr
	}
	if err != nil {
		return fmt.Errorf("storing an object: %w", err)
	}
	return nil
}

// Open reads what Put wrote. The caller closes it.
func Open(ctx context.Context, store blobs.Store, k *keys.CaseKeys, name string) (io.ReadCloser, error) {
	sealed, _, err := store.Open(ctx, name, 0)
	if err != nil {
		return nil, fmt.Errorf("opening an object: %w", err)
	}
	plain, err := k.OpenResults(ctx, sealed)
	if err != nil {
		_ = sealed.Close() // nothing was read from it; the first error says more
		return nil, fmt.Errorf("opening an object: %w", err)
	}
	return opened{plain, sealed}, nil
}

type opened struct {
	io.Reader
	io.Closer
}
