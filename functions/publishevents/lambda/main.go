// Command lambda is the function PublishEvents of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/publishevents"
	"github.com/habeas-dsar/habeas/infra/cloud/bus"
	"github.com/habeas-dsar/habeas/infra/cloud/machines"
	"github.com/habeas-dsar/habeas/infra/cloud/post"
)

func main() {
	lambdaboot.Stream(publishevents.New, lambdaboot.Engine(machines.Open), lambdaboot.Mail(post.Open), lambdaboot.Bus(bus.Open))
}
