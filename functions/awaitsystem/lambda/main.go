// Command lambda is the function AwaitSystem of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/awaitsystem"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
)

func main() {
	lambdaboot.Task(func(a *parts.Parts) (lambdaboot.TaskStep, error) { return awaitsystem.New(a) })
}
