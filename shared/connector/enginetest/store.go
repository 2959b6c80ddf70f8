// Package memblobs is an object store in memory for the tests of the connector engine. It keeps to the contract of package
// blobs and can be told to fail.
package memblobs

import (
	"bytes"
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Store implements blobs.Store. It is safe for concurrent use.
type Store struct {
	mu      sync.Mutex
	objects map[string][]byte
	puts    int
	// FailPut, when set, is asked before an object is stored; its error is returned and nothing is stored.
	FailPut func(name string) error
}

// New returns an empty store.
func New() *Store { return &Store{objects: map[string][]byte{}} }

// Put implements blobs.Store.
func (s *Store) Put(ctx context.Context, name string, r io.Reader) (blobs.Info, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return blobs.Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return blobs.Info{}, err
	}
	if s.FailPut != nil {
		if err := s.FailPut(name); err != nil {
			return blobs.Info{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[name] = b
	s.puts++
	return blobs.Info{Name: name, Bytes: int64(len(b)), StoredAt: time.Unix(0, 0)}, nil
}

// Open implements blobs.Store.
func (s *Store) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, blobs.Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.objects[name]
	if !ok {
		return nil, blobs.Info{}, fault.New(fault.NotFound, "no such object")
	}
	if offset < 0 || offset > int64(len(b)) {
		return nil, blobs.Info{}, fault.New(fault.Invalid, "the offset lies outside the object")
	}
	return io.NopCloser(bytes.NewReader(b[offset:])), blobs.Info{Name: name, Bytes: int64(len(b))}, ctx.Err()
}

// List implements blobs.Store.
func (s *Store) List(_ context.Context, prefix, cursor string, limit int) (blobs.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if limit == 0 {
		limit = 1000
	}
	var page blobs.Page
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		if !strings.HasPrefix(name, prefix) || name <= cursor {
			continue
		}
		if len(page.Objects) == limit {
			page.Next = page.Objects[limit-1].Name
			break
		}
		page.Objects = append(page.Objects, blobs.Info{Name: name, Bytes: int64(len(s.objects[name]))})
	}
	return page, nil
}

// Delete implements blobs.Store.
func (s *Store) Delete(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, name)
	return nil
}

// Len returns the number of objects.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.objects)
}

// Puts returns how many objects were ever stored.
func (s *Store) Puts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.puts
}

// Contains reports whether any stored object holds the bytes.
func (s *Store) Contains(needle []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.objects {
		if bytes.Contains(b, needle) {
			return true
		}
	}
	return false
}
