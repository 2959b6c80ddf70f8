// Package objects holds the drivers of the object store, the keys and the secrets on AWS to their contracts, on emulators and with
// faults in front of them.
package objects

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

// clouds are the emulators that every test of the object store runs on.
func clouds(t *testing.T, test func(t *testing.T, connect connector)) {
	t.Run("ministack", func(t *testing.T) { test(t, ministack) })
	t.Run("versitygw", func(t *testing.T) { test(t, versity) })
}

// connector makes a client of an emulator's S3. Emulators have no name per bucket, so the bucket stands in the path.
type connector func(t testing.TB, o ...func(*s3.Options)) *s3.Client

func ministack(t testing.TB, o ...func(*s3.Options)) *s3.Client {
	t.Helper()
	return s3.NewFromConfig(emulator.Ministack(t).Config(t, ""), append([]func(*s3.Options){pathStyle}, o...)...)
}

func versity(t testing.TB, o ...func(*s3.Options)) *s3.Client {
	t.Helper()
	return s3.NewFromConfig(emulator.Versity(t).Config(t, ""), append([]func(*s3.Options){pathStyle, asFiles}, o...)...)
}

func pathStyle(o *s3.Options) { o.UsePathStyle = true }

// bucket makes an empty bucket of its own.
func bucket(t testing.TB, c *s3.Client, o ...func(*s3.CreateBucketInput)) string {
	t.Helper()
	in := &s3.CreateBucketInput{
		Bucket:                    aws.String("b-" + uuid.NewString()),
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: emulator.Region},
	}
	for _, change := range o {
		change(in)
	}
	if _, err := c.CreateBucket(t.Context(), in); err != nil {
		t.Fatalf("creating a bucket: %v", err)
	}
	return *in.Bucket
}

func open(t testing.TB, c *s3.Client, o s3blobs.Options) *s3blobs.Store {
	t.Helper()
	s, err := s3blobs.New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	clouds(t, func(t *testing.T, connect connector) {
		blobstest.Run(t, func(t testing.TB) blobs.Store {
			c := connect(t)
			return open(t, c, s3blobs.Options{Buckets: map[string]string{"": bucket(t, c)}})
		})
	})
}

// TestContractOverSeveralBuckets: to who uses the store, buckets do not show.
func TestContractOverSeveralBuckets(t *testing.T) {
	clouds(t, func(t *testing.T, connect connector) {
		blobstest.Run(t, func(t testing.TB) blobs.Store {
			c := connect(t)
			other := bucket(t, c)
			return open(t, c, s3blobs.Options{Buckets: map[string]string{"": bucket(t, c), "a": bucket(t, c), "aa": other, "b": other, "p": bucket(t, c)}})
		})
	})
}
