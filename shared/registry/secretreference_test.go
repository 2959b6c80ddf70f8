package registry_test

import (
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/registry"
)

// TestSecretReferences: the schema of systems.yaml and what checks recipients and calls of staff take the same references.
func TestSecretReferences(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("a", n) }
	for reference, want := range map[string]bool{
		"env:CRM_PASSWORD": true, "file:secrets/crm": true, "file:/run/secrets/crm token": true,
		"secretsmanager:habeas/prod/crm": true, "secretsmanager:habeas/prod/shop/db#password": true, "ssm:/habeas/prod/crm": true,
		"tr0ub4dor": false, "env:": false, "env:1": false, "env:A B": false, "file:": false, "secretsmanager:": false, "secretsmanager:a b": false,
		"secretsmanager:a#": false, "secretsmanager:a#b#c": false, "secretsmanager:a#b c": false, "ssm:habeas/prod/crm": false, "ssm:/": false,
		"ssm:/a:1": false, "ssm:/a#b": false, "vault:a": false, " env:A": false, "env:A\n": false,
		"file:" + long(400): true, "file:" + long(401): false, "secretsmanager:" + long(400) + "#" + long(100): true, "secretsmanager:" + long(401): false,
		"secretsmanager:a#" + long(101): false, "ssm:/" + long(400): true, "ssm:/" + long(401): false,
	} {
		if got := registry.IsSecretReference(reference); got != want {
			t.Errorf("IsSecretReference(%q) is %t", reference, got)
		}
		_, err := registry.ParseSystems([]byte(replace("env:CRM_PASSWORD", `"`+reference+`"`)(systems)))
		if reference != "env:A\n" && (err == nil) != want { // a line break within quotes is a blank in YAML
			t.Errorf("%q in systems.yaml: %v, want fine %t", reference, err, want)
		}
	}
}
