// Package cost counts what an installation on AWS used and says what that costs. It estimates nothing: it adds up the lines that
// the functions of a stage with `count: true` write (functions/internal/lambdaboot), the reports of Lambda where they are in the same
// log, and the histories of executions, and prices the sums with a table of public prices that carries its region, its day and its
// sources.
//
// Not counted, because no case causes them by itself: what is stored, what is paid by the month (keys, alarms, the firewall, a
// private network), what leaves AWS towards a person's browser, and the 14 million free calls of schedules.
package cost
