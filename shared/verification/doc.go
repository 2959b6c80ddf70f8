// Package verification owns what a person must prove before a request is acted on: how much is asked, and no more; one-time
// codes as data with pure transitions; how many may be sent; how long a session and its freshness last.
//
// It never sends a code, keeps no record and reads no clock. It never keeps a code or a link in the open: a challenge holds
// keyed hashes under a key that the caller supplies, so that whoever reads the record cannot answer it.
package verification
