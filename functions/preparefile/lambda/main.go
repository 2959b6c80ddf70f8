// Command lambda is the function PrepareFile of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/preparefile"
	"github.com/habeas-dsar/habeas/infra/cloud/objects"
)

func main() {
	lambdaboot.Async(preparefile.New, lambdaboot.Objects(objects.Open))
}
