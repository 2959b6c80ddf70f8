package local

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/infra/local/demo"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// The tenants of a demonstration. The first by name is whom commands and calls act for that name none.
const (
	DemoTenant = "lumen"     // the first: one database, answered by machine alone
	ClubTenant = "riverside" // an approved erasure waits two days here
	TourTenant = "oakhurst"  // everything: a database, an API, a paper archive, a recipient by mail and one by webhook
)

// DemoArchive is who looks after the paper archive of TourTenant.
const DemoArchive = "archive@oakhurst.test"

// demoTenants are the controllers of the demonstration, the shop first.
func demoTenants() []registry.Tenant {
	return []registry.Tenant{
		{
			Name: DemoTenant, Title: "Lumen Books", Controller: "Lumen Books GmbH, Beispielstraße 1, 10115 Berlin, Germany",
			Contact: "privacy@lumen.test", From: "Lumen Books privacy <privacy@lumen.test>", Zone: "Europe/Berlin", Locale: "en",
			Facts: registry.Facts{
				AutomatedDecisions: "We make no decision about you by machine alone that has a legal or similarly significant effect.",
				Transfers:          "Our mail provider in the United States receives your address under standard contractual clauses (GDPR Art. 46(2)(c)).",
			},
		},
		{
			Name: ClubTenant, Title: "Riverside Rowing Club", Controller: "Riverside Rowing Club, 2 Example Quay, London, United Kingdom",
			Contact: "privacy@riverside.test", From: "Riverside privacy <privacy@riverside.test>", Zone: "Europe/London", Locale: "en",
			Policy: registry.Policy{GraceDays: 2},
		},
		{
			Name: TourTenant, Title: "Oakhurst Stationers", Controller: "Oakhurst Stationers Ltd, 3 Example Row, Dublin, Ireland",
			Contact: "privacy@oakhurst.test", From: "Oakhurst privacy <privacy@oakhurst.test>", Zone: "Europe/Dublin", Locale: "en",
			Facts: registry.Facts{
				AutomatedDecisions: "We make no decision about you by machine alone that has a legal or similarly significant effect.",
				Transfers:          "Our mail provider in the United States receives your address under standard contractual clauses (GDPR Art. 46(2)(c)).",
			},
		},
	}
}

// demoRecipients are told of changes by mail, but for Kite Mail in TourTenant, which has a webhook.
func demoRecipients(kite, secret string) []registry.Recipient {
	return []registry.Recipient{
		{Tenant: DemoTenant, Name: "parcelline", Title: "Parcelline Logistics", Country: "DE", Purpose: "delivering orders", Email: "privacy@parcelline.test"},
		{Tenant: DemoTenant, Name: "postmark-mail", Title: "Kite Mail Inc.", Country: "US", Purpose: "sending mail", Email: "privacy@kitemail.test"},
		{Tenant: TourTenant, Name: "parcelline", Title: "Parcelline Logistics", Country: "DE", Purpose: "delivering orders", Email: "privacy@parcelline.test"},
		{
			Tenant: TourTenant, Name: "kite-mail", Title: "Kite Mail Inc.", Country: "US", Purpose: "sending mail", Webhook: kite,
			Secret: secret, AllowPrivate: true,
		},
	}
}

// demoSystems returns the systems of the demonstration, with Dataset the name of a file.
func demoSystems(crm, token string) []registry.System {
	return []registry.System{
		{
			Tenant: DemoTenant, Name: "shop", Title: "Web shop", Kind: "sqlite", Owner: "shop-team@lumen.test", Autopilot: true,
			Recipients: []string{"parcelline", "postmark-mail"}, Settings: settings("path", demo.ShopDatabase), Dataset: demo.ShopDataset,
			Facts: registry.SystemFacts{Purposes: []string{"selling and delivering books", "answering questions"}, Source: "you", Retention: "orders 10 years (tax law), everything else 3 years after the last order"},
		},
		{
			Tenant: ClubTenant, Name: "members", Title: "Membership register", Kind: "sqlite", Owner: "secretary@riverside.test", Autopilot: true,
			Settings: settings("path", demo.ClubDatabase), Dataset: demo.ClubDataset,
			Facts: registry.SystemFacts{Purposes: []string{"running the club"}},
		},
		{
			Tenant: TourTenant, Name: "shop", Title: "Web shop", Kind: "sqlite", Owner: "shop-team@oakhurst.test", Autopilot: true,
			Recipients: []string{"parcelline", "kite-mail"}, Settings: settings("path", demo.OakhurstDatabase), Dataset: demo.ShopDataset,
			Facts: registry.SystemFacts{Purposes: []string{"selling and delivering stationery"}, Source: "you", Retention: "orders 10 years (tax law), everything else 3 years after the last order"},
		},
		{
			Tenant: TourTenant, Name: "crm", Title: "Customer service", Kind: "rest", Owner: "service@oakhurst.test", Autopilot: true,
			Recipients: []string{"kite-mail"}, Settings: settings("file", demo.CRMConnector, "baseUrl", crm, "allowPrivate", true), Dataset: demo.CRMDataset,
			Secrets: map[string]string{"token": token},
			Facts:   registry.SystemFacts{Purposes: []string{"answering questions"}, Source: "you", Retention: "3 years"},
		},
		{
			Tenant: TourTenant, Name: "archive", Title: "Paper archive", Kind: "person", Owner: DemoArchive, Autopilot: true,
			Settings: settings("email", DemoArchive),
			Facts:    registry.SystemFacts{Purposes: []string{"keeping invoices and letters on paper"}, Source: "you", Retention: "invoices 10 years (tax law), letters 3 years"},
		},
	}
}

// settings writes names and values in turn as the settings of a system.
func settings(pairs ...any) json.RawMessage {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	raw, _ := json.Marshal(m) // texts and a boolean
	return raw
}

// Demonstration puts invented controllers, systems and accounts into an installation, whatever engine it runs on.
type Demonstration struct {
	*functions.Set
	Dir     string // where demo-accounts.json and the folder demo lie
	BaseURL string
	Now     func() time.Time
	// Secret returns the reference by which the installation reads a secret that is in a file; nil = "file:" and its path.
	Secret func(ctx context.Context, path string) (reference string, err error)

	Outside *demo.Outside // set by SetUp
}

// SetUpDemo sets up the demonstration of an installation that was started as one.
func (a *App) SetUpDemo(ctx context.Context, progress func(string)) error {
	d := Demonstration{Set: a.Set, Dir: a.Dir, BaseURL: a.BaseURL, Now: a.clock.Now}
	err := d.SetUp(ctx, progress)
	if a.outside = d.Outside; err != nil {
		return err
	}
	a.guide()
	return nil
}

// SetUp seeds the demonstration's databases, starts what stands outside of Habeas in it, and registers tenants, recipients and
// systems that are missing. What somebody changed in the demonstration stays as it is.
func (a *Demonstration) SetUp(ctx context.Context, progress func(string)) error {
	dir, err := filepath.Abs(filepath.Join(a.Dir, "demo"))
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return fault.Wrap(fault.Misconfigured, err, "making the demo directory")
	}
	if err := demo.Seed(ctx, dir, progress); err != nil {
		return fmt.Errorf("seeding the demo: %w", err)
	}
	remembered, err := a.rememberedCRM(ctx)
	if err != nil {
		return err
	}
	if a.Outside, err = demo.Open(ctx, dir, remembered, a.Now); err != nil {
		return fmt.Errorf("starting the CRM of the demo: %w", err)
	}
	crmToken, err := a.secret(ctx, filepath.Join(dir, demo.CRMToken))
	if err != nil {
		return err
	}
	kiteSecret, err := a.secret(ctx, filepath.Join(dir, demo.KiteSecret))
	if err != nil {
		return err
	}
	for _, t := range demoTenants() {
		if err := missing(a.Registry.Tenant(ctx, t.Name))(func() error { return a.Registry.PutTenant(ctx, t) }); err != nil {
			return err
		}
	}
	for _, r := range demoRecipients(a.Outside.KiteAddress(), kiteSecret) {
		old, err := a.Registry.Recipient(ctx, r.Tenant, r.Name)
		if err == nil && (r.Webhook == "" || (old.Webhook == r.Webhook && old.Secret == r.Secret)) {
			continue
		}
		if err != nil && !fault.Has(err, fault.NotFound) {
			return err
		}
		if err := a.Registry.PutRecipient(ctx, r); err != nil {
			return err
		}
	}
	for _, s := range demoSystems(a.Outside.CRMAddress(), crmToken) {
		if err := a.registerDemo(ctx, dir, s); err != nil {
			return fmt.Errorf("registering demo system %s: %w", s.Name, err)
		}
	}
	return nil
}

func (a *Demonstration) secret(ctx context.Context, path string) (string, error) {
	if a.Secret == nil {
		return "file:" + path, nil
	}
	return a.Secret(ctx, path)
}

// missing runs what makes a thing when looking for it found nothing.
func missing[T any](_ T, err error) func(put func() error) error {
	return func(put func() error) error {
		if fault.Has(err, fault.NotFound) {
			return put()
		}
		return err
	}
}

// rememberedCRM is the address that the CRM had when it was registered, empty when it is not.
func (a *Demonstration) rememberedCRM(ctx context.Context) (string, error) {
	s, err := a.Registry.System(ctx, TourTenant, "crm")
	if fault.Has(err, fault.NotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var set struct{ BaseURL string }
	u := &url.URL{}
	if json.Unmarshal(s.Settings, &set) == nil { // otherwise somebody made another system of it
		if parsed, perr := url.Parse(set.BaseURL); perr == nil {
			u = parsed
		}
	}
	return u.Host, nil
}

// registerDemo registers a system that is missing, or whose files or address are elsewhere now.
func (a *Demonstration) registerDemo(ctx context.Context, dir string, s registry.System) error {
	s.BaseDir = dir
	if s.Dataset != "" {
		yaml, err := os.ReadFile(filepath.Join(dir, s.Dataset))
		if err != nil {
			return fault.Wrap(fault.Misconfigured, err, "reading a demo data map")
		}
		s.Dataset = string(yaml)
	}
	old, err := a.Registry.System(ctx, s.Tenant, s.Name)
	moved := s.Kind == "rest" && string(old.Settings) != string(s.Settings)
	if err == nil && old.BaseDir == s.BaseDir && old.Dataset == s.Dataset && !moved {
		return nil
	}
	if err != nil && !fault.Has(err, fault.NotFound) {
		return err
	}
	_, _, err = a.Systems.Apply(ctx, s)
	return err
}

// guide tells the first page what it shows.
func (a *App) guide() {
	for _, p := range demo.People() {
		a.Guide.People = append(a.Guide.People, functions.GuidePerson(p))
	}
	a.Guide.Tenants = map[string]string{
		DemoTenant: "One database, answered by machine within a second; a change waits for an approver",
		ClubTenant: "An approved erasure waits two days, and a link in the mailbox calls it off",
		TourTenant: "Everything: a database, a CRM behind an API, a paper archive whose owner is asked by mail, one recipient told by letter and one by webhook",
	}
	tour := "go run ./infra/habeas demo tour --server " + a.BaseURL
	a.Guide.Commands = []string{tour + " --out ./tour", tour + " --access --tenant " + DemoTenant + " --out ./tour-of-one-database"}
	a.Guide.Archive, a.Guide.CRM = DemoArchive, a.outside.CRMAddress()
	a.Guide.Notices = func() []functions.GuideNotice {
		var out []functions.GuideNotice
		for _, n := range a.outside.Notices() {
			out = append(out, functions.GuideNotice(n))
		}
		return out
	}
}
