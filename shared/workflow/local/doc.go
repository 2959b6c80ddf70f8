// Package local is the workflow engine of one machine: it interprets the same definitions that run on Step Functions
// Standard, durable in one SQLite file, with functions called in process.
//
// What is durable. Everything an execution has done up to its last checkpoint. A checkpoint is one transaction that holds the
// outcome of a task, the transitions that follow from it and the scheduling of the next task; it is on the disk before the
// next function runs, so a token is durable before the function that receives it. Checkpoints of different executions share
// a transaction and its fsync. After a SIGKILL at any instant the engine goes on from the last checkpoint of each execution:
// a function whose outcome was not recorded runs again, with the same parameters and, if it waits for one, the same token.
// Children are started once, whatever happens.
//
// What waits costs nothing. An execution that waits for a token, a timer or a child has no goroutine and no memory: it is
// rows in the file until something wakes it.
//
// The engine owns its file alone; a second engine on the same file is refused. It never deletes history by itself: see Prune.
//
// Inputs, outputs and causes are kept in clear, as Step Functions keeps them: they hold references only, never personal data.
package local
