package stacks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/infra/stage"
)

// environment returns what a function is told. References to secrets are given only to who uses them.
func (in *installation) environment(f inventory.Function) map[string]string {
	s := in.Stage
	env := map[string]string{
		inventory.EnvStage: s.Name, inventory.EnvPrefix: s.Prefix(), inventory.EnvAccount: in.place.Account, inventory.EnvKey: in.place.CaseKey,
		inventory.EnvBaseURL: in.baseURL(), inventory.EnvMailDomain: s.Mail.Domain, inventory.EnvMail: s.Mail.Kind, inventory.EnvBus: s.Prefix(),
	}
	for _, b := range inventory.Buckets() {
		env[fmt.Sprintf(inventory.EnvBucket, strings.ToUpper(b.Name))] = in.place.BucketName(b.Name)
	}
	if f.Has(inventory.Mail) {
		env[inventory.EnvMailServer], env[inventory.EnvMailUser], env[inventory.EnvMailSecret] = s.Mail.Server, s.Mail.User, s.Mail.Secret
	}
	if f.Trigger == inventory.HTTP {
		env[inventory.EnvMailEvents] = s.Mail.Events
		if s.Edge {
			env[inventory.EnvOrigin] = "secretsmanager:" + s.Secret(stage.SecretOrigin)
		}
	}
	if f.Name == signInFunction {
		in.signIn(env)
	}
	if s.Demo {
		env[inventory.EnvDemo] = "on"
	}
	if s.Clock != "" {
		env[inventory.EnvClock] = s.Clock
	}
	if s.Count {
		env[inventory.EnvCount] = "on"
	}
	for name, value := range env {
		if value == "" {
			delete(env, name)
		}
	}
	return env
}

// signInFunction is where staff sign in.
const signInFunction = "Console"

func (in *installation) signIn(env map[string]string) {
	s := in.Stage
	switch {
	case s.SignIn.Cognito: // made after the API, whose address it needs
		env[inventory.EnvOIDCIssuer] = "ssm:" + s.Parameter(stage.ParameterOIDCIssuer)
		env[inventory.EnvOIDCClient] = "ssm:" + s.Parameter(stage.ParameterOIDCClient)
		env[inventory.EnvOIDCSecret] = "secretsmanager:" + s.Secret(stage.SecretOIDC)
	case s.SignIn.Issuer != "":
		env[inventory.EnvOIDCIssuer], env[inventory.EnvOIDCClient], env[inventory.EnvOIDCSecret] = s.SignIn.Issuer, s.SignIn.Client, s.SignIn.Secret
	}
}

// baseURL is the address of the portal. Without a domain it is empty: the API is made after its functions, and cmd/settle writes its
// address to the records.
func (in *installation) baseURL() string {
	if in.Stage.Domain != nil {
		return "https://" + in.Stage.Domain.Name
	}
	return ""
}

// references returns the values of an environment that lead to a secret or a parameter, in order.
func references(env map[string]string) []string {
	var all []string
	for _, v := range env {
		if strings.HasPrefix(v, "ssm:") || strings.HasPrefix(v, "secretsmanager:") {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return all
}
