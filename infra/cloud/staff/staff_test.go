package staff_test

import (
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/infra/cloud/staff"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/signin"
	"github.com/habeas-dsar/habeas/shared/signin/signintest"
)

// references resolves what is put into it, and counts.
type references struct {
	values map[string]string
	asked  int
}

func (r *references) resolve(reference string) (redact.Text, error) {
	r.asked++
	v, ok := r.values[reference]
	if !ok {
		return redact.Text{}, fault.New(fault.Unavailable, "cannot be read now")
	}
	return redact.NewText(v), nil
}

func settings(issuer, client, secret string) *cloud.Cloud {
	return &cloud.Cloud{Settings: cloud.Settings{OIDCIssuer: issuer, OIDCClient: client, OIDCSecret: secret}}
}

func attempt() signin.Attempt {
	return signin.Attempt{State: redact.NewText("state"), Browser: signin.NewBrowser()}
}

func TestWhereStaffSignIn(t *testing.T) {
	refs := &references{}
	if p, err := staff.Open(settings("", "", ""), refs.resolve, time.Now); p != nil || err != nil {
		t.Errorf("without an issuer: %+v %v", p, err)
	}
	p, err := staff.Open(settings("https://sso.example.com", "c", "secretsmanager:habeas/dev/oidc"), refs.resolve, time.Now)
	if err != nil || p.Name != "sso.example.com" || p.Issuer.ID() != "https://sso.example.com" || refs.asked != 0 {
		t.Errorf("the company's issuer: %+v %v, asked for %d secrets", p, err, refs.asked)
	}
	if _, err := staff.Open(settings("http://sso.example.com", "c", ""), refs.resolve, time.Now); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("an issuer in the open: %v", err)
	}
}

// The parameters of a user pool are there after the functions are, and may be missing for a while.
func TestAPoolThatIsMadeLater(t *testing.T) {
	issuer := signintest.New(t, time.Now)
	refs := &references{values: map[string]string{}}
	p, err := staff.Open(settings("ssm:/habeas/dev/oidc-issuer", "ssm:/habeas/dev/oidc-client", "secretsmanager:habeas/dev/oidc"), refs.resolve, time.Now)
	if err != nil || p.Name != "Amazon Cognito" || refs.asked != 0 {
		t.Fatalf("%+v %v, asked for %d parameters", p, err, refs.asked)
	}
	const back = "https://privacy.example.com/console/oidc/callback"
	if _, err := p.Issuer.Begin(t.Context(), attempt(), back); !fault.Has(err, fault.Unavailable) {
		t.Errorf("before there is a pool: %v", err)
	}
	if _, err := p.Issuer.Finish(t.Context(), attempt(), back, "code"); !fault.Has(err, fault.Unavailable) {
		t.Errorf("finishing before there is a pool: %v", err)
	}
	if p.Issuer.ID() != "" || p.Issuer.Leave(t.Context(), back) != "" {
		t.Error("a pool that is not there has a name, or a way out")
	}
	refs.values["ssm:/habeas/dev/oidc-issuer"], refs.values["ssm:/habeas/dev/oidc-client"] = "", signintest.Client
	if _, err := p.Issuer.Begin(t.Context(), attempt(), back); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("with an empty parameter: %v", err)
	}
	refs.values["ssm:/habeas/dev/oidc-issuer"] = issuer.URL
	to, err := p.Issuer.Begin(t.Context(), attempt(), back)
	if err != nil || !strings.HasPrefix(to, issuer.URL+"/authorize?") || p.Issuer.ID() != issuer.URL || p.Issuer.Leave(t.Context(), back) == "" {
		t.Errorf("once there is a pool: %v", err)
	}
	asked := refs.asked
	if _, err := p.Issuer.Begin(t.Context(), attempt(), back); err != nil || refs.asked != asked {
		t.Errorf("again: %v, asked for %d parameters more", err, refs.asked-asked)
	}
}
