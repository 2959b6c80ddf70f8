package stacks

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/jsii-runtime-go"

	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/infra/stage"
)

// defaultStage is the stage of the HTTP API that has no path of its own.
const defaultStage = "$default"

// apiSeconds is how long the HTTP API waits for a function, the most that it can. Functions give up a second earlier.
const apiSeconds = 30

// endpoint is where the HTTP API is found.
type endpoint struct {
	id  *string
	url *string // https, as AWS calls it
}

// buildAPI makes the HTTP API with the routes of the inventory, each to the alias of its function.
//
// It has no authorizer: sessions and tokens are checked by the product (a JWT authorizer reads a header only, not the session
// cookie), and a person who asks has no account.
func (in *installation) buildAPI(stack awscdk.Stack) {
	api := awsapigatewayv2.NewCfnApi(stack, jsii.String("API"), &awsapigatewayv2.CfnApiProps{
		Name: jsii.String(in.Stage.Prefix()), ProtocolType: jsii.String("HTTP"), Description: jsii.String("portal, console, callbacks"),
		DisableExecuteApiEndpoint: jsii.Bool(in.Stage.Domain != nil),
	})
	in.api = endpoint{id: api.AttrApiId(), url: api.AttrApiEndpoint()}
	for _, f := range in.triggered(inventory.HTTP) {
		in.routes(stack, api, f)
	}
	group := in.logGroup(stack, "AccessLog", "/aws/vendedlogs/apis/"+in.Stage.Prefix())
	live := awsapigatewayv2.NewCfnStage(stack, jsii.String("Stage"), &awsapigatewayv2.CfnStageProps{
		ApiId: api.Ref(), StageName: jsii.String(defaultStage), AutoDeploy: jsii.Bool(true),
		AccessLogSettings: &awsapigatewayv2.CfnStage_AccessLogSettingsProperty{DestinationArn: group.AttrArn(), Format: jsii.String(accessLog())},
		DefaultRouteSettings: &awsapigatewayv2.CfnStage_RouteSettingsProperty{
			ThrottlingRateLimit: jsii.Number(in.Stage.Throttle.Rate), ThrottlingBurstLimit: jsii.Number(in.Stage.Throttle.Burst),
			DetailedMetricsEnabled: jsii.Bool(false),
		},
	})
	if in.Stage.Domain == nil {
		awsssm.NewCfnParameter(stack, jsii.String("BaseURL"), &awsssm.CfnParameterProps{
			Name: jsii.String(in.Stage.Parameter(stage.ParameterBaseURL)), Type: jsii.String("String"), Value: api.AttrApiEndpoint(),
			Description: jsii.String("address of the portal"),
		})
	} else {
		in.apiDomain(stack, live)
	}
	awscdk.NewCfnOutput(stack, jsii.String("Endpoint"), &awscdk.CfnOutputProps{Value: api.AttrApiEndpoint(), Description: jsii.String("HTTP API")})
	awscdk.NewCfnOutput(stack, jsii.String("ApiId"), &awscdk.CfnOutputProps{Value: api.AttrApiId(), Description: jsii.String("HTTP API")})
}

// accessLog is a line of the access log. No path, no query, no address: paths hold references of cases and links that open them.
func accessLog() string {
	line, err := json.Marshal(map[string]string{
		"requestId": "$context.requestId", "routeKey": "$context.routeKey", "status": "$context.status",
		"latency": "$context.responseLatency", "integrationLatency": "$context.integrationLatency",
		"integrationStatus": "$context.integrationStatus", "bytes": "$context.responseLength",
	})
	if err != nil {
		panic(fmt.Sprintf("writing the format of the access log: %v", err))
	}
	return string(line)
}

func (in *installation) routes(stack awscdk.Stack, api awsapigatewayv2.CfnApi, f inventory.Function) {
	integration := awsapigatewayv2.NewCfnIntegration(stack, jsii.String(f.Name), &awsapigatewayv2.CfnIntegrationProps{
		ApiId: api.Ref(), IntegrationType: jsii.String("AWS_PROXY"), IntegrationUri: jsii.String(in.place.Live(f.Name)),
		PayloadFormatVersion: jsii.String("2.0"), TimeoutInMillis: jsii.Number(apiSeconds * 1000),
	})
	for n, route := range f.Routes {
		key := route
		if route != defaultStage {
			key = "ANY " + route
		}
		awsapigatewayv2.NewCfnRoute(stack, jsii.String(fmt.Sprintf("%sRoute%d", f.Name, n+1)), &awsapigatewayv2.CfnRouteProps{
			ApiId: api.Ref(), RouteKey: jsii.String(key), AuthorizationType: jsii.String("NONE"),
			Target: awscdk.Fn_Join(jsii.String("/"), jsii.Strings("integrations", *integration.Ref())),
		})
	}
	awslambda.NewCfnPermission(stack, jsii.String(f.Name+"Permission"), &awslambda.CfnPermissionProps{
		Action: jsii.String("lambda:InvokeFunction"), FunctionName: jsii.String(in.place.Live(f.Name)),
		Principal: jsii.String("apigateway.amazonaws.com"), SourceAccount: jsii.String(in.place.Account),
		SourceArn: jsii.String("arn:" + in.place.Partition + ":execute-api:" + in.Stage.Region + ":" + in.place.Account + ":" + *api.Ref() + "/*"),
	})
}

// origin is the name by which the edge finds the API. It leads to the address of the API's own domain, which is called as the
// portal: the edge forwards the host that a browser asked for, and functions see the origin of their pages.
func (in *installation) origin() string { return "origin." + in.Stage.Domain.Name }

// apiDomain lets the API answer under the name of the portal.
func (in *installation) apiDomain(stack awscdk.Stack, live awsapigatewayv2.CfnStage) {
	d := in.Stage.Domain
	certificate, record := jsii.String(d.Certificate), d.Name
	if in.Stage.Edge {
		record = in.origin()
	}
	if in.Stage.Edge || d.Certificate == "" {
		certificate = in.certificate(stack, d.Name)
	}
	domain := awsapigatewayv2.NewCfnDomainName(stack, jsii.String("Domain"), &awsapigatewayv2.CfnDomainNameProps{
		DomainName: jsii.String(d.Name),
		DomainNameConfigurations: []any{&awsapigatewayv2.CfnDomainName_DomainNameConfigurationProperty{
			CertificateArn: certificate, EndpointType: jsii.String("REGIONAL"), SecurityPolicy: jsii.String("TLS_1_2"),
		}},
	})
	awsapigatewayv2.NewCfnApiMapping(stack, jsii.String("Mapping"), &awsapigatewayv2.CfnApiMappingProps{
		ApiId: in.api.id, DomainName: domain.Ref(), Stage: live.Ref(),
	})
	in.record(stack, record, domain.AttrRegionalDomainName(), domain.AttrRegionalHostedZoneId())
}

// certificate makes a certificate that proves itself through the hosted zone, and waits for it.
func (in *installation) certificate(stack awscdk.Stack, name string) *string {
	return awscertificatemanager.NewCfnCertificate(stack, jsii.String("Certificate"), &awscertificatemanager.CfnCertificateProps{
		DomainName: jsii.String(name), ValidationMethod: jsii.String("DNS"),
		DomainValidationOptions: []any{&awscertificatemanager.CfnCertificate_DomainValidationOptionProperty{
			DomainName: jsii.String(name), HostedZoneId: jsii.String(in.Stage.Domain.HostedZone),
		}},
	}).Ref()
}

// record leads a name to a place of AWS, where the zone is ours; otherwise an output says what to add to it.
func (in *installation) record(stack awscdk.Stack, name string, to, zone *string) {
	if in.Stage.Domain.HostedZone == "" {
		awscdk.NewCfnOutput(stack, jsii.String("Record"), &awscdk.CfnOutputProps{
			Description: jsii.String("CNAME record to add for " + name), Value: to,
		})
		return
	}
	for _, kind := range []string{"A", "AAAA"} {
		awsroute53.NewCfnRecordSet(stack, jsii.String("Record"+kind), &awsroute53.CfnRecordSetProps{
			Name: jsii.String(name), Type: jsii.String(kind), HostedZoneId: jsii.String(in.Stage.Domain.HostedZone),
			AliasTarget: &awsroute53.CfnRecordSet_AliasTargetProperty{DnsName: to, HostedZoneId: zone, EvaluateTargetHealth: jsii.Bool(false)},
		})
	}
}
