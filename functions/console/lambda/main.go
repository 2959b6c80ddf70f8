// Command lambda is the function Console of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/connectors/catalog"
	"github.com/habeas-dsar/habeas/functions/console"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
)

func main() {
	lambdaboot.Web(console.New, lambdaboot.Objects, lambdaboot.Secrets, lambdaboot.Connectors(catalog.Factories()...))
}
