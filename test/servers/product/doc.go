// Package product measures the product on PostgreSQL: it fills the benchmark's shop and hands it to the command of test/bench,
// which drives the habeas process as its users do. `make bench-servers` runs it.
package product
