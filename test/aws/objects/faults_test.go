package objects

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/habeas-dsar/habeas/shared/blobs/s3blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// trouble is what happens to one request.
type trouble int

const (
	none       trouble = iota
	refused            // the service says that it is too much, and does nothing
	failing            // the service says that it failed
	lost               // the request never arrives
	unanswered         // the request is carried out, and its answer never arrives
	cut                // the answer breaks off after some bytes
	hollow             // the answer breaks off before its first byte
	stalled            // the answer stands still after some bytes
	hanging            // the request is never through
)

// bytesBefore is how much of an answer comes before it is cut or stalls.
const bytesBefore = 100_000

// faults stands in front of an emulator and plays troubles.
type faults struct {
	next aws.HTTPClient
	mu   sync.Mutex
	seen map[string]int
	// what says what happens to a request of an operation; n counts the requests of the operation from 1.
	what func(operation string, n int) trouble
}

// in puts faults in front of the client.
func (f *faults) in(o *s3.Options) {
	f.next, f.seen = o.HTTPClient, map[string]int{}
	o.HTTPClient = f
	o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff, o.RateLimiter = 3, 2*time.Millisecond, ratelimit.None
	})
}

// set starts anew with other troubles; nil ends them.
func (f *faults) set(what func(operation string, n int) trouble) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen, f.what = map[string]int{}, what
}

func (f *faults) calls(operation string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[operation]
}

// Do implements aws.HTTPClient.
func (f *faults) Do(req *http.Request) (*http.Response, error) {
	operation := middleware.GetOperationName(req.Context())
	f.mu.Lock()
	f.seen[operation]++
	t := none
	if f.what != nil {
		t = f.what(operation, f.seen[operation])
	}
	f.mu.Unlock()
	switch t {
	case refused:
		return answer(req, http.StatusServiceUnavailable, "SlowDown"), nil
	case failing:
		return answer(req, http.StatusInternalServerError, "InternalError"), nil
	case lost:
		return nil, timeout{}
	case hanging:
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	res, err := f.next.Do(req)
	if err != nil {
		return res, err
	}
	switch t {
	case unanswered:
		return nil, errors.Join(timeout{}, res.Body.Close())
	case cut:
		res.Body = &broken{res.Body, bytesBefore, func() error { return io.ErrUnexpectedEOF }}
	case hollow:
		res.Body = &broken{res.Body, 0, func() error { return io.ErrUnexpectedEOF }}
	case stalled:
		res.Body = &broken{res.Body, bytesBefore, func() error {
			<-req.Context().Done()
			return req.Context().Err()
		}}
	}
	return res, nil
}

func answer(req *http.Request, status int, code string) *http.Response {
	kind, body := "application/xml", "<Error><Code>"+code+"</Code><Message>canary of a message</Message></Error>"
	if req.Header.Get("X-Amz-Target") != "" { // KMS and others speak JSON
		names := map[string]string{"SlowDown": "ThrottlingException", "InternalError": "KMSInternalException"}
		kind, body = "application/x-amz-json-1.1", `{"__type": "`+names[code]+`", "message": "canary of a message"}`
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {kind}}, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}
}

// timeout is what a client says when nothing came in time.
type timeout struct{}

func (timeout) Error() string   { return "i/o timeout" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

// broken is a body that ends badly after left bytes.
type broken struct {
	io.ReadCloser
	left int
	end  func() error
}

func (b *broken) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, b.end()
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// once has one request of an operation in trouble, always every one.
func once(operation string, t trouble) func(string, int) trouble {
	return func(op string, n int) trouble {
		if op == operation && n == 1 {
			return t
		}
		return none
	}
}

func always(operation string, t trouble) func(string, int) trouble {
	return func(op string, _ int) trouble {
		if op == operation {
			return t
		}
		return none
	}
}

// content is n bytes of which every two places differ.
func content(n int, seed byte) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(i) ^ byte(i>>8) ^ byte(i>>16) ^ seed
	}
	return out
}

func read(t testing.TB, s *s3blobs.Store, name string, offset int64) ([]byte, error) {
	t.Helper()
	r, _, err := s.Open(t.Context(), name, offset)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(r)
	return got, errors.Join(err, r.Close())
}

const (
	small = 300_000
	large = 20 << 20
)

// TestPutInTrouble: whatever happens to whichever request, an object is there as a whole when Put says so; when Put does not, the
// older one is, and nothing is left that is billed.
func TestPutInTrouble(t *testing.T) {
	clouds(t, func(t *testing.T, connect connector) {
		f := &faults{}
		c, clean := connect(t, f.in), connect(t)
		b := bucket(t, clean)
		store, witness := open(t, c, s3blobs.Options{Buckets: map[string]string{"": b}}), open(t, clean, s3blobs.Options{Buckets: map[string]string{"": b}})
		for _, tt := range []struct {
			operation string
			size      int
		}{{"PutObject", small}, {"CreateMultipartUpload", large}, {"UploadPart", large}, {"CompleteMultipartUpload", large}} {
			for kind, class := range map[trouble]fault.Class{refused: fault.Throttled, failing: fault.Unavailable, lost: fault.Unavailable, unanswered: fault.Unavailable} {
				for ever, what := range map[bool]func(string, int) trouble{false: once(tt.operation, kind), true: always(tt.operation, kind)} {
					name := "a/b"
					older, newer := content(1000, byte(kind)), content(tt.size, byte(kind)+1)
					f.set(nil)
					if _, err := store.Put(t.Context(), name, bytes.NewReader(older)); err != nil {
						t.Fatal(err)
					}
					f.set(what)
					info, err := store.Put(t.Context(), name, bytes.NewReader(newer))
					f.set(nil)
					// An answer that is lost after an object was completed is found by looking; a part can be sent again.
					decided := tt.operation == "PutObject" || tt.operation == "CompleteMultipartUpload"
					if wantErr := ever && (kind != unanswered || !decided); (err != nil) != wantErr || (err != nil && !fault.Has(err, class)) {
						t.Errorf("%s in trouble %d, for ever %t: %v", tt.operation, kind, ever, err)
					}
					if err != nil && strings.Contains(err.Error(), "canary") {
						t.Errorf("the error quotes the service: %v", err)
					}
					want := newer
					if err != nil {
						want = older
					} else if info.Bytes != int64(len(newer)) || time.Since(info.StoredAt).Abs() > time.Minute {
						t.Errorf("%s in trouble %d: Put says %+v", tt.operation, kind, info)
					}
					if got, err := read(t, witness, name, 0); err != nil || !bytes.Equal(got, want) {
						t.Errorf("%s in trouble %d, for ever %t: %d bytes are there (%v), want %d", tt.operation, kind, ever, len(got), err, len(want))
					}
					// An upload whose beginning was never answered has no number to abort it by; Delete and the lifecycle of the bucket do.
					if left := uploads(t, clean, b); (left != 0) != (tt.operation == "CreateMultipartUpload" && kind == unanswered) {
						t.Errorf("%s in trouble %d, for ever %t: %d uploads are left", tt.operation, kind, ever, left)
					}
					if err := store.Delete(t.Context(), name); err != nil || uploads(t, clean, b) != 0 {
						t.Fatalf("deleting: %v, %d uploads are left", err, uploads(t, clean, b))
					}
				}
			}
		}
	})
}

func uploads(t testing.TB, c *s3.Client, bucket string) int {
	t.Helper()
	out, err := c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Uploads)
}

// TestPutWithoutAnAnswerAtAll: when S3 cannot even be asked what became of it, Put says so, and a repetition does no harm.
func TestPutWithoutAnAnswerAtAll(t *testing.T) {
	clouds(t, func(t *testing.T, connect connector) {
		f := &faults{}
		c := connect(t, f.in)
		store := open(t, c, s3blobs.Options{Buckets: map[string]string{"": bucket(t, c)}})
		for _, size := range []int{small, large} {
			want := content(size, 1)
			f.set(func(op string, _ int) trouble {
				if op == "PutObject" || op == "CompleteMultipartUpload" || op == "HeadObject" {
					return unanswered
				}
				return none
			})
			if _, err := store.Put(t.Context(), "a", bytes.NewReader(want)); !fault.Has(err, fault.Unavailable) {
				t.Errorf("Put: %v, want unavailable", err)
			}
			f.set(nil)
			if _, err := store.Put(t.Context(), "a", bytes.NewReader(want)); err != nil {
				t.Errorf("Put again: %v", err)
			}
			if got, err := read(t, store, "a", 0); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes (%v), want %d", len(got), err, len(want))
			}
		}
	})
}

// TestPutNeverHangs: a connection that takes nothing more costs a bounded time, and leaves nothing behind.
func TestPutNeverHangs(t *testing.T) {
	f := &faults{}
	c := ministack(t, f.in)
	b := bucket(t, c)
	store := open(t, c, s3blobs.Options{Buckets: map[string]string{"": b}, Write: 2 * time.Second})
	for operation, size := range map[string]int{"PutObject": small, "CreateMultipartUpload": large, "UploadPart": large, "CompleteMultipartUpload": large} {
		f.set(always(operation, hanging))
		if _, err := store.Put(t.Context(), "a", bytes.NewReader(content(size, 1))); !fault.Has(err, fault.Unavailable) {
			t.Errorf("%s hangs: %v, want unavailable", operation, err)
		}
		f.set(nil)
		if _, err := read(t, store, "a", 0); !fault.Has(err, fault.NotFound) || uploads(t, c, b) != 0 {
			t.Errorf("%s hangs: something is left (%v), and %d uploads", operation, err, uploads(t, c, b))
		}
	}
}

// TestPutNeverTakesAnotherForItsOwn: that somebody else's object is there proves nothing.
func TestPutNeverTakesAnotherForItsOwn(t *testing.T) {
	f := &faults{}
	c := ministack(t, f.in)
	store := open(t, c, s3blobs.Options{Buckets: map[string]string{"": bucket(t, c)}})
	want := content(small, 1)
	if _, err := store.Put(t.Context(), "a", bytes.NewReader(want)); err != nil {
		t.Fatal(err)
	}
	f.set(always("PutObject", lost))
	if _, err := store.Put(t.Context(), "a", bytes.NewReader(want)); !fault.Has(err, fault.Unavailable) {
		t.Errorf("Put: %v, want unavailable", err)
	}
}

// TestAbortInTrouble: why a Put failed is told even when its rest cannot be removed, and Delete removes it later.
func TestAbortInTrouble(t *testing.T) {
	clouds(t, func(t *testing.T, connect connector) {
		f := &faults{}
		c := connect(t, f.in)
		b := bucket(t, c)
		store := open(t, c, s3blobs.Options{Buckets: map[string]string{"": b}})
		f.set(always("AbortMultipartUpload", lost))
		source := fault.New(fault.Forbidden, "the source says no")
		_, err := store.Put(t.Context(), "a", io.MultiReader(bytes.NewReader(content(large, 1)), errReader{source}))
		if !errors.Is(err, source) || !fault.Has(err, fault.Forbidden) {
			t.Errorf("Put: %v, want what the source says", err)
		}
		f.set(nil)
		if n := uploads(t, c, b); n != 1 {
			t.Errorf("%d uploads are left, want 1", n)
		}
		if err := store.Delete(t.Context(), "a"); err != nil || uploads(t, c, b) != 0 {
			t.Errorf("Delete: %v, %d uploads are left", err, uploads(t, c, b))
		}
	})
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// TestCancelledWhileCompleting: a context that ends with the answer does not undo what is done.
func TestCancelledWhileCompleting(t *testing.T) {
	f := &faults{}
	c := ministack(t, f.in)
	store := open(t, c, s3blobs.Options{Buckets: map[string]string{"": bucket(t, c)}})
	ctx, cancel := context.WithCancel(t.Context())
	f.set(func(op string, _ int) trouble {
		if op == "CompleteMultipartUpload" {
			defer cancel()
			return unanswered
		}
		return none
	})
	want := content(large, 1)
	info, err := store.Put(ctx, "a", bytes.NewReader(want))
	if got, rerr := read(t, store, "a", 0); (err == nil) != (rerr == nil && bytes.Equal(got, want)) || (err == nil && info.Bytes != large) {
		t.Errorf("Put: %v, and %d bytes are there (%v)", err, len(got), rerr)
	}
}
