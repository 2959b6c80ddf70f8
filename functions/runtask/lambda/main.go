// Command lambda is the function RunTask of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/connectors/catalog/light"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/runtask"
)

func main() {
	lambdaboot.Step(runtask.New, lambdaboot.Objects, lambdaboot.Secrets, lambdaboot.Connectors(light.Factories()...))
}
