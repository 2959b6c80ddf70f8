package enginetest

import (
	"testing"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/blobs/blobstest"
)

func TestStoreKeepsToTheContract(t *testing.T) {
	blobstest.Run(t, func(testing.TB) blobs.Store { return NewStore() })
}
