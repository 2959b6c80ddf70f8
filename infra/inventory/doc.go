// Package inventory says what an installation of Habeas on AWS is made of: functions, tables, buckets, and the names by which
// they find each other. The stacks (infra/cdk), the shell of the Lambdas (functions/internal/lambdaboot), the command and the
// tests read the same lists, so that a handler added here is built, deployed, allowed what it needs and audited. It imports
// nothing.
//
// Names. Everything of a stage begins with its prefix, "habeas-<stage>": a function is "<prefix>-<Name>" and is called through
// its alias Alias, a table is "<prefix>-<table>", a state machine "<prefix>-<machine>" and is started through the same alias.
package inventory
