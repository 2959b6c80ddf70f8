// Command lambda is the function ReviewResponse of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/functions/reviewresponse"
)

func main() {
	lambdaboot.Step(func(a *parts.Parts) (lambdaboot.CaseStep, error) { return reviewresponse.New(a) })
}
