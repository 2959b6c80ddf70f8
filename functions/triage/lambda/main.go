// Command lambda is the function Triage of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/functions/triage"
)

func main() {
	lambdaboot.Step(func(a *parts.Parts) (lambdaboot.CaseStep, error) { return triage.New(a) })
}
