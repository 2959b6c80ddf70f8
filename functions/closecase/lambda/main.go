// Command lambda is the function CloseCase of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/closecase"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
)

func main() {
	lambdaboot.Step(func(a *parts.Parts) (lambdaboot.CaseStep, error) { return closecase.New(a) })
}
