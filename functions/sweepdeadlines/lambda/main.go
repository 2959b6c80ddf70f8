// Command lambda is the function SweepDeadlines of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/sweepdeadlines"
)

func main() {
	lambdaboot.Clockwork(sweepdeadlines.Clockwork, lambdaboot.Engine)
}
