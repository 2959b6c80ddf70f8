// Command lambda is the function RunTaskSQL of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/connectors/catalog/databases"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/runtask"
	"github.com/habeas-dsar/habeas/infra/cloud/objects"
	"github.com/habeas-dsar/habeas/infra/cloud/secrets/parameters"
)

func main() {
	lambdaboot.Worker(runtask.New, lambdaboot.Objects(objects.Open), lambdaboot.Secrets(parameters.Open), lambdaboot.Connectors(databases.Factories()...))
}
