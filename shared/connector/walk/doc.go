// Package walk follows the references of a data map, from identities to rows to the rows they refer to. It is shared by
// every connector that has collections: such a connector gives a Source that looks rows up, and gets Locate, Access and the
// dry runs of every right.
//
// The walk handles each way into a collection once per pass, in an order in which sources come before targets, so that a
// data map without cycles needs one pass and one lookup per way in and batch of values. Rows already seen are never
// emitted again. What it must remember lies in the Spool; memory is bounded by a page and the spool's budget.
package walk

import (
	"context"

	"github.com/habeas-dsar/habeas/shared/connector"
)

// Lookup asks for rows of one collection.
type Lookup struct {
	Collection *connector.Collection
	// Fields are dotted paths; a row matches when the tuple of their values equals one of Values. A field that holds an array
	// matches when one of its elements does. Values may have another type than the field (an integer for a text column):
	// the source converts them, and a value that cannot be converted matches nothing.
	Fields []string
	Values [][]connector.Value // at most Limits.BatchKeys
	Match  connector.Match     // how to compare; anything but MatchExact comes with a single field of texts
	After  connector.Key       // rows strictly behind this key in the source's own order of keys; nil = from the first
	Limit  int                 // at most this many rows
}

// Source looks rows up. Implementations are safe for concurrent use.
type Source interface {
	// Rows yields matching rows that meet Collection.Where, each once, in the source's own stable order of primary keys, and
	// reports whether there may be more behind the last one. Records hold the key and every declared field. The record is
	// the source's again when yield returns. An error of yield ends the lookup and is returned as it is.
	Rows(ctx context.Context, l Lookup, yield func(*connector.Record) error) (more bool, err error)
}
