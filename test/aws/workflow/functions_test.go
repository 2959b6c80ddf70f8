package workflow_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// bootstrap is the zip of the stub, built once.
var bootstrap = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "habeas-stub-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "bootstrap")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./stub")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building stub: %w\n%s", err, said)
	}
	binary, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	header.SetMode(0o755)
	f, err := w.CreateHeader(header)
	if err == nil {
		_, err = f.Write(binary)
	}
	if err == nil {
		err = w.Close()
	}
	return b.Bytes(), err
})

// functions are Lambdas that do what an invoker of the test does.
type functions struct {
	invoker workflow.Invoker

	mu       sync.Mutex
	now      int // running
	answered int
	largest  int // payload in bytes
}

// deploy makes a Lambda for each name and returns them; they go when the test ends.
func (f *functions) deploy(t testing.TB, client *lambda.Client, prefix string, names []string) map[string]string {
	t.Helper()
	code, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	out := map[string]string{}
	for _, name := range names {
		out[name] = prefix + name
		_, err := client.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
			FunctionName: aws.String(out[name]), Role: aws.String("arn:aws:iam::000000000000:role/stub"),
			Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Timeout: aws.Int32(60),
			Code:        &types.FunctionCode{ZipFile: code},
			Environment: &types.Environment{Variables: map[string]string{"TEST_URL": server.URL + "/" + name}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// ServeHTTP is what the stubs ask. The path is the name of the function.
func (f *functions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "no payload", http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.now++
	f.largest = max(f.largest, len(payload))
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.now--
		f.answered++
		f.mu.Unlock()
	}()
	_ = json.NewEncoder(w).Encode(f.invoke(r, payload)) // the stub sees a broken answer
}

type answer struct {
	Payload        json.RawMessage `json:",omitempty"`
	Error, Message string
	Exits          bool
}

func (f *functions) invoke(r *http.Request, payload json.RawMessage) (a answer) {
	defer func() {
		if recover() != nil {
			a = answer{Exits: true}
		}
	}()
	out, err := f.invoker.Invoke(r.Context(), strings.TrimPrefix(r.URL.Path, "/"), payload)
	if err != nil {
		return answer{Error: string(fault.ClassOf(err)), Message: err.Error()}
	}
	return answer{Payload: out}
}

// load returns how many calls are being answered and how many have been.
func (f *functions) load() (now, answered int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now, f.answered
}

// await polls until done, or fails the test.
func await(t testing.TB, what string, limit time.Duration, done func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}
