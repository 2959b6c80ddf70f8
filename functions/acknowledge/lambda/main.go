// Command lambda is the function Acknowledge of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/acknowledge"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
)

func main() {
	lambdaboot.Step(acknowledge.New)
}
