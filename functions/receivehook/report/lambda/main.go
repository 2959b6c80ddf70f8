// Command lambda is the function ReceiveReport of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/receivehook"
)

func main() {
	lambdaboot.Queue(receivehook.Reports)
}
