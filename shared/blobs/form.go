package blobs

import (
	"net/url"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// MaxFormBytes is what S3 takes in one POST (Amazon S3 API Reference, "POST Object").
const MaxFormBytes = 5 << 30

// FormUpload describes what a page without a script lets somebody put: one file, picked in the browser.
type FormUpload struct {
	MaxBytes int64         // at most; 1 to MaxFormBytes. The store refuses an empty file too
	Then     string        // absolute address to which the store sends the browser (303) once the object is there
	Life     time.Duration // 1 s to MaxAddressLife; an upload that began in time may end later
}

// Form is a form of multipart/form-data that a browser posts to URL: Fields in their order, and behind them the file in a field named
// FileField, because a store ignores what follows the file. The fields are bearer secrets like an address.
type Form struct {
	URL       redact.Text
	Fields    []FormField
	ExpiresAt time.Time
}

// FileField is the name of the field of the file.
const FileField = "file"

// FormField is one hidden field.
type FormField struct {
	Name  string
	Value redact.Text
}

// Origin returns the scheme and host of the form's address, for the content security policy of the page that shows it.
func (f Form) Origin() string {
	u, err := url.Parse(f.URL.Reveal())
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// Check returns fault.Invalid unless name is below Inbox and f may be put there.
func (f FormUpload) Check(name string) error {
	if f.MaxBytes < 1 || f.MaxBytes > MaxFormBytes {
		return fault.New(fault.Invalid, "a form takes 1 byte to 5 GiB")
	}
	if u, err := url.Parse(f.Then); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fault.New(fault.Invalid, "a form leads back to an absolute address")
	}
	if !strings.HasPrefix(name, Inbox) {
		return fault.New(fault.Invalid, "forms put objects below inbox/ only")
	}
	return checkHandOver(name, f.Life)
}

// MediaTypeOf returns the media type under which a file is handed over: never one that a browser shows as a page.
func MediaTypeOf(filename string) string {
	if strings.HasSuffix(filename, ".zip") {
		return "application/zip"
	}
	return "application/octet-stream"
}
