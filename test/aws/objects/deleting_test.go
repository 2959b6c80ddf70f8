package objects

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/habeas-dsar/habeas/shared/blobs/s3blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func version(t testing.TB, c *s3.Client, b string) {
	t.Helper()
	_, err := c.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &b, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// inPagesOfTwo makes lists of versions and uploads go over several pages.
func inPagesOfTwo(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("InPagesOfTwo",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				switch p := in.Parameters.(type) {
				case *s3.ListObjectVersionsInput:
					p.MaxKeys = aws.Int32(2)
				case *s3.ListMultipartUploadsInput:
					p.MaxUploads = aws.Int32(2)
				}
				return next.HandleInitialize(ctx, in)
			}), middleware.After)
	})
}

// left counts versions and delete markers of every object by name.
func left(t testing.TB, c *s3.Client, b string) map[string]int {
	t.Helper()
	out, err := c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &b})
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, v := range out.Versions {
		n[*v.Key]++
	}
	for _, m := range out.DeleteMarkers {
		n[*m.Key]++
	}
	return n
}

// TestDeleteLeavesNoVersion: neither a version, nor a delete marker, nor a part of an upload outlives Delete, and no other object is
// touched, however alike its name.
func TestDeleteLeavesNoVersion(t *testing.T) {
	clouds(t, func(t *testing.T, connect connector) {
		clean := connect(t)
		for _, versioned := range []bool{true, false} {
			b := bucket(t, clean)
			if versioned {
				version(t, clean, b)
			}
			store := open(t, connect(t, inPagesOfTwo), s3blobs.Options{Buckets: map[string]string{"": b}})
			for _, name := range []string{"d/a", "d/ab", "d/a/b", "d/a-", "d/a"} {
				for range 3 {
					if _, err := store.Put(t.Context(), name, strings.NewReader("x")); err != nil {
						t.Fatal(err)
					}
				}
				if versioned && name == "d/a" {
					if _, err := clean.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b, Key: &name}); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, name := range []string{"d/a", "d/ab", "d/a", "d/a"} {
				up, err := clean.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &b, Key: &name})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := clean.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &b, Key: &name, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("part")}); err != nil {
					t.Fatal(err)
				}
			}
			before := left(t, clean, b)
			if before["d/a"] == 0 || uploads(t, clean, b) != 4 {
				t.Fatalf("%d versions and %d uploads: the test would prove nothing", before["d/a"], uploads(t, clean, b))
			}
			for range 2 {
				if err := store.Delete(t.Context(), "d/a"); err != nil {
					t.Fatalf("versioned %t: %v", versioned, err)
				}
			}
			after := left(t, clean, b)
			if after["d/a"] != 0 || uploads(t, clean, b) != 1 {
				t.Errorf("versioned %t: %d versions of the object are left, and %d uploads, want none and that of another", versioned, after["d/a"], uploads(t, clean, b))
			}
			for _, name := range []string{"d/ab", "d/a/b", "d/a-"} {
				if after[name] != before[name] || after[name] == 0 {
					t.Errorf("versioned %t: %d versions of %s are left, want %d", versioned, after[name], name, before[name])
				}
			}
		}
	})
}

// TestLockedStays: what Object Lock keeps cannot be deleted, is not hidden either, and the error says why.
func TestLockedStays(t *testing.T) {
	clouds(t, func(t *testing.T, connect connector) {
		c := connect(t)
		b := bucket(t, c, func(in *s3.CreateBucketInput) { in.ObjectLockEnabledForBucket = aws.Bool(true) })
		_, err := c.PutObjectLockConfiguration(t.Context(), &s3.PutObjectLockConfigurationInput{
			Bucket: &b, ObjectLockConfiguration: &types.ObjectLockConfiguration{
				ObjectLockEnabled: types.ObjectLockEnabledEnabled,
				Rule:              &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: types.ObjectLockRetentionModeCompliance, Days: aws.Int32(1)}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		store := open(t, c, s3blobs.Options{Buckets: map[string]string{"evidence": b}})
		const name = "evidence/acme/checkpoints/000000000001"
		for _, doc := range []string{"first", "second"} {
			if _, err := store.Put(t.Context(), name, strings.NewReader(doc)); err != nil {
				t.Fatal(err)
			}
			// versitygw obeys the default of the bucket and does not show it.
			_, err := c.PutObjectRetention(t.Context(), &s3.PutObjectRetentionInput{Bucket: &b, Key: new(name), Retention: &types.ObjectLockRetention{
				Mode: types.ObjectLockRetentionModeCompliance, RetainUntilDate: aws.Time(time.Now().Add(48 * time.Hour)),
			}})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := store.Delete(t.Context(), name); !fault.Has(err, fault.Forbidden) || !strings.Contains(err.Error(), "locked") {
			t.Errorf("Delete: %v, want forbidden", err)
		}
		if n := left(t, c, b)[name]; n != 2 {
			t.Errorf("%d versions are left, want both", n)
		}
		if got, err := read(t, store, name, 0); err != nil || string(got) != "second" {
			t.Errorf("%q is read (%v)", got, err)
		}
	})
}

// TestDeleteInTrouble: one trouble is overcome; one that lasts is told by its class, and the repetition finishes the work.
func TestDeleteInTrouble(t *testing.T) {
	clouds(t, func(t *testing.T, connect connector) {
		f := &faults{}
		c, clean := connect(t, f.in), connect(t)
		b := bucket(t, clean)
		version(t, clean, b)
		store := open(t, c, s3blobs.Options{Buckets: map[string]string{"": b}})
		for _, operation := range []string{"ListMultipartUploads", "AbortMultipartUpload", "ListObjectVersions", "DeleteObject", "HeadObject"} {
			for kind, class := range map[trouble]fault.Class{refused: fault.Throttled, failing: fault.Unavailable, lost: fault.Unavailable, unanswered: fault.Unavailable} {
				for ever, what := range map[bool]func(string, int) trouble{false: once(operation, kind), true: always(operation, kind)} {
					f.set(nil)
					for range 2 {
						if _, err := store.Put(t.Context(), "a", strings.NewReader("x")); err != nil {
							t.Fatal(err)
						}
					}
					if _, err := clean.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &b, Key: new("a")}); err != nil {
						t.Fatal(err)
					}
					f.set(what)
					if err := store.Delete(t.Context(), "a"); (err != nil) != ever || (err != nil && !fault.Has(err, class)) {
						t.Errorf("%s in trouble %d, for ever %t: %v", operation, kind, ever, err)
					}
					f.set(nil)
					if err := store.Delete(t.Context(), "a"); err != nil || left(t, clean, b)["a"] != 0 || uploads(t, clean, b) != 0 {
						t.Errorf("%s in trouble %d, for ever %t: again: %v", operation, kind, ever, err)
					}
				}
			}
		}
	})
}

// TestListInTrouble: a list is whole or an error.
func TestListInTrouble(t *testing.T) {
	f := &faults{}
	c := ministack(t, f.in)
	store := open(t, c, s3blobs.Options{Buckets: map[string]string{"": bucket(t, c), "raw": bucket(t, c)}})
	for _, name := range []string{"b/1", "raw/1", "z/1"} {
		if _, err := store.Put(t.Context(), name, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	for kind, class := range map[trouble]fault.Class{refused: fault.Throttled, failing: fault.Unavailable, lost: fault.Unavailable, unanswered: fault.Unavailable} {
		f.set(once("ListObjectsV2", kind))
		if page, err := store.List(t.Context(), "", "", 0); err != nil || len(page.Objects) != 3 || page.Objects[1].Name != "raw/1" {
			t.Errorf("trouble %d: %d objects, %v", kind, len(page.Objects), err)
		}
		f.set(func(op string, n int) trouble { // of the second bucket only
			if op == "ListObjectsV2" && n > 1 {
				return kind
			}
			return none
		})
		if page, err := store.List(t.Context(), "", "", 0); !fault.Has(err, class) || len(page.Objects) != 0 {
			t.Errorf("trouble %d for ever: %d objects, %v, want %s", kind, len(page.Objects), err, class)
		}
	}
}

// TestBuckets: names find their buckets, what is nobody's stays out, and what is not set up says so.
func TestBuckets(t *testing.T) {
	c := ministack(t)
	raw, rest := bucket(t, c), bucket(t, c)
	store := open(t, c, s3blobs.Options{Buckets: map[string]string{"raw": raw, "spool": raw, "": rest}})
	for _, name := range []string{"raw", "raw/1", "spool/1", "rawer/1", "other"} {
		if _, err := store.Put(t.Context(), name, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := len(left(t, c, raw)), 3; got != want {
		t.Errorf("%d objects in the bucket of raw and spool, want %d", got, want)
	}
	for b, keys := range map[string][]string{raw: {"raw/", "raw/a b", "other/1"}, rest: {"raw/2"}} {
		for _, key := range keys {
			if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b, Key: &key}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for prefix, want := range map[string]string{
		"": "other raw raw/1 rawer/1 spool/1", "raw": "raw raw/1 rawer/1", "raw/": "raw/1", "r": "raw raw/1 rawer/1", "s": "spool/1", "spool/": "spool/1", "x": "",
	} {
		for _, limit := range []int{0, 1, 2} {
			if got := strings.Join(names(t, store, prefix, limit), " "); got != want {
				t.Errorf("List(%q) in pages of %d: %s, want %s", prefix, limit, got, want)
			}
		}
	}
	only := open(t, c, s3blobs.Options{Buckets: map[string]string{"raw": raw}})
	gone := open(t, c, s3blobs.Options{Buckets: map[string]string{"": "habeas-no-such-bucket"}})
	for what, s := range map[string]*s3blobs.Store{"no bucket": only, "a bucket that is not there": gone} {
		_, err1 := s.Put(t.Context(), "a", strings.NewReader("x"))
		_, _, err2 := s.Open(t.Context(), "a", 0)
		err3 := s.Delete(t.Context(), "a")
		_, err4 := s.Download(t.Context(), "inbox/a", "a", time.Minute)
		for i, err := range []error{err1, err2, err3, err4} {
			// HEAD, which Download begins with, does not tell a missing bucket from a missing object.
			if !fault.Has(err, fault.Misconfigured) && (i != 3 || s != gone || !fault.Has(err, fault.NotFound)) {
				t.Errorf("%s, call %d: %v, want misconfigured", what, i, err)
			}
		}
	}
	for _, o := range []s3blobs.Options{{}, {Buckets: map[string]string{"": ""}}, {Buckets: map[string]string{"a/b": "x"}}} {
		if _, err := s3blobs.New(c, o); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("New: %v, want misconfigured", err)
		}
	}
}

func names(t testing.TB, s *s3blobs.Store, prefix string, limit int) []string {
	t.Helper()
	var out []string
	for cursor := ""; ; {
		page, err := s.List(t.Context(), prefix, cursor, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Objects {
			out = append(out, o.Name)
		}
		if cursor = page.Next; cursor == "" {
			return out
		}
	}
}

// damaging changes a byte of every object on its way.
type damaging struct{ next aws.HTTPClient }

func (d *damaging) Do(req *http.Request) (*http.Response, error) {
	res, err := d.next.Do(req)
	if err != nil || req.Method != http.MethodGet || res.StatusCode != http.StatusOK {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	if len(body) > 0 {
		body[len(body)/2] ^= 1
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}
