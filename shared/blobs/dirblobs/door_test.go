package dirblobs_test

import (
	"testing"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/blobs/blobstest"
	"github.com/habeas-dsar/habeas/shared/blobs/dirblobs"
)

// TestForms holds the stand-in that other tests hand over by to the suite that the driver for S3 passes.
func TestForms(t *testing.T) {
	blobstest.RunForms(t, func(t testing.TB) (blobs.Store, blobs.HandOver) {
		store, err := dirblobs.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return store, blobstest.NewDoor(t, store)
	})
}
