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
	"github.com/habeas-dsar/habeas/shared/fault"
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
	// An *Unserved error says that the collection cannot be read as the data map declares it: it is reported as not_done, with
	// everything that only its rows lead to, and the walk goes on.
	Rows(ctx context.Context, l Lookup, yield func(*connector.Record) error) (more bool, err error)
}

// Unserved is the error of a Source for a collection that the system does not have as the data map declares it: a table or
// a column is missing, or not to be read. Its class is fault.Misconfigured.
type Unserved struct{ Note string } // for people; no record values

// Error implements error.
func (u *Unserved) Error() string { return u.Note }

// Unwrap gives the error its class.
func (u *Unserved) Unwrap() error { return fault.New(fault.Misconfigured, "") }

// Folder is implemented by sources that can tell whether a field may hold addresses in another letter case than their normal
// form. Where it may, addresses are compared letter case aside although the data map does not ask for it: mail systems take both
// for the same. Where it does not, an ordinary index serves. A source that is no Folder compares exactly, unless asked.
type Folder interface {
	MixedCase(ctx context.Context, c *connector.Collection, path string) (bool, error)
}

// Settler is implemented by sources whose fields do not give every value back as it was written (a number with a fixed count
// of decimals).
type Settler interface {
	// Settle returns the value that a read will show once v was written to the field at a dotted path.
	Settle(c *connector.Collection, path string, v connector.Value) connector.Value
}
