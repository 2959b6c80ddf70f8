// Command lambda is the function Triage of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/triage"
)

func main() {
	lambdaboot.Step(triage.New)
}
