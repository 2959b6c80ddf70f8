// Package connectortest is the suite that every connector passes. Run opens a fresh connector on a freshly seeded system for
// each of its cases, drives it through the engine as a case would, prints what was exercised, and fails when a right that the
// Descriptor declares was not.
//
// The suite tests itself: connectors that erase too much, drop a page, delete only the parent or say done without doing must
// each fail it (self_test.go).
package connectortest
