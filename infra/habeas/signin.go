package main

import (
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/signin/oidcsignin"
)

const envOIDCSecret = "HABEAS_OIDC_SECRET" //nolint:gosec // the name of a variable, no credential

// signInFlags are about the sign-in of staff at an issuer of OpenID Connect.
func signInFlags(c *cobra.Command, o *oidcsignin.Settings) {
	f := c.Flags()
	f.StringVar(&o.Issuer, "oidc-issuer", "", "staff sign in at this OpenID Connect issuer: its https address, as its tokens name it")
	f.StringVar(&o.Client, "oidc-client", "", "our client id at the issuer; its redirect address is BASE-URL/console/oidc/callback")
	f.StringVar(&o.Secret, "oidc-secret", reference(envOIDCSecret), "env:NAME or file:PATH of the client's secret (default: "+envOIDCSecret+", where it is set; none: a public client)")
	f.StringVar(&o.Name, "oidc-name", "", "what people call the issuer (default: its host)")
	f.BoolVar(&o.Only, "oidc-only", false, "turn passwords off, but for administrators marked by staff change --break-glass")
	f.StringSliceVar(&o.ACR, "oidc-acr", nil, "values of acr that prove a second step; also asked for")
	f.StringSliceVar(&o.AMR, "oidc-amr", nil, "values of amr that prove a second step, such as mfa,otp,hwk (default: none is asked for)")
}

// checkSignIn refuses flags that contradict each other.
func checkSignIn(o oidcsignin.Settings) error {
	switch {
	case o.Issuer == "" && (o.Client != "" || o.Name != "" || o.Only || len(o.ACR)+len(o.AMR) > 0):
		return usage("the --oidc flags want --oidc-issuer")
	case o.Issuer != "" && o.Client == "":
		return usage("--oidc-issuer wants --oidc-client")
	}
	_, err := o.Place(local.Secret, nil)
	return err
}

// withStaff does something with the member of staff who has the address.
func withStaff(cmd *cobra.Command, at records, email string, do func(r *registry.Store, m registry.Staff) error) error {
	return at.withRegistry(cmd, func(r *registry.Store, _ *session.Store, _ func() time.Time) error {
		m, err := r.StaffByEmail(cmd.Context(), email)
		if fault.Has(err, fault.NotFound) {
			return fault.New(fault.NotFound, "there is no account with this address")
		}
		if err != nil {
			return err
		}
		return do(r, m)
	})
}

func staffFlags(c *cobra.Command, at *records, email *string) {
	at.flags(c)
	c.Flags().StringVar(email, "email", "", "address of the account")
}

func newStaffTie() *cobra.Command {
	var at records
	var email, issuer, subject string
	c := &cobra.Command{
		Use: "tie", Short: "Tie an account to one at an OpenID Connect issuer", Args: cobra.NoArgs,
		Long: "Ties an account to one at an issuer, for issuers that vouch for no e-mail address. Where they do, the first sign-in ties\n" +
			"it. The page that refuses somebody shows the subject.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if issuer == "" || subject == "" {
				return usage("--issuer and --subject say which account")
			}
			return withStaff(cmd, at, email, func(r *registry.Store, m registry.Staff) error {
				return r.Tie(cmd.Context(), m, issuer, redact.NewText(subject))
			})
		},
	}
	staffFlags(c, &at, &email)
	c.Flags().StringVar(&issuer, "issuer", "", "the issuer, as --oidc-issuer names it")
	c.Flags().StringVar(&subject, "subject", "", "the subject of the account there")
	return c
}

func newStaffUntie() *cobra.Command {
	var at records
	var email string
	c := &cobra.Command{
		Use: "untie", Short: "Untie an account from the one at an issuer", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStaff(cmd, at, email, func(r *registry.Store, m registry.Staff) error { return r.UntieStaff(cmd.Context(), m.ID) })
		},
	}
	staffFlags(c, &at, &email)
	return c
}

func newStaffChange() *cobra.Command {
	var at records
	var email string
	var closed, glass bool
	c := &cobra.Command{
		Use: "change", Short: "Close an account, or let an administrator's password break the glass", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asked := cmd.Flags().Changed
			if !asked("closed") && !asked("break-glass") {
				return usage("nothing to change: --closed or --break-glass")
			}
			return withStaff(cmd, at, email, func(r *registry.Store, m registry.Staff) error {
				if glass && !slices.Contains(m.Roles, registry.Admin) {
					return usage("--break-glass is for administrators")
				}
				return r.ChangeStaff(cmd.Context(), m.ID, func(m *registry.Staff) {
					if asked("closed") {
						m.Disabled = closed
					}
					if asked("break-glass") {
						m.BreakGlass = glass
					}
				})
			})
		},
	}
	staffFlags(c, &at, &email)
	c.Flags().BoolVar(&closed, "closed", false, "close the account, with its sessions and tokens; --closed=false opens it again")
	c.Flags().BoolVar(&glass, "break-glass", false, "leave the password in force with serve --oidc-only; --break-glass=false ends that")
	return c
}
