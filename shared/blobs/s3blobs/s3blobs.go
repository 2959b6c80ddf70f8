// Package s3blobs is the object store on AWS: package blobs over S3.
//
// An object is one S3 object under its own name; the first part of the name chooses the bucket. S3 answers reads with what was
// written last and lists in bytewise order of name, so the contract needs no index and no lock. Buckets may be versioned or not:
// reading is pinned to what was opened, and deleting takes every version.
//
// What the buckets bring and the driver relies on: lifecycle rules that abort multipart uploads left by killed processes (until
// then they are billed, and visible to nobody but Delete, which aborts those of its object), and a role with s3:GetObject,
// s3:GetObjectVersion, s3:PutObject, s3:DeleteObject, s3:DeleteObjectVersion, s3:AbortMultipartUpload, s3:ListBucket,
// s3:ListBucketVersions and s3:ListBucketMultipartUploads. Without s3:ListBucket S3 says 403 of a missing object, which is
// fault.Misconfigured here. On a bucket with Object Lock also s3:GetObjectRetention and s3:GetObjectLegalHold.
//
// Nothing goes on after a call, and nothing is kept between calls: a Lambda may be frozen after each. What a reader holds is one
// connection; what a Put holds is three parts of 8 MiB. A Put or an Open is one request, unless the object is large or there is
// trouble; a Delete is four (uploads, versions, the version, and a look whether it is gone), of which two are billed as lists.
package s3blobs

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Bounds of memory and patience.
const (
	partBytes    = 8 << 20 // S3 takes parts from 5 MiB and at most 10,000 of them: objects end at 78 GiB
	partsAtOnce  = 2       // of one Put; with the part being read a Put holds three
	defaultIdle  = 30 * time.Second
	defaultWrite = 2 * time.Minute
	cleanUp      = 10 * time.Second // for what follows a failure, whatever became of the context
	maxResumes   = 4                // of a reader, in a row and without a byte between them
	deleteRounds = 3
)

// Options say where objects are and how they are guarded.
type Options struct {
	// Buckets maps the first part of a name to its bucket; "" is the bucket of all others. A name that has no bucket is
	// fault.Misconfigured.
	Buckets map[string]string
	// KMSKey is the ARN of the key that S3 encrypts under (SSE-KMS with a bucket key); "" = the default of the bucket.
	KMSKey string
	// Idle is how long a Read may wait for the next byte before the object is asked for again; 0 = 30 s.
	Idle time.Duration
	// Write is how long a request of a Put, which sends at most 8 MiB, may take with its repetitions; 0 = 2 min.
	Write time.Duration
}

// Store is a blobs.Store and a blobs.HandOver over S3. Make one with New; safe for use by several goroutines.
type Store struct {
	client  *s3.Client
	buckets map[string]string
	key     string
	idle    time.Duration
	write   time.Duration
}

var (
	_ blobs.Store    = (*Store)(nil)
	_ blobs.HandOver = (*Store)(nil)
)

// New returns the store. Retries, time-outs and addressing are those of client. Options that name no bucket, or an empty one, are
// fault.Misconfigured; whether the buckets exist shows when they are used.
func New(client *s3.Client, o Options) (*Store, error) {
	if len(o.Buckets) == 0 {
		return nil, fault.New(fault.Misconfigured, "no bucket is set")
	}
	for part, bucket := range o.Buckets {
		if bucket == "" || strings.Contains(part, "/") {
			return nil, fault.New(fault.Misconfigured, "a bucket has no name, or is for more than the first part of names")
		}
	}
	if o.Idle <= 0 {
		o.Idle = defaultIdle
	}
	if o.Write <= 0 {
		o.Write = defaultWrite
	}
	return &Store{client: client, buckets: maps.Clone(o.Buckets), key: o.KMSKey, idle: o.Idle, write: o.Write}, nil
}

// bucket returns where the object is, or the class of why it is nowhere.
func (s *Store) bucket(name string) (string, error) {
	if err := blobs.CheckName(name); err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(name, "/")
	if b, ok := s.buckets[first]; ok {
		return b, nil
	}
	if b, ok := s.buckets[""]; ok {
		return b, nil
	}
	return "", fault.New(fault.Misconfigured, "no bucket is set for objects of this kind")
}

// spanned returns the buckets that may hold objects whose names begin with prefix, each once, in order.
func (s *Store) spanned(prefix string) []string {
	first, _, whole := strings.Cut(prefix, "/")
	if b, ok := s.buckets[first]; ok && whole {
		return []string{b}
	}
	var out []string
	for part, b := range s.buckets {
		if part == "" || !whole && strings.HasPrefix(part, first) {
			out = append(out, b)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// encryption returns the headers of a write: which encryption, key and bucket key.
func (s *Store) encryption() (types.ServerSideEncryption, *string, *bool) {
	if s.key == "" {
		return "", nil, nil
	}
	// A bucket key spares a call of KMS per object.
	return types.ServerSideEncryptionAwsKms, aws.String(s.key), aws.Bool(true)
}

func ended(ctx context.Context, doing string) error {
	return fault.Wrap(fault.Unavailable, ctx.Err(), doing)
}

// missing reports whether S3 said that there is no such object, version or upload.
func missing(err error) bool { return awsfault.Class(err) == fault.NotFound }

// head asks for an object, or for one version of it.
func (s *Store) head(ctx context.Context, bucket, name string, version *string) (*s3.HeadObjectOutput, error) {
	return s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &name, VersionId: version})
}
