package objects

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/uuid"

	"github.com/habeas-dsar/habeas/infra/cloud/secrets"
	"github.com/habeas-dsar/habeas/infra/cloud/secrets/parameters"
	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

// vault is a stage with secrets and parameters of its own.
type vault struct {
	*secrets.Store
	path       string
	now        time.Time
	secrets    *secretsmanager.Client
	parameters *ssm.Client
	faults     *faults
}

func newVault(t *testing.T) *vault {
	t.Helper()
	f := &faults{}
	cfg := emulator.Ministack(t).Config(t, "")
	v := &vault{path: "habeas/" + uuid.NewString(), now: time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC), faults: f}
	v.secrets, v.parameters = secretsmanager.NewFromConfig(cfg), ssm.NewFromConfig(cfg)
	counted := secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) {
		f.next, f.seen, o.HTTPClient, o.RetryMaxAttempts = o.HTTPClient, map[string]int{}, f, 1
	})
	f2 := ssm.NewFromConfig(cfg, func(o *ssm.Options) { o.HTTPClient, o.RetryMaxAttempts = f, 1 })
	v.Store = secrets.New(counted, parameters.Read(f2.GetParameter), v.path, func() time.Time { return v.now })
	return v
}

func (v *vault) secret(t *testing.T, name, text string) {
	t.Helper()
	name = v.path + "/" + name
	_, err := v.secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &text})
	// The client repeats what got no answer, and the emulator does not know a repetition by its token; the path is this test's own.
	if err != nil && awsfault.Code(err) != "ResourceExistsException" {
		t.Fatal(err)
	}
}

func (v *vault) parameter(t *testing.T, name, text string) {
	t.Helper()
	name = "/" + v.path + "/" + name
	if _, err := v.parameters.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &text, Type: types.ParameterTypeSecureString, Overwrite: new(true)}); err != nil {
		t.Fatal(err)
	}
}

func TestSecrets(t *testing.T) {
	v := newVault(t)
	v.secret(t, "crm", "canary-crm\n")
	v.secret(t, "shop/database", `{"username": "habeas", "password": "canary-db", "port": 5432, "on": true, "none": null, "empty": "", "list": ["canary-list"]}`)
	v.parameter(t, "origin", "canary-origin")
	for reference, want := range map[string]string{
		"secretsmanager:" + v.path + "/crm":                    "canary-crm",
		"secretsmanager:" + v.path + "/shop/database#password": "canary-db",
		"secretsmanager:" + v.path + "/shop/database#port":     "5432",
		"ssm:/" + v.path + "/origin":                           "canary-origin",
	} {
		if got, err := v.Resolve(reference); err != nil || got.Reveal() != want {
			t.Errorf("a reference resolves to another secret, or %v", err)
		}
	}
	for what, reference := range map[string]string{
		"nothing": "", "a secret in clear": "canary-crm", "an environment": "env:CANARY", "a file": "file:/etc/canary", "no name": "secretsmanager:",
		"another path": "secretsmanager:canary/crm", "another stage": "secretsmanager:habeas/canary/crm", "a longer stage": "secretsmanager:" + v.path + "-canary/crm",
		"the path itself": "secretsmanager:" + v.path + "/", "a way out": "secretsmanager:" + v.path + "/../canary/crm",
		"an ARN":         "secretsmanager:arn:aws:secretsmanager:eu-west-1:000000000000:secret:" + v.path + "/crm",
		"no such secret": "secretsmanager:" + v.path + "/canary", "no such parameter": "ssm:/" + v.path + "/canary",
		"no such field": "secretsmanager:" + v.path + "/shop/database#canary", "no field": "secretsmanager:" + v.path + "/shop/database#",
		"a field of a text": "secretsmanager:" + v.path + "/crm#canary", "a boolean": "secretsmanager:" + v.path + "/shop/database#on",
		"null": "secretsmanager:" + v.path + "/shop/database#none", "an empty field": "secretsmanager:" + v.path + "/shop/database#empty",
		"a list": "secretsmanager:" + v.path + "/shop/database#list", "a relative parameter": "ssm:" + v.path + "/origin",
		"a version": "ssm:/" + v.path + "/origin:1", "a field of a parameter": "ssm:/" + v.path + "/origin#canary",
	} {
		got, err := v.Resolve(reference)
		if !fault.Has(err, fault.Misconfigured) || !got.IsZero() {
			t.Errorf("%s: %v, want misconfigured", what, err)
		}
		if err != nil && (strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), v.path)) {
			t.Errorf("%s: the error quotes: %v", what, err)
		}
	}
	for _, path := range []string{"", "/"} {
		if _, err := secrets.New(v.secrets, parameters.Read(v.parameters.GetParameter), path, time.Now).Resolve("ssm:/" + v.path + "/origin"); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("without a path: %v, want misconfigured", err)
		}
	}
	if _, err := secrets.New(v.secrets, nil, v.path, time.Now).Resolve("ssm:/" + v.path + "/origin"); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("without Parameter Store: %v, want misconfigured", err)
	}
}

// TestSecretsAreRemembered: five minutes long, whatever field is asked for, and never longer.
func TestSecretsAreRemembered(t *testing.T) {
	v := newVault(t)
	v.secret(t, "db", `{"a": "1", "b": "2"}`)
	v.parameter(t, "p", "old")
	resolve := func(reference, want string) {
		t.Helper()
		if got, err := v.Resolve(reference); err != nil || got.Reveal() != want {
			t.Errorf("another secret, or %v", err)
		}
	}
	for range 3 {
		resolve("secretsmanager:"+v.path+"/db#a", "1")
		resolve("secretsmanager:"+v.path+"/db#b", "2")
		resolve("ssm:/"+v.path+"/p", "old")
	}
	if s, p := v.faults.calls("GetSecretValue"), v.faults.calls("GetParameter"); s != 1 || p != 1 {
		t.Errorf("%d secrets and %d parameters were read, want one each", s, p)
	}
	v.parameter(t, "p", "new")
	v.now = v.now.Add(5*time.Minute - time.Second)
	resolve("ssm:/"+v.path+"/p", "old")
	v.now = v.now.Add(time.Second)
	resolve("ssm:/"+v.path+"/p", "new")
}

func TestSecretsInTrouble(t *testing.T) {
	v := newVault(t)
	v.secret(t, "a", "canary")
	v.parameter(t, "a", "canary")
	for operation, reference := range map[string]string{"GetSecretValue": "secretsmanager:" + v.path + "/a", "GetParameter": "ssm:/" + v.path + "/a"} {
		for kind, class := range map[trouble]fault.Class{refused: fault.Throttled, failing: fault.Unavailable, lost: fault.Unavailable, unanswered: fault.Unavailable} {
			v.faults.set(always(operation, kind))
			if got, err := v.Resolve(reference); !fault.Has(err, class) || !got.IsZero() || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s in trouble %d: %v, want %s", operation, kind, err, class)
			}
		}
		v.faults.set(nil)
		if got, err := v.Resolve(reference); err != nil || got.Reveal() != "canary" {
			t.Errorf("%s afterwards: %v", operation, err)
		}
	}
}
