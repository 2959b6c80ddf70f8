package demo_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/habeas-dsar/habeas/infra/local/demo"
)

// outside starts what stands outside on a seeded directory.
func outside(t *testing.T, dir, remembered string) *demo.Outside {
	t.Helper()
	o, err := demo.Open(t.Context(), dir, remembered, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

func ask(t *testing.T, method, address, token, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, b.String()
}

func tokenIn(t *testing.T, dir string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, demo.CRMToken))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}

// The people of the CRM are customers of the third tenant's shop.
func TestTheCRMKnowsCustomersOfTheShop(t *testing.T) {
	dir := seed(t)
	o := outside(t, dir, "")
	if status, _ := ask(t, "GET", o.CRMAddress()+"/me", "guessed", ""); status != http.StatusUnauthorized {
		t.Errorf("with a guessed token: %d", status)
	}
	_, body := ask(t, "GET", o.CRMAddress()+"/objects/contacts?limit=100", tokenIn(t, dir), "")
	var list struct {
		Results []struct {
			Email, Name, Phone string
			Customer           string `json:"customer_id"`
		}
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list.Results) < 50 {
		t.Fatalf("%d contacts, %v", len(list.Results), err)
	}
	db := open(t, filepath.Join(dir, demo.OakhurstDatabase))
	typical := 0
	for _, c := range list.Results {
		if number(t, db, "SELECT count(*) FROM customers WHERE id = ? AND email = ? AND name = ? AND coalesce(phone, '') = ?", c.Customer, c.Email, c.Name, c.Phone) != 1 {
			t.Errorf("contact of customer %s is nobody's", c.Customer)
		}
		if c.Email == demo.TypicalEmail {
			typical++
		}
	}
	if typical != 1 {
		t.Errorf("%s is there %d times", demo.TypicalEmail, typical)
	}
}

// What was changed stays changed over restarts, at the same address; what was erased in the background too.
func TestTheCRMKeepsWhatItWasMadeToChange(t *testing.T) {
	dir := seed(t)
	token := tokenOf(t, dir)
	o := outside(t, dir, "")
	base := o.CRMAddress()
	if status, body := ask(t, "PATCH", base+"/objects/contacts/70001", token, `{"city":"Cork"}`); status != http.StatusOK {
		t.Fatalf("correcting: %d %s", status, body)
	}
	if status, body := ask(t, "POST", base+"/erasures", token, `{"object":"contacts","key":{"id":70002}}`); status != http.StatusAccepted {
		t.Fatalf("erasing: %d %s", status, body)
	}
	gone := func() bool {
		status, _ := ask(t, "GET", base+"/objects/contacts/70002", token, "")
		return status == http.StatusNotFound
	}
	for until := time.Now().Add(10 * time.Second); !gone(); {
		if time.Now().After(until) {
			t.Fatal("the contact is not erased")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	if again := outside(t, dir, u.Host).CRMAddress(); again != base {
		t.Errorf("after a restart it is at %s, before at %s", again, base)
	}
	if _, body := ask(t, "GET", base+"/objects/contacts/70001", token, ""); !strings.Contains(body, "Cork") || !gone() {
		t.Errorf("after a restart: %s", body)
	}
}

func tokenOf(t *testing.T, dir string) string {
	t.Helper()
	if err := outside(t, dir, "").Close(); err != nil {
		t.Fatal(err)
	}
	return tokenIn(t, dir)
}

// An address that somebody else has is not fought for.
func TestATakenAddressIsLeft(t *testing.T) {
	dir := seed(t)
	first := outside(t, dir, "")
	u, err := url.Parse(first.CRMAddress())
	if err != nil {
		t.Fatal(err)
	}
	if second := outside(t, dir, u.Host); second.CRMAddress() == first.CRMAddress() {
		t.Error("two listen at one address")
	}
}

// notice is a message as Habeas sends it, signed with the secret in the directory.
func notice(t *testing.T, dir, callback string, at time.Time) (http.Header, []byte) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, demo.KiteSecret))
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"type": "recipient.notice", "data": map[string]any{
		"revision": 3, "controller": "Oakhurst", "reference": "7K3QX-9M2DA", "callback": callback,
		"identifiers": []map[string]string{{"kind": "email", "value": demo.TypicalEmail}}, "changes": []map[string]string{{"system": "shop", "what": "erased"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	hook, err := standardwebhooks.NewWebhook(strings.TrimSpace(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	signature, err := hook.Sign("notice-1", at, body)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	h.Set(standardwebhooks.HeaderWebhookID, "notice-1")
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return h, body
}

func deliver(t *testing.T, address string, h http.Header, body []byte) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = h
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

// Kite Mail takes what is signed and fresh, counts repeats once, and confirms by a signed callback, again until it is heard.
func TestKiteConfirmsWhatItWasTold(t *testing.T) {
	dir := seed(t)
	o := outside(t, dir, "")
	raw, err := os.ReadFile(filepath.Join(dir, demo.KiteSecret))
	if err != nil {
		t.Fatal(err)
	}
	if key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(string(raw)), "whsec_")); err != nil || len(key) != 32 {
		t.Fatalf("the secret has %d bytes, %v", len(key), err)
	}
	hook, err := standardwebhooks.NewWebhook(strings.TrimSpace(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	calls, good := make(chan bool, 10), false
	habeas := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b bytes.Buffer
		_, err := b.ReadFrom(r.Body)
		signed := err == nil && hook.Verify(b.Bytes(), r.Header) == nil && b.String() == `{"data":{"revision":3},"type":"recipient.acknowledged"}`
		calls <- signed
		if !good {
			good = true // it was not ready the first time
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer habeas.Close()
	h, body := notice(t, dir, habeas.URL, time.Now())
	late, _ := notice(t, dir, habeas.URL, time.Now().Add(-time.Hour))
	if status := deliver(t, o.KiteAddress(), late, body); status != http.StatusUnauthorized {
		t.Errorf("an old notice: %d", status)
	}
	if status := deliver(t, o.KiteAddress(), h, append(body, ' ')); status != http.StatusUnauthorized {
		t.Errorf("another body: %d", status)
	}
	if got := o.Notices(); len(got) != 0 {
		t.Fatalf("refused, and kept: %+v", got)
	}
	for range 2 {
		if status := deliver(t, o.KiteAddress(), h, body); status != http.StatusNoContent {
			t.Fatalf("a notice: %d", status)
		}
	}
	for range 2 {
		if !<-calls {
			t.Error("the callback is not signed as agreed, or says something else")
		}
	}
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		got := o.Notices()
		if len(got) != 1 || got[0].Reference != "7K3QX-9M2DA" || got[0].What != "shop: erased" || got[0].People != demo.TypicalEmail {
			t.Fatalf("kept %+v", got)
		}
		if got[0].Confirmed {
			return
		}
		if time.Now().After(until) {
			t.Fatal("nothing is confirmed")
		}
	}
}
