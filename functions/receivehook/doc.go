// Package receivehook takes the callbacks of others: mail providers, systems, recipients. One file per kind. All come over HTTP but
// those of Amazon SES, which an event bus and a queue of the installation bring.
//
// Every callback over HTTP is signed, timestamped, bounded and counted once; one that proves nothing gets the same answer whatever it names.
// A callback is answered with a 2xx only when everything in it is on record, so that whoever calls repeats what was lost.
package receivehook
