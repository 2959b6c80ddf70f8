// Package signin_test signs staff in at Cognito, as the emulator has it: its managed login with the code flow, PKCE, a nonce and
// tokens signed with RS256. What it does not have is said where it matters.
package signin_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/signin"
	"github.com/habeas-dsar/habeas/shared/signin/oidcsignin"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

const (
	back     = "https://privacy.example.com/console/oidc/callback"
	leaving  = "https://privacy.example.com/console/sign-in"
	password = "A long enough Passw0rd!"
)

// gateway leads what is meant for Cognito to the emulator, which then speaks of itself as https, as Cognito does.
type gateway struct{ to *url.URL }

// RoundTrip implements http.RoundTripper.
func (g gateway) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = r.URL.Host
	r.Header.Set("X-Forwarded-Proto", "https")
	r.URL.Scheme, r.URL.Host = g.to.Scheme, g.to.Host
	return http.DefaultTransport.RoundTrip(r)
}

// pool is a user pool with a client of ours.
type pool struct {
	t      *testing.T
	api    *cognito.Client
	via    gateway
	id     string
	client string
	secret string
}

func newPool(t *testing.T) *pool {
	t.Helper()
	cloud := emulator.Ministack(t)
	at, err := url.Parse(cloud.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := &pool{t: t, api: cognito.NewFromConfig(cloud.Config(t, "")), via: gateway{at}}
	made, err := p.api.CreateUserPool(t.Context(), &cognito.CreateUserPoolInput{
		PoolName: aws.String("staff"), UsernameAttributes: []types.UsernameAttributeType{types.UsernameAttributeTypeEmail},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.id = *made.UserPool.Id
	p.client, p.secret = p.newClient()
	return p
}

func (p *pool) newClient() (id, secret string) {
	p.t.Helper()
	made, err := p.api.CreateUserPoolClient(p.t.Context(), &cognito.CreateUserPoolClientInput{
		UserPoolId: &p.id, ClientName: aws.String("habeas"), GenerateSecret: true, AllowedOAuthFlowsUserPoolClient: true,
		AllowedOAuthFlows: []types.OAuthFlowType{types.OAuthFlowTypeCode}, AllowedOAuthScopes: []string{"openid", "email"},
		CallbackURLs: []string{back}, LogoutURLs: []string{leaving}, SupportedIdentityProviders: []string{"COGNITO"},
		ExplicitAuthFlows: []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowUserPasswordAuth},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return *made.UserPoolClient.ClientId, *made.UserPoolClient.ClientSecret
}

// person adds somebody to the pool and returns her subject.
func (p *pool) person(email, verified string) string {
	p.t.Helper()
	attribute := func(name, value string) types.AttributeType {
		return types.AttributeType{Name: &name, Value: &value}
	}
	made, err := p.api.AdminCreateUser(p.t.Context(), &cognito.AdminCreateUserInput{
		UserPoolId: &p.id, Username: &email, MessageAction: types.MessageActionTypeSuppress,
		UserAttributes: []types.AttributeType{attribute("email", email), attribute("email_verified", verified)},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.api.AdminSetUserPassword(p.t.Context(), &cognito.AdminSetUserPasswordInput{
		UserPoolId: &p.id, Username: &email, Password: aws.String(password), Permanent: true,
	}); err != nil {
		p.t.Fatal(err)
	}
	for _, a := range made.User.Attributes {
		if *a.Name == "sub" {
			return *a.Value
		}
	}
	p.t.Fatal("somebody without a subject")
	return ""
}

func (p *pool) issuer(change func(*oidcsignin.Options)) *oidcsignin.Client {
	p.t.Helper()
	o := oidcsignin.Options{
		Issuer: "https://cognito-idp." + emulator.Region + ".amazonaws.com/" + p.id, Client: p.client,
		Secret: func() (redact.Text, error) { return redact.NewText(p.secret), nil },
		Now:    time.Now, Machine: time.Now, Transport: p.via,
	}
	if change != nil {
		change(&o)
	}
	c, err := oidcsignin.New(o)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

func (p *pool) browser() *http.Client {
	return &http.Client{Transport: p.via, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// login goes to the managed login and signs in; it returns the code, "" when Cognito shows its page again.
func (p *pool) login(c *oidcsignin.Client, a signin.Attempt, email, with string) string {
	p.t.Helper()
	to, err := c.Begin(p.t.Context(), a, back)
	if err != nil {
		p.t.Fatal(err)
	}
	page, err := p.browser().Get(to)
	if err != nil {
		p.t.Fatal(err)
	}
	defer page.Body.Close()
	body, err := io.ReadAll(page.Body)
	if err != nil || page.StatusCode != http.StatusOK || !strings.Contains(string(body), `name="password"`) {
		p.t.Fatalf("the managed login answers %d: %v: %s", page.StatusCode, err, body)
	}
	u, err := url.Parse(to)
	if err != nil {
		p.t.Fatal(err)
	}
	form := u.Query() // the page carries what it was asked for
	form.Set("username", email)
	form.Set("password", with)
	done, err := p.browser().PostForm(u.Scheme+"://"+u.Host+"/login", form)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = done.Body.Close()
	if done.StatusCode == http.StatusOK {
		return ""
	}
	at, err := done.Location()
	if err != nil || !strings.HasPrefix(at.String(), back+"?") || at.Query().Get("state") != a.State.Reveal() {
		p.t.Fatalf("Cognito answers %d and sends the browser to %v: %v", done.StatusCode, at, err)
	}
	return at.Query().Get("code")
}

func newAttempt() signin.Attempt {
	return signin.Attempt{State: redact.NewText("state-1"), Browser: signin.NewBrowser()}
}

func TestSigningInAtCognito(t *testing.T) {
	p := newPool(t)
	subject := p.person("kim@staff.example.com", "true")
	c := p.issuer(nil)
	a := newAttempt()
	if code := p.login(c, a, "kim@staff.example.com", "wrong"); code != "" {
		t.Error("Cognito takes a wrong password")
	}
	code := p.login(c, a, "kim@staff.example.com", password)
	id, err := c.Finish(t.Context(), a, back, code)
	if err != nil || id.Subject.Reveal() != subject || id.Email.Reveal() != "kim@staff.example.com" || id.Issuer != c.ID() {
		t.Fatalf("signed in: %v, the right one: %t", err, id.Subject.Reveal() == subject)
	}
	if _, err := c.Finish(t.Context(), a, back, code); !fault.Has(err, fault.Unauthenticated) {
		t.Errorf("the same code again: %v", err)
	}
	code = p.login(c, a, "kim@staff.example.com", password)
	if _, err := c.Finish(t.Context(), newAttempt(), back, code); !fault.Has(err, fault.Unauthenticated) {
		t.Errorf("a code with the secret of another browser: %v", err)
	}
}

func TestCognitoVouchesForConfirmedAddressesOnly(t *testing.T) {
	p := newPool(t)
	subject := p.person("lee@staff.example.com", "false")
	c := p.issuer(nil)
	a := newAttempt()
	id, err := c.Finish(t.Context(), a, back, p.login(c, a, "lee@staff.example.com", password))
	if err != nil || id.Subject.Reveal() != subject || !id.Email.IsZero() {
		t.Errorf("an address that nobody confirmed: %v", err)
	}
}

// Cognito tells how somebody signed in where acr and amr have reached the pool; the emulator never does, as a pool without them.
func TestCognitoWithoutASecondStep(t *testing.T) {
	p := newPool(t)
	p.person("kim@staff.example.com", "true")
	c := p.issuer(func(o *oidcsignin.Options) { o.ACR, o.AMR = []string{"urn:cognito:loa:3"}, []string{"mfa"} })
	a := newAttempt()
	if _, err := c.Finish(t.Context(), a, back, p.login(c, a, "kim@staff.example.com", password)); !fault.Has(err, fault.Forbidden) {
		t.Errorf("without a second step: %v", err)
	}
}

// A client of the pool is not another one, and a pool is not another one.
func TestOnePoolAndOneClient(t *testing.T) {
	p := newPool(t)
	p.person("kim@staff.example.com", "true")
	c := p.issuer(nil)
	a := newAttempt()
	wrong := p.issuer(func(o *oidcsignin.Options) {
		o.Secret = func() (redact.Text, error) { return redact.NewText("wrong"), nil }
	})
	if _, err := wrong.Finish(t.Context(), a, back, p.login(c, a, "kim@staff.example.com", password)); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("a wrong secret: %v", err)
	}
	id, secret := p.newClient()
	other := p.issuer(func(o *oidcsignin.Options) {
		o.Client, o.Secret = id, func() (redact.Text, error) { return redact.NewText(secret), nil }
	})
	if _, err := other.Finish(t.Context(), a, back, p.login(c, a, "kim@staff.example.com", password)); !fault.Has(err, fault.Unauthenticated) {
		t.Errorf("the code of another client: %v", err)
	}
	nowhere := p.issuer(func(o *oidcsignin.Options) { o.Issuer += "x" })
	if _, err := nowhere.Begin(t.Context(), a, back); err == nil {
		t.Error("a pool that does not exist")
	}
}

// A token that Cognito made for a call of its API has no nonce and belongs to no sign-in of ours.
func TestTokensOfTheAPIAreNotBelieved(t *testing.T) {
	p := newPool(t)
	p.person("kim@staff.example.com", "true")
	c := p.issuer(func(o *oidcsignin.Options) { o.Transport = apiTokens{p} })
	a := newAttempt()
	if _, err := c.Finish(t.Context(), a, back, "any"); !fault.Has(err, fault.Unauthenticated) || !strings.Contains(err.Error(), "another sign-in") {
		t.Errorf("got %v", err)
	}
}

func TestSigningOutOfCognito(t *testing.T) {
	p := newPool(t)
	to := p.issuer(nil).Leave(t.Context(), leaving)
	res, err := p.browser().Get(to)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusFound || res.Header.Get("Location") != leaving {
		t.Errorf("Cognito answers %d and goes on to %q", res.StatusCode, res.Header.Get("Location"))
	}
}

// apiTokens answers at the token endpoint with tokens of InitiateAuth.
type apiTokens struct{ p *pool }

// RoundTrip implements http.RoundTripper.
func (x apiTokens) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/token") {
		return x.p.via.RoundTrip(r)
	}
	token, err := x.p.initiate(r.Context())
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(`{"access_token":"x","token_type":"Bearer","id_token":"` + token + `"}`)), Request: r,
	}, nil
}

// initiate signs kim in by the API.
func (p *pool) initiate(ctx context.Context) (string, error) {
	m := hmac.New(sha256.New, []byte(p.secret))
	m.Write([]byte("kim@staff.example.com" + p.client))
	out, err := p.api.InitiateAuth(ctx, &cognito.InitiateAuthInput{
		ClientId: &p.client, AuthFlow: types.AuthFlowTypeUserPasswordAuth, AuthParameters: map[string]string{
			"USERNAME": "kim@staff.example.com", "PASSWORD": password, "SECRET_HASH": base64.StdEncoding.EncodeToString(m.Sum(nil)),
		},
	})
	if err != nil {
		return "", err
	}
	return *out.AuthenticationResult.IdToken, nil
}
