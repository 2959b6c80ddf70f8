package objects

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/blobs/s3blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

// reply is what somebody outside gets.
type reply struct {
	code   int
	header http.Header
	body   []byte
}

// send does what somebody outside does with an address.
func send(t testing.TB, method string, a blobs.Address, body []byte, change func(*http.Request)) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.URL.Reveal(), bytes.NewReader(body))
	if err != nil {
		t.Fatal("the address is none")
	}
	for name, value := range a.Header {
		req.Header.Set(name, value)
	}
	if change != nil {
		change(req)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s to an address: %v", method, err)
	}
	got, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, got}
}

// TestUpload: an address takes what it was minted for, and nothing else.
func TestUpload(t *testing.T) {
	clouds(t, func(t *testing.T, connect connector) {
		c := connect(t)
		b := bucket(t, c)
		store := open(t, c, s3blobs.Options{Buckets: map[string]string{"inbox": b}})
		body := content(small, 1)
		up := blobs.Upload{Bytes: small, MediaType: "application/zip", SHA256: sha256.Sum256(body), Life: time.Minute}
		var hand blobs.HandOver = store
		unknown := up
		unknown.SHA256 = [32]byte{}
		for name, u := range map[string]blobs.Upload{"inbox/acme/known": up, "inbox/acme/unknown": unknown} {
			a, err := hand.Upload(t.Context(), name, u)
			if err != nil {
				t.Fatal(err)
			}
			if d := time.Until(a.ExpiresAt); d > time.Minute || d < 50*time.Second {
				t.Errorf("the address lives for %s, want a minute", d)
			}
			if r := send(t, http.MethodPut, a, body, nil); r.code != http.StatusOK {
				t.Fatalf("PUT: %d %s", r.code, r.body)
			}
			if got, err := read(t, store, name, 0); err != nil || !bytes.Equal(got, body) {
				t.Errorf("%d bytes have come (%v), want %d", len(got), err, len(body))
			}
			if shown := fmt.Sprintf("%v %+v", a, &a); strings.Contains(shown, "X-Amz-Signature") {
				t.Error("the address prints")
			}
		}
	})
}

// TestUploadRefuses, on the emulator that checks signatures: whoever has an address can change neither what is put nor where.
func TestUploadRefuses(t *testing.T) {
	c := versity(t)
	b := bucket(t, c)
	store := open(t, c, s3blobs.Options{Buckets: map[string]string{"inbox": b}})
	body := content(small, 1)
	up := blobs.Upload{Bytes: small, MediaType: "application/zip", SHA256: sha256.Sum256(body), Life: time.Minute}
	other := content(small, 2)
	for what, tt := range map[string]struct {
		method string
		body   []byte
		change func(*http.Request)
	}{
		"another content":    {http.MethodPut, other, nil},
		"another length":     {http.MethodPut, body[1:], nil},
		"more":               {http.MethodPut, append(bytes.Clone(body), 0), nil},
		"another type":       {http.MethodPut, body, func(r *http.Request) { r.Header.Set("Content-Type", "text/html") }},
		"no type":            {http.MethodPut, body, func(r *http.Request) { r.Header.Del("Content-Type") }},
		"no checksum":        {http.MethodPut, other, func(r *http.Request) { r.Header.Del("X-Amz-Checksum-Sha256") }},
		"another place":      {http.MethodPut, body, func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "mine", "yours", 1) }},
		"reading":            {http.MethodGet, nil, nil},
		"deleting":           {http.MethodDelete, nil, nil},
		"a longer life":      {http.MethodPut, body, func(r *http.Request) { query(r, "X-Amz-Expires", "604800") }},
		"another signature":  {http.MethodPut, body, func(r *http.Request) { query(r, "X-Amz-Signature", strings.Repeat("0", 64)) }},
		"another time":       {http.MethodPut, body, func(r *http.Request) { query(r, "X-Amz-Date", "20300101T000000Z") }},
		"nothing but a name": {http.MethodPut, body, func(r *http.Request) { r.URL.RawQuery = "" }},
	} {
		a, err := store.Upload(t.Context(), "inbox/mine", up)
		if err != nil {
			t.Fatal(err)
		}
		if r := send(t, tt.method, a, tt.body, tt.change); r.code < 400 {
			t.Errorf("%s: %d", what, r.code)
		}
	}
	if n := len(left(t, c, b)); n != 0 {
		t.Errorf("%d objects have come", n)
	}
}

func query(r *http.Request, name, value string) {
	q := r.URL.Query()
	q.Set(name, value)
	r.URL.RawQuery = q.Encode()
}

// TestUploadSigned: what must not be changed is signed, and stands in headers, where S3 compares it with what is sent.
func TestUploadSigned(t *testing.T) {
	c := ministack(t)
	const key = "arn:aws:kms:eu-west-1:000000000000:key/11111111-2222-3333-4444-555555555555"
	store := open(t, c, s3blobs.Options{Buckets: map[string]string{"inbox": "habeas-test-inbox"}, KMSKey: key})
	a, err := store.Upload(t.Context(), "inbox/a", blobs.Upload{Bytes: 12345, MediaType: "application/pdf", SHA256: [32]byte{1}, Life: 90 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(a.URL.Reveal())
	if err != nil {
		t.Fatal("the address is none")
	}
	signed := strings.Split(u.Query().Get("X-Amz-SignedHeaders"), ";")
	for name, want := range map[string]string{
		"Content-Length": "12345", "Content-Type": "application/pdf", "X-Amz-Server-Side-Encryption": "aws:kms",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": key, "X-Amz-Server-Side-Encryption-Bucket-Key-Enabled": "true",
		"X-Amz-Checksum-Sha256": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	} {
		if a.Header[name] != want || !strings.Contains(";"+strings.Join(signed, ";")+";", ";"+strings.ToLower(name)+";") {
			t.Errorf("%s is %q, and signed are %v", name, a.Header[name], signed)
		}
	}
	if len(a.Header) != len(signed)-1 || a.Header["Host"] != "" {
		t.Errorf("%d headers are told, %d are signed besides host", len(a.Header), len(signed)-1)
	}
	if got := u.Query().Get("X-Amz-Expires"); got != "90" {
		t.Errorf("it expires after %s seconds, want 90", got)
	}
}

// TestAddressOfARole: the credentials of a function are good with their session token only, which goes with the address.
func TestAddressOfARole(t *testing.T) {
	c := ministack(t, func(o *s3.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider("test", "test-secret", "canary-token")
	})
	store := open(t, c, s3blobs.Options{Buckets: map[string]string{"inbox": "habeas-test-inbox"}})
	a, err := store.Upload(t.Context(), "inbox/a", blobs.Upload{Bytes: 1, MediaType: "text/plain", Life: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(a.URL.Reveal())
	if err != nil {
		t.Fatal("the address is none")
	}
	if u.Query().Get("X-Amz-Security-Token") != "canary-token" || a.Header["X-Amz-Security-Token"] != "" {
		t.Error("the address does not carry the session token")
	}
}

// TestDownload: an address offers a file to save, and ends.
func TestDownload(t *testing.T) {
	clouds(t, func(t *testing.T, connect connector) {
		c := connect(t)
		store := open(t, c, s3blobs.Options{Buckets: map[string]string{"delivery": bucket(t, c)}})
		body := content(small, 1)
		if _, err := store.Put(t.Context(), "delivery/acme/1", bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		a, err := store.Download(t.Context(), "delivery/acme/1", "DSR-2027-000123.zip", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Header) != 0 {
			t.Errorf("a browser cannot send %d headers", len(a.Header))
		}
		r := send(t, http.MethodGet, a, nil, nil)
		if r.code != http.StatusOK || !bytes.Equal(r.body, body) {
			t.Fatalf("GET: %d, %d bytes", r.code, len(r.body))
		}
		for name, want := range map[string]string{
			"Content-Disposition": `attachment; filename="DSR-2027-000123.zip"`, "Cache-Control": "no-store", "Content-Type": "application/zip",
		} {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if _, err := store.Download(t.Context(), "delivery/acme/2", "a.zip", time.Minute); !fault.Has(err, fault.NotFound) {
			t.Errorf("of what is not there: %v, want not_found", err)
		}
		if _, err := store.Download(t.Context(), "package/acme/1", "a.zip", time.Minute); !fault.Has(err, fault.Invalid) {
			t.Errorf("of a sealed object: %v, want invalid", err)
		}
		if _, err := store.Upload(t.Context(), "raw/acme/1", blobs.Upload{Bytes: 1, MediaType: "text/plain", Life: time.Minute}); !fault.Has(err, fault.Invalid) {
			t.Errorf("over a sealed object: %v, want invalid", err)
		}
	})
}

// TestDownloadEnds: an address is worth nothing after its time, and for nothing but what it says.
func TestDownloadEnds(t *testing.T) {
	c := versity(t)
	store := open(t, c, s3blobs.Options{Buckets: map[string]string{"delivery": bucket(t, c)}})
	for _, name := range []string{"delivery/mine", "delivery/yours"} {
		if _, err := store.Put(t.Context(), name, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	a, err := store.Download(t.Context(), "delivery/mine", "a.zip", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*http.Request){
		"another object": func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "mine", "yours", 1) },
		"another name":   func(r *http.Request) { query(r, "response-content-disposition", "inline") },
		"a longer life":  func(r *http.Request) { query(r, "X-Amz-Expires", "300") },
	} {
		if r := send(t, http.MethodGet, a, nil, change); r.code < 400 {
			t.Errorf("%s: %d", what, r.code)
		}
	}
	time.Sleep(time.Until(a.ExpiresAt) + 2*time.Second)
	if r := send(t, http.MethodGet, a, nil, nil); r.code != http.StatusForbidden {
		t.Errorf("after its time: %d, want forbidden", r.code)
	}
}

// TestEncryption: every way to write asks for the key.
func TestEncryption(t *testing.T) {
	c := ministack(t)
	key := newKey(t, emulator.Ministack(t))
	b := bucket(t, c)
	store := open(t, c, s3blobs.Options{Buckets: map[string]string{"": b}, KMSKey: key})
	for name, size := range map[string]int{"small": small, "large": large} {
		if _, err := store.Put(t.Context(), name, bytes.NewReader(content(size, 1))); err != nil {
			t.Fatal(err)
		}
	}
	a, err := store.Upload(t.Context(), "inbox/a", blobs.Upload{Bytes: 1, MediaType: "text/plain", Life: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if r := send(t, http.MethodPut, a, []byte("x"), nil); r.code != http.StatusOK {
		t.Fatalf("PUT: %d %s", r.code, r.body)
	}
	for _, name := range []string{"small", "large", "inbox/a"} {
		out, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b, Key: &name})
		if err != nil {
			t.Fatal(err)
		}
		if out.ServerSideEncryption != types.ServerSideEncryptionAwsKms || out.SSEKMSKeyId == nil || *out.SSEKMSKeyId != key {
			t.Errorf("%s is encrypted by %q under another key", name, out.ServerSideEncryption)
		}
	}
}
