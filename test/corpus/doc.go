// Package corpus keeps every message and payload that was ever shipped, and replays it against the handlers of today. An execution
// runs for months and keeps its definition, a queue delivers late, a record is older than the code that reads it: what was sent or
// stored by an older version must still be taken.
//
// A version is a folder: v1/journal.jsonl is what three cases of an invented person left behind, a copy, one without a system that is
// broken, and an erasure, in the order in which it happened. Its entries are transactions of the record store, objects, and calls:
// steps of the machines with what the machines sent and what was answered, promises of the outbox, calls of the clockwork, HTTP
// requests as API Gateway hands them over, reports of mail from a queue, inputs of executions, and events. A replay rebuilds the
// records as they were before each call and makes the call anew. v1/key wraps the keys of those cases, and of nothing else.
//
// The package has tests only; README.md says how a version is added. The calls by which functions ask workers about systems have a
// corpus of their own, beside their code (functions/internal/desk/testdata).
package corpus
