package registry_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

const systems = `# two systems
systems:
  - name: shop
    title: Online shop
    kind: sqlite
    owner: it@example.com
    settings: {path: shop.db, statementTimeoutSeconds: 20}
    dataset: shop.yml
    recipients: [parcel-service]
    rights: [access, erasure]
    autopilot: true
    facts: {purposes: [to deliver orders], retention: ten years}
  - name: crm
    kind: postgres
    settings:
      host: db.example.com
      port: 5432
    secrets:
      password: env:CRM_PASSWORD
`

func TestParseSystems(t *testing.T) {
	got, err := registry.ParseSystems([]byte(systems))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 {
		t.Fatalf("got %d systems", len(got))
	}
	shop, crm := got[0], got[1]
	if shop.Name != "shop" || shop.Title != "Online shop" || shop.Line != 3 || !shop.Autopilot || shop.Dataset != "shop.yml" || shop.Owner != "it@example.com" {
		t.Errorf("shop: %+v", shop)
	}
	if diff := cmp.Diff([]dsar.Right{dsar.Access, dsar.Erasure}, shop.Rights); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"to deliver orders"}, shop.Facts.Purposes); diff != "" || shop.Facts.Retention != "ten years" {
		t.Error(diff)
	}
	if crm.Line != 13 || crm.Autopilot || crm.Secrets["password"] != "env:CRM_PASSWORD" || crm.Settings["host"] != "db.example.com" {
		t.Errorf("crm: %+v", crm)
	}
}

func TestParseSystemsNamesTheLine(t *testing.T) {
	for name, c := range map[string]struct {
		change func(string) string
		line   int
		text   string
	}{
		"unknown key":      {replace("owner:", "wner:"), 6, "systems[0].wner"},
		"secret in clear":  {replace("env:CRM_PASSWORD", "tr0ub4dor"), 19, "secrets.password"},
		"unknown right":    {replace("erasure", "oblivion"), 10, "rights[1]"},
		"bad name":         {replace("name: crm", "name: C R M"), 13, "systems[1].name"},
		"name twice":       {replace("name: crm", "name: shop"), 13, "another system"},
		"key twice":        {replace("    owner: it@example.com", "    kind: rest"), 6, "already defined"},
		"wrong type":       {replace("autopilot: true", "autopilot: 1"), 11, "autopilot"},
		"no kind":          {replace("    kind: postgres\n", ""), 13, "kind"},
		"not YAML":         {replace("settings: {path", "settings: {{{path"), 7, ""},
		"tab":              {replace("    kind: sqlite", "\tkind: sqlite"), 5, ""},
		"unknown at top":   {func(s string) string { return s + "system: []\n" }, 20, "system"},
		"alias":            {replace("title: Online shop", "title: &a Online shop"), 4, "anchors"},
		"empty":            {func(string) string { return "" }, 1, "one YAML document"},
		"two documents":    {func(s string) string { return s + "---\nsystems: []\n" }, 1, "one YAML document"},
		"no list":          {func(string) string { return "systems: shop\n" }, 1, "systems"},
		"a scalar":         {func(string) string { return "shop\n" }, 1, ""},
		"too large":        {func(s string) string { return s + strings.Repeat("# padding\n", 110_000) }, 1, "1 MiB"},
		"empty settings":   {replace("settings: {path: shop.db, statementTimeoutSeconds: 20}", "settings: [shop.db]"), 7, "settings"},
		"empty path":       {replace("path: shop.db", `path: ""`), 7, "settings.path"},
		"secret's name":    {replace("password: env", "Pass Word: env"), 19, "secrets"},
		"number for owner": {replace("owner: it@example.com", "owner: 7"), 6, "owner"},
	} {
		t.Run(name, func(t *testing.T) {
			content := c.change(systems)
			if content == systems {
				t.Fatal("the case changes nothing")
			}
			_, err := registry.ParseSystems([]byte(content))
			bad, ok := errors.AsType[*registry.InvalidFile](err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			if !fault.Has(err, fault.Invalid) {
				t.Errorf("class %s", fault.ClassOf(err))
			}
			if bad.Faults[0].Line != c.line || !strings.Contains(err.Error(), c.text) {
				t.Errorf("want line %d and %q, got: %s", c.line, c.text, err)
			}
			if strings.Contains(err.Error(), "tr0ub4dor") {
				t.Error("the error repeats a secret")
			}
		})
	}
}

func replace(from, to string) func(string) string {
	return func(s string) string { return strings.Replace(s, from, to, 1) }
}

func FuzzParseSystems(f *testing.F) {
	f.Add([]byte(systems))
	f.Add([]byte("systems: [{name: a, kind: b}]"))
	f.Add([]byte("systems:\n- &a [*a]\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := registry.ParseSystems(content)
		if err != nil {
			if bad, ok := errors.AsType[*registry.InvalidFile](err); !ok || len(bad.Faults) == 0 {
				t.Errorf("an error that says nothing: %v", err)
			}
			return
		}
		for _, s := range got {
			if registry.CheckName("/name", s.Name) != nil || s.Kind == "" || s.Line < 1 {
				t.Errorf("accepted %+v", s)
			}
		}
	})
}
