// Package verification owns what a person must prove before a request is acted on: how much is asked, and no more (Need, by right, law,
// scope, sensitivity and what the systems can compare); what came of it (Score, Judge, Lower: pure functions); one-time codes as data with
// pure transitions; how many may be sent; how long a session and its freshness last.
//
// It never sends a code, keeps no record and reads no clock. It never keeps a code or a link in the open: a challenge holds
// keyed hashes under a key that the caller supplies, so that whoever reads the record cannot answer it. Of a detail that a person types it
// tells match or no match, compared in constant time, and nothing else. A document of identity is never part of a need: a person asks for
// it, says why, and only where MayAsk allows it.
package verification
