// Command lambda is the function ReviewPlan of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/reviewplan"
)

func main() {
	lambdaboot.Step(reviewplan.New)
}
