package audit

// Actions leads from each operation, as the SDK names it, to the actions that it takes. The source of every row is the Service
// Authorization Reference of AWS ("Actions, resources, and condition keys for AWS services",
// https://docs.aws.amazon.com/service-authorization/latest/reference/), with the documents named beside it.
//
// What an action of a version or of a part of a transaction takes depends on what is in the request, which is not counted; such a row
// lists all that the drivers put there.
func Actions() map[string][]string {
	return map[string][]string{
		"DynamoDB:GetItem": {"dynamodb:GetItem"},
		"DynamoDB:Query":   {"dynamodb:Query"},
		// "DynamoDB transactions: IAM policies", Amazon DynamoDB Developer Guide: each part takes the action of its kind.
		// dynamotable writes all four.
		"DynamoDB:TransactWriteItems": {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"},

		"KMS:Encrypt": {"kms:Encrypt"},
		"KMS:Decrypt": {"kms:Decrypt"},

		// "Required permissions for Amazon S3 API operations", Amazon S3 User Guide: a version takes an action of its own, and
		// without s3:ListBucket what is not there answers 403 instead of 404, which would be taken for a missing grant.
		"S3:GetObject":            {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"},
		"S3:HeadObject":           {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"},
		"S3:PutObject":            {"s3:PutObject"},
		"S3:DeleteObject":         {"s3:DeleteObject", "s3:DeleteObjectVersion"},
		"S3:ListObjectsV2":        {"s3:ListBucket"},
		"S3:ListObjectVersions":   {"s3:ListBucketVersions"},
		"S3:ListMultipartUploads": {"s3:ListBucketMultipartUploads"},
		// "Multipart upload API and permissions", Amazon S3 User Guide.
		"S3:CreateMultipartUpload":   {"s3:PutObject"},
		"S3:UploadPart":              {"s3:PutObject"},
		"S3:CompleteMultipartUpload": {"s3:PutObject"},
		"S3:AbortMultipartUpload":    {"s3:AbortMultipartUpload"},

		"SFN:StartExecution":    {"states:StartExecution"},
		"SFN:DescribeExecution": {"states:DescribeExecution"},
		"SFN:StopExecution":     {"states:StopExecution"},
		"SFN:SendTaskSuccess":   {"states:SendTaskSuccess"},
		"SFN:SendTaskFailure":   {"states:SendTaskFailure"},

		"EventBridge:PutEvents": {"events:PutEvents"},
		// "Identity policies in Amazon SES", Amazon SES Developer Guide: a mail that is sent as it is takes both.
		"SESv2:SendEmail": {"ses:SendEmail", "ses:SendRawEmail"},

		"Secrets Manager:GetSecretValue": {"secretsmanager:GetSecretValue"},
		"SSM:GetParameter":               {"ssm:GetParameter"},
		"Lambda:Invoke":                  {"lambda:InvokeFunction"},
	}
}

// Excuse says why a grant stays that no story uses. What is empty stands for all; Sid or Function is there.
type Excuse struct {
	Sid      string // of the statement, as infra/cdk/grants calls it
	Function string
	Action   string
	Why      string
}

func (e Excuse) covers(function, sid, action string) bool {
	return (e.Sid == "" || e.Sid == sid) && (e.Function == "" || e.Function == function) && (e.Action == "" || e.Action == action)
}
