// Package datamap reads data maps from dataset YAML: the format that users of Fides already have, with what habeas_meta adds.
//
// It is strict where a mistake could hide a person's data (types, references, everything below habeas_meta) and lenient
// where the format has keys that mean nothing here: those become warnings. Every finding names its line.
package datamap
