// Command lambda is the function Portal of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/portal"
)

func main() {
	lambdaboot.Web(portal.New, lambdaboot.Objects)
}
