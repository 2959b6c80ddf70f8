package dynamo_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// mischief stands between the SDK and DynamoDB and does what networks, quotas and neighbours do. Neither emulator does any of it by
// itself.
type mischief struct {
	next aws.HTTPClient
	rate float64 // of the calls that something befalls

	mu     sync.Mutex
	random *rand.Rand
	kinds  []kind
	calls  map[string]int   // by operation
	done   map[befallen]int // how often
}

// enough is the number of calls of an operation that everything befalls at least once, at any rate that is used here.
const enough = 200

// befallen is what befell which operation.
type befallen struct{ operation, kind string }

// kind is one thing that can befall a call. Exactly one of its functions is set.
type kind struct {
	name   string
	only   string                                     // operation; "" = every one
	before func(call *http.Request) (answer, error)   // instead of the call
	after  func(*http.Response) (answer, error)       // once the call was carried out
	change func(body map[string]json.RawMessage) bool // of the request; false leaves it alone
}

type answer = *http.Response

// kinds returns everything that can befall a call. SDKs repeat all of it but an answer that is cut off.
func kinds() []kind {
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	failed := failure(http.StatusInternalServerError, "InternalServerError")
	return []kind{
		{name: "throttled", before: failure(http.StatusBadRequest, "ThrottlingException")},
		{name: "over the throughput", before: failure(http.StatusBadRequest, "ProvisionedThroughputExceededException")},
		{name: "failed", before: failed},
		{name: "failed after the commit", after: func(*http.Response) (answer, error) { return failed(nil) }},
		{name: "time-out", before: func(*http.Request) (answer, error) { return nil, timeout{} }},
		{name: "time-out after the commit", after: func(*http.Response) (answer, error) { return nil, timeout{} }},
		{name: "reset", before: func(*http.Request) (answer, error) { return nil, reset }},
		{name: "reset after the commit", after: func(*http.Response) (answer, error) { return nil, reset }},
		{name: "another attempt in progress", only: "TransactWriteItems", before: failure(http.StatusBadRequest, "TransactionInProgressException")},
		{name: "met another transaction", only: "TransactWriteItems", before: cancelled("TransactionConflict")},
		{name: "throttled inside", only: "TransactWriteItems", before: cancelled("ThrottlingError")},
		{name: "short page", only: "Query", change: shortPage},
		{name: "cut off", after: cutOff},
	}
}

// upset returns how to reach a cloud when things befall a share of the calls; kinds by name are left out. What befell them is logged
// with the seed, and a kind that never did fails the test.
func upset(t testing.TB, cfg aws.Config, rate float64, without ...string) aws.Config {
	t.Helper()
	seed := rand.Uint64()
	m := &mischief{next: http.DefaultClient, rate: rate, random: rand.New(rand.NewPCG(seed, 1)), done: map[befallen]int{}, calls: map[string]int{}}
	m.kinds = slices.DeleteFunc(kinds(), func(k kind) bool { return slices.Contains(without, k.name) })
	t.Cleanup(func() {
		t.Logf("seed %d: %v", seed, m.done)
		for _, k := range m.kinds {
			for _, operation := range []string{"GetItem", "Query", "TransactWriteItems"} {
				if m.calls[operation] > enough && m.done[befallen{operation, k.name}] == 0 && (k.only == "" || k.only == operation) && !t.Failed() {
					t.Errorf("%s befell no %s", k.name, operation)
				}
			}
		}
	})
	cfg = cfg.Copy()
	cfg.HTTPClient = m
	return cfg
}

// Do implements aws.HTTPClient.
func (m *mischief) Do(call *http.Request) (answer, error) {
	_, operation, _ := strings.Cut(call.Header.Get("X-Amz-Target"), ".")
	k := m.draw(operation)
	if k.before != nil {
		return k.before(call)
	}
	if k.change != nil {
		if err := rewrite(call, k.change); err != nil {
			return nil, err
		}
	}
	response, err := m.next.Do(call)
	if err != nil || k.after == nil {
		return response, err
	}
	// It was carried out, to the end.
	if _, err := bufferBody(response); err != nil {
		return nil, err
	}
	return k.after(response)
}

// draw returns what befalls this call: nothing, most of the time, else one of what befell the operation least often.
func (m *mischief) draw(operation string) kind {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls[operation]++
	if m.random.Float64() >= m.rate {
		return kind{}
	}
	fitting := slices.DeleteFunc(slices.Clone(m.kinds), func(k kind) bool { return k.only != "" && k.only != operation })
	m.random.Shuffle(len(fitting), func(i, j int) { fitting[i], fitting[j] = fitting[j], fitting[i] })
	rarest := slices.MinFunc(fitting, func(a, b kind) int {
		return cmp.Compare(m.done[befallen{operation, a.name}], m.done[befallen{operation, b.name}])
	})
	m.done[befallen{operation, rarest.name}]++
	return rarest
}

// timeout is a net.Error.
type timeout struct{}

func (timeout) Error() string   { return "i/o timeout" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

// failure answers with an error of DynamoDB.
func failure(status int, code string) func(*http.Request) (answer, error) {
	return func(*http.Request) (answer, error) {
		return respond(status, fmt.Sprintf(`{"__type": "com.amazonaws.dynamodb.v20120810#%s", "message": "injected"}`, code)), nil
	}
}

// cancelled answers that the transaction was cancelled, for a reason that the last of its items has.
func cancelled(code string) func(*http.Request) (answer, error) {
	return func(call *http.Request) (answer, error) {
		var in struct{ TransactItems []json.RawMessage }
		body, err := io.ReadAll(call.Body)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		reasons := strings.Repeat(`{"Code": "None"}, `, len(in.TransactItems)-1) + fmt.Sprintf(`{"Code": %q, "Message": "injected"}`, code)
		return respond(http.StatusBadRequest, fmt.Sprintf(
			`{"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "Message": "injected", "CancellationReasons": [%s]}`, reasons)), nil
	}
}

func respond(status int, body string) answer {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)),
	}
}

// shortPage lets a query end after fewer items than asked for, as it does after 1 MB.
func shortPage(body map[string]json.RawMessage) bool {
	body["Limit"] = json.RawMessage("1")
	return true
}

// cutOff ends the answer in the middle.
func cutOff(response *http.Response) (answer, error) {
	body, err := bufferBody(response)
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), failing{}))
	return response, nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// bufferBody reads the body to its end and puts it back.
func bufferBody(response *http.Response) ([]byte, error) {
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	return body, err
}

// rewrite changes the body of a call.
func rewrite(call *http.Request, change func(map[string]json.RawMessage) bool) error {
	raw, err := io.ReadAll(call.Body)
	if err != nil {
		return err
	}
	body := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &body); err != nil {
		return err
	}
	if change(body) {
		if raw, err = json.Marshal(body); err != nil {
			return err
		}
	}
	call.Body, call.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	return nil
}
