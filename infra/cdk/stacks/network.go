package stacks

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"github.com/habeas-dsar/habeas/infra/inventory"
)

// inNetwork reports whether a function runs in the private network: the workers of kinds of databases do.
func (in *installation) inNetwork(f inventory.Function) bool {
	if in.Stage.PrivateNetwork == nil {
		return false
	}
	for _, worker := range inventory.Kinds() {
		if worker == f.Name {
			return true
		}
	}
	return false
}

// buildNetwork makes a VPC without a way to the internet: two private subnets, endpoints of the services that the workers need, and
// a security group that lets workers reach those and the databases of the settings, and nothing else. Routes to the databases
// (peering, transit gateway) are the company's to add to the route table.
func (in *installation) buildNetwork(stack awscdk.Stack) {
	network := in.Stage.PrivateNetwork
	vpc := awsec2.NewCfnVPC(stack, jsii.String("VPC"), &awsec2.CfnVPCProps{
		CidrBlock: jsii.String(network.CIDR), EnableDnsHostnames: jsii.Bool(true), EnableDnsSupport: jsii.Bool(true),
		Tags: tagged(in.Stage.Prefix()),
	})
	table := awsec2.NewCfnRouteTable(stack, jsii.String("RouteTable"), &awsec2.CfnRouteTableProps{
		VpcId: vpc.AttrVpcId(), Tags: tagged(in.Stage.Prefix() + "-private"),
	})
	blocks := awscdk.Fn_Cidr(vpc.AttrCidrBlock(), jsii.Number(2), jsii.String("7")) // two subnets of 128 addresses
	for n := range 2 {
		subnet := awsec2.NewCfnSubnet(stack, jsii.String(fmt.Sprintf("Subnet%d", n+1)), &awsec2.CfnSubnetProps{
			VpcId: vpc.AttrVpcId(), CidrBlock: awscdk.Fn_Select(jsii.Number(n), blocks), MapPublicIpOnLaunch: jsii.Bool(false),
			AvailabilityZone: awscdk.Fn_Select(jsii.Number(n), awscdk.Fn_GetAzs(nil)), Tags: tagged(in.Stage.Prefix() + "-private"),
		})
		awsec2.NewCfnSubnetRouteTableAssociation(stack, jsii.String(fmt.Sprintf("Route%d", n+1)), &awsec2.CfnSubnetRouteTableAssociationProps{
			SubnetId: subnet.AttrSubnetId(), RouteTableId: table.AttrRouteTableId(),
		})
		in.subnets = append(in.subnets, subnet.AttrSubnetId())
	}
	in.endpoints(stack, vpc, table)
	in.flowLog(stack, vpc)
}

// endpoints makes those of the services that workers call. Tables and objects have gateways, which cost nothing.
func (in *installation) endpoints(stack awscdk.Stack, vpc awsec2.CfnVPC, table awsec2.CfnRouteTable) {
	// The addresses of gateways are not known to a template. Nothing but endpoints and what the company connects has a route.
	out := []any{&awsec2.CfnSecurityGroup_EgressProperty{
		IpProtocol: jsii.String("tcp"), CidrIp: jsii.String("0.0.0.0/0"), FromPort: jsii.Number(443), ToPort: jsii.Number(443),
		Description: jsii.String("services, through endpoints"),
	}}
	for _, d := range in.Stage.PrivateNetwork.Databases {
		out = append(out, &awsec2.CfnSecurityGroup_EgressProperty{
			IpProtocol: jsii.String("tcp"), CidrIp: jsii.String(d.CIDR), FromPort: jsii.Number(d.Port), ToPort: jsii.Number(d.Port),
			Description: jsii.String("databases"),
		})
	}
	workers := awsec2.NewCfnSecurityGroup(stack, jsii.String("Workers"), &awsec2.CfnSecurityGroupProps{
		GroupDescription: jsii.String("workers that open databases"), VpcId: vpc.AttrVpcId(), SecurityGroupEgress: out,
		Tags: tagged(in.Stage.Prefix() + "-workers"),
	})
	endpoints := awsec2.NewCfnSecurityGroup(stack, jsii.String("Endpoints"), &awsec2.CfnSecurityGroupProps{
		GroupDescription: jsii.String("endpoints of services"), VpcId: vpc.AttrVpcId(), Tags: tagged(in.Stage.Prefix() + "-endpoints"),
		SecurityGroupIngress: []any{&awsec2.CfnSecurityGroup_IngressProperty{
			IpProtocol: jsii.String("tcp"), FromPort: jsii.Number(443), ToPort: jsii.Number(443), SourceSecurityGroupId: workers.AttrGroupId(),
			Description: jsii.String("workers"),
		}},
	})
	own := document(object{
		"Effect": "Allow", "Principal": object{"AWS": "*"}, "Action": "*", "Resource": "*",
		"Condition": object{"StringEquals": object{"aws:PrincipalAccount": in.place.Account}},
	})
	for _, service := range []string{"dynamodb", "s3"} {
		awsec2.NewCfnVPCEndpoint(stack, jsii.String(id("Gateway", service)), &awsec2.CfnVPCEndpointProps{
			VpcId: vpc.AttrVpcId(), VpcEndpointType: jsii.String("Gateway"), RouteTableIds: &[]any{table.AttrRouteTableId()},
			ServiceName: jsii.String("com.amazonaws." + in.Stage.Region + "." + service), PolicyDocument: own,
		})
	}
	for _, service := range []string{"kms", "secretsmanager", "ssm"} {
		awsec2.NewCfnVPCEndpoint(stack, jsii.String(id("Endpoint", service)), &awsec2.CfnVPCEndpointProps{
			VpcId: vpc.AttrVpcId(), VpcEndpointType: jsii.String("Interface"), SubnetIds: anys(in.subnets), PrivateDnsEnabled: jsii.Bool(true),
			SecurityGroupIds: &[]any{endpoints.AttrGroupId()},
			ServiceName:      jsii.String("com.amazonaws." + in.Stage.Region + "." + service), PolicyDocument: own,
		})
	}
	in.workersSG = workers.AttrGroupId()
}

func (in *installation) flowLog(stack awscdk.Stack, vpc awsec2.CfnVPC) {
	group := in.logGroup(stack, "FlowLog", "/habeas/"+in.Stage.Name+"/network")
	role := in.role(stack, "FlowLogRole", "flow-log", "vpc-flow-logs.amazonaws.com", "writes the flow log of the private network", []any{object{
		"Sid": "Log", "Effect": "Allow", "Action": []string{"logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"},
		"Resource": []*string{group.AttrArn()},
	}})
	awsec2.NewCfnFlowLog(stack, jsii.String("Flows"), &awsec2.CfnFlowLogProps{
		ResourceId: vpc.AttrVpcId(), ResourceType: jsii.String("VPC"), TrafficType: jsii.String("ALL"),
		LogDestinationType: jsii.String("cloud-watch-logs"), LogGroupName: group.Ref(), DeliverLogsPermissionArn: role.AttrArn(),
	})
}

// logGroup makes a log group that forgets, under our key.
func (in *installation) logGroup(stack awscdk.Stack, id, name string) awslogs.CfnLogGroup {
	group := awslogs.NewCfnLogGroup(stack, jsii.String(id), &awslogs.CfnLogGroupProps{
		LogGroupName: jsii.String(name), RetentionInDays: jsii.Number(in.Stage.LogDays), KmsKeyId: in.keys.rest.AttrArn(),
	})
	group.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY, nil)
	return group
}

func tagged(name string) *[]*awscdk.CfnTag {
	return &[]*awscdk.CfnTag{{Key: jsii.String("Name"), Value: jsii.String(name)}}
}

// anys is what a list of a template is made of.
func anys(of []*string) *[]any {
	out := make([]any, len(of))
	for i, v := range of {
		out[i] = v
	}
	return &out
}
