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
	o := dynamotable.Options{Client: dynamodb.NewFromConfig(c.Config), Prefix: c.Prefix, Now: c.now}
	if c.meter != nil {
		o.Consumed = c.meter.Units
	}
	return dynamotable.New(o)
}

// Keeper opens the key under which the keys of cases and tenants are wrapped.
func (c *Cloud) Keeper() (*kmskeys.Keeper, error) {
	return kmskeys.New(kms.NewFromConfig(c.Config), c.Key)
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
