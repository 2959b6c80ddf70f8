// Command lambda is the function DisposeRecords of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/disposerecords"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/infra/cloud/objects"
)

func main() {
	lambdaboot.Clockwork(disposerecords.Clockwork, lambdaboot.Objects(objects.Open), lambdaboot.Proof(objects.Open))
}
