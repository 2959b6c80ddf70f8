// Command lambda is the function PublishEvents of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/publishevents"
	"github.com/habeas-dsar/habeas/infra/cloud/bus"
	"github.com/habeas-dsar/habeas/infra/cloud/machines"
	"github.com/habeas-dsar/habeas/infra/cloud/post"
	"github.com/habeas-dsar/habeas/infra/cloud/secrets"
)

func main() {
	lambdaboot.Outbox(publishevents.New, lambdaboot.Engine(machines.Open), lambdaboot.Mail(post.Open), lambdaboot.Bus(bus.Open), lambdaboot.Secrets(secrets.Open))
}
