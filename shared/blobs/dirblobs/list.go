package dirblobs

import (
	"container/heap"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// List implements blobs.Store. It holds one page and, per level, at most a page of directory entries in memory, however many
// objects there are. A cursor is the name of the last object before it.
func (s *Store) List(ctx context.Context, prefix, cursor string, limit int) (blobs.Page, error) {
	if err := blobs.CheckPrefix(prefix); err != nil {
		return blobs.Page{}, err
	}
	if limit < 0 || limit > blobs.MaxPage {
		return blobs.Page{}, fault.New(fault.Invalid, "a page has 1 to 1000 objects")
	}
	if cursor != "" && (blobs.CheckName(cursor) != nil || !strings.HasPrefix(cursor, prefix)) {
		return blobs.Page{}, fault.New(fault.Invalid, "the cursor does not belong to this list")
	}
	if limit == 0 {
		limit = blobs.MaxPage
	}
	l := &listing{store: s, prefix: prefix, cursor: cursor, limit: limit}
	start := ""
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		start = prefix[:i+1]
	}
	if err := l.walk(ctx, start); err != nil {
		return blobs.Page{}, err
	}
	return l.page, nil
}

// listing is one page in the making.
type listing struct {
	store          *Store
	prefix, cursor string
	limit          int
	page           blobs.Page
	full           bool
}

// walk adds the objects below dir, which is "" or ends in "/", in bytewise order of name, until the page is full. Bytewise, an
// object "a-b" comes before one "a/b", so directories are ordered with their slash.
func (l *listing) walk(ctx context.Context, dir string) error {
	after := ""
	for {
		names, more, err := l.next(ctx, dir, after)
		if err != nil {
			return err
		}
		for _, name := range names {
			if strings.HasSuffix(name, "/") {
				err = l.walk(ctx, name)
			} else {
				err = l.add(name)
			}
			if err != nil || l.full {
				return err
			}
		}
		if !more {
			return nil
		}
		after = names[len(names)-1]
	}
}

// add puts one object on the page, or closes the page when it has its number.
func (l *listing) add(name string) error {
	if len(l.page.Objects) == l.limit {
		l.page.Next, l.full = l.page.Objects[l.limit-1].Name, true
		return nil
	}
	stat, err := l.store.root.Lstat(path.Join(objectsDir, name+mark))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return classify(err, fault.Unavailable, "listing objects")
	}
	l.page.Objects = append(l.page.Objects, blobs.Info{Name: name, Bytes: stat.Size(), StoredAt: stat.ModTime().UTC()})
	return nil
}

// next returns the first entries of dir after the one named, in order, as names of objects and of directories with a slash.
// more says that there are others.
func (l *listing) next(ctx context.Context, dir, after string) (names []string, more bool, err error) {
	d, err := l.store.root.Open(path.Join(objectsDir, dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, classify(err, fault.Unavailable, "listing objects")
	}
	defer func() { _ = d.Close() }()
	var first largest
	for {
		if err := ended(ctx, "listing objects"); err != nil {
			return nil, false, err
		}
		entries, err := d.ReadDir(256)
		for _, e := range entries {
			name, ok := l.wanted(dir, e)
			if !ok || name <= after {
				continue
			}
			heap.Push(&first, name)
			if len(first) > l.limit+1 {
				heap.Pop(&first)
				more = true
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, fs.ErrNotExist) {
			break // at the end, or the directory was taken away meanwhile
		}
		if err != nil {
			return nil, false, classify(err, fault.Unavailable, "listing objects")
		}
	}
	slices.Sort(first)
	return first, more, nil
}

// wanted returns the full name of an entry when it is, or may hold, an object of the page.
func (l *listing) wanted(dir string, e fs.DirEntry) (string, bool) {
	if e.IsDir() {
		name := dir + e.Name() + "/"
		begins := strings.HasPrefix(name, l.prefix) || strings.HasPrefix(l.prefix, name)
		return name, begins && (name > l.cursor || strings.HasPrefix(l.cursor, name))
	}
	object, ok := strings.CutSuffix(e.Name(), mark)
	name := dir + object
	return name, ok && e.Type().IsRegular() && strings.HasPrefix(name, l.prefix) && name > l.cursor
}

// largest is a heap with the largest name on top, which is the one to give up.
type largest []string

func (h largest) Len() int           { return len(h) }
func (h largest) Less(i, j int) bool { return h[i] > h[j] }
func (h largest) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *largest) Push(x any)        { *h = append(*h, x.(string)) }
func (h *largest) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}
