package s3blobs

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Delete implements blobs.Store. It takes every version and delete marker one by one, never by adding a marker, aborts uploads of
// the object that are under way or were left, and looks whether it is gone. An object that Object Lock keeps is fault.Forbidden
// and stays as it is. One that is written anew all the time is fault.Conflict.
func (s *Store) Delete(ctx context.Context, name string) error {
	bucket, err := s.bucket(name)
	if err != nil {
		return err
	}
	if err := ended(ctx, "deleting object"); err != nil {
		return err
	}
	if err := s.abortUploads(ctx, bucket, name); err != nil {
		return err
	}
	for range deleteRounds {
		if err := s.deleteVersions(ctx, bucket, name); err != nil {
			return err
		}
		_, err := s.head(ctx, bucket, name, nil)
		if missing(err) {
			return nil
		}
		if err != nil {
			return awsfault.Wrap(err, "looking whether the object is deleted")
		}
	}
	return errGrows
}

// maxPages bounds how many versions, and uploads, one Delete takes: a thousand times this.
const maxPages = 1000

var errGrows = fault.New(fault.Conflict, "deleting object: it is written anew all the time")

// deleteVersions deletes what is there of the object, delete markers included. A bucket that is not versioned has one version.
func (s *Store) deleteVersions(ctx context.Context, bucket, name string) error {
	// What was deleted leaves the list, so every page is the first. The list is in order of name: behind the object stand longer
	// names only.
	for range maxPages {
		out, err := s.client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: &name})
		if err != nil {
			return awsfault.Wrap(err, "listing versions of object")
		}
		var versions []*string
		for _, v := range out.Versions {
			if aws.ToString(v.Key) == name {
				versions = append(versions, v.VersionId)
			}
		}
		for _, m := range out.DeleteMarkers {
			if aws.ToString(m.Key) == name {
				versions = append(versions, m.VersionId)
			}
		}
		for _, v := range versions {
			if err := s.deleteVersion(ctx, bucket, name, v); err != nil {
				return err
			}
		}
		if len(versions) == 0 || !aws.ToBool(out.IsTruncated) {
			return nil
		}
	}
	return errGrows
}

func (s *Store) deleteVersion(ctx context.Context, bucket, name string, version *string) error {
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &name, VersionId: version})
	if err == nil || missing(err) {
		return nil
	}
	// S3 says AccessDenied both of a lock and of a role that may not delete.
	if awsfault.Class(err) == fault.Misconfigured && s.locked(ctx, bucket, name, version) {
		return fault.Wrap(fault.Forbidden, errors.New(awsfault.Code(err)), "deleting object: it is locked")
	}
	return awsfault.Wrap(err, "deleting object")
}

// locked reports whether Object Lock keeps the version.
func (s *Store) locked(ctx context.Context, bucket, name string, version *string) bool {
	out, err := s.head(ctx, bucket, name, version)
	return err == nil && (out.ObjectLockRetainUntilDate != nil || out.ObjectLockLegalHoldStatus == types.ObjectLockLegalHoldStatusOn)
}

// abortUploads aborts the multipart uploads of the object, whose parts are kept and billed until then.
func (s *Store) abortUploads(ctx context.Context, bucket, name string) error {
	for range maxPages {
		out, err := s.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &bucket, Prefix: &name})
		if err != nil {
			return awsfault.Wrap(err, "listing uploads of object")
		}
		ours := 0
		for _, u := range out.Uploads {
			if aws.ToString(u.Key) != name {
				continue // a longer name
			}
			ours++
			_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: &name, UploadId: u.UploadId})
			if err != nil && !missing(err) {
				return awsfault.Wrap(err, "aborting upload of object")
			}
		}
		if ours == 0 || !aws.ToBool(out.IsTruncated) {
			return nil
		}
	}
	return errGrows
}
