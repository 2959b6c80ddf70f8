package main

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
)

func newStaff() *cobra.Command {
	c := &cobra.Command{Use: "staff", Short: "Accounts of the privacy team"}
	c.AddCommand(newStaffAdd(), newStaffList(), newStaffChange(), newStaffTie(), newStaffUntie())
	return c
}

func newStaffAdd() *cobra.Command {
	var at records
	var email, roles, tenant, token string
	c := &cobra.Command{
		Use: "add", Short: "Add an account with a random password", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !strings.Contains(email, "@") {
				return usage("--email wants an address")
			}
			var list []registry.Role
			for r := range strings.SplitSeq(roles, ",") {
				role := registry.Role(strings.TrimSpace(r))
				if !slices.Contains(registry.Roles(), role) {
					return usage("--roles wants some of admin, handler, approver, auditor, separated by commas")
				}
				list = append(list, role)
			}
			return at.withRegistry(cmd, func(r *registry.Store, s *session.Store, now func() time.Time) error {
				acc, t, err := (local.Accounts{Registry: r, Sessions: s, Now: now}).Add(cmd.Context(), tenant, email, list, token)
				if err != nil {
					return err
				}
				out := map[string]any{"id": acc.ID, "password": acc.Password}
				if t != nil {
					out["token"] = t.Token
				}
				if asJSON(cmd) {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(out)
				}
				cmd.Printf("id        %s\npassword  %s\n", acc.ID, acc.Password)
				if t != nil {
					cmd.Printf("token     %s\n", t.Token)
				}
				return nil
			})
		},
	}
	f := c.Flags()
	at.flags(c)
	f.StringVar(&email, "email", "", "address to sign in with")
	f.StringVar(&roles, "roles", "handler", "admin, handler, approver, auditor")
	f.StringVar(&tenant, "tenant", "", "only this tenant (default: every tenant)")
	f.StringVar(&token, "token", "", "also make an API token of this name")
	return c
}

func newStaffList() *cobra.Command {
	var at records
	c := &cobra.Command{
		Use: "list", Short: "List accounts", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return at.withRegistry(cmd, func(r *registry.Store, _ *session.Store, _ func() time.Time) error {
				all, err := r.AllStaff(cmd.Context())
				if err != nil {
					return err
				}
				for i := range all {
					all[i].Password = "" // a hash is nobody's business
				}
				if asJSON(cmd) {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"staff": all})
				}
				for _, m := range all {
					cmd.Printf("%s  %-32s  %v%s\n", m.ID, m.Email, m.Roles, marks(m))
				}
				return nil
			})
		},
	}
	at.flags(c)
	return c
}

// marks are what is out of the ordinary about an account.
func marks(m registry.Staff) string {
	var out strings.Builder
	for _, mark := range []struct {
		is   bool
		word string
	}{{m.Disabled, "closed"}, {m.Subject != "", "tied to an issuer"}, {m.BreakGlass, "breaks the glass"}} {
		if mark.is {
			out.WriteString("  " + mark.word)
		}
	}
	return out.String()
}
