// Command lambda is the function AwaitSystem of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/awaitsystem"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
)

func main() {
	lambdaboot.Step(awaitsystem.New)
}
