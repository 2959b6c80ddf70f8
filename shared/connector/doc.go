// Package connector is the contract between Habeas and the systems that hold personal data: what a connector must say about
// itself (Descriptor), which small interface each right asks for, how records, keys and changes travel, and the data map
// (Dataset, Graph) that tells which rows belong to one person.
//
// Sub-packages: datamap reads dataset YAML, walk follows the references of a data map for every connector that has
// collections, spool keeps sets of keys in bounded memory, engine runs one turn of one task around a connector.
//
// The package knows no database, no transport, no case and no clock. It never prints a value: Value, Key, Record and Change
// are guarded like redact.Text, and error texts name collections and fields, never what is in them.
//
// # Page in, cursor out
//
// A call gets identifiers, a cursor, a Spool and a sink. It works until the sink is full or its context ends, and returns a
// Progress: finished, or a cursor from which the same call goes on. A cursor holds no personal data; what must be remembered
// about the person (visited keys, keys still to follow, the last key read) lies in the Spool, which the engine seals.
//
// An error may come with a cursor: then everything emitted so far is valid and the cursor goes on behind it. An error
// without a cursor makes the engine forget what the call emitted. A malformed page, a missing next page, a record without
// its key or a truncated result is an error: never nothing_held, never finished.
package connector
