package blobs

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// The prefixes of the only objects that lie in the open, guarded by the encryption of the store, and for a short time.
const (
	Inbox    = "inbox/"    // uploads; the next step seals them elsewhere and deletes them here
	Delivery = "delivery/" // packages, while their single-use link lives
)

// Limits of an address.
const (
	MaxAddressLife   = 5 * time.Minute
	MaxUploadBytes   = 5 << 30 // what S3 takes in one PUT
	maxFilenameBytes = 100
)

// mediaType is type "/" subtype without parameters (RFC 6838, 4.2; the characters that occur in registered names).
var mediaType = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+-]{0,62}/[A-Za-z0-9][A-Za-z0-9.+-]{0,62}$`)

// HandOver mints short-lived addresses at which somebody outside puts or fetches one object directly, past the process: bodies
// of functions are small. Names are below Inbox or Delivery; any other is fault.Invalid. An installation on one machine has no
// HandOver (nil) and streams through the process. Drivers: on AWS, s3blobs.
//
// An address is a bearer secret that works any number of times until it expires: callers mint it behind something that works
// once, and never store or log it. Expiry is measured by the store's own clock, whatever clock the product goes by.
type HandOver interface {
	// Upload returns where exactly u.Bytes bytes may be PUT. The store refuses any other length, media type or, when u names
	// one, content; the client must send every header of the address.
	Upload(ctx context.Context, name string, u Upload) (Address, error)
	// Form returns a form by which a browser puts one file, and is then sent on. The store refuses any other name, and a file that
	// is empty or too large; what the file is, it does not look at.
	Form(ctx context.Context, name string, f FormUpload) (Form, error)
	// Download returns where the object can be fetched with GET, offered to a browser as a file to save under filename, which
	// is 1 to 100 characters of [A-Za-z0-9._-] and tells nothing about the person. A missing object is fault.NotFound.
	Download(ctx context.Context, name, filename string, life time.Duration) (Address, error)
}

// Upload describes what somebody is allowed to put.
type Upload struct {
	Bytes     int64         // exactly; 1 to MaxUploadBytes
	MediaType string        // as the client will send it, such as "application/zip"
	SHA256    [32]byte      // of the content; zero = not known beforehand
	Life      time.Duration // 1 s to MaxAddressLife
}

// Address is where one object can be put or fetched until ExpiresAt, with the headers that the client must send, by canonical
// name. Host, and Content-Length where the client's library sets it, are not among them.
type Address struct {
	URL       redact.Text
	Header    map[string]string
	ExpiresAt time.Time
}

// Check returns fault.Invalid unless name can be handed over and u may be put there.
func (u Upload) Check(name string) error {
	switch {
	case u.Bytes < 1 || u.Bytes > MaxUploadBytes:
		return fault.New(fault.Invalid, "an upload has 1 byte to 5 GiB")
	case !mediaType.MatchString(u.MediaType):
		return fault.New(fault.Invalid, "the media type of an upload is not well formed")
	}
	return checkHandOver(name, u.Life)
}

// CheckDownload returns fault.Invalid unless name can be handed over under filename for life.
func CheckDownload(name, filename string, life time.Duration) error {
	if filename == "" || len(filename) > maxFilenameBytes || !plain(filename) || strings.Trim(filename, ".") == "" {
		return fault.New(fault.Invalid, "the name of a file to offer is not well formed")
	}
	return checkHandOver(name, life)
}

func checkHandOver(name string, life time.Duration) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if !strings.HasPrefix(name, Inbox) && !strings.HasPrefix(name, Delivery) {
		return fault.New(fault.Invalid, "only objects below inbox/ and delivery/ are handed over")
	}
	// A signature counts whole seconds.
	if life < time.Second || life > MaxAddressLife {
		return fault.New(fault.Invalid, "an address lives between a second and five minutes")
	}
	return nil
}
