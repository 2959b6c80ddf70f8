// Package synthetic makes databases out of data maps: a table for every collection, and rows for two people that are linked
// along the references and identities of the map. Check then holds the SQLite connector to the map: it must find every row of
// the one and none of the other, and erase children before parents. Foreign keys are enforced where the map has them.
package synthetic
