// Package stage reads the settings of a stage: one file says everything that differs between installations on AWS. The stacks
// (infra/cdk) are made of it, and the command finds a deployed installation by it. It touches no network and no environment.
package stage

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
)

// Architectures of the functions.
const (
	ARM64  = "arm64"
	X86_64 = "x86_64"
)

// Kinds of mail service.
const (
	SES      = "ses"
	SMTP     = "smtp"
	SendGrid = "sendgrid"
)

// Stage is one installation. Only Name, Region and Mail.Domain have no default.
type Stage struct {
	Name         string `yaml:"stage"`      // 1..16 of [a-z0-9-]; the file is called <stage>.yaml
	Production   bool   `yaml:"production"` // real people's data: what is made for development is refused
	Region       string `yaml:"region"`
	Account      string `yaml:"account"`      // 12 digits; empty = that of the credentials
	Architecture string `yaml:"architecture"` // ARM64 (default) or X86_64
	Code         string `yaml:"code"`         // folder of the functions' zips, relative to this file; default ../../../bin/lambda

	Domain *Domain `yaml:"domain"` // absent = the address that AWS gives
	Edge   bool    `yaml:"edge"`   // CloudFront and WAF in front; needs Domain.HostedZone

	Mail    Mail     `yaml:"mail"`
	SignIn  SignIn   `yaml:"signIn"`
	Alarms  []string `yaml:"alarmsTo"`  // addresses; each confirms its subscription
	Budget  int      `yaml:"budgetUSD"` // a month; default 50
	LogDays int      `yaml:"logDays"`   // as CloudWatch Logs allows: 1, 3, 5, 7, 14, 30, 60, 90 ...; default 30

	// EvidenceDays is how long Object Lock keeps sealed evidence, in compliance mode: nobody can shorten it. Default 2190.
	EvidenceDays int `yaml:"evidenceDays"`

	PermissionsBoundary string   `yaml:"permissionsBoundary"` // ARN of the policy that every role is made with
	KeyAdministrators   []string `yaml:"keyAdministrators"`   // ARNs of roles; empty = whom the account's policies allow

	PrivateNetwork *PrivateNetwork `yaml:"privateNetwork"` // absent = functions run outside of a VPC
	Throttle       Throttle        `yaml:"throttle"`
	Reserved       map[string]int  `yaml:"reserved"` // reserved concurrency by name of function; 0 = none

	// For development; refused in production.
	Demo  bool   `yaml:"demo"`
	Clock string `yaml:"clock"` // "manual": time stands until it is set
	Count bool   `yaml:"count"` // log every call of an AWS service
}

// Domain is the address of the portal.
type Domain struct {
	Name       string `yaml:"name"`       // privacy.example.com
	HostedZone string `yaml:"hostedZone"` // id of the zone in Route 53; empty = its records are made elsewhere
	// Certificate is the ARN of a certificate for Name: in us-east-1 with an edge, in Region without one. Empty = one is made
	// and proved through HostedZone.
	Certificate string `yaml:"certificate"`
}

// Mail says how mail leaves.
type Mail struct {
	Kind   string `yaml:"kind"`   // SES (default), SMTP or SendGrid
	Domain string `yaml:"domain"` // of senders and Message-IDs
	Server string `yaml:"server"` // SMTP: host:port
	User   string `yaml:"user"`   // SMTP
	Secret string `yaml:"secret"` // reference below the stage's path: password or API key
	Events string `yaml:"events"` // SendGrid: public key of the event webhook; empty = nobody reports
}

// SignIn says who proves who a member of staff is, besides the built-in accounts.
type SignIn struct {
	Cognito bool   `yaml:"cognito"` // a user pool with a second factor, made here
	Issuer  string `yaml:"issuer"`  // or an OpenID Connect issuer of the company
	Client  string `yaml:"client"`
	Secret  string `yaml:"secret"` // reference below the stage's path
}

// PrivateNetwork puts the workers that open databases into a VPC without a way to the internet.
type PrivateNetwork struct {
	CIDR      string     `yaml:"cidr"` // of the VPC, /16 to /24; two private subnets are cut from it
	Databases []Database `yaml:"databases"`
}

// Database is an address that the workers may open.
type Database struct {
	CIDR string `yaml:"cidr"`
	Port int    `yaml:"port"`
}

// Throttle bounds the HTTP API; the edge bounds each client besides.
type Throttle struct {
	Rate   int `yaml:"rate"`      // requests a second; default 50
	Burst  int `yaml:"burst"`     // default 100
	Client int `yaml:"perClient"` // edge: requests of one address in 5 minutes; default 1000
}

// Prefix is what every name of the stage begins with.
func (s Stage) Prefix() string { return "habeas-" + s.Name }

// Path is what every parameter of the stage begins with; secrets have it without the first slash.
func (s Stage) Path() string { return "/habeas/" + s.Name }

// Parameter returns the name of a parameter of the stage.
func (s Stage) Parameter(name string) string { return s.Path() + "/" + name }

// Secret returns the name of a secret of the stage.
func (s Stage) Secret(name string) string { return strings.TrimPrefix(s.Parameter(name), "/") }

// Names of parameters that the stacks write.
const (
	ParameterBaseURL     = "base-url"    // address of the portal
	ParameterEnvironment = "environment" // JSON object: the environment of functions, references unresolved
	ParameterOIDCIssuer  = "oidc-issuer"
	ParameterOIDCClient  = "oidc-client"
)

// Names of secrets that the stacks make.
const (
	SecretOrigin = "origin"      // what the edge proves itself with
	SecretOIDC   = "oidc-client" // of the user pool's client
)

// Load reads a file. Its name must be that of the stage.
func Load(path string) (Stage, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Stage{}, fmt.Errorf("reading the settings of a stage: %w", err)
	}
	s, err := Parse(data)
	if err != nil {
		return Stage{}, fmt.Errorf("reading %s: %w", filepath.Base(path), err)
	}
	name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".yaml"), ".example")
	if name != s.Name {
		return Stage{}, fmt.Errorf("reading %s: it is of stage %q; a file is called as its stage", filepath.Base(path), s.Name)
	}
	if !filepath.IsAbs(s.Code) {
		s.Code = filepath.Join(filepath.Dir(path), filepath.FromSlash(s.Code))
	}
	return s, nil
}

// Parse reads settings, fills in defaults and checks them. An unknown or badly typed field is an error that shows its line;
// every other fault is named by its field, all at once.
func Parse(data []byte) (Stage, error) {
	s := Stage{
		Architecture: ARM64, Code: "../../../bin/lambda", Mail: Mail{Kind: SES}, Budget: 50, LogDays: 30, EvidenceDays: 2190,
		Throttle: Throttle{Rate: 50, Burst: 100, Client: 1000},
	}
	if err := yaml.UnmarshalWithOptions(data, &s, yaml.Strict(), yaml.DisallowUnknownField()); err != nil {
		return Stage{}, fmt.Errorf("decoding: %w", err)
	}
	if err := s.check(); err != nil {
		return Stage{}, err
	}
	return s, nil
}
