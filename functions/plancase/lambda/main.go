// Command lambda is the function PlanCase of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/functions/plancase"
)

func main() {
	lambdaboot.Step(func(a *parts.Parts) (lambdaboot.CaseStep, error) { return plancase.New(a) })
}
