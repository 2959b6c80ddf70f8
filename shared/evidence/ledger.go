package evidence

import (
	"context"
	"fmt"
	"iter"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Write returns the write that stores an entry Append returned: table ledger, pk T#<tenant>#E#<case>, sk
// <chain>#<seq, twelve digits>. It is conditional on there being no such entry, so that of two writers who append to the same
// head one gets fault.Conflict and reads the head again.
func Write(e Entry) table.Write {
	// Append has encoded the same entry before, so the error cannot happen; a body it did not produce fails in Read.
	body, _ := e.encode()
	return table.Write{Op: table.Put, If: table.Absent, Item: table.Item{
		Key:  table.Key{Table: table.Ledger, PK: partition(e.Tenant, e.Case), SK: fmt.Sprintf("%s#%012d", e.Chain, e.Seq)},
		Body: body,
	}}
}

// Read iterates over the entries of a case as they are stored: the chain of the case first, then those of the tasks in order
// of task id, each in order of number. It checks the form of each entry, not the chains; the first error ends it. A case
// without evidence gives nothing.
func Read(ctx context.Context, store table.Store, tenant, caseID string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if !isName(tenant) || !isName(caseID) {
			yield(Entry{}, fault.New(fault.Invalid, "this names no tenant and case"))
			return
		}
		q := table.Query{Table: table.Ledger, PK: partition(tenant, caseID)}
		for {
			page, err := store.Query(ctx, q)
			if err != nil {
				yield(Entry{}, fmt.Errorf("reading ledger: %w", err))
				return
			}
			for _, item := range page.Items {
				e, err := decode(item.Body)
				if err != nil {
					yield(Entry{}, fault.Wrap(fault.Internal, err, "reading stored entry"))
					return
				}
				if !yield(e, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			q.Cursor = page.Next
		}
	}
}

func partition(tenant, caseID string) string { return "T#" + tenant + "#E#" + caseID }
