// Package local wires the one-machine engine: one process, one SQLite file for records and one for the workflow, a directory
// of sealed objects, a key file, an in-process outbox dispatcher and clockwork. Everything is passed by constructor; there is
// no other place where drivers and handlers meet, except infra/cdk.
package local
