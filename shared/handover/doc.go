// Package handover owns the records of what lies in the open for a short time: a volume of a package on its way to a person, a
// file on its way from the owner of a system. Such an object is plain, guarded by the encryption of the store and by addresses
// that end (blobs.HandOver); everything else in the store is sealed.
//
// A record is there before its object and outlives it. Whoever cleans up goes by the records alone: it ends the record, so that
// nobody puts or offers the object any more, deletes the object and looks whether it is gone; and once more when every process
// and every upload that knew the object must have ended. Only then the record goes. A lifecycle rule of the store is the net
// below, never the means.
//
// Records lie in table tokens, which is never backed up. Nothing in them is personal: the name of an owner's file is sealed.
package handover
