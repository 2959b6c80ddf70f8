// Package sql reaches relational databases: one connector for every SQL system, and one dialect per system for what differs
// (connecting, the live schema, quoting, binding lists, types, error codes). See SQLite and Postgres.
//
// A data map is compared with the live schema when a system is opened: tables and columns that are missing, keys that do not
// tell rows apart, types and rules that cannot work are problems of Check, and of opening when nothing else is left. A
// collection that cannot be read as declared is reported as not_done by every task, and the rest is served. Names in
// statements are those of the live schema, quoted and qualified; values are bound parameters without exception.
//
// Reading goes by batches of keys and pages in the order of the table's own row position (rowid or primary key), with the
// position of the last row instead of an offset. "Equal" means what the column's own collation makes of it.
//
// Changes run in one transaction per batch: the rows are read, compared with what the plan says about owner and end state,
// and then changed by key. Rows that other tables still refer to are not deleted, and nothing cascades.
//
// On PostgreSQL a tree of rows that refer to their own table is erased batch by batch: where the database enforces that
// reference, a tree that is larger than one batch (5,000 rows) is refused and nothing of that batch is changed.
package sql
