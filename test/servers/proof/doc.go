// Package proof holds the stories over PostgreSQL, REST and SMTP that show what Habeas promises when everything goes wrong: the
// process is killed again and again, networks and databases fail, a backup brings back what was erased, two hundred people
// ask for erasure at once. What the database holds afterwards is compared with what was approved, row by row, as pg_dump sees it.
package proof
