// Command lambda is the function NeedsOperator of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/needsoperator"
)

func main() {
	lambdaboot.Step(needsoperator.New)
}
