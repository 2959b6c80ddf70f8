package s3blobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Open implements blobs.Store. An offset beyond the end reads nothing; below zero it is fault.Invalid. Reading goes on under ctx.
//
// A connection that breaks or stands still is replaced, at the byte where it broke and pinned to the version, or else to the ETag,
// of what was opened: the reader gives the bytes of one object, or an error. Where the bucket is not versioned and the object was
// replaced or deleted before the break, the rest is gone and the error is fault.Conflict.
func (s *Store) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, blobs.Info, error) {
	bucket, err := s.bucket(name)
	if err != nil {
		return nil, blobs.Info{}, err
	}
	if offset < 0 {
		return nil, blobs.Info{}, fault.New(fault.Invalid, "the offset is below zero")
	}
	if err := ended(ctx, "opening object"); err != nil {
		return nil, blobs.Info{}, err
	}
	r := &reader{idle: s.idle, at: offset, alive: ctx.Err}
	in := s3.GetObjectInput{Bucket: &bucket, Key: &name}
	r.get = func(in s3.GetObjectInput, at int64) (*s3.GetObjectOutput, context.CancelFunc, error) {
		ctx, cancel := context.WithCancel(ctx)
		out, err := s.get(ctx, in, at)
		if err != nil {
			cancel()
		}
		return out, cancel, err
	}
	out, cancel, err := r.get(in, offset)
	if awsfault.Code(err) == "InvalidRange" {
		return s.openEnd(ctx, bucket, name, offset)
	}
	if err != nil {
		return nil, blobs.Info{}, awsfault.Wrap(err, "opening object")
	}
	info, err := infoOf(name, out)
	if err == nil {
		err = forward(out, offset)
	}
	if err != nil {
		cancel()
		return nil, blobs.Info{}, errors.Join(err, out.Body.Close())
	}
	in.VersionId, in.IfMatch = out.VersionId, out.ETag
	r.in, r.size, r.body, r.cancel = in, info.Bytes, out.Body, cancel
	return r, info, nil
}

// get asks for the object from a byte on. A whole object is checked against the checksum that it was stored with; of a part there
// is none.
func (s *Store) get(ctx context.Context, in s3.GetObjectInput, at int64) (*s3.GetObjectOutput, error) {
	if at > 0 {
		in.Range = new("bytes=" + strconv.FormatInt(at, 10) + "-")
	} else {
		in.ChecksumMode = types.ChecksumModeEnabled
	}
	return s.client.GetObject(ctx, &in, func(o *s3.Options) { o.DisableLogOutputChecksumValidationSkipped = true })
}

// openEnd opens an object at or beyond its end, which S3 refuses to do.
func (s *Store) openEnd(ctx context.Context, bucket, name string, offset int64) (io.ReadCloser, blobs.Info, error) {
	out, err := s.head(ctx, bucket, name, nil)
	if err != nil {
		return nil, blobs.Info{}, awsfault.Wrap(err, "opening object")
	}
	if out.ContentLength == nil || out.LastModified == nil {
		return nil, blobs.Info{}, fault.New(fault.Unavailable, "opening object: the store did not say how large it is")
	}
	if *out.ContentLength > offset {
		return nil, blobs.Info{}, fault.New(fault.Conflict, "opening object: it was replaced meanwhile")
	}
	return io.NopCloser(bytes.NewReader(nil)), blobs.Info{Name: name, Bytes: *out.ContentLength, StoredAt: out.LastModified.UTC()}, nil
}

// infoOf reads what the answer says about the whole object.
func infoOf(name string, out *s3.GetObjectOutput) (blobs.Info, error) {
	if out.ContentLength == nil || out.LastModified == nil || out.ETag == nil {
		return blobs.Info{}, fault.New(fault.Unavailable, "opening object: the store did not say what it is")
	}
	info := blobs.Info{Name: name, Bytes: *out.ContentLength, StoredAt: out.LastModified.UTC()}
	if out.ContentRange != nil {
		_, total, _ := strings.Cut(*out.ContentRange, "/")
		n, err := strconv.ParseInt(total, 10, 64)
		if err != nil {
			return blobs.Info{}, fault.New(fault.Unavailable, "opening object: the store did not say how large it is")
		}
		info.Bytes = n
	}
	return info, nil
}

// forward brings an answer to byte at. A server may ignore the range it was asked for and answer with everything (RFC 9110, 14.2).
func forward(out *s3.GetObjectOutput, at int64) error {
	begins := int64(0)
	if out.ContentRange != nil {
		if _, err := fmt.Sscanf(*out.ContentRange, "bytes %d-", &begins); err != nil || begins > at {
			return fault.New(fault.Unavailable, "opening object: the store answered with another part")
		}
	}
	if _, err := io.CopyN(io.Discard, out.Body, at-begins); err != nil && !errors.Is(err, io.EOF) {
		return awsfault.Wrap(err, "skipping the beginning of object")
	}
	return nil
}

// reader reads one object over as many connections as it takes. It belongs to one goroutine.
type reader struct {
	get      func(in s3.GetObjectInput, at int64) (*s3.GetObjectOutput, context.CancelFunc, error)
	alive    func() error      // the error of the context it was opened with
	in       s3.GetObjectInput // pinned
	idle     time.Duration
	at, size int64
	body     io.ReadCloser // nil: to be asked for again
	cancel   context.CancelFunc
	resumes  int // since the last byte
	closed   bool
	err      error // for good
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	switch {
	case r.closed:
		return 0, fault.New(fault.Unavailable, "reading object: it is closed")
	case r.err != nil:
		return 0, r.err
	case len(p) == 0:
		return 0, nil
	}
	for {
		if r.body == nil {
			if err := r.resume(); err != nil {
				r.err = err
				return 0, err
			}
		}
		n, err := r.once(p)
		r.at += int64(n)
		switch {
		case err == io.EOF && r.at >= r.size: //nolint:errorlint // io.Reader: the end is io.EOF itself
			r.err = io.EOF
			return n, io.EOF
		case err == nil:
			r.resumes = 0
			return n, nil
		}
		_ = r.drop() // it is broken already
		if r.at >= r.size {
			// Every byte came, and only then an error: the checksum of the whole is another one, or was never looked at.
			r.err = fault.New(fault.Unavailable, "reading object: it arrived damaged")
			if cerr := r.alive(); cerr != nil {
				r.err = fault.Wrap(fault.Unavailable, cerr, "reading object")
			}
			return 0, r.err
		}
		if n > 0 {
			r.resumes = 0
			return n, nil
		}
	}
}

// once reads from the connection there is, for at most the idle time.
func (r *reader) once(p []byte) (int, error) {
	watch := time.AfterFunc(r.idle, r.cancel)
	n, err := r.body.Read(p)
	if !watch.Stop() && err == nil {
		// These bytes came in the very moment in which patience ended; what follows on this connection is lost.
		err = context.DeadlineExceeded
	}
	return n, err //nolint:wrapcheck // replaced by Read
}

// resume asks for the rest.
func (r *reader) resume() error {
	if err := r.alive(); err != nil {
		return fault.Wrap(fault.Unavailable, err, "reading object")
	}
	if r.resumes++; r.resumes > maxResumes {
		return fault.New(fault.Unavailable, "reading object: the connection breaks again and again")
	}
	out, cancel, err := r.get(r.in, r.at)
	switch class := awsfault.Class(err); {
	case class == fault.Conflict, class == fault.NotFound:
		return fault.New(fault.Conflict, "reading object: it was replaced or deleted after it was opened")
	case err != nil:
		return awsfault.Wrap(err, "reading object")
	}
	if err := forward(out, r.at); err != nil {
		cancel()
		_ = out.Body.Close() // it is of no use
		return err
	}
	r.body, r.cancel = out.Body, cancel
	return nil
}

// drop gives up the connection.
func (r *reader) drop() error {
	if r.body == nil {
		return nil
	}
	r.cancel()
	err := r.body.Close()
	r.body = nil
	return err //nolint:wrapcheck // classified by Close
}

// Close implements io.Closer. Closing twice is fine.
func (r *reader) Close() error {
	r.closed = true
	if r.body == nil {
		return nil
	}
	// The context ends after the body is closed, so that a connection whose body was read to the end can be used again.
	err := r.body.Close()
	r.cancel()
	r.body = nil
	return awsfault.Wrap(err, "closing object")
}
