package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
)

// newPacks shows the laws that are built in, checks packs that somebody writes, and takes the word of a named person that a draft
// may govern a tenant.
func newPacks() *cobra.Command {
	c := &cobra.Command{Use: "packs", Short: "Laws, and who confirmed those that are drafts"}
	c.AddCommand(newPacksList(), newPacksShow(), newPacksVet(), newPacksConfirm(), newDecisions())
	return c
}

func newPacksList() *cobra.Command {
	type row struct {
		policy.Head
		Confirmed *registry.Confirmation `json:"confirmed,omitempty"`
	}
	var at records
	var tenant string
	c := &cobra.Command{
		Use: "list", Short: "List laws; with --tenant, who confirmed the drafts among those it works under", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, err := policy.Load()
			if err != nil {
				return fmt.Errorf("loading laws: %w", err)
			}
			rows := []row{}
			for _, head := range set.Index() {
				rows = append(rows, row{Head: head})
			}
			if tenant != "" {
				err = at.withRegistry(cmd, func(r *registry.Store, _ *session.Store, _ func() time.Time) error {
					t, err := r.Tenant(cmd.Context(), tenant)
					if err != nil {
						return err
					}
					confirmed, err := r.Confirmed(cmd.Context(), tenant)
					rows = slices.DeleteFunc(rows, func(x row) bool { return len(t.Laws) > 0 && !slices.Contains(t.Laws, x.ID) })
					for i := range rows {
						if given, ok := confirmed[rows[i].Version]; ok {
							rows[i].Confirmed = &given
						}
					}
					return err
				})
				if err != nil {
					return err
				}
			}
			return show(cmd, map[string]any{"packs": rows}, func(w io.Writer) {
				for _, p := range rows {
					_, _ = fmt.Fprintf(w, "%s\t%s\tfrom %s\t%s\t%s\t%s\n", p.ID, p.Name, p.Valid.From, p.Confidence, standing(p.Draft, p.Confirmed), p.Version)
				}
			})
		},
	}
	at.flags(c)
	c.Flags().StringVar(&tenant, "tenant", "", "tenant whose confirmations are shown")
	return c
}

// standing says in a word or two whether a law may govern in production.
func standing(draft bool, given *registry.Confirmation) string {
	switch {
	case given != nil:
		return "confirmed by " + given.Name + " on " + given.At.Format(time.DateOnly)
	case draft:
		return "draft"
	}
	return "ready"
}

func newPacksShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Print everything that a law says, as JSON", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pack, err := builtIn(args[0])
			if err != nil {
				return err
			}
			enc := json.NewEncoder(cmd.OutOrStdout())
			if !asJSON(cmd) {
				enc.SetIndent("", "  ")
			}
			return enc.Encode(struct {
				Version policy.Version `json:"version"`
				Draft   bool           `json:"draft"`
				policy.Pack
			}{pack.Version, pack.Draft(), pack})
		},
	}
}

// builtIn returns the current pack of a law that the caller named.
func builtIn(id string) (policy.Pack, error) {
	set, err := policy.Load()
	if err != nil {
		return policy.Pack{}, fmt.Errorf("loading laws: %w", err)
	}
	pack, err := set.Pack(policy.ID(id))
	if fault.Has(err, fault.NotFound) {
		return policy.Pack{}, usage("no law of that id is here; habeas packs list names them")
	}
	return pack, err
}

func newPacksVet() *cobra.Command {
	return &cobra.Command{
		Use: "vet FILE...", Short: "Check packs strictly, and name the line of everything that is wrong", Args: cobra.MinimumNArgs(1),
		Long: "Checks each FILE (- is stdin) by itself against the schema of packs and what a schema cannot say. Exits with 1 when one is wrong.",
		RunE: func(cmd *cobra.Command, files []string) error {
			type checked struct {
				File    string         `json:"file"`
				OK      bool           `json:"ok"`
				ID      policy.ID      `json:"id,omitempty"`
				Version policy.Version `json:"version,omitempty"`
				Draft   bool           `json:"draft,omitempty"`
				Problem string         `json:"problem,omitempty"`
			}
			all, bad := []checked{}, false
			for _, name := range files {
				content, err := readFile(cmd, name, 1<<20)
				if err != nil {
					return err
				}
				p, err := policy.Vet(name, content)
				switch {
				case err == nil:
					all = append(all, checked{File: name, OK: true, ID: p.ID, Version: p.Version, Draft: p.Draft()})
				case fault.Has(err, fault.Misconfigured):
					bad = true
					all = append(all, checked{File: name, Problem: err.Error()})
				default:
					return fmt.Errorf("checking a pack: %w", err)
				}
			}
			err := show(cmd, map[string]any{"files": all, "ok": !bad}, func(w io.Writer) {
				for _, c := range all {
					if !c.OK {
						_, _ = fmt.Fprintln(w, c.Problem)
						continue
					}
					_, _ = fmt.Fprintf(w, "%s: %s, %s\n", c.File, c.Version, standing(c.Draft, nil))
				}
			})
			if err == nil && bad {
				err = fault.New(fault.Invalid, "not every pack is as it should be")
			}
			return err
		},
	}
}

func newPacksConfirm() *cobra.Command {
	var at records
	var given registry.Confirmation
	c := &cobra.Command{
		Use: "confirm ID", Short: "Let a law that is a draft govern a tenant in production", Args: cobra.ExactArgs(1),
		Long: "A named person answers for it that the current version of the law is read rightly. It is kept in the evidence of the tenant,\n" +
			"and bound to the version: a law that changes with a later release is confirmed anew.",
		Example: `  habeas packs confirm ar --tenant shop --name "Ada Example" --reason "Read by counsel on 2 December"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if given.Tenant == "" || given.Name == "" || given.Reason == "" {
				return usage("a confirmation wants --tenant, --name and --reason")
			}
			pack, err := builtIn(args[0])
			if err != nil {
				return err
			}
			if !pack.Draft() {
				return usage("this law is no draft: it needs no confirmation")
			}
			given.Pack, given.Version = pack.ID, pack.Version
			return at.withRegistry(cmd, func(r *registry.Store, _ *session.Store, _ func() time.Time) error {
				done, err := r.Confirm(cmd.Context(), given)
				if err != nil {
					return err
				}
				return show(cmd, done, func(w io.Writer) {
					_, _ = fmt.Fprintf(w, "%s may govern %s: %s\n", done.Pack, done.Tenant, done.Version)
				})
			})
		},
	}
	at.flags(c)
	f := c.Flags()
	f.StringVar(&given.Tenant, "tenant", "", "tenant whose requests it may govern")
	f.StringVar(&given.Name, "name", "", "the person who answers for it")
	f.StringVar(&given.Reason, "reason", "", "what the confirmation rests on")
	return c
}

// readyForProduction refuses a tenant in production while a law that it works under is a draft nobody confirmed.
func readyForProduction(cmd *cobra.Command, r *registry.Store, t registry.Tenant) error {
	if !t.Production {
		return nil
	}
	set, err := policy.Load()
	if err != nil {
		return fmt.Errorf("loading laws: %w", err)
	}
	confirmed, err := r.Confirmed(cmd.Context(), t.Name)
	if err != nil {
		return err
	}
	var ids []string
	for _, id := range t.Unconfirmed(set.Index(), confirmed) {
		ids = append(ids, string(id))
	}
	if len(ids) == 0 {
		return nil
	}
	return fault.New(fault.Conflict, "the tenant works under laws that are drafts: "+strings.Join(ids, ", ")+". Name the laws it works under with --laws, and confirm each of these with habeas packs confirm")
}
