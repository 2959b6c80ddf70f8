// Command lambda is the function AskPerson of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/askperson"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
)

func main() {
	lambdaboot.Step(askperson.New)
}
