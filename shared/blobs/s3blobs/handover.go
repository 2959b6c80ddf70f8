package s3blobs

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Upload implements blobs.HandOver by a presigned PUT. Length, media type, encryption and checksum are signed as headers: S3
// refuses a request that leaves one out or changes it, and a body of another SHA-256. It ends earlier than ExpiresAt when the
// credentials of this process do.
func (s *Store) Upload(ctx context.Context, name string, u blobs.Upload) (blobs.Address, error) {
	if err := u.Check(name); err != nil {
		return blobs.Address{}, err
	}
	bucket, err := s.bucket(name)
	if err != nil {
		return blobs.Address{}, err
	}
	in := &s3.PutObjectInput{Bucket: &bucket, Key: &name, ContentLength: &u.Bytes, ContentType: &u.MediaType}
	in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled = s.encryption()
	if u.SHA256 != [32]byte{} {
		in.ChecksumSHA256 = new(base64.StdEncoding.EncodeToString(u.SHA256[:]))
	}
	now := time.Now()
	req, err := s.presigner(u.Life).PresignPutObject(ctx, in)
	return address(req, now.Add(u.Life), err, "signing address of upload")
}

// Download implements blobs.HandOver by a presigned GET.
func (s *Store) Download(ctx context.Context, name, filename string, life time.Duration) (blobs.Address, error) {
	if err := blobs.CheckDownload(name, filename, life); err != nil {
		return blobs.Address{}, err
	}
	bucket, err := s.bucket(name)
	if err != nil {
		return blobs.Address{}, err
	}
	if _, err := s.head(ctx, bucket, name, nil); err != nil {
		return blobs.Address{}, awsfault.Wrap(err, "looking for object to hand over")
	}
	now := time.Now()
	req, err := s.presigner(life).PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: &bucket, Key: &name,
		ResponseContentDisposition: new(`attachment; filename="` + filename + `"`),
		ResponseCacheControl:       new("no-store"),
		// Whatever was uploaded as, no browser shows it as a page of the bucket.
		ResponseContentType: new(blobs.MediaTypeOf(filename)),
	})
	return address(req, now.Add(life), err, "signing address of download")
}

// presigner signs for life. Headers stay headers: moved into the query, as is the default, S3 would not compare them with what the
// client sends.
func (s *Store) presigner(life time.Duration) *s3.PresignClient {
	return s3.NewPresignClient(s.client, s3.WithPresignExpires(life), func(o *s3.PresignOptions) {
		o.Presigner = v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping, o.DisableHeaderHoisting = true, true })
	})
}

// address gives out what was signed.
func address(req *v4.PresignedHTTPRequest, expires time.Time, err error, doing string) (blobs.Address, error) {
	if err != nil {
		return blobs.Address{}, awsfault.Wrap(err, doing)
	}
	if !strings.HasPrefix(req.URL, "http") || req.Method == "" {
		return blobs.Address{}, fault.New(fault.Internal, doing+": there is none")
	}
	a := blobs.Address{URL: redact.NewText(req.URL), Header: map[string]string{}, ExpiresAt: expires.UTC().Truncate(time.Second)}
	for name, values := range req.SignedHeader {
		if name = http.CanonicalHeaderKey(name); name != "Host" {
			a.Header[name] = strings.Join(values, ",")
		}
	}
	return a, nil
}
