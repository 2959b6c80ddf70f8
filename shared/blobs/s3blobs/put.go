package s3blobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	tmtypes "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithymiddleware "github.com/aws/smithy-go/middleware"
	"github.com/google/uuid"

	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// markKey is the metadata by which a Put knows its own object again.
const markKey = "put"

// Put implements blobs.Store. Up to 8 MiB are one request, more are a multipart upload, which is aborted on error. S3 checks a
// CRC32 of every request. An answer that got lost is looked up, so an error means that nothing was stored, unless S3 could not be
// reached for the look-up either: then it is fault.Unavailable, and the object may be there, whole. Repeating a Put is safe.
func (s *Store) Put(ctx context.Context, name string, r io.Reader) (blobs.Info, error) {
	bucket, err := s.bucket(name)
	if err != nil {
		return blobs.Info{}, err
	}
	if err := ended(ctx, "storing object"); err != nil {
		return blobs.Info{}, err
	}
	src, mark := &source{r: r}, uuid.NewString()
	up := &uploads{S3APIClient: s.client, within: s.write}
	in := &transfermanager.UploadObjectInput{
		Bucket: &bucket, Key: &name, Body: src.reader(ctx), Metadata: map[string]string{markKey: mark},
	}
	sse, key, bucketKey := s.encryption()
	in.ServerSideEncryption, in.SSEKMSKeyID, in.BucketKeyEnabled = tmtypes.ServerSideEncryption(sse), key, bucketKey
	_, err = transfermanager.New(up, func(o *transfermanager.Options) {
		o.PartSizeBytes, o.MultipartUploadThreshold, o.Concurrency, o.FailTimeout = partBytes, partBytes, partsAtOnce, cleanUp
	}).UploadObject(ctx, in)
	if err == nil {
		err = up.failed
	}
	switch {
	case err == nil:
		return blobs.Info{Name: name, Bytes: src.bytes, StoredAt: up.at}, nil
	case src.err != nil:
		return blobs.Info{}, errors.Join(fmt.Errorf("reading what is to be stored: %w", src.err), up.left)
	case up.decided:
		if info, ok := s.stored(ctx, bucket, name, mark); ok {
			return info, nil
		}
	}
	if ctx.Err() != nil {
		err = ctx.Err() // whatever it made of what was under way
	}
	return blobs.Info{}, errors.Join(awsfault.Wrap(vanished(err), "storing object"), up.left)
}

// vanished gives its class to a multipart upload that a Delete of the same name aborted.
func vanished(err error) error {
	if awsfault.Code(err) == "NoSuchUpload" {
		return fault.New(fault.Conflict, "the object was deleted while it was written")
	}
	return err
}

// stored looks whether what a Put wrote is there although its answer said otherwise. The context may have ended with the answer.
func (s *Store) stored(ctx context.Context, bucket, name, mark string) (blobs.Info, bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	out, err := s.head(ctx, bucket, name, nil)
	if err != nil || out.Metadata[markKey] != mark || out.ContentLength == nil || out.LastModified == nil {
		return blobs.Info{}, false
	}
	return blobs.Info{Name: name, Bytes: *out.ContentLength, StoredAt: out.LastModified.UTC()}, true
}

// source is what is to be stored: it counts, and remembers why its reader failed.
type source struct {
	r     io.Reader
	bytes int64
	err   error
}

// reader returns the content, which ends with ctx.
func (s *source) reader(ctx context.Context) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err //nolint:wrapcheck // classified by Put
		}
		n, err := s.r.Read(p)
		s.bytes += int64(n)
		if err != nil && err != io.EOF {
			s.err = err
		}
		return n, err //nolint:wrapcheck // wrapped by Put
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// uploads stands between the transfer manager and S3. It bounds every request, because no client bounds the sending of a body,
// classifies errors, remembers whether the one request was sent that makes an object visible, and aborts by itself where the
// transfer manager would write to the standard log before it does.
type uploads struct {
	transfermanager.S3APIClient
	within  time.Duration
	decided bool
	at      time.Time
	failed  error // why a large object was not completed
	left    error // why parts may be left
}

// PutObject stores a small object.
func (u *uploads) PutObject(ctx context.Context, in *s3.PutObjectInput, o ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	u.decided = true
	ctx, cancel := context.WithTimeout(ctx, u.within)
	defer cancel()
	out, err := u.S3APIClient.PutObject(ctx, in, o...)
	if err != nil {
		return nil, awsfault.Wrap(err, "writing object")
	}
	u.at = servedAt(out.ResultMetadata)
	return out, nil
}

// CompleteMultipartUpload stores a large object. That it failed is remembered, not returned.
func (u *uploads) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput, o ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	u.decided = true
	bounded, cancel := context.WithTimeout(ctx, u.within)
	defer cancel()
	out, err := u.S3APIClient.CompleteMultipartUpload(bounded, in, o...)
	if err == nil {
		u.at = servedAt(out.ResultMetadata)
		return out, nil
	}
	u.failed = awsfault.Wrap(err, "completing object")
	fresh, end := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer end()
	// Never fails; see there.
	_, _ = u.AbortMultipartUpload(fresh, &s3.AbortMultipartUploadInput{Bucket: in.Bucket, Key: in.Key, UploadId: in.UploadId})
	return &s3.CompleteMultipartUploadOutput{}, nil
}

// CreateMultipartUpload begins a large object.
func (u *uploads) CreateMultipartUpload(ctx context.Context, in *s3.CreateMultipartUploadInput, o ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, u.within)
	defer cancel()
	out, err := u.S3APIClient.CreateMultipartUpload(ctx, in, o...)
	return out, awsfault.Wrap(err, "beginning object")
}

// AbortMultipartUpload removes what was written of a large object. That it failed is remembered and never stands in for the reason
// of aborting.
func (u *uploads) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput, o ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error) {
	if _, err := u.S3APIClient.AbortMultipartUpload(ctx, in, o...); err != nil && !missing(err) {
		u.left = awsfault.Wrap(err, "aborting upload of object")
	}
	return &s3.AbortMultipartUploadOutput{}, nil
}

// UploadPart stores a part of a large object.
func (u *uploads) UploadPart(ctx context.Context, in *s3.UploadPartInput, o ...func(*s3.Options)) (*s3.UploadPartOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, u.within)
	defer cancel()
	out, err := u.S3APIClient.UploadPart(ctx, in, o...)
	return out, awsfault.Wrap(err, "writing part of object")
}

// servedAt is when S3 answered. It spares a request for the time that S3 notes, which differs by the seconds of a long upload.
func servedAt(m smithymiddleware.Metadata) time.Time {
	at, ok := middleware.GetServerTime(m)
	if !ok {
		return time.Now().UTC()
	}
	return at.UTC()
}
