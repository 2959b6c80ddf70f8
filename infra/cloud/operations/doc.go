// Package operations is what an operator does with a deployed stage from outside, with credentials of their own: it opens the records
// of the stage as its functions do, says how the stage is, proves its parts one by one, and settles what a restore brought back. It
// deploys nothing and runs none of the clockwork: the functions do.
package operations
