// Command lambda is the function RunTaskSQL of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/connectors/catalog/databases"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/runtask"
)

func main() {
	lambdaboot.Step(runtask.New, lambdaboot.Objects, lambdaboot.Secrets, lambdaboot.Connectors(databases.Factories()...))
}
