// Package clock owns the statutory clock: by when a request must be answered, confirmed, refused, extended or carried out, when
// an appeal or a complaint must be, and the reason for that very date in steps that a person can follow.
//
// Compute is for a request under one law, Combine for one under several, After for a period that is no answer. A step has a code
// and arguments beside its English sentence, so that letters can say it in any language: StepCodes lists them. Check holds the
// clock to files of vectors; VECTORS.md is their format.
//
// Everything is a pure function of what is recorded: the instant of receipt, the tenant's time zone, the rule of one version
// of a jurisdiction pack, and the questions, extensions and grants of the case. The package reads no clock, stores nothing, sends
// nothing and holds no number of any law (shared/policy does). A date is always computed from the original start in one go,
// never from a date that was rolled or extended before:
//
//  1. The instant of the start event becomes a date in the zone.
//  2. The period runs from the latest of the start events that the rule names.
//  3. The whole period, extension included, is added in one step; months keep the day number or end with the month.
//  4. The days that do not count, as a union, are added.
//  5. The date moves off a day on which nobody works, if the rule says so.
//  6. It ends with the last millisecond of that date in the zone.
//
// Reopening, reassigning or changing the channel of a case is no input here, so it can restart nothing.
package clock
