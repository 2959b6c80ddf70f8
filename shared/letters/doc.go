// Package letters owns every text that is sent to a person: which letters there are, what each must say under the law of the
// case, and the words, in a catalogue of messages by language.
//
// A letter is built once, as a list of parts, and written twice: as plain text and as HTML that says the same in the same
// order, with nothing remote in it and nothing that reports back. The subject never holds anything personal. A letter that
// the law wants to say something does not render without it.
//
// The package sends nothing, stores nothing, reads no clock and decides nothing: who gets which letter, and when, is decided
// by the workflow. It never takes a word of a law from Go code: those come with the jurisdiction pack.
package letters
