// Package casefile owns the case as it is stored: one aggregate per partition of table cases with the case itself, its
// tasks, its mails and messages, its notices to recipients, the tokens that wait for it, its outbox rows and its projections, and
// the transaction that writes state, evidence and outbox together.
//
// What it promises:
//   - A change is committed whole or not at all, under the version of every item it read; a step that lost the race gets
//     fault.Conflict and repeats from a fresh read.
//   - Every change of state has an evidence entry in the same transaction (GDPR Art. 5(2)).
//   - Personal fields leave the process only inside sealed documents under the case's record key; the open part of a case
//     holds references, counts, dates and codes.
//   - Once a case is taken over or stopped, what was read before can no longer be committed: the guard row tells tasks and
//     tokens, the version of the case everybody else.
//
// It never decides what a case should do: that is the work of the steps in functions/. It never sends anything: outbox rows
// are carried out by functions/publishevents after the commit.
package casefile
