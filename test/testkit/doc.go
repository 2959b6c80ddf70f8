// Package testkit drives Habeas from outside: it builds the command, starts it on a data directory of its own with the clock
// set by hand, and talks to it over HTTP as test/CONTRACT.md says. Nothing in it looks into the process; what it needs to
// know of the demo data it reads from the demo's databases with SQL of its own.
package testkit
