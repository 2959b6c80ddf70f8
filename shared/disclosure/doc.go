// Package disclosure owns what a person receives: the package of a request for a copy of personal data (GDPR Art. 15 and 20
// and their relatives elsewhere). It turns sealed results, the facts of the registry and the words of the law into one or
// more zip files:
//
//	index.html                        readable offline and without a script; the whole answer in plain words
//	data/<system>/<collection>.json   a JSON array, one record a line, every value exactly as it was read
//	data/<system>/<collection>.csv    the same records as a table
//	attachments/<system>/<name>       files that somebody who looks after a system added, as they were added
//	manifest.json                     what was looked at, what was found, and the hash of every file
//
// A package is volumes of at most Options.VolumeBytes, each a zip of its own. The files of a collection that does not fit
// into one volume go on as <collection>~part2.json and so on. index.html and manifest.json are the last two files of the
// last volume; an earlier volume ends with volume-<n>.txt, which says so.
//
// A collection in which nothing was found, or that could not be read, has no file; it is listed with its outcome in
// manifest.json and index.html. The same input gives the same bytes.
//
// CSV files follow RFC 4180 and begin with a byte order mark: spreadsheets take a file without one for a national code page
// and garble every name in it. A text that a spreadsheet would take for a formula is preceded by an apostrophe (OWASP, CSV
// injection); JSON keeps the exact value. Numbers stay numbers, nested values are their JSON, and a withheld value reads
// "[withheld: <why>]" where JSON has {"$withheld":"<code>"}.
//
// The package decides nothing: which records are disclosed, and which values are withheld, was decided before. It opens no
// seal, stores nothing and knows no clock. It checks that the records it reads are as many as the results say, and refuses
// to go on when they are not: an incomplete answer must never look complete.
package disclosure
