// Package arch holds the source tree to its rules: who may import whom, what the domain never calls, names, sizes, doc
// comments, and what no file may contain. The rules are data at the head of each test; a rule that has to change changes
// there, in a commit of its own. It reads the tree with `go list` and the parser of the standard library, so that
// `make test` needs nothing but Go.
package arch
