package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"

	"github.com/habeas-dsar/habeas/infra/inventory"
)

// Attributes of every item; shared/table/dynamotable writes them.
const (
	attrPK, attrSK   = "pk", "sk"
	attrIPK, attrISK = "ipk", "isk"
	attrExpires      = "expires" // epoch seconds
)

// maxSignatureAge is how old a presigned address of the inbox and delivery buckets may be, in milliseconds: twice what the product
// gives any address, and a bound even for one that was minted wrongly.
const maxSignatureAge = 600_000

func (in *installation) buildData(stack awscdk.Stack) {
	for _, t := range inventory.Tables() {
		table := in.table(stack, t)
		if t.Stream {
			in.place.OutboxStream = *table.AttrStreamArn()
		}
	}
	for _, b := range inventory.Buckets() {
		in.bucket(stack, b)
	}
}

func (in *installation) table(stack awscdk.Stack, t inventory.Table) awsdynamodb.CfnTable {
	attribute := func(name string) *awsdynamodb.CfnTable_AttributeDefinitionProperty {
		return &awsdynamodb.CfnTable_AttributeDefinitionProperty{AttributeName: jsii.String(name), AttributeType: jsii.String("S")}
	}
	keys := func(hash, order string) []any {
		return []any{
			&awsdynamodb.CfnTable_KeySchemaProperty{AttributeName: jsii.String(hash), KeyType: jsii.String("HASH")},
			&awsdynamodb.CfnTable_KeySchemaProperty{AttributeName: jsii.String(order), KeyType: jsii.String("RANGE")},
		}
	}
	var stream any
	if t.Stream {
		stream = &awsdynamodb.CfnTable_StreamSpecificationProperty{StreamViewType: jsii.String("NEW_IMAGE")}
	}
	table := awsdynamodb.NewCfnTable(stack, jsii.String(id("Table", t.Name)), &awsdynamodb.CfnTableProps{
		TableName:            in.name(t.Name),
		BillingMode:          jsii.String("PAY_PER_REQUEST"),
		AttributeDefinitions: []any{attribute(attrPK), attribute(attrSK), attribute(attrIPK), attribute(attrISK)},
		KeySchema:            keys(attrPK, attrSK),
		GlobalSecondaryIndexes: []any{&awsdynamodb.CfnTable_GlobalSecondaryIndexProperty{
			IndexName: jsii.String(inventory.Index), KeySchema: keys(attrIPK, attrISK),
			Projection: &awsdynamodb.CfnTable_ProjectionProperty{ProjectionType: jsii.String("ALL")},
		}},
		TimeToLiveSpecification: &awsdynamodb.CfnTable_TimeToLiveSpecificationProperty{
			AttributeName: jsii.String(attrExpires), Enabled: jsii.Bool(true),
		},
		PointInTimeRecoverySpecification: &awsdynamodb.CfnTable_PointInTimeRecoverySpecificationProperty{
			PointInTimeRecoveryEnabled: jsii.Bool(t.Recovery),
		},
		SseSpecification: &awsdynamodb.CfnTable_SSESpecificationProperty{
			SseEnabled: jsii.Bool(true), SseType: jsii.String("KMS"), KmsMasterKeyId: in.keys.rest.AttrArn(),
		},
		StreamSpecification:       stream,
		DeletionProtectionEnabled: jsii.Bool(in.Stage.Production),
	})
	in.keep(table)
	return table
}

func (in *installation) bucket(stack awscdk.Stack, b inventory.Bucket) {
	handOver := isHandOver(b)
	props := &awss3.CfnBucketProps{
		BucketName: jsii.String(in.place.BucketName(b.Name)),
		BucketEncryption: &awss3.CfnBucket_BucketEncryptionProperty{
			ServerSideEncryptionConfiguration: []any{&awss3.CfnBucket_ServerSideEncryptionRuleProperty{
				BucketKeyEnabled: jsii.Bool(true),
				ServerSideEncryptionByDefault: &awss3.CfnBucket_ServerSideEncryptionByDefaultProperty{
					SseAlgorithm: jsii.String("aws:kms"), KmsMasterKeyId: in.keys.rest.AttrArn(),
				},
			}},
		},
		OwnershipControls: &awss3.CfnBucket_OwnershipControlsProperty{
			Rules: []any{&awss3.CfnBucket_OwnershipControlsRuleProperty{ObjectOwnership: jsii.String("BucketOwnerEnforced")}},
		},
		PublicAccessBlockConfiguration: &awss3.CfnBucket_PublicAccessBlockConfigurationProperty{
			BlockPublicAcls: jsii.Bool(true), BlockPublicPolicy: jsii.Bool(true),
			IgnorePublicAcls: jsii.Bool(true), RestrictPublicBuckets: jsii.Bool(true),
		},
		LifecycleConfiguration: &awss3.CfnBucket_LifecycleConfigurationProperty{Rules: lifecycle(b)},
	}
	if versioned(b) {
		props.VersioningConfiguration = &awss3.CfnBucket_VersioningConfigurationProperty{Status: jsii.String("Enabled")}
	}
	if b.Lock {
		props.ObjectLockEnabled = jsii.Bool(true)
		props.ObjectLockConfiguration = &awss3.CfnBucket_ObjectLockConfigurationProperty{
			ObjectLockEnabled: jsii.String("Enabled"),
			Rule: &awss3.CfnBucket_ObjectLockRuleProperty{DefaultRetention: &awss3.CfnBucket_DefaultRetentionProperty{
				Mode: jsii.String("COMPLIANCE"), Days: jsii.Number(in.Stage.EvidenceDays),
			}},
		}
	}
	if handOver {
		props.CorsConfiguration = in.fromPortal()
	}
	bucket := awss3.NewCfnBucket(stack, jsii.String(id("Bucket", b.Name)), props)
	in.keep(bucket)
	arn := *bucket.AttrArn()
	statements := []any{onlyTLS("s3:*", arn, arn+"/*")}
	if handOver {
		statements = append(statements, object{
			"Sid": "OnlyFreshAddresses", "Effect": "Deny", "Principal": object{"AWS": "*"}, "Action": "s3:*", "Resource": []string{arn + "/*"},
			"Condition": object{"NumericGreaterThan": object{"s3:signatureAge": maxSignatureAge}},
		})
	}
	awss3.NewCfnBucketPolicy(stack, jsii.String(id("BucketPolicy", b.Name)), &awss3.CfnBucketPolicyProps{
		Bucket: bucket.Ref(), PolicyDocument: document(statements...),
	})
}

// isHandOver reports whether browsers reach the bucket, by presigned addresses: its objects lie in the open and not for long.
func isHandOver(b inventory.Bucket) bool { return !b.Sealed && !b.Lock }

// versioned: what is kept is guarded against being overwritten. What is short-lived is not, because a version that stays behind
// would be data that somebody was told is gone. Object Lock asks for versions.
func versioned(b inventory.Bucket) bool { return b.Lock || b.ExpireDays == 0 }

// lifecycle is a net under what is deleted explicitly.
func lifecycle(b inventory.Bucket) []any {
	rules := []any{&awss3.CfnBucket_RuleProperty{
		Id: jsii.String("abandoned-uploads"), Status: jsii.String("Enabled"),
		AbortIncompleteMultipartUpload: &awss3.CfnBucket_AbortIncompleteMultipartUploadProperty{DaysAfterInitiation: jsii.Number(1)},
	}}
	if b.ExpireDays > 0 {
		rules = append(rules, &awss3.CfnBucket_RuleProperty{
			Id: jsii.String("expired"), Status: jsii.String("Enabled"), ExpirationInDays: jsii.Number(b.ExpireDays),
		})
	}
	if versioned(b) && !b.Lock {
		rules = append(rules, &awss3.CfnBucket_RuleProperty{
			Id: jsii.String("replaced"), Status: jsii.String("Enabled"), ExpiredObjectDeleteMarker: jsii.Bool(true),
			NoncurrentVersionExpiration: &awss3.CfnBucket_NoncurrentVersionExpirationProperty{NoncurrentDays: jsii.Number(1)},
		})
	}
	return rules
}

// fromPortal lets pages of the portal put and fetch objects. Without a domain the address of the portal is known to AWS only, and
// the presigned address alone guards: CORS protects people's browsers, not the bucket.
func (in *installation) fromPortal() *awss3.CfnBucket_CorsConfigurationProperty {
	origin := "https://*.execute-api." + in.Stage.Region + ".amazonaws.com"
	if in.Stage.Domain != nil {
		origin = "https://" + in.Stage.Domain.Name
	}
	return &awss3.CfnBucket_CorsConfigurationProperty{CorsRules: []any{&awss3.CfnBucket_CorsRuleProperty{
		AllowedMethods: jsii.Strings("GET", "PUT"), AllowedOrigins: jsii.Strings(origin), AllowedHeaders: jsii.Strings("*"), MaxAge: jsii.Number(300),
	}}}
}
