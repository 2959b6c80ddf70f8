// Package engine runs one turn of one task around a connector: it pages, retries, keeps to rate limits, withholds other
// people's data, seals results, plans and the spool, checks holds before each destructive batch, notices drift, and writes
// receipts. Connectors do none of that.
//
// A turn is stateless: what must survive until the next one is a State without personal data, which the caller stores with
// the task. Running a turn again from the same State gives the same result; the objects it writes have the same names.
package engine
