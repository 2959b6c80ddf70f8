package demo

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// What Kite Mail keeps and waits for.
const (
	maxNotices   = 50
	maxNotice    = 1 << 20
	tolerance    = 5 * time.Minute // between the signed time and ours
	confirmTries = 8
)

// Notice is a change that Kite Mail was told of.
type Notice struct {
	At         time.Time
	Controller string
	Reference  string
	What       string // system: what happened to it
	People     string // identifiers of the person
	Confirmed  bool   // and Habeas knows that we know
}

// Kite is a company that received data and is told when it is erased, corrected or restricted: it checks the signature of every
// notice (standardwebhooks.com), keeps the newest in memory, and confirms each by a signed callback. It serves one route.
type Kite struct {
	hook  *standardwebhooks.Webhook
	now   func() time.Time
	http  *http.Client
	ctx   context.Context //nolint:containedctx // the life of the server, which confirmations do not outlive
	stop  context.CancelFunc
	going sync.WaitGroup

	mu   sync.Mutex
	seen []string // ids of messages, beside list
	list []Notice
}

func newKite(secret redact.Text, now func() time.Time) (*Kite, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret.Reveal(), "whsec_"))
	if err != nil {
		return nil, fault.New(fault.Misconfigured, "the secret of a webhook of the demo is not what this version wrote")
	}
	hook, err := standardwebhooks.NewWebhookRaw(key)
	if err != nil {
		return nil, fault.New(fault.Misconfigured, "the secret of a webhook of the demo cannot be used")
	}
	k := &Kite{hook: hook, now: now, http: &http.Client{Timeout: 10 * time.Second}}
	k.ctx, k.stop = context.WithCancel(context.Background())
	return k, nil
}

func (k *Kite) close() {
	k.stop()
	k.going.Wait()
}

func (k *Kite) notices() []Notice {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := slices.Clone(k.list)
	slices.Reverse(out)
	return out
}

// told is the part of a notice that Kite Mail reads.
type told struct {
	Type string `json:"type"`
	Data struct {
		Revision    int    `json:"revision"`
		Controller  string `json:"controller"`
		Reference   string `json:"reference"`
		Callback    string `json:"callback"`
		Identifiers []struct {
			Value string `json:"value"`
		} `json:"identifiers"`
		Changes []struct {
			System string `json:"system"`
			What   string `json:"what"`
		} `json:"changes"`
	} `json:"data"`
}

// ServeHTTP takes one notice: 204, 401 when it is not signed as agreed, 400 when it is none.
func (k *Kite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNotice))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	seconds, err := strconv.ParseInt(r.Header.Get(standardwebhooks.HeaderWebhookTimestamp), 10, 64)
	age := k.now().Sub(time.Unix(seconds, 0)).Abs()
	if err != nil || age > tolerance || k.hook.VerifyIgnoringTimestamp(body, r.Header) != nil {
		http.Error(w, "not signed as agreed", http.StatusUnauthorized)
		return
	}
	var in told
	if json.Unmarshal(body, &in) != nil || in.Type != "recipient.notice" {
		http.Error(w, "not a notice", http.StatusBadRequest)
		return
	}
	id := r.Header.Get(standardwebhooks.HeaderWebhookID)
	if k.take(id, in) {
		k.going.Go(func() { k.confirm(id, in) })
	}
	w.WriteHeader(http.StatusNoContent)
}

// take remembers a notice and reports whether it is new.
func (k *Kite) take(id string, in told) bool {
	n := Notice{At: k.now(), Controller: in.Data.Controller, Reference: in.Data.Reference}
	var what, people []string
	for _, c := range in.Data.Changes {
		what = append(what, c.System+": "+c.What)
	}
	for _, i := range in.Data.Identifiers {
		people = append(people, i.Value)
	}
	n.What, n.People = strings.Join(what, ", "), strings.Join(people, ", ")
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ctx.Err() != nil || slices.Contains(k.seen, id) {
		return false
	}
	k.seen, k.list = append(k.seen, id), append(k.list, n)
	if len(k.list) > maxNotices {
		k.seen, k.list = slices.Delete(k.seen, 0, 1), slices.Delete(k.list, 0, 1)
	}
	return true
}

// confirm tells Habeas that the notice has arrived. It waits a moment first and tries again: the notice is on record there only
// after our answer to it.
func (k *Kite) confirm(id string, in told) {
	for n := range confirmTries {
		select {
		case <-time.After(time.Duration(100<<n) * time.Millisecond):
		case <-k.ctx.Done():
			return
		}
		if k.acknowledge(in) {
			k.mu.Lock()
			if at := slices.Index(k.seen, id); at >= 0 {
				k.list[at].Confirmed = true
			}
			k.mu.Unlock()
			return
		}
	}
}

func (k *Kite) acknowledge(in told) bool {
	body, err := json.Marshal(map[string]any{"type": "recipient.acknowledged", "data": map[string]int{"revision": in.Data.Revision}})
	if err != nil {
		return false
	}
	ours, at := uuid.NewString(), k.now()
	signature, err := k.hook.Sign(ours, at, body)
	if err != nil {
		return false
	}
	r, err := http.NewRequestWithContext(k.ctx, http.MethodPost, in.Data.Callback, bytes.NewReader(body))
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(standardwebhooks.HeaderWebhookID, ours)
	r.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	r.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	res, err := k.http.Do(r)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusNoContent
}
