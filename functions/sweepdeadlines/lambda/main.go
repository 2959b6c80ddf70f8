// Command lambda is the function SweepDeadlines of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/sweepdeadlines"
	"github.com/habeas-dsar/habeas/infra/cloud/machines"
	"github.com/habeas-dsar/habeas/infra/cloud/workers"
)

func main() {
	lambdaboot.Clockwork(sweepdeadlines.Clockwork, lambdaboot.Engine(machines.Open), lambdaboot.Workers(workers.Open))
}
