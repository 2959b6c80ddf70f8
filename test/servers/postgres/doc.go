// Package postgres runs a PostgreSQL server for the tests of one process: made by initdb in a directory of its own, on a
// free port of 127.0.0.1, gone with the process. It needs the programs of PostgreSQL 14 or later, from PATH or from where
// Debian puts them; as root, which PostgreSQL refuses to run as, it runs under the account postgres.
package postgres
