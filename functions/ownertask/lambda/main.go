// Command lambda is the function OwnerTask of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/ownertask"
)

func main() {
	lambdaboot.Web(ownertask.New, lambdaboot.Objects)
}
