// Package spool implements connector.Spool: named sets of byte strings that stay in memory while they are small and become
// sorted, sealed runs in the object store beyond a budget, or when a turn ends before its task.
//
// Objects are never changed. Runs of one turn have names of their own, and a sealed list of contents (Save) says which runs
// belong to which set; the name of that list is the only thing a task remembers. A turn that dies leaves objects nobody
// refers to, and its repetition writes the same names again. Membership in a run costs a look at a Bloom filter, and one
// sealed block when the filter says maybe.
package spool
