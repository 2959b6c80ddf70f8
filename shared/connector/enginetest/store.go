package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Store is an object store in memory. It keeps to the contract of package blobs, is safe for concurrent use and can be told
// to fail.
type Store struct {
	mu      sync.Mutex
	objects map[string]object
	puts    int
	// FailPut, when set, is asked before an object is stored; its error is returned and nothing is stored.
	FailPut func(name string) error
}

type object struct {
	content []byte
	at      time.Time
}

func (o object) info(name string) blobs.Info {
	return blobs.Info{Name: name, Bytes: int64(len(o.content)), StoredAt: o.at}
}

// NewStore returns an empty store.
func NewStore() *Store { return &Store{objects: map[string]object{}} }

// Put implements blobs.Store.
func (s *Store) Put(ctx context.Context, name string, r io.Reader) (blobs.Info, error) {
	if err := errors.Join(blobs.CheckName(name), ended(ctx)); err != nil {
		return blobs.Info{}, err
	}
	var content bytes.Buffer
	for {
		_, err := io.CopyN(&content, r, 64<<10)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = ended(ctx)
		}
		if err != nil {
			return blobs.Info{}, fmt.Errorf("reading the new object: %w", err)
		}
	}
	if s.FailPut != nil {
		if err := s.FailPut(name); err != nil {
			return blobs.Info{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts++
	o := object{bytes.Clone(content.Bytes()), time.Now()}
	s.objects[name] = o
	return o.info(name), nil
}

// Open implements blobs.Store.
func (s *Store) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, blobs.Info, error) {
	if err := errors.Join(blobs.CheckName(name), ended(ctx)); err != nil {
		return nil, blobs.Info{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objects[name]
	if !ok {
		return nil, blobs.Info{}, fault.New(fault.NotFound, "no such object")
	}
	if offset < 0 {
		return nil, blobs.Info{}, fault.New(fault.Invalid, "the offset is negative")
	}
	return io.NopCloser(bytes.NewReader(o.content[min(offset, int64(len(o.content))):])), o.info(name), nil
}

// List implements blobs.Store.
func (s *Store) List(ctx context.Context, prefix, cursor string, limit int) (blobs.Page, error) {
	if err := errors.Join(blobs.CheckPrefix(prefix), ended(ctx)); err != nil {
		return blobs.Page{}, err
	}
	if limit < 0 || limit > blobs.MaxPage || cursor != "" && (blobs.CheckName(cursor) != nil || !strings.HasPrefix(cursor, prefix)) {
		return blobs.Page{}, fault.New(fault.Invalid, "the limit or the cursor is not one of a listing")
	}
	if limit == 0 {
		limit = blobs.MaxPage
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var page blobs.Page
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		if !strings.HasPrefix(name, prefix) || name <= cursor {
			continue
		}
		if len(page.Objects) == limit {
			page.Next = page.Objects[limit-1].Name
			break
		}
		page.Objects = append(page.Objects, s.objects[name].info(name))
	}
	return page, nil
}

// Delete implements blobs.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := errors.Join(blobs.CheckName(name), ended(ctx)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, name)
	return nil
}

func ended(ctx context.Context) error {
	return fault.Wrap(fault.Unavailable, ctx.Err(), "using the object store")
}

// Names returns the names of all objects in order.
func (s *Store) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.objects))
}

// Puts returns how many objects were ever stored.
func (s *Store) Puts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.puts
}

// Contains reports whether any stored object holds the bytes in the open.
func (s *Store) Contains(needle []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.objects {
		if bytes.Contains(o.content, needle) {
			return true
		}
	}
	return false
}

// Size returns the bytes of all objects.
func (s *Store) Size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n int64
	for _, o := range s.objects {
		n += int64(len(o.content))
	}
	return n
}
