// Command lambda is the function CloseCase of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/closecase"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
)

func main() {
	lambdaboot.Step(closecase.New)
}
