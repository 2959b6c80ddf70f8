// Command lambda is the function AskPerson of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/askperson"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
)

func main() {
	lambdaboot.Task(func(a *parts.Parts) (lambdaboot.TaskStep, error) { return askperson.New(a) })
}
