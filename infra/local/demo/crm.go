package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/connectors/rest/crm"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// jobTime is how long the CRM takes to erase a contact, which it does in the background.
const jobTime = 300 * time.Millisecond

// crmServer is the CRM with its records in a file. What it was made to change is on disk before anybody is told that it is
// done, so that nobody who was erased is back after a restart.
type crmServer struct {
	api  *crm.Server
	path string

	mu    sync.Mutex
	saved []byte
}

func openCRM(path string, token redact.Text) (*crmServer, error) {
	c := &crmServer{path: path}
	var err error
	c.api, err = crm.New(crm.Config{
		Credentials: crm.Credentials{Tokens: []string{token.Reveal()}}, JobTime: jobTime,
		Callbacks: &http.Client{Timeout: 10 * time.Second, Transport: savingFirst{c}},
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "making the CRM of the demo")
	}
	if err := c.load(); err != nil {
		return nil, errors.Join(err, c.api.Close())
	}
	return c, nil
}

func (c *crmServer) load() error {
	var err error
	if c.saved, err = os.ReadFile(c.path); err != nil {
		return fault.Wrap(fault.Misconfigured, err, "reading the records of the CRM")
	}
	d := json.NewDecoder(bytes.NewReader(c.saved))
	d.UseNumber()
	var all content
	if d.Decode(&all) != nil {
		return fault.New(fault.Misconfigured, "the records of the CRM are not what this version wrote")
	}
	for _, object := range crmObjects() {
		if err := c.api.Put(object, all[object]...); err != nil {
			return fault.New(fault.Misconfigured, "the records of the CRM are not those of a CRM")
		}
	}
	return nil
}

// ServeHTTP serves the API. An answer to a change, or about a job, is held back until the records are on disk.
func (c *crmServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && !strings.Contains(r.URL.Path, "/jobs/") {
		c.api.Handler().ServeHTTP(w, r)
		return
	}
	held := &heldAnswer{ResponseWriter: w, status: http.StatusOK}
	c.api.Handler().ServeHTTP(held, r)
	if c.save() != nil {
		http.Error(w, `{"error":"the change cannot be kept"}`, http.StatusInternalServerError)
		return
	}
	w.WriteHeader(held.status)
	_, _ = w.Write(held.body.Bytes()) // the connection may be gone
}

// heldAnswer keeps status and body of an answer.
type heldAnswer struct {
	http.ResponseWriter

	status int
	body   bytes.Buffer
}

func (h *heldAnswer) WriteHeader(status int)      { h.status = status }
func (h *heldAnswer) Write(p []byte) (int, error) { return h.body.Write(p) }

// savingFirst sends the callback of a job after what it did is on disk.
type savingFirst struct{ *crmServer }

func (t savingFirst) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.save(); err != nil {
		return nil, err
	}
	return http.DefaultTransport.RoundTrip(r)
}

// save writes the records if they are others than those on disk.
func (c *crmServer) save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := content{}
	for _, object := range crmObjects() {
		all[object] = c.api.Records(object)
	}
	raw, err := json.MarshalIndent(all, "", "\t")
	if err != nil || bytes.Equal(raw, c.saved) {
		return err
	}
	temporary := c.path + ".partial"
	err = os.WriteFile(temporary, raw, 0o600)
	if err == nil {
		err = syncFile(temporary)
	}
	if err == nil {
		err = os.Rename(temporary, c.path)
	}
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "writing "+filepath.Base(c.path))
	}
	c.saved = raw
	return nil
}

// close ends jobs, then keeps what they did.
func (c *crmServer) close() error { return errors.Join(c.api.Close(), c.save()) }
