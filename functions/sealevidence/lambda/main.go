// Command lambda is the function SealEvidence of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/sealevidence"
)

func main() {
	lambdaboot.Clockwork(sealevidence.Clockwork, lambdaboot.Proof)
}
