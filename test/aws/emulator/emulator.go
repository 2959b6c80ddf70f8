package emulator

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Region is the region of every emulator.
const Region = "eu-west-1"

// DefaultAccount is the access key of a Config without an account; ministack calls its account 000000000000.
const DefaultAccount = "test"

// secretKey goes with every access key.
const secretKey = "test-secret"

// Cloud is a running emulator.
type Cloud struct {
	Endpoint string // http://127.0.0.1:<port>
	LogFile  string // what it prints
	process  *process
}

// Config returns how clients reach the emulator. On ministack and DynamoDB Local an account, a number of 12 digits, sees nothing
// of the others, so that tests can share a server; "" is DefaultAccount. versitygw knows DefaultAccount only.
func (c *Cloud) Config(tb testing.TB, account string) aws.Config {
	tb.Helper()
	if account == "" {
		account = DefaultAccount
	}
	return aws.Config{
		Region: Region, BaseEndpoint: aws.String(c.Endpoint),
		Credentials: credentials.NewStaticCredentialsProvider(account, secretKey, ""),
	}
}

// fleet is what runs in this process.
type fleet struct {
	mu   sync.Mutex
	runs map[string]*running
}

type running struct {
	once  sync.Once
	cloud *Cloud
	err   error
}

// started holds the emulators that tests share: starting them anew for every test would take longer than the tests.
var started fleet

// Run runs the tests and then ends what they started; TestMain exits with what it returns. Without it the emulators still end
// with the process, but leave their directories behind.
func Run(m *testing.M) int {
	code := m.Run()
	if err := started.end(); err != nil {
		_, _ = os.Stderr.WriteString("ending emulators: " + err.Error() + "\n")
		return max(code, 1)
	}
	return code
}

// share returns the emulator of that name and starts it unless somebody has.
func (f *fleet) share(tb testing.TB, name string, start func() (*Cloud, error)) *Cloud {
	tb.Helper()
	f.mu.Lock()
	if f.runs == nil {
		f.runs = map[string]*running{}
	}
	r, ok := f.runs[name]
	if !ok {
		r = &running{}
		f.runs[name] = r
	}
	f.mu.Unlock()
	r.once.Do(func() { r.cloud, r.err = start() })
	if r.err != nil {
		tb.Fatalf("starting %s: %v", name, r.err)
	}
	return r.cloud
}

func (f *fleet) end() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, r := range f.runs {
		if r.cloud != nil {
			errs = append(errs, r.cloud.process.end())
		}
	}
	f.runs = nil
	return errors.Join(errs...)
}

// Tools returns the directory of the programs.
func Tools() string {
	if dir := os.Getenv("AWS_TOOLS"); dir != "" {
		return dir
	}
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..", ".tools", "aws")
}
