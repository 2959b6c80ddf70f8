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

// clouds runs a test on every emulator of S3.
func clouds(t *testing.T, test func(t *testing.T, cfg aws.Config)) {
	t.Run("ministack", func(t *testing.T) { test(t, emulator.Ministack(t).Config(t, "")) })
	t.Run("versitygw", func(t *testing.T) { test(t, emulator.Versity(t).Config(t, "")) })
}

func TestForms(t *testing.T) {
	clouds(t, func(t *testing.T, cfg aws.Config) {
		blobstest.RunForms(t, func(t testing.TB) (blobs.Store, blobs.HandOver) {
			s := open(t, cfg)
			return s, s
		})
	})
}
