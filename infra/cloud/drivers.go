package cloud

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys/kmskeys"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/dynamotable"
)

// Table opens the records.
func (c *Cloud) Table() (*dynamotable.Store, error) {
	client := dynamodb.NewFromConfig(c.Config)
	calls := records{get: client.GetItem, query: client.Query, transact: client.TransactWriteItems}
	o := dynamotable.Options{Client: calls, Prefix: c.Prefix, Now: c.now}
	if c.meter != nil {
		o.Consumed = c.meter.Units
	}
	return dynamotable.New(o)
}

type records struct {
	get      Operation[dynamodb.GetItemInput, dynamodb.Options, dynamodb.GetItemOutput]
	query    Operation[dynamodb.QueryInput, dynamodb.Options, dynamodb.QueryOutput]
	transact Operation[dynamodb.TransactWriteItemsInput, dynamodb.Options, dynamodb.TransactWriteItemsOutput]
}

func (r records) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return r.get(ctx, in, o...)
}

func (r records) Query(ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return r.query(ctx, in, o...)
}

func (r records) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, o ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	return r.transact(ctx, in, o...)
}

// Keeper opens the key under which the keys of cases and tenants are wrapped.
func (c *Cloud) Keeper() (*kmskeys.Keeper, error) {
	client := kms.NewFromConfig(c.Config)
	return kmskeys.New(wrapping{client.Encrypt, client.Decrypt}, c.Key)
}

type wrapping struct {
	encrypt Operation[kms.EncryptInput, kms.Options, kms.EncryptOutput]
	decrypt Operation[kms.DecryptInput, kms.Options, kms.DecryptOutput]
}

func (w wrapping) Encrypt(ctx context.Context, in *kms.EncryptInput, o ...func(*kms.Options)) (*kms.EncryptOutput, error) {
	return w.encrypt(ctx, in, o...)
}

func (w wrapping) Decrypt(ctx context.Context, in *kms.DecryptInput, o ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	return w.decrypt(ctx, in, o...)
}

// The ways by which mail leaves.
const (
	SES      = "ses"
	SendGrid = "sendgrid"
	SMTP     = "smtp"
)

// Where an installation without a name of its own keeps the address that the platform gave it: a deployment writes it.
const (
	AddressPK = "STAGE"
	AddressSK = "ADDRESS"
)

// Where a stage for development keeps the time that is set by hand: an RFC 3339 instant.
const (
	ClockPK = "CLOCK"
	ClockSK = "NOW"
)

// Address is where people reach the installation, without a slash at the end.
func (c *Cloud) Address(ctx context.Context, records table.Store) (string, error) {
	if c.BaseURL != "" {
		return c.BaseURL, nil
	}
	i, err := records.Get(ctx, table.Key{Table: table.Registry, PK: AddressPK, SK: AddressSK})
	if fault.Has(err, fault.NotFound) {
		return "", fault.New(fault.Misconfigured, "the installation does not know its address; deploy it again")
	}
	return strings.TrimSuffix(string(i.Body), "/"), err
}
