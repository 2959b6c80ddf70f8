// Package restores demonstrates on PostgreSQL what the erasure ledger is for: a database that is restored from its own backup
// (pg_dump, pg_restore) holds again what was erased since, and loses it again.
package restores
