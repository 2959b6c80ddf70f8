package stacks_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/infra/cdk/stacks"
	"github.com/habeas-dsar/habeas/infra/inventory"
)

func TestRoutesAreThoseOfTheInventory(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		var want, got []string
		for _, f := range s.functions {
			for _, route := range f.Routes {
				if route != "$default" {
					route = "ANY " + route
				}
				want = append(want, route)
			}
		}
		for _, r := range s.all("AWS::ApiGatewayV2::Route") {
			got = append(got, r.Text("RouteKey"))
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestNoLogHoldsAPath: paths hold references of cases and links that open them.
func TestNoLogHoldsAPath(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		stages := s.all("AWS::ApiGatewayV2::Stage")
		if len(stages) != 1 || stages[0].At("AccessLogSettings.DestinationArn") == nil {
			t.Fatalf("the API keeps no log: %v", stages)
		}
		format := stages[0].Text("AccessLogSettings.Format")
		for _, never := range []string{"path", "query", "sourceIp", "userAgent", "authorizer", "identity", "domain"} {
			if strings.Contains(format, never) {
				t.Errorf("the access log holds %s: %s", never, format)
			}
		}
		if stages[0].Text("DefaultRouteSettings.ThrottlingRateLimit") == "" || stages[0].Text("DefaultRouteSettings.ThrottlingBurstLimit") == "" {
			t.Error("the API has no bound")
		}
		for _, d := range s.all("AWS::CloudFront::Distribution") {
			if d.At("DistributionConfig.Logging") != nil {
				t.Error("CloudFront keeps a log of paths")
			}
		}
		for _, acl := range s.all("AWS::WAFv2::WebACL") {
			if strings.Contains(acl.Text("Rules")+acl.Text("VisibilityConfig"), `"SampledRequestsEnabled":true`) {
				t.Error("WAF keeps samples of requests")
			}
		}
	})
}

func TestTheEdgeStandsInFront(t *testing.T) {
	s := of(t, "prod")
	edge := s.stacks[stacks.Edge]
	d := edge.OfType("AWS::CloudFront::Distribution")[0]
	for path, want := range map[string]string{
		"DistributionConfig.Origins.0.DomainName":                              "origin." + s.stage.Domain.Name,
		"DistributionConfig.Origins.0.CustomOriginConfig.OriginProtocolPolicy": "https-only",
		"DistributionConfig.Origins.0.OriginCustomHeaders.0.HeaderName":        "X-Habeas-Origin",
		"DistributionConfig.Origins.0.OriginCustomHeaders.0.HeaderValue":       "{{resolve:secretsmanager:habeas/prod/origin:SecretString}}",
		"DistributionConfig.DefaultCacheBehavior.ViewerProtocolPolicy":         "redirect-to-https",
		"DistributionConfig.ViewerCertificate.MinimumProtocolVersion":          "TLSv1.2_2021",
		"DistributionConfig.Aliases":                                           s.stage.Domain.Name,
	} {
		if got := d.Text(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	acl := edge.OfType("AWS::WAFv2::WebACL")[0]
	if !refers(d.Text("DistributionConfig.WebACLId"), acl) {
		t.Error("the distribution has no firewall")
	}
	rules := acl.Text("Rules")
	for _, want := range []string{"AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet", "RateBasedStatement"} {
		if !strings.Contains(rules, want) {
			t.Errorf("the firewall has no %s", want)
		}
	}
	if api := s.all("AWS::ApiGatewayV2::Api")[0]; !truth(api, "DisableExecuteApiEndpoint") {
		t.Error("the API answers under the address of AWS too, past the edge")
	}
	for _, name := range []string{"dev", "company"} {
		if other := of(t, name); other.stacks[stacks.Edge].Resources != nil {
			t.Errorf("%s has an edge", name)
		}
	}
}

func TestStaffHaveASecondFactor(t *testing.T) {
	pool := of(t, "prod").all("AWS::Cognito::UserPool")[0]
	if pool.Text("MfaConfiguration") != "ON" || pool.Text("EnabledMfas") != "SOFTWARE_TOKEN_MFA" || !truth(pool, "AdminCreateUserConfig.AllowAdminCreateUserOnly") {
		t.Errorf("the pool lets in %v", pool.Properties)
	}
	client := of(t, "prod").all("AWS::Cognito::UserPoolClient")[0]
	if got := client.Text("CallbackURLs"); got != "https://privacy.example.com/console/oidc/callback" {
		t.Errorf("people are returned to %s", got)
	}
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "functions", "console", "signin.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`elsewherePath = "/console/oidc"`, `Callback      = elsewherePath + "/callback"`} {
		if !strings.Contains(string(raw), line) {
			t.Errorf("the console no longer says %s: the pool would return people to nowhere", line)
		}
	}
}

func TestWorkersHaveNoWayOut(t *testing.T) {
	s := of(t, "prod")
	network := s.stacks[stacks.Network]
	for _, way := range []string{"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::EgressOnlyInternetGateway", "AWS::EC2::Route"} {
		if n := len(network.OfType(way)); n > 0 {
			t.Errorf("there are %d of %s", n, way)
		}
	}
	for _, subnet := range network.OfType("AWS::EC2::Subnet") {
		if truth(subnet, "MapPublicIpOnLaunch") {
			t.Errorf("%s gives public addresses", subnet.ID)
		}
	}
	if len(network.OfType("AWS::EC2::FlowLog")) != 1 {
		t.Error("nobody sees what goes through the network")
	}
	for _, f := range s.functions {
		in := function(t, s, f.Name).At("VpcConfig") != nil
		if want := f.Name == inventory.Worker("postgres"); in != want {
			t.Errorf("%s is in the network: %t", f.Name, in)
		}
	}
}
