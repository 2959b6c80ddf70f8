// Package rest reaches systems through their HTTP API, as a connector file says: YAML that names, for each collection of the
// data map, the requests that find its records and those that correct, erase and restrict one. FileSchema is its schema; a
// file with anything wrong is refused when the system is opened, with lines.
//
// Reading. Every way into a collection that the data map has (an identity, a reference, the primary key) needs a read by
// exactly those fields, and the records hold these fields. Where a shared record may be changed, so does the way back to what
// refers to it. Lists are paged by cursor, Link header (RFC 8288), page number or offset, and must come in an order that
// stays; JSONPath (RFC 9535) says where records, fields, cursors and totals stand. A record that was not asked for is an
// error, unless the file says that the search is wider; so are a page that is missing, comes twice or does not parse, a
// cursor that comes twice, and a record without its key.
//
// Changing. A record is read by its key, compared with what the plan says about its owner and end state, and then changed by
// one request; several records at the same time. HTTP has no transactions: between the read and the change another party may
// write. Fields that the data map nulls or masks are set by the call that corrects. A right is declared exactly when some
// collection has the calls that the data map needs for it; collections without are reported as unsupported.
//
// An erasure that an API offers for a whole subject only, in one call, is not served: it would reach records that are kept,
// held or were never approved. A connector file cannot say it; such a system is left to a person.
//
// Answers that come later (202) are polled or called back: for changes through connector.Pending, for reads through
// Progress.Wait. A job is named in the open between turns, so only names of letters, digits and -._~ are taken.
//
// Safety. https, except to a loopback address that the operator allowed; no redirect to another host, none at all for
// anything but GET; no address that is not public, checked when it is dialled; bounded bodies and heads; a timeout for every
// request. No address, query, header or answer stands in an error.
package rest
