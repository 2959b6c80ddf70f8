// Package blobs is the contract of the object store. Objects are sealed before they come here (package keys), names hold no
// personal data. Drivers: dirblobs (a directory) and, on AWS, s3blobs. Both pass blobstest.
package blobs

import (
	"context"
	"io"
	"time"
)

// Info describes a stored object.
type Info struct {
	Name     string
	Bytes    int64
	StoredAt time.Time
}

// Page is a part of a listing in bytewise order of name. Next is empty exactly when there is no more.
type Page struct {
	Objects []Info
	Next    string
}

// Store is an object store. Names are slash-separated, each segment [A-Za-z0-9._-]{1,128} and not "." or "..", at most 512
// bytes in all; a bad name is fault.Invalid. A missing object is fault.NotFound.
type Store interface {
	// Put streams r into the object, replacing an older one. The object appears as a whole when Put returns nil, or not at
	// all: an error, a cancelled context or a killed process leaves the old object (or none) and no visible rest.
	Put(ctx context.Context, name string, r io.Reader) (Info, error)
	// Open returns the object for reading from byte offset, as long as ctx lives. It reads the object as it was at Open, even if it
	// is replaced; a driver that cannot any more, because the rest is gone, says fault.Conflict and never mixes two objects.
	Open(ctx context.Context, name string, offset int64) (io.ReadCloser, Info, error)
	// List pages through the objects whose name begins with prefix. limit 1..1000, 0 = 1000. cursor is Page.Next.
	List(ctx context.Context, prefix, cursor string, limit int) (Page, error)
	// Delete removes the object and every older version of it. Removing what is not there is fine.
	Delete(ctx context.Context, name string) error
}
