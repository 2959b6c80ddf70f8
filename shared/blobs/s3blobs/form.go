package s3blobs

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// anyBytes is the media type of every object put by a form: whatever it is called, no browser shows it as a page of the bucket.
const anyBytes = "application/octet-stream"

// Form implements blobs.HandOver by a POST policy (Amazon S3 API Reference, "Creating a POST policy"): bucket, name, length, media
// type, encryption and the way back are conditions of it, and S3 refuses a form with any other, or one more, field.
func (s *Store) Form(ctx context.Context, name string, f blobs.FormUpload) (blobs.Form, error) {
	if err := f.Check(name); err != nil {
		return blobs.Form{}, err
	}
	bucket, err := s.bucket(name)
	if err != nil {
		return blobs.Form{}, err
	}
	fixed := map[string]string{"Content-Type": anyBytes, "success_action_redirect": f.Then}
	if kind, key, _ := s.encryption(); key != nil {
		fixed["x-amz-server-side-encryption"], fixed["x-amz-server-side-encryption-aws-kms-key-id"] = string(kind), *key
		fixed["x-amz-server-side-encryption-bucket-key-enabled"] = "true"
	}
	conditions := []any{[]any{"content-length-range", 1, f.MaxBytes}}
	for field, value := range fixed {
		conditions = append(conditions, map[string]string{field: value})
	}
	now := time.Now()
	req, err := s3.NewPresignClient(s.client).PresignPostObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &name}, func(o *s3.PresignPostOptions) {
		o.Expires, o.Conditions = f.Life, conditions
	})
	if err != nil {
		return blobs.Form{}, awsfault.Wrap(err, "signing form of upload")
	}
	if !strings.HasPrefix(req.URL, "http") || req.Values["policy"] == "" {
		return blobs.Form{}, fault.New(fault.Internal, "signing form of upload: there is none")
	}
	out := blobs.Form{URL: redact.NewText(req.URL), ExpiresAt: now.Add(f.Life).UTC().Truncate(time.Second)}
	for _, values := range []map[string]string{fixed, req.Values} {
		for field, value := range values {
			out.Fields = append(out.Fields, blobs.FormField{Name: field, Value: redact.NewText(value)})
		}
	}
	slices.SortFunc(out.Fields, func(a, b blobs.FormField) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
