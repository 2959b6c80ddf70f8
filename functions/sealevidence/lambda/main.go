// Command lambda is the function SealEvidence of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/sealevidence"
	"github.com/habeas-dsar/habeas/infra/cloud/objects"
)

func main() {
	lambdaboot.Clockwork(sealevidence.Clockwork, lambdaboot.Proof(objects.Open))
}
