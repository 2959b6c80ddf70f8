// Command lambda is the function DisposeRecords of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/disposerecords"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
)

func main() {
	lambdaboot.Clockwork(disposerecords.Clockwork, lambdaboot.Objects, lambdaboot.Proof)
}
