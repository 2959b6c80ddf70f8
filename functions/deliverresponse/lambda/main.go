// Command lambda is the function DeliverResponse of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/deliverresponse"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
)

func main() {
	lambdaboot.Step(deliverresponse.New)
}
