package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// newDecisions prints what a law makes of requests, for whoever checks the law or answers an authority.
func newDecisions() *cobra.Command {
	return &cobra.Command{
		Use: "decisions ID", Short: "Print the decision table of a law: right, legal basis, identity and situation", Args: cobra.ExactArgs(1),
		Example: "  habeas packs decisions eu",
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := policy.Load()
			if err != nil {
				return fmt.Errorf("loading laws: %w", err)
			}
			pack, err := set.Pack(policy.ID(args[0]))
			if fault.Has(err, fault.NotFound) {
				return usage("no law of that id is here; habeas clock packs lists them")
			}
			if err != nil {
				return err
			}
			if !asJSON(cmd) {
				return pack.WriteDecisions(cmd.OutOrStdout())
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"pack": pack.ID, "version": pack.Version, "decisions": pack.Decisions()})
		},
	}
}
