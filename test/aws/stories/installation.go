package stories

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/habeas-dsar/habeas/connectors/catalog"
	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/infra/cloud/machines"
	"github.com/habeas-dsar/habeas/infra/cloud/objects"
	"github.com/habeas-dsar/habeas/infra/cloud/secrets/parameters"
	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/verification"
	"github.com/habeas-dsar/habeas/test/aws/deploy"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
	"github.com/habeas-dsar/habeas/test/testkit"
)

// installation is a deployed stage for development that stories run on one after the other. What answers them is deployed:
// functions, machines, tables and buckets. It adds what a demonstration on one machine has beside the product: a clock that is
// set by hand, the mailbox, and the companies outside.
type installation struct {
	tb       testing.TB
	cloud    *emulator.Cloud
	settings cloud.Settings
	config   aws.Config
	seeded   string // the databases of the demonstration, to be copied
	deployed deploy.Outputs
	front    *http.Server
	address  string
	proxy    *httputil.ReverseProxy

	mu      sync.Mutex // one story, one move of the clock at a time
	now     time.Time
	clock   sync.RWMutex
	set     *functions.Set // over the same tables, for what is due and for the demonstration
	outside interface{ Close() error }
	mails   int   // mails of stories before
	logged  int64 // bytes of logs of stories before
	watched watched
}

// Now is the time of the installation.
func (in *installation) Now() time.Time {
	in.clock.RLock()
	defer in.clock.RUnlock()
	return in.now
}

// newInstallation serves a deployed stage.
func newInstallation(tb testing.TB, emulated *emulator.Cloud, deployed deploy.Outputs, seeded string) *installation {
	tb.Helper()
	settings, err := cloud.Read(func(name string) string {
		if name == "AWS_REGION" {
			return emulator.Region
		}
		return deployed.Environment[name]
	})
	if err != nil {
		tb.Fatalf("reading the settings of the stage: %v", err)
	}
	in := &installation{tb: tb, cloud: emulated, settings: settings, config: emulated.Config(tb, ""), seeded: seeded, deployed: deployed, now: testkit.Start0}
	in.proxy = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(deployed.API)
		r.Out.Host = deployed.Host
	}}
	in.mayWrite(tb, "lumen.test", "riverside.test", "oakhurst.test")
	in.serve()
	return in
}

// mayWrite lets tenants of the demonstration send mail from their domains.
func (in *installation) mayWrite(tb testing.TB, domains ...string) {
	tb.Helper()
	client := sesv2.NewFromConfig(in.config)
	for _, domain := range domains {
		if _, err := client.CreateEmailIdentity(context.Background(), &sesv2.CreateEmailIdentityInput{EmailIdentity: &domain}); err != nil {
			tb.Fatalf("letting a domain send mail: %v", err)
		}
	}
}

// start makes the installation as a demonstration is at its start, for the next story.
func (in *installation) start(ctx context.Context) (testkit.Joined, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if err := in.wipe(ctx); err != nil {
		return testkit.Joined{}, err
	}
	dir := in.tb.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "demo"), os.DirFS(in.seeded)); err != nil {
		return testkit.Joined{}, err
	}
	if err := in.open(); err != nil {
		return testkit.Joined{}, err
	}
	if err := in.setClock(ctx, testkit.Start0); err != nil {
		return testkit.Joined{}, err
	}
	if err := in.put(ctx, cloud.AddressPK, cloud.AddressSK, in.address); err != nil {
		return testkit.Joined{}, err
	}
	d := local.Demonstration{Set: in.set, Dir: dir, BaseURL: in.address, Now: in.Now, Secret: in.secret}
	err := d.SetUp(ctx, nil)
	in.outside = d.Outside
	if err != nil {
		return testkit.Joined{}, fmt.Errorf("setting up the demonstration: %w", err)
	}
	line, err := d.Line(ctx)
	if err != nil {
		return testkit.Joined{}, err
	}
	in.cloud.Forget(in.tb)
	in.mails, in.logged = len(in.cloud.Mails(in.tb)), in.logSize()
	var first testkit.FirstLine
	raw, err := json.Marshal(line)
	if err == nil {
		err = json.Unmarshal(raw, &first)
	}
	return testkit.Joined{URL: in.address, Dir: dir, Line: first, Stage: in.deployed.File, Env: in.operator()}, err
}

// operator is what of the environment leads a command to the stage.
func (in *installation) operator() []string {
	return slices.DeleteFunc(slices.Clone(in.deployed.Operator), func(v string) bool { return !strings.HasPrefix(v, "AWS_") })
}

// open puts a product together over the tables of the stage. It starts, sends and answers nothing: the functions do.
func (in *installation) open() error {
	c := cloud.Open(in.config, in.settings, in.Now, nil)
	records, err := c.Table()
	if err != nil {
		return err
	}
	keeper, err := c.Keeper()
	if err != nil {
		return err
	}
	store, err := objects.Open(c)
	if err != nil {
		return err
	}
	engine, err := machines.Open(c)
	if err != nil {
		return err
	}
	in.set, err = functions.New(functions.Ports{
		Table: records, Keeper: keeper, Blobs: store, Workflow: engine, Connectors: catalog.Factories(), Secret: parameters.Open(c).Resolve,
		Now: in.Now, Poke: func([]casefile.OutboxRow) {}, Publish: func(context.Context, events.Event) error { return nil },
		Sleep: func(context.Context, time.Duration) error { return nil }, Log: slog.New(slog.DiscardHandler), BaseURL: in.address,
		MailDomain: in.settings.MailDomain, Rules: verification.DefaultRules(), Demo: true, Manual: true,
	})
	return err
}

func (in *installation) put(ctx context.Context, pk, sk, body string) error {
	c := cloud.Open(in.config, in.settings, in.Now, nil)
	records, err := c.Table()
	if err != nil {
		return err
	}
	return records.Transact(ctx, table.Write{
		Op: table.Put, If: table.AnyVersion, Item: table.Item{Key: table.Key{Table: table.Registry, PK: pk, SK: sk}, Body: []byte(body)},
	})
}

// secret keeps what is in a file where functions read secrets.
func (in *installation) secret(ctx context.Context, path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	client := secretsmanager.NewFromConfig(in.config)
	name := "habeas/" + in.settings.Stage + "/" + filepath.Base(path)
	value := aws.String(string(trimLine(raw)))
	if _, err := client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: &name, SecretString: value}); err != nil {
		_, err = client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: value})
		if err != nil {
			return "", err
		}
	}
	return "secretsmanager:" + name, nil
}

func trimLine(raw []byte) []byte {
	for len(raw) > 0 && (raw[len(raw)-1] == '\n' || raw[len(raw)-1] == '\r') {
		raw = raw[:len(raw)-1]
	}
	return raw
}

// invoke runs a function as its schedule does.
func (in *installation) invoke(ctx context.Context, function string) error {
	out, err := lambda.NewFromConfig(in.config).Invoke(ctx, &lambda.InvokeInput{
		FunctionName: aws.String(in.settings.Function(function)), Payload: []byte("{}"),
	})
	if err != nil {
		return fmt.Errorf("calling %s: %w", function, err)
	}
	if out.FunctionError != nil {
		return fmt.Errorf("%s failed: %s", function, out.Payload)
	}
	return nil
}

// wipe removes what the story before has left: executions, records, objects, and what functions keep in memory.
func (in *installation) wipe(ctx context.Context) error {
	if in.outside != nil {
		if err := in.outside.Close(); err != nil {
			return err
		}
		in.outside = nil
	}
	if err := in.stopAll(ctx); err != nil {
		return err
	}
	if err := in.idle(ctx); err != nil {
		return err
	}
	if in.watched.looked != nil { // somebody watches
		if err := in.lookAtStores(ctx); err != nil {
			return fmt.Errorf("looking for people: %w", err)
		}
	}
	tables := dynamodb.NewFromConfig(in.config)
	for _, name := range table.Names() {
		if err := emptyTable(ctx, tables, in.settings.Prefix+"-"+string(name)); err != nil {
			return fmt.Errorf("emptying table %s: %w", name, err)
		}
	}
	buckets := s3.NewFromConfig(in.config, func(o *s3.Options) { o.UsePathStyle = true })
	for name, bucket := range in.settings.Buckets {
		if name == "evidence" {
			continue // nothing is removed from there
		}
		if err := emptyBucket(ctx, buckets, bucket); err != nil {
			return fmt.Errorf("emptying bucket %s: %w", name, err)
		}
	}
	return in.idle(ctx)
}

// stopAll stops every execution that runs.
func (in *installation) stopAll(ctx context.Context) error {
	client := sfn.NewFromConfig(in.config)
	list, err := client.ListStateMachines(ctx, &sfn.ListStateMachinesInput{})
	if err != nil {
		return err
	}
	for _, m := range list.StateMachines {
		pages := sfn.NewListExecutionsPaginator(client, &sfn.ListExecutionsInput{StateMachineArn: m.StateMachineArn, StatusFilter: "RUNNING"})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, e := range page.Executions {
				if _, err := client.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: e.ExecutionArn}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
