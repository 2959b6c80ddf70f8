// Package handover proves on emulators of S3 what is handed over past the process: forms by which a browser puts a file.
package handover

import (
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/uuid"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/blobs/blobstest"
	"github.com/habeas-dsar/habeas/shared/blobs/s3blobs"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

// open makes a store on a bucket of its own.
func open(t testing.TB, cfg aws.Config) *s3blobs.Store {
	t.Helper()
	c := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	name := "h-" + uuid.NewString()
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &name, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: emulator.Region},
	}); err != nil {
		t.Fatalf("creating a bucket: %v", err)
	}
	s, err := s3blobs.New(c, s3blobs.Options{Buckets: map[string]string{"": name}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestForms(t *testing.T) {
	t.Run("ministack", func(t *testing.T) {
		blobstest.RunForms(t, func(t testing.TB) (blobs.Store, blobs.HandOver) {
			s := open(t, emulator.Ministack(t).Config(t, ""))
			return s, s
		})
	})
	t.Run("versitygw", func(t *testing.T) {
		blobstest.RunForms(t, func(t testing.TB) (blobs.Store, blobs.HandOver) {
			s := open(t, emulator.Versity(t).Config(t, ""))
			return s, s
		})
	})
}
