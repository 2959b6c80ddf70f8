// Package servers holds tests against real servers: the connectors and the stories that need a database of their own. It is
// a module of its own, so that the product depends on nothing that only these tests need. `make test-all` runs them;
// package postgres starts PostgreSQL.
package servers
