package cloud

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Settings are what an installation tells its functions; infra/inventory documents each by its environment variable.
type Settings struct {
	Stage, Prefix, Region, Account string
	Key                            string
	Buckets                        map[string]string // by Bucket.Name of the inventory
	BaseURL, MailDomain            string            // BaseURL empty = see Address
	Mail, MailServer, MailUser     string
	MailSecret, MailEvents         string
	Bus, Origin                    string
	OIDCIssuer, OIDCClient         string
	OIDCSecret                     string
	Demo, Manual, Count            bool
}

var prefix = regexp.MustCompile(`\A[a-z][a-z0-9-]{2,40}\z`)

// Read reads settings from an environment. What is missing or makes no sense is fault.Misconfigured and names the variable.
func Read(getenv func(string) string) (Settings, error) {
	s := Settings{
		Stage: getenv(inventory.EnvStage), Prefix: getenv(inventory.EnvPrefix), Region: getenv("AWS_REGION"), Account: getenv(inventory.EnvAccount),
		Key: getenv(inventory.EnvKey), BaseURL: strings.TrimSuffix(getenv(inventory.EnvBaseURL), "/"), MailDomain: getenv(inventory.EnvMailDomain),
		Mail: getenv(inventory.EnvMail), MailServer: getenv(inventory.EnvMailServer), MailUser: getenv(inventory.EnvMailUser),
		MailSecret: getenv(inventory.EnvMailSecret), MailEvents: getenv(inventory.EnvMailEvents), Bus: getenv(inventory.EnvBus),
		Origin: getenv(inventory.EnvOrigin), OIDCIssuer: getenv(inventory.EnvOIDCIssuer), OIDCClient: getenv(inventory.EnvOIDCClient),
		OIDCSecret: getenv(inventory.EnvOIDCSecret), Demo: getenv(inventory.EnvDemo) == "on", Manual: getenv(inventory.EnvClock) == "manual",
		Count: getenv(inventory.EnvCount) == "on", Buckets: map[string]string{},
	}
	for _, b := range inventory.Buckets() {
		s.Buckets[b.Name] = getenv(bucketEnv(b.Name))
	}
	return s, s.check()
}

func bucketEnv(name string) string { return fmt.Sprintf(inventory.EnvBucket, strings.ToUpper(name)) }

func (s Settings) check() error {
	missing := func(name string) error {
		return fault.New(fault.Misconfigured, "the setting "+name+" is missing or makes no sense")
	}
	for name, ok := range map[string]bool{
		inventory.EnvStage: s.Stage != "", inventory.EnvPrefix: prefix.MatchString(s.Prefix), "AWS_REGION": s.Region != "",
		inventory.EnvAccount: s.Account != "", inventory.EnvKey: s.Key != "", inventory.EnvMailDomain: s.MailDomain != "",
	} {
		if !ok {
			return missing(name)
		}
	}
	for name, bucket := range s.Buckets {
		if bucket == "" {
			return missing(bucketEnv(name))
		}
	}
	if u, err := url.Parse(s.BaseURL); err != nil || s.BaseURL != "" && (u.Host == "" || u.Scheme != "https" && !s.Demo) {
		return missing(inventory.EnvBaseURL)
	}
	if s.Manual && !s.Demo {
		return fault.New(fault.Misconfigured, "a clock set by hand is for stages for development only")
	}
	return nil
}

// Machine returns the ARN by which a state machine is started.
func (s Settings) Machine(name string) string {
	return fmt.Sprintf("arn:aws:states:%s:%s:stateMachine:%s-%s:%s", s.Region, s.Account, s.Prefix, name, inventory.Alias)
}

// Function returns the ARN by which a function is called.
func (s Settings) Function(name string) string {
	return fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s-%s:%s", s.Region, s.Account, s.Prefix, name, inventory.Alias)
}

// Worker returns the ARN of the function that runs tasks of a kind of system.
func (s Settings) Worker(kind string) string { return s.Function(inventory.Worker(kind)) }

// Workers returns the ARNs of the functions that open systems.
func (s Settings) Workers() []string {
	var list []string
	for _, f := range inventory.Functions() {
		if f.Has(inventory.Systems) {
			list = append(list, s.Function(f.Name))
		}
	}
	return list
}
