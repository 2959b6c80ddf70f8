package dynamotable

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// createPause is how long CreateTables waits before it looks again whether a table is there.
const createPause = 100 * time.Millisecond

// Creator is what CreateTables needs of *dynamodb.Client.
type Creator interface {
	CreateTable(context.Context, *dynamodb.CreateTableInput, ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error)
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
	UpdateTimeToLive(context.Context, *dynamodb.UpdateTimeToLiveInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateTimeToLiveOutput, error)
}

// CreateTables makes the tables of inventory.Tables with index, expiry and streams, for tests and development, and returns when they
// can be used. Installations get theirs, encrypted and backed up, from the stacks. A table that is there already is fault.Conflict.
func CreateTables(ctx context.Context, client Creator, prefix string) error {
	for _, t := range inventory.Tables() {
		if _, err := client.CreateTable(ctx, definition(prefix, t)); err != nil {
			return awsfault.Wrap(err, "creating table")
		}
	}
	for _, t := range inventory.Tables() {
		name := aws.String(TableName(prefix, table.Name(t.Name)))
		if err := await(ctx, client, name); err != nil {
			return err
		}
		_, err := client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
			TableName:               name,
			TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String(attrExpires), Enabled: aws.Bool(true)},
		})
		if err != nil {
			return awsfault.Wrap(err, "setting expiry of table")
		}
	}
	return nil
}

func definition(prefix string, t inventory.Table) *dynamodb.CreateTableInput {
	key := func(partition, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{
			{AttributeName: aws.String(partition), KeyType: types.KeyTypeHash}, {AttributeName: aws.String(sort), KeyType: types.KeyTypeRange},
		}
	}
	in := &dynamodb.CreateTableInput{
		TableName: aws.String(TableName(prefix, table.Name(t.Name))), BillingMode: types.BillingModePayPerRequest,
		KeySchema: key(attrPK, attrSK),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String(inventory.Index), KeySchema: key(attrIPK, attrISK),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		}},
	}
	for _, name := range []string{attrPK, attrSK, attrIPK, attrISK} {
		in.AttributeDefinitions = append(in.AttributeDefinitions,
			types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS})
	}
	if t.Stream {
		in.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage}
	}
	return in
}

// await returns when the table and its index are active.
func await(ctx context.Context, client Creator, name *string) error {
	for {
		out, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: name})
		var missing *types.ResourceNotFoundException
		if err != nil && !errors.As(err, &missing) { // a table shows up some time after it was asked for
			return awsfault.Wrap(err, "looking for table")
		}
		if err == nil && active(out.Table) {
			return nil
		}
		if !wait(ctx, createPause) {
			return fault.Wrap(fault.Unavailable, fmt.Errorf("waiting for table: %w", ctx.Err()), "creating table")
		}
	}
}

func active(t *types.TableDescription) bool {
	if t == nil || t.TableStatus != types.TableStatusActive {
		return false
	}
	for i := range t.GlobalSecondaryIndexes {
		if s := t.GlobalSecondaryIndexes[i].IndexStatus; s != types.IndexStatusActive && s != "" { // an emulator may not say
			return false
		}
	}
	return true
}
