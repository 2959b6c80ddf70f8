// Package dynamotable is the record store on AWS: package table over DynamoDB.
//
// An item has the attributes pk, sk, ipk, isk (strings; the last two absent when it is not in the index), body (binary), version
// and expires (numbers; expires is epoch seconds, the attribute of the table's TTL, absent = never). The table "<prefix>-<name>" has
// the key (pk, sk) and the index inventory.Index with the key (ipk, isk), which projects everything. CreateTables makes such tables.
//
// Every transaction, also one of a single write, is a TransactWriteItems with a request token of its own, so that it happens once
// however often the network makes us ask. That costs two write units per KiB of an item; a Check costs as much as a write. An
// unconditional Put is an update that raises the version where it is: nobody reads first, and it costs what a conditional Put costs.
// Over an item that has expired but is there still, it counts on from that item's version.
//
// What is throttled is answered with fault.Unavailable, as any other shortage of the store: to callers fault.Throttled says that a
// person or program asked too often.
package dynamotable

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Client is what the store needs of *dynamodb.Client. Repeating what failed for a moment, and how long one call may take, are the
// client's settings.
type Client interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// Options are the settings of a store.
type Options struct {
	Client Client // required
	Prefix string // of the tables' names, without the hyphen; required
	// Now decides what is expired; nil = the system's clock.
	Now func() time.Time
	// Consumed, when it is set, is told what every call consumed in the table, as DynamoDB counts it: half units included, a
	// transaction's doubled. It is called by many goroutines at once. What a refused transaction consumed is not told by DynamoDB.
	Consumed func(name string, readUnits, writeUnits float64)
}

// Store is a table.Store over the tables of one installation. Make one with New.
type Store struct {
	client   Client
	prefix   string
	now      func() time.Time
	consumed func(name string, readUnits, writeUnits float64)
	names    map[string]table.Name // by the names of the tables in DynamoDB
	closed   atomic.Bool
}

var (
	_ table.Store = (*Store)(nil)
	_ Client      = (*dynamodb.Client)(nil)
)

// New returns a store; it calls nobody yet. Options without a client or prefix are fault.Misconfigured.
func New(opts Options) (*Store, error) {
	if opts.Client == nil || opts.Prefix == "" {
		return nil, fault.New(fault.Misconfigured, "the record store needs a client and the prefix of its tables")
	}
	s := &Store{client: opts.Client, prefix: opts.Prefix, now: opts.Now, consumed: opts.Consumed, names: map[string]table.Name{}}
	if s.now == nil {
		s.now = time.Now
	}
	for _, n := range table.Names() {
		s.names[TableName(opts.Prefix, n)] = n
	}
	return s, nil
}

// TableName returns what a table is called in DynamoDB.
func TableName(prefix string, name table.Name) string { return prefix + "-" + string(name) }

// Get implements table.Store.
func (s *Store) Get(ctx context.Context, key table.Key) (table.Item, error) {
	if err := table.ValidateKey(key); err != nil {
		return table.Item{}, fmt.Errorf("reading item: %w", err)
	}
	if err := s.usable(ctx); err != nil {
		return table.Item{}, fmt.Errorf("reading item: %w", err)
	}
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: s.table(key.Table), Key: keyOf(key), ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: s.counting(),
	})
	if err != nil {
		return table.Item{}, classify(err, "reading item")
	}
	s.read(key.Table, out.ConsumedCapacity)
	if len(out.Item) == 0 {
		return table.Item{}, notFound()
	}
	it, err := Decode(key.Table, out.Item)
	if err != nil {
		return table.Item{}, fmt.Errorf("reading item: %w", err)
	}
	if it.Expired(s.now()) {
		return table.Item{}, notFound()
	}
	return it, nil
}

// Close implements table.Store. The client is its owner's.
func (s *Store) Close() error {
	s.closed.Store(true)
	return nil
}

// usable refuses what would be asked for nobody.
func (s *Store) usable(ctx context.Context) error {
	if s.closed.Load() {
		return fault.New(fault.Unavailable, "the record store is closed")
	}
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, "waiting for the record store")
	}
	return nil
}

func (s *Store) table(name table.Name) *string { return aws.String(TableName(s.prefix, name)) }

func notFound() error { return fault.New(fault.NotFound, "there is no such item") }

// classify gives an error of the client its class within the contract of table.Store. Only an answered read says that there is no
// item: a missing table, or whatever else answers 404 in DynamoDB's place, is a matter of setting up.
func classify(err error, doing string) error {
	err = awsfault.Wrap(err, doing)
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	switch e.Class {
	case fault.Throttled:
		return fault.Wrap(fault.Unavailable, err, "waiting for the record store")
	case fault.NotFound:
		return fault.Wrap(fault.Misconfigured, err, "finding the record store")
	default:
		return err
	}
}

// counting asks for the consumed units when somebody wants to know.
func (s *Store) counting() types.ReturnConsumedCapacity {
	if s.consumed == nil {
		return types.ReturnConsumedCapacityNone
	}
	return types.ReturnConsumedCapacityTotal
}

func (s *Store) read(name table.Name, used *types.ConsumedCapacity) {
	if s.consumed != nil && used != nil {
		s.consumed(string(name), aws.ToFloat64(used.CapacityUnits), 0)
	}
}

func (s *Store) wrote(used []types.ConsumedCapacity) {
	if s.consumed == nil {
		return
	}
	for i := range used {
		s.consumed(string(s.names[aws.ToString(used[i].TableName)]), 0, aws.ToFloat64(used[i].CapacityUnits))
	}
}
