package blobstest

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// then is where the forms of the suite lead back to; nothing answers there.
const then = "https://privacy.example.com/owner/x/file/1"

// RunForms holds the forms of a driver to their contract by posting them as a browser does. store is what the driver's objects are
// read by.
func RunForms(t *testing.T, open func(t testing.TB) (blobs.Store, blobs.HandOver)) {
	t.Run("a file is put and the browser is sent on", func(t *testing.T) {
		store, door := open(t)
		f := form(t, door, "inbox/a1", 1000, time.Minute)
		status, location := Post(t, f, "letters 1998.pdf", strings.Repeat("x", 1000))
		if status != http.StatusSeeOther || !strings.HasPrefix(location, then) {
			t.Fatalf("answered %d to %s", status, location)
		}
		if got := content(t, store, "inbox/a1"); got != strings.Repeat("x", 1000) {
			t.Errorf("the object has %d bytes", len(got))
		}
		to, err := url.Parse(location)
		if err != nil || to.Query().Get("key") != "inbox/a1" {
			t.Errorf("the way back does not name the object: %v", err)
		}
		// A form works any number of times until it expires: callers must not take the second file for the first.
		if status, _ := Post(t, f, "again.pdf", "y"); status != http.StatusSeeOther || content(t, store, "inbox/a1") != "y" {
			t.Errorf("the same form again: %d", status)
		}
	})
	refused := func(what string, change func(f *blobs.Form), body string) {
		t.Run(what, func(t *testing.T) {
			store, door := open(t)
			f := form(t, door, "inbox/a1", 10, time.Minute)
			change(&f)
			if status, _ := Post(t, f, "a.pdf", body); status < 400 || status > 499 {
				t.Errorf("answered %d", status)
			}
			for _, name := range []string{"inbox/a1", "inbox/a2"} {
				if _, _, err := store.Open(t.Context(), name, 0); !fault.Has(err, fault.NotFound) {
					t.Errorf("%s is there: %v", name, err)
				}
			}
		})
	}
	keep := func(*blobs.Form) {}
	refused("a file that is too large is refused", keep, strings.Repeat("x", 11))
	refused("an empty file is refused", keep, "")
	refused("another name is refused", func(f *blobs.Form) { set(f, "key", "inbox/a2") }, "x")
	refused("another policy is refused", func(f *blobs.Form) { set(f, "policy", "eyJjb25kaXRpb25zIjpbXX0=") }, "x")
	refused("another way back is refused", func(f *blobs.Form) { set(f, "success_action_redirect", "https://elsewhere.test/") }, "x")
	refused("one more field is refused", func(f *blobs.Form) {
		f.Fields = append(f.Fields, blobs.FormField{Name: "acl", Value: redact.NewText("public-read")})
	}, "x")
	t.Run("a form expires", func(t *testing.T) {
		store, door := open(t)
		f := form(t, door, "inbox/a1", 10, time.Second)
		time.Sleep(2100 * time.Millisecond) // the policy counts whole seconds
		if status, _ := Post(t, f, "a.pdf", "x"); status != http.StatusForbidden {
			t.Errorf("answered %d", status)
		}
		if _, _, err := store.Open(t.Context(), "inbox/a1", 0); !fault.Has(err, fault.NotFound) {
			t.Errorf("the object is there: %v", err)
		}
	})
	t.Run("what makes no sense has no form", func(t *testing.T) {
		_, door := open(t)
		good := blobs.FormUpload{MaxBytes: 10, Then: then, Life: time.Minute}
		for what, x := range map[string]struct {
			name string
			f    blobs.FormUpload
		}{
			"outside the inbox": {"delivery/a", good}, "sealed": {"raw/a", good}, "a way out": {"inbox/../raw/a", good},
			"no size":             {"inbox/a", blobs.FormUpload{Then: then, Life: time.Minute}},
			"too large":           {"inbox/a", blobs.FormUpload{MaxBytes: blobs.MaxFormBytes + 1, Then: then, Life: time.Minute}},
			"no way back":         {"inbox/a", blobs.FormUpload{MaxBytes: 1, Life: time.Minute}},
			"a script for one":    {"inbox/a", blobs.FormUpload{MaxBytes: 1, Then: "javascript:alert(1)", Life: time.Minute}},
			"half a way back":     {"inbox/a", blobs.FormUpload{MaxBytes: 1, Then: "/owner/x", Life: time.Minute}},
			"too long a life":     {"inbox/a", blobs.FormUpload{MaxBytes: 1, Then: then, Life: time.Hour}},
			"no life to speak of": {"inbox/a", blobs.FormUpload{MaxBytes: 1, Then: then}},
		} {
			if _, err := door.Form(t.Context(), x.name, x.f); !fault.Has(err, fault.Invalid) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func form(t testing.TB, door blobs.HandOver, name string, most int64, life time.Duration) blobs.Form {
	t.Helper()
	f, err := door.Form(t.Context(), name, blobs.FormUpload{MaxBytes: most, Then: then, Life: life})
	if err != nil {
		t.Fatal(err)
	}
	if origin := f.Origin(); origin == "" || !strings.HasPrefix(f.URL.Reveal(), origin+"/") {
		t.Fatalf("the form goes to %q", origin)
	}
	return f
}

func set(f *blobs.Form, name, value string) {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			f.Fields[i].Value = redact.NewText(value)
		}
	}
}

// Post sends a form with a file as a browser does, and returns the answer and where it leads.
func Post(t testing.TB, f blobs.Form, filename, body string) (status int, location string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, field := range f.Fields {
		if err := w.WriteField(field.Name, field.Value.Reveal()); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile(blobs.FileField, filename)
	if err == nil {
		_, err = io.WriteString(part, body)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL.Reveal(), &b)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	client := http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode >= 500 {
		t.Logf("answered %d: %.300s", res.StatusCode, raw)
	}
	return res.StatusCode, res.Header.Get("Location")
}

func content(t testing.TB, store blobs.Store, name string) string {
	t.Helper()
	r, _, err := store.Open(t.Context(), name, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
