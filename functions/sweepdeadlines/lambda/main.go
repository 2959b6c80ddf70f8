// Command lambda is the function SweepDeadlines of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/sweepdeadlines"
	"github.com/habeas-dsar/habeas/infra/cloud/machines"
)

func main() {
	lambdaboot.Clockwork(sweepdeadlines.Clockwork, lambdaboot.Engine(machines.Open))
}
