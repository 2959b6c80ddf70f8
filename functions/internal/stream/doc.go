// Package stream turns what AWS hands to a function from the stream of a table, or from a queue, into what the handlers take, and
// what they leave into the answer from which AWS goes on.
package stream
