package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/aws-cdk-go/awscdk/v2/awswafv2"
	"github.com/aws/jsii-runtime-go"

	"github.com/habeas-dsar/habeas/infra/stage"
)

// Managed policies of CloudFront, by the ids that its Developer Guide lists.
const (
	cachingDisabled    = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
	allViewerHeaders   = "33f36d7e-f396-46d9-90e0-52428a34d9dc" // and those of CloudFront, as of June 2022: who calls is one of them
	cloudFrontZone     = "Z2FDTNDATAQYW2"                       // hosted zone of every distribution
	originHeader       = "X-Habeas-Origin"
	originReadSeconds  = 30
	minimumTLSProtocol = "TLSv1.2_2021"
)

// buildEdge puts CloudFront and WAF in front of the HTTP API, which has neither a WAF nor a bound per client of its own. Nothing is
// cached: every page is one person's. Nobody gets past it, because the functions ask for a header that only it knows.
//
// No log is kept of requests, and WAF keeps no samples of them: their paths hold references of cases and links that open them.
func (in *installation) buildEdge(stack awscdk.Stack) {
	d := in.Stage.Domain
	certificate := jsii.String(d.Certificate)
	if d.Certificate == "" {
		certificate = in.certificate(stack, d.Name)
	}
	secret := "{{resolve:secretsmanager:" + in.Stage.Secret(stage.SecretOrigin) + ":SecretString}}"
	distribution := awscloudfront.NewCfnDistribution(stack, jsii.String("Distribution"), &awscloudfront.CfnDistributionProps{
		DistributionConfig: &awscloudfront.CfnDistribution_DistributionConfigProperty{
			Enabled: jsii.Bool(true), Comment: jsii.String("Habeas " + in.Stage.Name), Aliases: jsii.Strings(d.Name),
			HttpVersion: jsii.String("http2and3"), Ipv6Enabled: jsii.Bool(true), PriceClass: jsii.String("PriceClass_100"),
			WebAclId: in.firewall(stack).AttrArn(),
			ViewerCertificate: &awscloudfront.CfnDistribution_ViewerCertificateProperty{
				AcmCertificateArn: certificate, SslSupportMethod: jsii.String("sni-only"), MinimumProtocolVersion: jsii.String(minimumTLSProtocol),
			},
			Origins: []any{&awscloudfront.CfnDistribution_OriginProperty{
				Id: jsii.String("api"), DomainName: jsii.String(in.origin()),
				CustomOriginConfig: &awscloudfront.CfnDistribution_CustomOriginConfigProperty{
					OriginProtocolPolicy: jsii.String("https-only"), OriginSslProtocols: jsii.Strings("TLSv1.2"),
					OriginReadTimeout: jsii.Number(originReadSeconds),
				},
				OriginCustomHeaders: []any{&awscloudfront.CfnDistribution_OriginCustomHeaderProperty{
					HeaderName: jsii.String(originHeader), HeaderValue: jsii.String(secret),
				}},
			}},
			DefaultCacheBehavior: &awscloudfront.CfnDistribution_DefaultCacheBehaviorProperty{
				TargetOriginId: jsii.String("api"), ViewerProtocolPolicy: jsii.String("redirect-to-https"), Compress: jsii.Bool(true),
				AllowedMethods: jsii.Strings("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"),
				CachePolicyId:  jsii.String(cachingDisabled), OriginRequestPolicyId: jsii.String(allViewerHeaders),
			},
		},
	})
	in.record(stack, d.Name, distribution.AttrDomainName(), jsii.String(cloudFrontZone))
}

// firewall is the web ACL: what the managed rules know, and a bound for each client.
func (in *installation) firewall(stack awscdk.Stack) awswafv2.CfnWebACL {
	seen := func(name string) *awswafv2.CfnWebACL_VisibilityConfigProperty {
		return &awswafv2.CfnWebACL_VisibilityConfigProperty{
			CloudWatchMetricsEnabled: jsii.Bool(true), SampledRequestsEnabled: jsii.Bool(false), MetricName: in.name(name),
		}
	}
	managed := func(priority int, name string, counted ...string) *awswafv2.CfnWebACL_RuleProperty {
		var overrides []any
		for _, rule := range counted {
			overrides = append(overrides, &awswafv2.CfnWebACL_RuleActionOverrideProperty{
				Name: jsii.String(rule), ActionToUse: &awswafv2.CfnWebACL_RuleActionProperty{Count: object{}},
			})
		}
		return &awswafv2.CfnWebACL_RuleProperty{
			Name: jsii.String(name), Priority: jsii.Number(priority), VisibilityConfig: seen(name),
			OverrideAction: &awswafv2.CfnWebACL_OverrideActionProperty{None: object{}},
			Statement: &awswafv2.CfnWebACL_StatementProperty{ManagedRuleGroupStatement: &awswafv2.CfnWebACL_ManagedRuleGroupStatementProperty{
				VendorName: jsii.String("AWS"), Name: jsii.String(name), RuleActionOverrides: overrides,
			}},
		}
	}
	return awswafv2.NewCfnWebACL(stack, jsii.String("Firewall"), &awswafv2.CfnWebACLProps{
		Name: jsii.String(in.Stage.Prefix()), Scope: jsii.String("CLOUDFRONT"), VisibilityConfig: seen("all"),
		DefaultAction: &awswafv2.CfnWebACL_DefaultActionProperty{Allow: object{}},
		Rules: []any{
			&awswafv2.CfnWebACL_RuleProperty{
				Name: jsii.String("client"), Priority: jsii.Number(0), VisibilityConfig: seen("client"),
				Action: &awswafv2.CfnWebACL_RuleActionProperty{Block: object{}},
				Statement: &awswafv2.CfnWebACL_StatementProperty{RateBasedStatement: &awswafv2.CfnWebACL_RateBasedStatementProperty{
					AggregateKeyType: jsii.String("IP"), EvaluationWindowSec: jsii.Number(300), Limit: jsii.Number(in.Stage.Throttle.Client),
				}},
			},
			// A letter, a mandate or a data map is larger than the 8 KB that the rule lets through; the product bounds bodies itself.
			managed(1, "AWSManagedRulesCommonRuleSet", "SizeRestrictions_BODY"),
			managed(2, "AWSManagedRulesKnownBadInputsRuleSet"),
		},
	})
}
