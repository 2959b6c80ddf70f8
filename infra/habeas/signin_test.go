package main

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/signin/oidcsignin"
)

// The first administrator's address is nobody's at any issuer: where passwords are off from the start, hers stays in force, and
// nowhere else.
func TestTheFirstAdministratorGetsIn(t *testing.T) {
	for name, tc := range map[string]struct {
		signIn oidcsignin.Settings
		glass  bool
	}{
		"built-in accounts": {oidcsignin.Settings{}, false},
		"an issuer too":     {oidcsignin.Settings{Issuer: "https://sso.example.com", Client: "c"}, false},
		"an issuer only":    {oidcsignin.Settings{Issuer: "https://sso.example.com", Client: "c", Only: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := local.Config{Dir: t.TempDir(), BaseURL: "http://127.0.0.1:1", MailDomain: "example.com", Log: slog.New(slog.DiscardHandler), SignIn: tc.signIn}
			app, err := local.Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = app.Close(context.WithoutCancel(t.Context())) })
			line, err := prepare(t.Context(), app, cfg, io.Discard)
			if err != nil || len(line.Accounts) != 1 {
				t.Fatalf("%+v %v", line.Accounts, err)
			}
			m, err := app.Registry.Staff(t.Context(), line.Accounts[0].ID)
			if err != nil || m.BreakGlass != tc.glass || len(m.Roles) != 1 || m.Roles[0] != registry.Admin {
				t.Errorf("the first account: %v, roles %v, breaks the glass: %t", err, m.Roles, m.BreakGlass)
			}
		})
	}
}
