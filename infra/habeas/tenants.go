package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
)

// newTenants shows and changes the controllers that an installation serves. It works on the data directory or on the
// records of a stage, whether or not a server runs on them; a running one sees the change within five seconds.
func newTenants() *cobra.Command {
	c := &cobra.Command{Use: "tenants", Short: "Controllers that this installation serves"}
	c.AddCommand(newTenantsList(), newTenantsSet())
	return c
}

func newTenantsList() *cobra.Command {
	var at records
	c := &cobra.Command{
		Use: "list", Short: "List tenants", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return at.withRegistry(cmd, func(r *registry.Store, _ *session.Store, _ func() time.Time) error {
				all, err := r.Tenants(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON(cmd) {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"tenants": all})
				}
				for _, t := range all {
					cmd.Printf("%-20s  %-24s  %-20s  %s\n", t.Name, t.Title, t.Zone, t.Contact)
				}
				return nil
			})
		},
	}
	at.flags(c)
	return c
}

func newTenantsSet() *cobra.Command {
	var at records
	var t registry.Tenant
	c := &cobra.Command{
		Use: "set NAME", Short: "Add a tenant or change one; flags that are not given keep what is there", Args: cobra.ExactArgs(1),
		Example: `  habeas tenants set shop --title "Example Shop" --controller "Example Shop Ltd, 1 High Street, London" \
    --contact privacy@shop.test --from "Example Shop <privacy@shop.test>" --zone Europe/London`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.withRegistry(cmd, func(r *registry.Store, _ *session.Store, _ func() time.Time) error {
				old, err := r.Tenant(cmd.Context(), args[0])
				if err != nil && !fault.Has(err, fault.NotFound) {
					return err
				}
				merged, err := mergeTenant(cmd, args[0], old, t)
				if err != nil {
					return err
				}
				if cmd.Flags().Changed("production") || cmd.Flags().Changed("laws") { // a release may change a law under a running tenant
					if err := readyForProduction(cmd, r, merged); err != nil {
						return err
					}
				}
				if err := r.PutTenant(cmd.Context(), merged); err != nil {
					return err
				}
				if asJSON(cmd) {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(merged)
				}
				cmd.Printf("tenant %s is set\n", merged.Name)
				return nil
			})
		},
	}
	at.flags(c)
	tenantFlags(c, &t)
	return c
}

// mergeTenant returns the tenant with the flags that were given in place of what it had; old is zero for a new one, which takes all.
func mergeTenant(cmd *cobra.Command, name string, old, t registry.Tenant) (registry.Tenant, error) {
	isNew, merged := old.Name == "", old
	merged.Name = name
	for flag, to := range map[string]struct{ from, to *string }{
		"title": {&t.Title, &merged.Title}, "controller": {&t.Controller, &merged.Controller}, "contact": {&t.Contact, &merged.Contact},
		"from": {&t.From, &merged.From}, "zone": {&t.Zone, &merged.Zone}, "locale": {&t.Locale, &merged.Locale},
		"automated-decisions": {&t.Facts.AutomatedDecisions, &merged.Facts.AutomatedDecisions},
		"transfers":           {&t.Facts.Transfers, &merged.Facts.Transfers}, "authority": {&t.Facts.Authority, &merged.Facts.Authority},
		"country": {&t.Country, &merged.Country}, "region": {&t.Region, &merged.Region},
	} {
		if isNew || cmd.Flags().Changed(flag) {
			*to.to = *to.from
		}
	}
	if isNew && (merged.Title == "" || merged.Controller == "" || merged.Contact == "" || merged.From == "") {
		return merged, usage("a new tenant wants --title, --controller, --contact and --from")
	}
	if cmd.Flags().Changed("laws") {
		merged.Laws = t.Laws
	}
	if cmd.Flags().Changed("production") {
		merged.Production = t.Production
	}
	if err := knownLaws(merged.Laws); err != nil {
		return merged, err
	}
	return merged, mergePolicy(cmd, &merged.Policy, t.Policy)
}

func tenantFlags(c *cobra.Command, t *registry.Tenant) {
	f := c.Flags()
	f.StringVar(&t.Title, "title", "", "what people call the controller")
	f.StringVar(&t.Controller, "controller", "", "legal name and address, one line")
	f.StringVar(&t.Contact, "contact", "", "address of the privacy team")
	f.StringVar(&t.From, "from", "", "sender of the letters")
	f.StringVar(&t.Zone, "zone", "UTC", "IANA time zone of the statutory clock")
	f.StringVar(&t.Locale, "locale", "en", "language of the letters")
	f.StringVar(&t.Facts.AutomatedDecisions, "automated-decisions", "", "what an answer states on automated decisions (GDPR Art. 15(1)(h))")
	f.StringVar(&t.Facts.Transfers, "transfers", "", "what an answer states on transfers (GDPR Art. 15(2))")
	f.StringVar(&t.Facts.Authority, "authority", "", "where to complain, instead of the sentence of the law (GDPR Art. 15(1)(f))")
	f.StringVar(&t.Country, "country", "", "country where the controller sits, such as DE (ISO 3166-1): whose law applies beside that of the person, and whose holidays count")
	f.StringVar(&t.Region, "region", "", "region of the seat, such as BY (ISO 3166-2 without the country)")
	f.Var((*laws)(&t.Laws), "laws", "laws that the controller works under, such as eu,us-ca (habeas clock packs lists them); empty: every law")
	f.BoolVar(&t.Production, "production", false, "requests are real: drafts of laws govern them only once confirmed (habeas packs confirm)")
	f.BoolVar(&t.Policy.ReviewAlways, "review-always", false, "a person looks at every response before it leaves")
	f.IntVar(&t.Policy.GraceDays, "grace-days", 0, "days that a person has to call an approved erasure off, 0 to 30")
	f.IntVar(&t.Policy.GrowthLimit, "growth-limit", 5, "per cent of the approved records that may come on top before a plan is made anew, 1 to 100")
	f.BoolVar(&t.Policy.UnattendedChanges, "unattended-changes", false, "plans pass without approval when every system they change is on autopilot")
	f.BoolVar(&t.Policy.Cautious, "cautious", false, "dates take the earlier reading wherever the law leaves room")
	f.IntVar(&t.Policy.LeadDays, "lead-days", 0, "days before the date of the law by which the team wants to be done, 0 to 60")
	f.IntVar(&t.Policy.AnswerDays, "answer-days", 0, "days to answer that are published where the law asks for that, 0 to 90 (0: the longest allowed)")
	f.BoolVar(&t.Policy.Processors, "processors", false, "somebody who processes data for the controller acts on requests too")
}

// laws is a list of packs as a flag.
type laws []policy.ID

// Set replaces the list.
func (l *laws) Set(text string) error {
	*l = nil
	for id := range strings.SplitSeq(text, ",") {
		if id = strings.TrimSpace(id); id != "" {
			*l = append(*l, policy.ID(id))
		}
	}
	return nil
}

// String returns the list as Set reads it.
func (l *laws) String() string {
	var ids []string
	for _, id := range *l {
		ids = append(ids, string(id))
	}
	return strings.Join(ids, ",")
}

// Type names what the flag takes.
func (l *laws) Type() string { return "ids" }

// knownLaws makes sure that a scope names laws that are here.
func knownLaws(ids []policy.ID) error {
	set, err := policy.Load()
	if err != nil {
		return fmt.Errorf("loading laws: %w", err)
	}
	for _, id := range ids {
		if _, err := set.Pack(id); err != nil {
			return usage("--laws names a law that is not here; habeas clock packs lists them")
		}
	}
	return nil
}

// mergePolicy takes over the flags of the policy that were given.
func mergePolicy(cmd *cobra.Command, to *registry.Policy, from registry.Policy) error {
	given := cmd.Flags().Changed
	switch {
	case from.GraceDays < 0 || from.GraceDays > 30:
		return usage("--grace-days wants 0 to 30: the answer is due within a month (GDPR Art. 12(3))")
	case from.GrowthLimit < 1 || from.GrowthLimit > 100:
		return usage("--growth-limit wants 1 to 100 per cent")
	}
	if given("review-always") {
		to.ReviewAlways = from.ReviewAlways
	}
	if given("grace-days") {
		to.GraceDays = from.GraceDays
	}
	if given("growth-limit") {
		to.GrowthLimit = from.GrowthLimit
	}
	if given("unattended-changes") {
		to.UnattendedChanges = from.UnattendedChanges
	}
	return mergeDates(given, to, from)
}

// mergeDates is mergePolicy for what moves dates. It holds for requests whose date is computed from then on.
func mergeDates(given func(string) bool, to *registry.Policy, from registry.Policy) error {
	switch {
	case from.LeadDays < 0 || from.LeadDays > 60:
		return usage("--lead-days wants 0 to 60")
	case from.AnswerDays < 0 || from.AnswerDays > 90:
		return usage("--answer-days wants 0 to 90: no law that has controllers publish their own period allows more (DPDP Rules, rule 14)")
	}
	if given("cautious") {
		to.Cautious = from.Cautious
	}
	if given("lead-days") {
		to.LeadDays = from.LeadDays
	}
	if given("answer-days") {
		to.AnswerDays = from.AnswerDays
	}
	if given("processors") {
		to.Processors = from.Processors
	}
	return nil
}
