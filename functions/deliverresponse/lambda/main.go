// Command lambda is the function DeliverResponse of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/deliverresponse"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
)

func main() {
	lambdaboot.Step(func(a *parts.Parts) (lambdaboot.CaseStep, error) { return deliverresponse.New(a) })
}
