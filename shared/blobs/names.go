package blobs

import (
	"strings"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Limits that every driver enforces.
const (
	MaxNameBytes    = 512
	MaxSegmentBytes = 128
	MaxPage         = 1000 // objects in a page
)

// CheckName returns fault.Invalid unless name is the name of an object.
func CheckName(name string) error {
	if len(name) > MaxNameBytes {
		return fault.New(fault.Invalid, "the name of an object is longer than 512 bytes")
	}
	for segment := range strings.SplitSeq(name, "/") {
		if len(segment) == 0 || len(segment) > MaxSegmentBytes || segment == "." || segment == ".." || !plain(segment) {
			return fault.New(fault.Invalid, "the name of an object is not well formed")
		}
	}
	return nil
}

// CheckPrefix returns fault.Invalid unless prefix is empty or begins the name of some object.
func CheckPrefix(prefix string) error {
	if len(prefix) > MaxNameBytes {
		return fault.New(fault.Invalid, "a prefix is longer than 512 bytes")
	}
	whole, last := "", prefix
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		whole, last = prefix[:i], prefix[i+1:]
		if err := CheckName(whole); err != nil {
			return err
		}
	}
	if len(last) > MaxSegmentBytes || !plain(last) {
		return fault.New(fault.Invalid, "a prefix is not well formed")
	}
	return nil
}

func plain(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
