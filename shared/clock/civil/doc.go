// Package civil owns the calendar date without a time of day: what a statute means by "one month" and "on that day".
//
// It adds days and months the way Reg. (EEC, Euratom) 1182/71 Art. 3(2)(c) does (a missing day number becomes the last day
// of the month), and finds the last instant of a date in a time zone. It never reads a clock, and knows neither working days
// nor law: those are data of shared/policy.
package civil
