// Package table is the contract of the record store: items keyed (pk, sk) with one sparse secondary index (ipk, isk), a
// version per item, conditional writes and transactions. It is exactly what DynamoDB gives and SQLite can.
//
// Every query of the product is listed in ACCESS.md with its key, order and shards; there is no query outside it. Drivers:
// sqlitetable (one file) and, on AWS, dynamotable. Both pass tabletest.
package table

import (
	"context"
	"time"
)

// Name is one of the tables, split by lifecycle.
type Name string

// The tables.
const (
	Cases    Name = "cases"    // one aggregate per partition: case, tasks, messages, outbox, projections
	Registry Name = "registry" // tenants, systems, recipients, staff, holds
	Ledger   Name = "ledger"   // evidence; append only
	CaseKeys Name = "casekeys" // wrapped keys; shortest backup life; deleted content is overwritten
	Tokens   Name = "tokens"   // sessions, one-time codes, idempotency, counters; never backed up
)

// Names lists the tables.
func Names() []Name { return []Name{Cases, Registry, Ledger, CaseKeys, Tokens} }

// Limits that every driver enforces, so that what works on one machine works on DynamoDB.
const (
	MaxItemBytes        = 400 << 10 // keys, body and ItemOverhead of one item
	MaxTransactionItems = 100
	MaxTransactionBytes = 4 << 20
	MaxKeyBytes         = 1024 // sk, isk; DynamoDB allows 2048 for pk, ipk
	MaxPage             = 1000 // items in a page
)

// Key names an item. PK and SK are never empty and at most MaxKeyBytes long each; they are UTF-8 and hold no personal data.
type Key struct {
	Table  Name
	PK, SK string
}

// Item is a stored item. IPK and ISK are both empty (not in the index) or both set. Body is opaque. Version starts at 1 and
// grows by 1 with every write; drivers set it. ExpiresAt zero = never; an expired item is never returned, and is removed
// some time later (DynamoDB TTL: days), so it is no deadline. It is kept as StoredExpiry gives it, in whole seconds.
type Item struct {
	Key
	IPK, ISK  string
	Body      []byte
	Version   int64
	ExpiresAt time.Time
}

// Op is what a Write does.
type Op int

// The operations of a transaction.
const (
	Put    Op = iota + 1 // store Item as a whole
	Delete               // remove Item.Key; removing what is not there is fine unless a condition says otherwise
	Check                // write nothing, only hold the transaction to the condition, which is not AnyVersion
)

// AnyVersion, as Write.If, makes the write unconditional; Absent requires that there is no such item (an expired item
// counts as absent). Any number above 0 requires exactly that version. An unconditional Put over an item that has expired, but is not
// removed yet, may count on from that item's version.
const (
	AnyVersion int64 = -1
	Absent     int64 = 0
)

// Write is one operation of a transaction. A key may occur once per transaction.
type Write struct {
	Op   Op
	Item Item
	If   int64
}

// Query reads one partition in ascending order of sk (or of isk when Index is set), bytewise.
type Query struct {
	Table      Name
	Index      bool   // read the index: PK is the ipk, the conditions are on isk. Eventually consistent
	PK         string // required
	Prefix     string // sk (isk) begins with
	From, To   string // inclusive lower, exclusive upper bound on sk (isk); empty = open. Not together with Prefix
	Descending bool
	Limit      int    // 1..MaxPage; 0 = MaxPage
	Cursor     string // Page.Next of the same query, whatever its Limit; a foreign or broken cursor is fault.Invalid
}

// Page is a part of an answer. Next is empty only when there is no more. A page may be short, even empty, with Next set; and when an
// item is the last, Next may be set all the same, and the page after it is empty.
type Page struct {
	Items []Item
	Next  string
}

// Store is a record store. Errors are classified: fault.NotFound (Get), fault.Conflict (a condition did not hold, or two
// transactions met), fault.Invalid (a limit or a key rule is broken; nothing was written), fault.Unavailable (locked, not
// reachable, too busy), fault.Misconfigured (tables that are missing or may not be used). Never fault.Throttled, by which callers
// tell that a person asked too often. An error after the commit may hide a success: callers repeat with the same conditions and read
// again.
type Store interface {
	// Get reads one item, strongly consistent.
	Get(ctx context.Context, key Key) (Item, error)
	// Query reads a page: strongly consistent on the main key, eventually on the index.
	Query(ctx context.Context, q Query) (Page, error)
	// Transact applies all writes or none. It returns after the commit is durable.
	Transact(ctx context.Context, writes ...Write) error
	// Close releases what the store holds; later calls fail with fault.Unavailable. Idempotent.
	Close() error
}
