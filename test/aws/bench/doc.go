// Package bench says how large the functions are, how long they take to start, and what a case costs. `make bench-aws` runs it and
// writes what it found to infra/figures. Sizes, transitions, calls and capacity units are counted and come out alike everywhere; times
// depend on the machine.
package bench
