// Package erasureledger owns the memory of what was erased, for as long as a backup of a system could bring it back, and no
// longer.
//
// A system that is restored from its backup holds again what was erased since. When an erasure has been verified, Record
// keeps the identifiers that were searched by and the list of erased records (collection, key, planned end state), sealed
// under a key of the entry's own, until the backup horizon of the system has passed. Until then Check compares the system
// with every entry and, when asked, erases again exactly what came back. At the horizon Expire destroys key, list and
// identifiers; what stays is one keyed hash per identifier, which says that this identifier was erased here on that day (so
// that an old mailing list is not imported again) and says nothing to whoever has no key.
//
// An entry does not depend on its case: the case may be disposed of long before. Its list lies under erased/<tenant>/<task>/,
// its wrapped key in table casekeys, which has the shortest backup life of all.
//
// It never decides what to erase: it repeats what was approved once, under the holds that are in force now. It never
// keeps a value of a record other than its key and the fields that say whose it was.
package erasureledger
