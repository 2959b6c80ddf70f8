package s3blobs

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// List implements blobs.Store. A cursor is the name of the last object before it, so it stays good while objects come and go. A
// prefix that spans buckets costs a request for each of them. Objects that others put there under names that are none of ours, or
// in the wrong bucket, are not listed.
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
	if err := ended(ctx, "listing objects"); err != nil {
		return blobs.Page{}, err
	}
	var page blobs.Page
	more := false
	buckets := s.spanned(prefix)
	for _, bucket := range buckets {
		objects, left, err := s.listBucket(ctx, bucket, prefix, cursor, limit)
		if err != nil {
			return blobs.Page{}, err
		}
		page.Objects, more = append(page.Objects, objects...), more || left
	}
	if len(buckets) > 1 {
		slices.SortFunc(page.Objects, func(a, b blobs.Info) int { return cmp.Compare(a.Name, b.Name) })
	}
	if len(page.Objects) > limit {
		page.Objects, more = page.Objects[:limit], true
	}
	if more {
		page.Next = page.Objects[len(page.Objects)-1].Name
	}
	return page, nil
}

// listBucket returns the first objects after cursor, limit of them when there are as many. left says that there may be others.
func (s *Store) listBucket(ctx context.Context, bucket, prefix, cursor string, limit int) (objects []blobs.Info, left bool, err error) {
	in := &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix}
	if cursor != "" {
		in.StartAfter = &cursor
	}
	for {
		in.MaxKeys = aws.Int32(int32(limit - len(objects)))
		out, err := s.client.ListObjectsV2(ctx, in)
		if err != nil {
			return nil, false, awsfault.Wrap(err, "listing objects")
		}
		for _, o := range out.Contents {
			name := aws.ToString(o.Key)
			if home, err := s.bucket(name); err != nil || home != bucket {
				continue
			}
			objects = append(objects, blobs.Info{Name: name, Bytes: aws.ToInt64(o.Size), StoredAt: aws.ToTime(o.LastModified).UTC()})
		}
		if !aws.ToBool(out.IsTruncated) {
			return objects, false, nil
		}
		if len(objects) >= limit {
			return objects, true, nil
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}
