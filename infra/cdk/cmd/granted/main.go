// Command granted writes what the role of each function may do as one JSON object, from the template of the stack of functions: names
// of functions to statements of package audit. It is how what is no part of this module reads grants.
//
//	go run ./cmd/granted cdk.out/workflow.template.json
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/habeas-dsar/habeas/infra/cdk/audit"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("want the file of one template, got %d arguments", len(args))
	}
	raw, err := os.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("reading the template: %w", err)
	}
	template, err := audit.Read(raw)
	if err != nil {
		return err
	}
	all, err := audit.Granted(template)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("reading grants: the template has no functions")
	}
	return json.NewEncoder(out).Encode(all)
}
