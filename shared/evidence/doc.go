// Package evidence owns the proof of what was done: hash chains of entries, the ledger they are stored in, the log that seals
// them, the signed bundle that leaves the house, and the verifier that anybody can run over it.
//
// A case has one chain ("case") and one per task ("task/<taskId>") and per notice to a recipient (likewise, by its
// id), so that what runs in parallel does not contend. Every entry names
// the hash of the one before; the first names a hash over tenant, case and chain, so a chain cannot be moved. When a task
// ends, the head of its chain enters the chain of the case (TaskEnded). An entry is committed in the transaction of the
// change it proves: the caller keeps each chain's Head with the record it describes, and adds Write's write.
//
// The hash of an entry is the SHA-256, in lower-case hex, of its canonical JSON (RFC 8785) without the member "hash". The
// format of entries is fixed: a golden bundle in testdata holds it to that.
//
// Sealing never touches an entry. Every tenant has a log, a Merkle tree that only grows (type Log): when a case is sealed, the
// head of its chain becomes a leaf, and with it every entry before. A checkpoint signed by the tenant's key covers the whole
// log; a receipt carries the proof that a checkpoint covers a case. A controller who rewrites the history of a case, key in
// hand, cannot do it without rewriting the log, and whoever kept any older checkpoint sees that. Entries after the sealed head
// are counted as unsealed: their integrity rests on the chain and on the signature over the heads at the time of export.
//
// Evidence never holds personal data, neither in facts nor in names; it never reads a clock, never changes or deletes an
// entry, and is not the log: what nobody will have to prove does not belong here.
package evidence
