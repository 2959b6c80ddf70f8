package blobstest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Door is a blobs.HandOver over any store, on a server of its own, for tests of what hands over. It behaves as Amazon documents S3:
// query parameters of presigned requests ("Authenticating Requests: Using Query Parameters"), forms ("POST Object", "Creating a POST
// Policy", "POST Object restrictions": every field but signature, policy, file and x-ignore- must be a condition; fields behind the file
// are ignored; 303 to success_action_redirect with bucket, key and etag), and errors ("List of error codes"). RunForms holds it and
// the real drivers to the same.
type Door struct {
	store  blobs.Store
	server *httptest.Server
	secret []byte

	mu    sync.Mutex
	ahead time.Duration
	given []string
}

// NewDoor returns a door that closes with the test.
func NewDoor(t testing.TB, store blobs.Store) *Door {
	d := &Door{store: store, secret: make([]byte, 32)}
	_, _ = rand.Read(d.secret) // never fails (crypto/rand)
	d.server = httptest.NewServer(http.HandlerFunc(d.serve))
	t.Cleanup(d.server.Close)
	return d
}

// Pass moves the clock of the door.
func (d *Door) Pass(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ahead += by
}

// Given returns the names that addresses and forms were made for, in order.
func (d *Door) Given() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.given...)
}

func (d *Door) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Now().Add(d.ahead).UTC()
}

func (d *Door) give(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.given = append(d.given, name)
}

func (d *Door) sign(text string) string {
	h := hmac.New(sha256.New, d.secret)
	_, _ = h.Write([]byte(text)) // never fails (hash.Hash)
	return hex.EncodeToString(h.Sum(nil))
}

// signed returns the address of a request of method, which carries q too.
func (d *Door) signed(method, name string, q url.Values, life time.Duration) blobs.Address {
	until := d.now().Add(life).Truncate(time.Second)
	q.Set("X-Amz-Expires", strconv.FormatInt(until.Unix(), 10))
	q.Set("X-Amz-Signature", d.sign(method+"\n"+name+"\n"+q.Encode()))
	d.give(name)
	return blobs.Address{URL: redact.NewText(d.server.URL + "/" + name + "?" + q.Encode()), Header: map[string]string{}, ExpiresAt: until}
}

// Upload implements blobs.HandOver.
func (d *Door) Upload(_ context.Context, name string, u blobs.Upload) (blobs.Address, error) {
	if err := u.Check(name); err != nil {
		return blobs.Address{}, err
	}
	a := d.signed(http.MethodPut, name, url.Values{"length": {strconv.FormatInt(u.Bytes, 10)}, "type": {u.MediaType}}, u.Life)
	a.Header["Content-Type"] = u.MediaType
	return a, nil
}

// Download implements blobs.HandOver.
func (d *Door) Download(ctx context.Context, name, filename string, life time.Duration) (blobs.Address, error) {
	if err := blobs.CheckDownload(name, filename, life); err != nil {
		return blobs.Address{}, err
	}
	r, _, err := d.store.Open(ctx, name, 0)
	if err != nil {
		return blobs.Address{}, err
	}
	_ = r.Close() // nothing was read from it
	return d.signed(http.MethodGet, name, url.Values{
		"response-content-disposition": {`attachment; filename="` + filename + `"`}, "response-content-type": {blobs.MediaTypeOf(filename)},
	}, life), nil
}

// Form implements blobs.HandOver.
func (d *Door) Form(_ context.Context, name string, f blobs.FormUpload) (blobs.Form, error) {
	if err := f.Check(name); err != nil {
		return blobs.Form{}, err
	}
	until := d.now().Add(f.Life).Truncate(time.Second)
	raw, err := json.Marshal(map[string]any{
		"expiration": until.Format(time.RFC3339),
		"conditions": []any{
			map[string]string{"key": name},
			map[string]string{"Content-Type": "application/octet-stream"},
			map[string]string{"success_action_redirect": f.Then},
			[]any{"content-length-range", 1, f.MaxBytes},
		},
	})
	if err != nil {
		return blobs.Form{}, err
	}
	policy := base64.StdEncoding.EncodeToString(raw)
	field := func(name, value string) blobs.FormField {
		return blobs.FormField{Name: name, Value: redact.NewText(value)}
	}
	d.give(name)
	return blobs.Form{URL: redact.NewText(d.server.URL + "/"), ExpiresAt: until, Fields: []blobs.FormField{
		field("Content-Type", "application/octet-stream"), field("X-Amz-Signature", d.sign(policy)), field("key", name),
		field("policy", policy), field("success_action_redirect", f.Then),
	}}, nil
}

// refusal answers as S3 does: a code in XML.
func refusal(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code></Error>") // the connection may be gone
}

func (d *Door) serve(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "" {
		refusal(w, http.StatusBadRequest, "InvalidArgument") // "Only one auth mechanism allowed"
		return
	}
	if r.Method == http.MethodPost && r.URL.Path == "/" {
		d.post(w, r)
		return
	}
	name, q := strings.TrimPrefix(r.URL.Path, "/"), r.URL.Query()
	signature := q.Get("X-Amz-Signature")
	q.Del("X-Amz-Signature")
	until, err := strconv.ParseInt(q.Get("X-Amz-Expires"), 10, 64)
	if err != nil || !hmac.Equal([]byte(signature), []byte(d.sign(r.Method+"\n"+name+"\n"+q.Encode()))) || !d.now().Before(time.Unix(until, 0)) {
		refusal(w, http.StatusForbidden, "AccessDenied")
		return
	}
	if r.Method == http.MethodPut {
		d.put(w, r, name, q)
		return
	}
	body, info, err := d.store.Open(r.Context(), name, 0)
	if err != nil {
		refusal(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	defer func() { _ = body.Close() }() // it was only read
	w.Header().Set("Content-Disposition", q.Get("response-content-disposition"))
	w.Header().Set("Content-Type", q.Get("response-content-type"))
	w.Header().Set("Content-Length", strconv.FormatInt(info.Bytes, 10))
	_, _ = io.Copy(w, body) // the connection may be gone
}

func (d *Door) put(w http.ResponseWriter, r *http.Request, name string, q url.Values) {
	if q.Get("length") != strconv.FormatInt(r.ContentLength, 10) || q.Get("type") != r.Header.Get("Content-Type") {
		refusal(w, http.StatusForbidden, "SignatureDoesNotMatch")
		return
	}
	if _, err := d.store.Put(r.Context(), name, r.Body); err != nil {
		refusal(w, http.StatusInternalServerError, "InternalError")
	}
}

// post takes a form.
func (d *Door) post(w http.ResponseWriter, r *http.Request) {
	form, err := r.MultipartReader()
	if err != nil {
		refusal(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	fields := map[string]string{}
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			refusal(w, http.StatusBadRequest, "InvalidArgument") // "POST requires exactly one file upload per request"
			return
		case err != nil:
			refusal(w, http.StatusBadRequest, "MalformedPOSTRequest")
			return
		case strings.EqualFold(part.FormName(), blobs.FileField):
			d.take(w, r, fields, part)
			return
		}
		value, err := io.ReadAll(io.LimitReader(part, 20<<10))
		if err != nil {
			refusal(w, http.StatusBadRequest, "MalformedPOSTRequest")
			return
		}
		fields[strings.ToLower(part.FormName())] = string(value)
	}
}

// take stores the file of a form whose policy allows it.
func (d *Door) take(w http.ResponseWriter, r *http.Request, fields map[string]string, file *multipart.Part) {
	least, most, err := d.allowed(fields)
	if err != nil {
		refusal(w, http.StatusForbidden, "AccessDenied")
		return
	}
	raw, err := io.ReadAll(io.LimitReader(file, most+1))
	switch n := int64(len(raw)); {
	case err != nil:
		refusal(w, http.StatusBadRequest, "IncompleteBody")
		return
	case n > most:
		refusal(w, http.StatusBadRequest, "EntityTooLarge")
		return
	case n < least:
		refusal(w, http.StatusBadRequest, "EntityTooSmall")
		return
	}
	name := fields["key"]
	if _, err := d.store.Put(r.Context(), name, bytes.NewReader(raw)); err != nil {
		refusal(w, http.StatusInternalServerError, "InternalError")
		return
	}
	to, err := url.Parse(fields["success_action_redirect"])
	if err != nil || to.Host == "" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	q := to.Query()
	q.Set("bucket", "door")
	q.Set("key", name)
	q.Set("etag", `"`+d.sign(name)[:32]+`"`)
	to.RawQuery = q.Encode()
	w.Header().Set("Location", to.String())
	w.WriteHeader(http.StatusSeeOther)
}

// allowed returns the bounds of the file that a form may carry. fault.Forbidden unless its policy is ours, still holds, and
// matches every field.
func (d *Door) allowed(fields map[string]string) (least, most int64, err error) {
	denied := fault.New(fault.Forbidden, "the policy of the form does not allow it")
	raw, err := base64.StdEncoding.DecodeString(fields["policy"])
	if err != nil || !hmac.Equal([]byte(fields["x-amz-signature"]), []byte(d.sign(fields["policy"]))) {
		return 0, 0, denied
	}
	var policy struct {
		Expiration time.Time         `json:"expiration"`
		Conditions []json.RawMessage `json:"conditions"`
	}
	if json.Unmarshal(raw, &policy) != nil || !d.now().Before(policy.Expiration) {
		return 0, 0, denied
	}
	named := map[string]bool{"policy": true, "x-amz-signature": true}
	for _, c := range policy.Conditions {
		var exact map[string]string
		if json.Unmarshal(c, &exact) == nil {
			for name, value := range exact {
				if name = strings.ToLower(name); fields[name] != value {
					return 0, 0, denied
				}
				named[name] = true
			}
			continue
		}
		var length []any
		if json.Unmarshal(c, &length) == nil && len(length) == 3 && length[0] == "content-length-range" {
			from, _ := length[1].(float64)
			to, _ := length[2].(float64)
			least, most = int64(from), int64(to)
		}
	}
	for name := range fields {
		if !named[name] && !strings.HasPrefix(name, "x-ignore-") {
			return 0, 0, denied
		}
	}
	return least, most, nil
}
