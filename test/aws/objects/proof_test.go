package objects

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/shared/blobs/s3blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
)

// TestProofInALockedBucket: what is kept in a bucket with Object Lock is kept once, listed whole, and outlives whoever deletes it.
func TestProofInALockedBucket(t *testing.T) {
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
		keep, note := cloud.Keep(store), cloud.Shredding(store)
		const name = "evidence/acme/checkpoints/000000000001"
		for range 2 {
			if err := keep(t.Context(), name, []byte("signed")); err != nil {
				t.Fatal(err)
			}
		}
		if err := keep(t.Context(), name, []byte("forged")); !fault.Has(err, fault.Conflict) {
			t.Errorf("keeping another under its name: %v, want conflict", err)
		}
		if n := left(t, c, b)[name]; n != 1 {
			t.Errorf("%d versions are kept, want one", n)
		}
		at := time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)
		for n := range 3 {
			if err := note(t.Context(), keys.Tombstone{Tenant: "acme", ID: []string{"a", "b", "a"}[n], At: at.Add(time.Duration(n) * time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}
		for _, kept := range []string{name, "evidence/shredded/keys/acme/a"} {
			if err := store.Delete(t.Context(), kept); err == nil {
				t.Errorf("%s can be deleted", kept)
			}
		}
		listed := map[string]time.Time{}
		for tombstone, err := range cloud.Shredded(t.Context(), store) {
			if err != nil {
				t.Fatal(err)
			}
			listed[tombstone.ID] = tombstone.At
		}
		if len(listed) != 2 || !listed["a"].Equal(at.Add(2*time.Hour)) || !listed["b"].Equal(at.Add(time.Hour)) {
			t.Errorf("listed are %v, want both keys as they were noted last", listed)
		}
	})
}
