// Package policy owns the law as data: one jurisdiction pack per law (packs/*.yaml) and the calendars they count by
// (calendars/*.yaml), each with its sources and how sure we are of them.
//
// A pack says which rights the law grants, by when each must be answered, what stops or moves that date, what a refusal must
// state and where a person may complain. The package loads and checks packs, gives each a version that changes with every
// byte of its content, and chooses the law for a country. It computes no dates (shared/clock does), writes no letters
// (shared/letters does), knows no case, and decides nothing about a person. No number of a law stands in Go code.
//
// Packs are not legal advice. A number that is a choice of the product and not of a legislature carries kind "policy".
package policy
