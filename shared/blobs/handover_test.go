package blobs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// TestUploadCheck: one wrong thing at a time is refused, nothing wrong is let through.
func TestUploadCheck(t *testing.T) {
	good := blobs.Upload{Bytes: 10, MediaType: "application/zip", Life: time.Minute}
	for what, tt := range map[string]struct {
		name string
		u    blobs.Upload
		ok   bool
	}{
		"an upload":          {"inbox/acme/1", good, true},
		"a delivery":         {"delivery/acme/1", good, true},
		"a type with dots":   {"inbox/a", with(good, func(u *blobs.Upload) { u.MediaType = "application/vnd.ms-excel" }), true},
		"a suffix":           {"inbox/a", with(good, func(u *blobs.Upload) { u.MediaType = "image/svg+xml" }), true},
		"the largest":        {"inbox/a", with(good, func(u *blobs.Upload) { u.Bytes = blobs.MaxUploadBytes }), true},
		"the longest life":   {"inbox/a", with(good, func(u *blobs.Upload) { u.Life = blobs.MaxAddressLife }), true},
		"a sealed object":    {"raw/acme/1", good, false},
		"evidence":           {"evidence/acme/1", good, false},
		"a prefix alone":     {"inbox/", good, false},
		"a prefix cut short": {"inbox", good, false},
		"a look-alike":       {"inboxes/a", good, false},
		"a way out":          {"inbox/../raw/a", good, false},
		"nothing to put":     {"inbox/a", with(good, func(u *blobs.Upload) { u.Bytes = 0 }), false},
		"less than nothing":  {"inbox/a", with(good, func(u *blobs.Upload) { u.Bytes = -1 }), false},
		"too much":           {"inbox/a", with(good, func(u *blobs.Upload) { u.Bytes = blobs.MaxUploadBytes + 1 }), false},
		"no type":            {"inbox/a", with(good, func(u *blobs.Upload) { u.MediaType = "" }), false},
		"half a type":        {"inbox/a", with(good, func(u *blobs.Upload) { u.MediaType = "text/" }), false},
		"a header smuggled":  {"inbox/a", with(good, func(u *blobs.Upload) { u.MediaType = "text/plain\r\nx: y" }), false},
		"parameters":         {"inbox/a", with(good, func(u *blobs.Upload) { u.MediaType = "text/plain; charset=utf-8" }), false},
		"no life":            {"inbox/a", with(good, func(u *blobs.Upload) { u.Life = 0 }), false},
		"too long a life":    {"inbox/a", with(good, func(u *blobs.Upload) { u.Life = blobs.MaxAddressLife + 1 }), false},
	} {
		if err := tt.u.Check(tt.name); (err == nil) != tt.ok || (err != nil && !fault.Has(err, fault.Invalid)) {
			t.Errorf("%s: %v, want fine %t", what, err, tt.ok)
		}
	}
}

func with(u blobs.Upload, change func(*blobs.Upload)) blobs.Upload {
	change(&u)
	return u
}

func TestCheckDownload(t *testing.T) {
	for what, tt := range map[string]struct {
		name, filename string
		life           time.Duration
		ok             bool
	}{
		"a package":        {"delivery/acme/1", "DSR-2027-000123.zip", time.Minute, true},
		"a sealed object":  {"package/acme/1", "a.zip", time.Minute, false},
		"no file name":     {"delivery/a", "", time.Minute, false},
		"dots alone":       {"delivery/a", "..", time.Minute, false},
		"a path":           {"delivery/a", "../a.zip", time.Minute, false},
		"a quote":          {"delivery/a", `a".zip`, time.Minute, false},
		"a header":         {"delivery/a", "a\r\nx: y", time.Minute, false},
		"a very long name": {"delivery/a", strings.Repeat("a", 101), time.Minute, false},
		"too long a life":  {"delivery/a", "a.zip", time.Hour, false},
		"no life":          {"delivery/a", "a.zip", 0, false},
	} {
		if err := blobs.CheckDownload(tt.name, tt.filename, tt.life); (err == nil) != tt.ok || (err != nil && !fault.Has(err, fault.Invalid)) {
			t.Errorf("%s: %v, want fine %t", what, err, tt.ok)
		}
	}
}
