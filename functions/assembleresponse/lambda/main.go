// Command lambda is the function AssembleResponse of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/assembleresponse"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/infra/cloud/objects"
)

func main() {
	lambdaboot.Step(assembleresponse.New, lambdaboot.Objects(objects.Open))
}
