// Package numbers owns what is counted about requests, and how: how many came, what became of them, and how long the answers took. It
// is definitions and pure functions over rows that the case keeps of itself; it stores nothing and reads no clock.
//
// The definitions follow 11 CCR 7101 (what is kept of each request) and 7102 (what is counted over a year), and are the same for every
// law and right. A period always means the requests that were received in it, whatever the day they were answered: the numbers of a
// finished year change until its last request is closed, and their results always add up to what was received. A request that was joined
// to another one counts by itself, and ends as that one does; a request that is opened again is open until it ends again, and keeps the day
// of its first answer.
package numbers
