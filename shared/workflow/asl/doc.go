// Package asl reads and evaluates the portable subset of the Amazon States Language, JSONPath dialect: definitions, paths,
// payload templates, intrinsic functions, choice rules, and which retrier or catcher takes an error. It is pure: it keeps no
// state, reads no clock and starts nothing. Engines drive it.
//
// Sources: the States Language specification (https://states-language.net/spec.html) and the Step Functions Developer Guide
// (https://docs.aws.amazon.com/step-functions/latest/dg/). Where the two differ, the service's documented behaviour wins,
// and the place says so.
//
// Load refuses what the package does not implement, with the JSON pointer of the place, so that a definition which loads
// means here what it means on Step Functions. Not implemented, and refused: Parallel, JSONata, distributed Map, variables
// (Assign), heartbeats, credentials, filter expressions in paths, and every resource but those of Integration.
//
// JSON values are nil, bool, json.Number, string, []any and map[string]any. They are shared freely and never changed in
// place. Members of an object have no order: where an order shows (wildcards, States.JsonToString), it is that of the names.
package asl
