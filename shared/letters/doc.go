// Package letters owns every text that is sent to a person: which letters there are, what each must say under the law of the
// case, and the words, in a catalogue of messages by language.
//
// A letter is built once, as a list of parts, and written twice: as plain text and as HTML that says the same in the same
// order, with nothing remote in it and nothing that reports back. The subject never holds anything personal. A letter that
// the law wants to say something does not render without it: each part notes which policy.Statement it makes, and what was written is
// compared with what the law of the case demands of a letter of the kind.
//
// Every letter is there in the languages of Languages; dates, numbers, plural forms and the steps of the clock are each language's
// own. A message that somebody adds has to be in all of them. A tenant may say messages in its own words (Wording); those are checked
// when they are published, and passed over when a newer catalogue no longer fits them.
//
// The package sends nothing, stores nothing, reads no clock and decides nothing: who gets which letter, and when, is decided
// by the workflow. It never takes a word of a law from Go code: those come with the jurisdiction pack.
package letters
