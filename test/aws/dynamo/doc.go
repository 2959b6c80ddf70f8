// Package dynamo proves shared/table/dynamotable on two DynamoDBs that were written by different people: DynamoDB Local, which is
// Amazon's, and ministack.
package dynamo
