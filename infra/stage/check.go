package stage

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/infra/inventory"
)

var (
	stageName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	region    = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)
	account   = regexp.MustCompile(`^\d{12}$`)
	domain    = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$`)
	zone      = regexp.MustCompile(`^Z[A-Z0-9]{3,31}$`)
	address   = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
	policyARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\w+=,.@/-]+$`)
	roleARN   = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$`)
	certARN   = regexp.MustCompile(`^arn:aws[a-z-]*:acm:([a-z0-9-]+):\d{12}:certificate/[0-9a-f-]+$`)
)

// logDays are the retentions that CloudWatch Logs knows, up to two years.
var logDays = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731}

// faults collects what is wrong, by field.
type faults []error

func (f *faults) unless(ok bool, field, format string, args ...any) {
	if !ok {
		*f = append(*f, fmt.Errorf("%s: "+format, append([]any{field}, args...)...))
	}
}

func (s Stage) check() error {
	var f faults
	f.unless(stageName.MatchString(s.Name) && len(s.Name) <= 16, "stage", "a name of 1 to 16 small letters, digits and dashes is needed")
	f.unless(region.MatchString(s.Region), "region", "a region such as eu-west-1 is needed")
	f.unless(s.Account == "" || account.MatchString(s.Account), "account", "an account has 12 digits")
	f.unless(s.Architecture == ARM64 || s.Architecture == X86_64, "architecture", "%s or %s", ARM64, X86_64)
	f.unless(s.Code != "", "code", "a folder is needed")
	for _, to := range s.Alarms {
		f.unless(address.MatchString(to), "alarmsTo", "an entry is no mail address")
	}
	f.unless(s.Budget > 0, "budgetUSD", "more than 0")
	f.unless(slices.Contains(logDays, s.LogDays), "logDays", "one of %v", logDays)
	f.unless(s.EvidenceDays >= 1 && s.EvidenceDays <= 36500, "evidenceDays", "1 to 36500")
	f.unless(s.PermissionsBoundary == "" || policyARN.MatchString(s.PermissionsBoundary), "permissionsBoundary", "the ARN of a policy")
	for _, admin := range s.KeyAdministrators {
		f.unless(roleARN.MatchString(admin), "keyAdministrators", "ARNs of roles")
	}
	f.unless(s.Throttle.Rate > 0 && s.Throttle.Burst > 0, "throttle", "rate and burst are more than 0")
	f.unless(s.Throttle.Client >= 10, "throttle.perClient", "at least 10") // the least that WAF takes
	s.checkAddress(&f)
	s.checkMail(&f)
	s.checkSignIn(&f)
	s.checkNetwork(&f)
	s.checkReserved(&f)
	s.checkKind(&f)
	return errors.Join(f...)
}

func (s Stage) checkAddress(f *faults) {
	if s.Domain == nil {
		f.unless(!s.Edge, "edge", "needs a domain")
		return
	}
	d := *s.Domain
	f.unless(domain.MatchString(d.Name), "domain.name", "a host name such as privacy.example.com")
	f.unless(d.HostedZone == "" || zone.MatchString(d.HostedZone), "domain.hostedZone", "the id of a hosted zone, such as Z0123456789ABC")
	f.unless(!s.Edge || d.HostedZone != "", "domain.hostedZone", "the edge needs it: it finds the API by a name of the zone")
	f.unless(d.HostedZone != "" || d.Certificate != "", "domain", "give a hosted zone, a certificate, or both")
	if d.Certificate != "" {
		where := s.Region
		if s.Edge {
			where = "us-east-1"
		}
		m := certARN.FindStringSubmatch(d.Certificate)
		f.unless(m != nil && m[1] == where, "domain.certificate", "the ARN of a certificate in %s", where)
	}
}

func (s Stage) checkMail(f *faults) {
	m := s.Mail
	f.unless(domain.MatchString(m.Domain), "mail.domain", "a domain is needed")
	switch m.Kind {
	case SES:
		f.unless(m.Server == "" && m.User == "" && m.Secret == "" && m.Events == "", "mail", "ses takes a domain and nothing else")
	case SMTP:
		f.unless(m.Server != "" && m.User != "" && m.Events == "", "mail", "smtp takes server, user and secret")
		s.checkReference(f, "mail.secret", m.Secret)
	case SendGrid:
		f.unless(m.Server == "" && m.User == "", "mail", "sendgrid takes secret and events")
		s.checkReference(f, "mail.secret", m.Secret)
	default:
		f.unless(false, "mail.kind", "%s, %s or %s", SES, SMTP, SendGrid)
	}
}

// checkReference: roles may read below the stage's path and nowhere else.
func (s Stage) checkReference(f *faults, field, reference string) {
	name, isSecret := strings.CutPrefix(reference, "secretsmanager:")
	parameter, isParameter := strings.CutPrefix(reference, "ssm:")
	ok := isSecret && strings.HasPrefix(name, s.Secret("")) || isParameter && strings.HasPrefix(parameter, s.Parameter(""))
	f.unless(ok, field, "a reference below the stage's path: secretsmanager:%sNAME or ssm:%sNAME", s.Secret(""), s.Parameter(""))
}

func (s Stage) checkSignIn(f *faults) {
	in := s.SignIn
	if in.Cognito || in.Issuer == "" {
		f.unless(in.Issuer == "" && in.Client == "" && in.Secret == "", "signIn", "either cognito or issuer, client and secret")
		return
	}
	u, err := url.Parse(in.Issuer)
	f.unless(err == nil && u.Scheme == "https" && u.Host != "", "signIn.issuer", "an https address")
	f.unless(in.Client != "", "signIn.client", "is needed")
	s.checkReference(f, "signIn.secret", in.Secret)
}

func (s Stage) checkNetwork(f *faults) {
	if s.PrivateNetwork == nil {
		return
	}
	p, err := netip.ParsePrefix(s.PrivateNetwork.CIDR)
	f.unless(err == nil && p.Addr().Is4() && p.Masked() == p && p.Bits() >= 16 && p.Bits() <= 24, "privateNetwork.cidr", "a network of /16 to /24")
	for i, d := range s.PrivateNetwork.Databases {
		at := fmt.Sprintf("privateNetwork.databases[%d]", i)
		p, err := netip.ParsePrefix(d.CIDR)
		f.unless(err == nil && p.Masked() == p && p.Bits() > 0, at+".cidr", "a network, and not every address")
		f.unless(d.Port > 0 && d.Port < 1<<16, at+".port", "1 to 65535")
	}
}

func (s Stage) checkReserved(f *faults) {
	functions := inventory.Functions()
	for name, n := range s.Reserved {
		i := slices.IndexFunc(functions, func(fn inventory.Function) bool { return fn.Name == name })
		f.unless(i >= 0, "reserved", "there is no function %q", name)
		f.unless(n >= 0, "reserved."+name, "0 or more")
		f.unless(n > 0 || !s.Production || i < 0 || functions[i].Trigger != inventory.HTTP, "reserved."+name, "a public function has a bound in production")
	}
}

// checkKind keeps what is made for development away from real people's data.
func (s Stage) checkKind(f *faults) {
	f.unless(s.Clock == "" || s.Clock == "manual", "clock", "manual, or absent")
	if !s.Production {
		return
	}
	f.unless(!s.Demo, "demo", "not in production")
	f.unless(s.Clock == "", "clock", "not in production")
	f.unless(!s.Count, "count", "not in production")
	f.unless(s.Domain != nil && s.Edge, "edge", "production has a domain and stands behind the edge")
	f.unless(len(s.Alarms) > 0, "alarmsTo", "production tells somebody")
	f.unless(s.EvidenceDays >= 365, "evidenceDays", "at least 365 in production")
}
