package dynamo_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/habeas-dsar/habeas/shared/table/dynamotable"
	"github.com/habeas-dsar/habeas/shared/table/tabletest"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

// prefix of the tables of every test.
const prefix = "habeas-test"

// account is apart from what other packages do on the same emulator.
const account = "100000000001"

// cloud is one of the two DynamoDBs.
type cloud struct {
	name  string
	start func(testing.TB) *emulator.Cloud
	once  *sync.Once
}

func clouds() []cloud {
	return []cloud{{"local", emulator.DynamoDBLocal, &madeLocal}, {"ministack", emulator.Ministack, &madeMinistack}}
}

// madeLocal and madeMinistack: the tables of an emulator, which live as long as it does, are made once.
var madeLocal, madeMinistack sync.Once

// config returns how to reach the cloud's tables.
func (c cloud) config(t testing.TB) aws.Config {
	t.Helper()
	cfg := c.start(t).Config(t, account)
	c.once.Do(func() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := dynamotable.CreateTables(ctx, dynamodb.NewFromConfig(cfg), prefix); err != nil {
			t.Fatal(err)
		}
	})
	return cfg
}

// onEach runs the test on both.
func onEach(t *testing.T, test func(t *testing.T, c cloud)) {
	for _, c := range clouds() {
		t.Run(c.name, func(t *testing.T) { test(t, c) })
	}
}

// clock stands still until it is moved. It begins a day ahead, because an emulator removes what has expired by its own time.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock {
	return &clock{now: time.Now().Add(24 * time.Hour).Truncate(time.Second).Add(250 * time.Millisecond)}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// open returns a store over the tables that the config leads to.
func open(t testing.TB, cfg aws.Config, opts dynamotable.Options) *dynamotable.Store {
	t.Helper()
	opts.Client, opts.Prefix = dynamodb.NewFromConfig(cfg), prefix
	s, err := dynamotable.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSuite(t *testing.T) {
	onEach(t, func(t *testing.T, c cloud) {
		cfg := c.config(t)
		tabletest.Run(t, func(t testing.TB) tabletest.Harness {
			now := newClock()
			return tabletest.Harness{Store: open(t, cfg, dynamotable.Options{Now: now.Now}), Now: now.Now, Advance: now.Advance}
		})
	})
}
