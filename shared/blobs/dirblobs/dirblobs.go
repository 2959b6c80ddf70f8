// Package dirblobs is the object store of one machine: package blobs over a directory.
//
// Objects are files below objects/, one directory per segment of the name and "=" after the last, so that "a" and "a/b" can
// both be objects. They are written below drafts/ and renamed into place when they are complete and on disk: a killed process
// leaves at most drafts, which the next Open removes. Every access goes through os.Root, so a symbolic link in the directory
// leads nowhere outside. Several processes may use a directory at once; the file system must be local and have flock(2).
package dirblobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"syscall"

	"github.com/google/uuid"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
)

const (
	objectsDir = "objects"
	draftsDir  = "drafts"
	mark       = "=" // no name has it
	copyBytes  = 128 << 10
	maxTries   = 10
)

// Store is a blobs.Store over one directory. Make one with Open; safe for use by several goroutines.
type Store struct {
	root   *os.Root // the directory
	drafts string   // of this process, below root
	lock   *os.File // held while this process may have drafts

	empty sync.RWMutex // held by who removes empty directories, shared by who makes and fills them
	mu    sync.Mutex
	fresh map[string]int // directories below objects/ that are being made and may not be on disk yet, with their makers
}

var _ blobs.Store = (*Store)(nil)

// Open opens the store in dir, which is created when missing (for its owner only), and removes the drafts of processes that
// ended. A directory that cannot be used is fault.Misconfigured.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, classify(err, fault.Misconfigured, "creating object directory")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, classify(err, fault.Misconfigured, "opening object directory")
	}
	s := &Store{root: root, drafts: path.Join(draftsDir, uuid.NewString()), fresh: map[string]int{}}
	for _, name := range []string{draftsDir, objectsDir} {
		if err := root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, errors.Join(classify(err, fault.Misconfigured, "creating object directory"), root.Close())
		}
	}
	if s.lock, err = claimDrafts(root, s.drafts); err != nil {
		return nil, errors.Join(classify(err, fault.Misconfigured, "removing old drafts"), root.Close())
	}
	if err := syncDir(root, "."); err != nil {
		return nil, errors.Join(classify(err, fault.Misconfigured, "flushing object directory"), s.Close())
	}
	return s, nil
}

// Close releases the directory. Objects that are open stay readable; other calls fail with fault.Unavailable. Idempotent.
func (s *Store) Close() error {
	err := s.root.RemoveAll(s.drafts)
	if errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return classify(errors.Join(err, s.lock.Close(), s.root.Close()), fault.Unavailable, "closing object directory")
}

// Put implements blobs.Store. Content and name are on disk when it returns nil.
func (s *Store) Put(ctx context.Context, name string, r io.Reader) (info blobs.Info, err error) {
	if err := blobs.CheckName(name); err != nil {
		return blobs.Info{}, err
	}
	draft := path.Join(s.drafts, uuid.NewString())
	f, err := s.root.OpenFile(draft, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return blobs.Info{}, classify(err, fault.Unavailable, "creating object")
	}
	defer func() {
		if err != nil {
			// Best effort: the error that counts is err, and an Open removes what stays.
			_ = s.root.Remove(draft)
		}
	}()
	if err := fill(ctx, f, r); err != nil {
		return blobs.Info{}, errors.Join(err, classify(f.Close(), fault.Unavailable, "closing object"))
	}
	stat, err := f.Stat()
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return blobs.Info{}, classify(err, fault.Unavailable, "flushing object")
	}
	if err := ended(ctx, "storing object"); err != nil {
		return blobs.Info{}, err
	}
	// From here on the object is complete; a context that ends later no longer matters.
	if err := s.publish(draft, path.Join(objectsDir, name+mark)); err != nil {
		return blobs.Info{}, err
	}
	return blobs.Info{Name: name, Bytes: stat.Size(), StoredAt: stat.ModTime().UTC()}, nil
}

// buffers are reused: most objects are much smaller than one.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, copyBytes)
	return &b
}}

// fill copies r into f until its end or until ctx ends. An error of r comes through with its own class.
func fill(ctx context.Context, f *os.File, r io.Reader) error {
	pooled := buffers.Get().(*[]byte)
	defer buffers.Put(pooled)
	buf := *pooled
	for {
		if err := ended(ctx, "storing object"); err != nil {
			return err
		}
		n, err := r.Read(buf)
		if _, werr := f.Write(buf[:n]); werr != nil {
			return classify(werr, fault.Unavailable, "writing object")
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading what is to be stored: %w", err)
		}
	}
}

// publish renames a draft to target and flushes the directories that changed.
func (s *Store) publish(draft, target string) error {
	dir := path.Dir(target)
	var err error
	for range maxTries {
		if err = s.root.Rename(draft, target); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		// The directory is not there. Another process may take it away again while it is empty, hence several tries.
		if err = s.renameIntoNew(draft, target); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Unavailable, "publishing object: its place is taken away all the time")
	case err != nil:
		return classify(err, fault.Unavailable, "publishing object")
	case s.isFresh(dir):
		err = s.syncUp(dir)
	default:
		err = syncDir(s.root, dir)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted meanwhile, place and all
	}
	return classify(err, fault.Unavailable, "flushing place of object")
}

// renameIntoNew makes the directory of target, renames draft to it and flushes the directory and its parents. Until that is
// done the directory is fresh, so that others who find it there do not take it for durable. After a failed flush it stays
// fresh.
func (s *Store) renameIntoNew(draft, target string) error {
	dir := path.Dir(target)
	s.mu.Lock()
	s.fresh[dir]++
	s.mu.Unlock()

	s.empty.RLock()
	err := s.root.MkdirAll(dir, 0o700)
	if err == nil {
		err = s.root.Rename(draft, target)
	}
	s.empty.RUnlock()
	if err == nil {
		if err := s.syncUp(dir); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fresh[dir]--; s.fresh[dir] == 0 {
		delete(s.fresh, dir)
	}
	return err //nolint:wrapcheck // classified by the caller
}

// isFresh reports whether somebody is making dir, or something below it and dir on the way.
func (s *Store) isFresh(dir string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.fresh {
		if f == dir || len(f) > len(dir) && f[:len(dir)] == dir && f[len(dir)] == '/' {
			return true
		}
	}
	return false
}

// syncUp flushes dir and its parents up to objects/. Directories that a Delete removed meanwhile need no flush.
func (s *Store) syncUp(dir string) error {
	for ; ; dir = path.Dir(dir) {
		if err := syncDir(s.root, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if dir == objectsDir {
			return nil
		}
	}
}

// Open implements blobs.Store. An offset beyond the end reads nothing; below zero it is fault.Invalid.
func (s *Store) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, blobs.Info, error) {
	if err := blobs.CheckName(name); err != nil {
		return nil, blobs.Info{}, err
	}
	if offset < 0 {
		return nil, blobs.Info{}, fault.New(fault.Invalid, "the offset is below zero")
	}
	if err := ended(ctx, "opening object"); err != nil {
		return nil, blobs.Info{}, err
	}
	f, err := s.root.Open(path.Join(objectsDir, name+mark))
	if err != nil {
		return nil, blobs.Info{}, classify(err, fault.Unavailable, "opening object")
	}
	stat, err := f.Stat()
	if err == nil {
		_, err = f.Seek(offset, io.SeekStart)
	}
	if err != nil {
		return nil, blobs.Info{}, errors.Join(classify(err, fault.Unavailable, "opening object"), f.Close())
	}
	return object{f}, blobs.Info{Name: name, Bytes: stat.Size(), StoredAt: stat.ModTime().UTC()}, nil
}

// object is an open object. Its errors do not quote the path.
type object struct{ file *os.File }

func (o object) Read(p []byte) (int, error) {
	n, err := o.file.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = classify(err, fault.Unavailable, "reading object")
	}
	return n, err
}

func (o object) Close() error {
	return classify(o.file.Close(), fault.Unavailable, "closing object")
}

// Delete implements blobs.Store. Directories left empty go too; the removal is on disk when it returns nil.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := blobs.CheckName(name); err != nil {
		return err
	}
	if err := ended(ctx, "deleting object"); err != nil {
		return err
	}
	target := path.Join(objectsDir, name+mark)
	if err := s.root.Remove(target); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return classify(err, fault.Unavailable, "deleting object")
	}
	dir := path.Dir(target)
	s.empty.Lock()
	for dir != objectsDir && s.root.Remove(dir) == nil {
		dir = path.Dir(dir)
	}
	s.empty.Unlock()
	return classify(s.syncUp(dir), fault.Unavailable, "flushing place of object")
}

func ended(ctx context.Context, doing string) error {
	return fault.Wrap(fault.Unavailable, ctx.Err(), doing)
}

func syncDir(root *os.Root, dir string) error {
	d, err := root.Open(dir)
	if err != nil {
		return err //nolint:wrapcheck // classified by the caller
	}
	return errors.Join(d.Sync(), d.Close())
}

// claimDrafts removes the drafts of processes that ended, makes a place for those of this process and returns the lock that
// marks it as alive. A lock goes with its process, however that ends.
func claimDrafts(root *os.Root, mine string) (*os.File, error) {
	// One at a time, so that nobody sweeps away a place that is made but not yet locked.
	turn, err := flock(root, path.Join(draftsDir, "turn"), syscall.LOCK_EX)
	if err != nil {
		return nil, err
	}
	defer func() { _ = turn.Close() }()
	places, err := fs.ReadDir(root.FS(), draftsDir)
	if err != nil {
		return nil, fmt.Errorf("reading drafts: %w", err)
	}
	for _, p := range places {
		if !p.IsDir() {
			continue
		}
		place := path.Join(draftsDir, p.Name())
		lock, err := flock(root, path.Join(place, "alive"), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := errors.Join(root.RemoveAll(place), lock.Close()); err != nil {
			return nil, fmt.Errorf("removing drafts: %w", err)
		}
	}
	if err := root.Mkdir(mine, 0o700); err != nil {
		return nil, fmt.Errorf("making place for drafts: %w", err)
	}
	return flock(root, path.Join(mine, "alive"), syscall.LOCK_EX|syscall.LOCK_NB)
}

func flock(root *os.Root, name string, how int) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		return nil, errors.Join(fmt.Errorf("locking: %w", err), f.Close())
	}
	return f, nil
}

// classify gives an error of the file system its class and drops names and paths from its text.
func classify(err error, otherwise fault.Class, doing string) error {
	if err == nil {
		return nil
	}
	class := otherwise
	switch {
	case errors.Is(err, fs.ErrNotExist):
		class = fault.NotFound
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		class = fault.Misconfigured
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	} else if e, ok := errors.AsType[*os.LinkError](err); ok {
		err = e.Err
	}
	return fault.Wrap(class, err, doing)
}
