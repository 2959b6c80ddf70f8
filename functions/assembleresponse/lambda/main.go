// Command lambda is the function AssembleResponse of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/assembleresponse"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/infra/cloud/objects"
)

func main() {
	lambdaboot.Step(func(a *parts.Parts) (lambdaboot.CaseStep, error) { return assembleresponse.New(a) }, lambdaboot.Objects(objects.Open))
}
