// Command lambda is the function OpenTasks of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/opentasks"
)

func main() {
	lambdaboot.Step(opentasks.New)
}
