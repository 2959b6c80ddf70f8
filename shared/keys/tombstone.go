package keys

import "time"

// Tombstone says that the keys of a case, or of an entry of the erasure ledger, were destroyed. Whoever restores an older copy of
// table casekeys destroys them again. It holds nothing personal.
type Tombstone struct {
	Tenant string    `json:"tenant"`
	ID     string    `json:"id"` // what the keys were stored under: a case id, or that of an entry
	At     time.Time `json:"at"`
	// Of a case: how and when it had ended, for a copy in which it has not.
	Status   string    `json:"status,omitempty"`
	ClosedAt time.Time `json:"closedAt,omitzero"`
}
