package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/passwords"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
)

// Account is a new console account with its password in the open, to be printed once. It marshals on purpose: the first line
// of serve and staff add are where secrets are handed over.
type Account struct {
	ID       string          `json:"id,omitempty"`
	Email    string          `json:"email"`
	Password string          `json:"password"`
	Roles    []registry.Role `json:"roles"`
}

// Token is a new API token in the open.
type Token struct {
	Name  string          `json:"name"`
	Token string          `json:"token"`
	Roles []registry.Role `json:"roles"`
}

// FirstLine says where everything is. It is what serve prints first, and what GET /dev/accounts answers in a demonstration: the
// places where secrets are handed over.
type FirstLine struct {
	Portal   string    `json:"portal"`
	Console  string    `json:"console"`
	API      string    `json:"api"`
	Metrics  string    `json:"metrics"`
	Accounts []Account `json:"accounts,omitempty"`
	Tokens   []Token   `json:"tokens,omitempty"`
}

// FirstLine returns the line for an installation whose first tenant has the name.
func (a *App) FirstLine(tenant string) FirstLine { return firstLine(a.BaseURL, tenant) }

func firstLine(base, tenant string) FirstLine {
	return FirstLine{Portal: base + "/t/" + tenant + "/", Console: base + "/console/", API: base + "/api/v1", Metrics: base + "/metrics"}
}

// Accounts adds staff. It is shared by serve and by the staff command.
type Accounts struct {
	Registry *registry.Store
	Sessions *session.Store
	Now      func() time.Time
}

// Add makes an account with a random password and, when tokenName is set, an API token. fault.Conflict when the address is
// taken. tenant empty means every tenant.
func (a Accounts) Add(ctx context.Context, tenant, email string, roles []registry.Role, tokenName string) (Account, *Token, error) {
	password := passwords.Generate()
	hash, err := passwords.New(1).Hash(ctx, password)
	if err != nil {
		return Account{}, nil, fmt.Errorf("hashing password: %w", err)
	}
	m := registry.Staff{ID: dsar.NewID(), Tenant: tenant, Email: email, Roles: roles, Password: hash, AddedAt: a.Now().UTC()}
	if err := a.Registry.AddStaff(ctx, m); err != nil {
		return Account{}, nil, err
	}
	out := Account{ID: m.ID, Email: email, Password: password.Reveal(), Roles: roles}
	if tokenName == "" {
		return out, nil, nil
	}
	token, err := a.Sessions.New(ctx, session.Grant{Kind: session.API, StaffID: m.ID, Tenant: tenant, Name: tokenName})
	if err != nil {
		return Account{}, nil, fmt.Errorf("making API token: %w", err)
	}
	return out, &Token{Name: tokenName, Token: token, Roles: roles}, nil
}

// demoAccounts is what DIR/demo-accounts.json holds, so that a restarted demonstration can print the same accounts.
type demoAccounts struct {
	Accounts []Account `json:"accounts"`
	Tokens   []Token   `json:"tokens"`
}

// DemoLine makes the accounts of a demonstration, once, and returns the line that names them at every start.
func (a *App) DemoLine(ctx context.Context) (FirstLine, error) {
	d := Demonstration{Set: a.Set, Dir: a.Dir, BaseURL: a.BaseURL, Now: a.Now}
	line, err := d.Line(ctx)
	if err != nil {
		return line, err
	}
	a.line = line
	for _, acc := range line.Accounts {
		var roles strings.Builder
		for n, r := range acc.Roles {
			if n > 0 {
				roles.WriteString(", ")
			}
			roles.WriteString(string(r))
		}
		a.Guide.Accounts = append(a.Guide.Accounts, functions.GuideAccount{Email: acc.Email, Password: acc.Password, Roles: roles.String()})
	}
	return line, nil
}

// Line makes the accounts of a demonstration, once, and returns the line that names them.
func (a *Demonstration) Line(ctx context.Context) (line FirstLine, err error) {
	line = firstLine(a.BaseURL, DemoTenant)
	line.Accounts, line.Tokens, err = a.accounts(ctx)
	return line, err
}

func (a *Demonstration) accounts(ctx context.Context) ([]Account, []Token, error) {
	path := filepath.Join(a.Dir, "demo-accounts.json")
	var d demoAccounts
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if d, err = a.makeAccounts(ctx, path); err != nil {
			return nil, nil, err
		}
	case err != nil:
		return nil, nil, fault.Wrap(fault.Misconfigured, err, "reading the demo accounts")
	case json.Unmarshal(raw, &d) != nil:
		return nil, nil, fault.New(fault.Misconfigured, "the file of the demo accounts is not what this version wrote")
	}
	return d.Accounts, d.Tokens, nil
}

func (a *Demonstration) makeAccounts(ctx context.Context, path string) (demoAccounts, error) {
	var d demoAccounts
	accounts := Accounts{a.Registry, a.Sessions, a.Now}
	for _, who := range []struct {
		name  string
		roles []registry.Role
	}{
		{"admin", []registry.Role{registry.Admin}},
		{"handler", []registry.Role{registry.Handler}},
		{"approver", []registry.Role{registry.Handler, registry.Approver}},
		{"reviewer", []registry.Role{registry.Handler, registry.Approver}}, // what two people decide needs a second one
		{"auditor", []registry.Role{registry.Auditor}},
	} {
		acc, token, err := accounts.Add(ctx, "", who.name+"@staff.test", who.roles, who.name)
		if err != nil {
			return d, fmt.Errorf("making demo account: %w", err)
		}
		d.Accounts, d.Tokens = append(d.Accounts, acc), append(d.Tokens, *token)
	}
	raw, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return d, fmt.Errorf("encoding the demo accounts: %w", err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		return d, fault.Wrap(fault.Misconfigured, err, "writing the demo accounts")
	}
	return d, nil
}

// Now returns the time of the installation.
func (a *App) Now() time.Time { return a.clock.Now() }
