// Package policy owns the law as data: one jurisdiction pack per law (packs/*.yaml) and the calendars they count by
// (calendars/*.yaml), each with its sources and how sure we are of them.
//
// A pack says which rights the law grants, by when each must be answered, what stops or moves that date, for which data and
// people a right holds, who may ask for somebody else, what a letter must state and where a person may complain. The package
// loads and checks packs, gives each a version that changes with every byte of its content and of its calendars, chooses the law
// of a request, and says what a law makes of a situation. It computes no dates (shared/clock does), writes no letters
// (shared/letters does) and knows no case. No number of a law stands in Go code.
//
// Packs are not legal advice. A number that is a choice of the product and not of a legislature carries kind "policy". A pack of
// low confidence, or whose sources contradict each other, is a draft: a named person confirms that version before it may govern a
// tenant in production.
//
// # To change a pack
//
// A case replays for ever under the version it was opened with, so a version that was released is never edited:
//
//  1. copy packs/xx.yaml to packs/superseded/xx-2026-11.yaml (any name), unless the version was never released. A calendar of it
//     that changes stays as it was under its old name, in calendars/superseded, and gets a new name where it goes on;
//  2. edit packs/xx.yaml. pack.schema.json says what may stand there; habeas packs vet FILE names the line of what may not;
//  3. run go generate ./shared/policy, which writes packs/compiled.jsonl, the form that is built in;
//  4. when it is released, append its version to packs/released.txt: go run ./compile -release, in shared/policy.
//
// Fields may be added to packs, never removed or renamed: superseded packs are read with the same types.
package policy
