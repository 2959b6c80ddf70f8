// Package stage drives the commands that operate a deployed stage, as an operator does: the command is a process of its own with
// credentials in its environment, and the stage is deployed by the template that AWS gets.
package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/infra/cloud/operations"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/test/aws/deploy"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

// settings are those of a stage whose clock runs.
const settings = `
stage: operated
region: eu-west-1
logDays: 7
evidenceDays: 1
demo: true
count: true
mail: { kind: ses, domain: example.com }
`

// desk is an operator at work: the command, the file of the stage, and the emulator behind both.
type desk struct {
	*testing.T

	cloud   *emulator.Cloud
	command string
	file    string
	out     deploy.Outputs
	running *sync.Mutex // held while the clockwork runs, or must not
}

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, cloud: emulator.Ministack(t), command: filepath.Join(t.TempDir(), "habeas"), file: filepath.Join(t.TempDir(), "operated.yaml"), running: &sync.Mutex{}}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", d.command, "./infra/habeas")
	_, here, _, _ := runtime.Caller(0)
	build.Dir = filepath.Join(filepath.Dir(here), "..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the command: %v\n%s", err, out)
	}
	d.must(os.WriteFile(d.file, []byte(settings), 0o600))
	return d
}

func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// run calls the command, expects the exit code, and decodes what it prints as JSON into out.
func (d *desk) run(code int, out any, args ...string) string {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, d.command, append(args, "--stage", d.file, "--json")...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") }),
		"AWS_ENDPOINT_URL="+d.cloud.Endpoint, "AWS_ACCESS_KEY_ID="+emulator.DefaultAccount, "AWS_SECRET_ACCESS_KEY=test-secret")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	exit, failed := errors.AsType[*exec.ExitError](err)
	if got := cmd.ProcessState.ExitCode(); got != code || err != nil && !failed {
		d.Fatalf("habeas %s: exit %d (%v %v); want %d\n%s%s", strings.Join(args, " "), got, err, exit, code, &stdout, &stderr)
	}
	if out != nil {
		if err := json.Unmarshal(stdout.Bytes(), out); err != nil {
			d.Fatalf("habeas %s printed no JSON: %v\n%s", strings.Join(args, " "), err, &stdout)
		}
	}
	return stderr.String()
}

// serve gives the deployed API an address, and tells the stage.
func (d *desk) serve() {
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(d.out.API)
		r.Out.Host = d.out.Host
	}}
	front := httptest.NewServer(proxy)
	d.Cleanup(front.Close)
	d.must(d.open().Records.Transact(d.Context(), table.Write{Op: table.Put, If: table.AnyVersion, Item: table.Item{
		Key: table.Key{Table: table.Registry, PK: cloud.AddressPK, SK: cloud.AddressSK}, Body: []byte(front.URL),
	}}))
}

// lock sets the lock of the evidence bucket as the template does: the CloudFormation of the emulator leaves it out.
func (d *desk) lock() {
	client := s3.NewFromConfig(d.cloud.Config(d, ""), func(o *s3.Options) { o.UsePathStyle = true })
	_, err := client.PutObjectLockConfiguration(d.Context(), &s3.PutObjectLockConfigurationInput{
		Bucket: aws.String(d.open().Cloud.Buckets["evidence"]),
		ObjectLockConfiguration: &s3types.ObjectLockConfiguration{
			ObjectLockEnabled: s3types.ObjectLockEnabledEnabled,
			Rule: &s3types.ObjectLockRule{DefaultRetention: &s3types.DefaultRetention{
				Mode: s3types.ObjectLockRetentionModeCompliance, Days: aws.Int32(int32(d.out.Stage.EvidenceDays)),
			}},
		},
	})
	d.must(err)
}

// open opens the stage as the command does.
func (d *desk) open() *operations.Installation {
	d.Helper()
	in, err := operations.Open(d.Context(), d.cloud.Config(d, ""), d.out.Stage)
	d.must(err)
	return in
}

// tick calls the clockwork every second, which the emulator does not.
func (d *desk) tick() {
	client := lambda.NewFromConfig(d.cloud.Config(d, ""))
	in := d.open()
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	d.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			d.running.Lock()
			for _, f := range []string{"SweepDeadlines", "PublishEvents", "SealEvidence"} {
				_, _ = client.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(in.Cloud.Function(f)), Payload: []byte("{}")}) // the next one makes up for it
			}
			d.running.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}()
}

// api calls the staff API.
func (d *desk) api(method, path, token string, body, out any) {
	d.Helper()
	raw, err := json.Marshal(body)
	d.must(err)
	req, err := http.NewRequestWithContext(d.Context(), method, d.open().Address+"/api/v1"+path, bytes.NewReader(raw))
	d.must(err)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	d.must(err)
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		d.Fatalf("%s %s answers %d", method, path, res.StatusCode)
	}
	d.must(json.NewDecoder(res.Body).Decode(out))
}

type found struct {
	ID       string      `json:"id"`
	Status   dsar.Status `json:"status"`
	ClosedAt time.Time   `json:"closedAt"`
}

// ask takes a request in.
func (d *desk) ask(tenant, token, email string, verified bool) found {
	d.Helper()
	body := map[string]string{"right": "access", "email": email, "country": "DE"}
	if verified {
		body["verifiedBecause"] = "she stood at the desk"
	}
	var c found
	d.api(http.MethodPost, "/cases?tenant="+tenant, token, body, &c)
	return c
}

// closed waits until the case is closed.
func (d *desk) closed(tenant, token, id string) found {
	d.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		var c found
		d.api(http.MethodGet, "/cases/"+id+"?tenant="+tenant, token, nil, &c)
		if c.Status.Final() {
			return c
		}
	}
	d.Fatal("the case was not closed")
	return found{}
}

// TestOperating is the life of a stage as its operator sees it. One deployment serves all of it.
func TestOperating(t *testing.T) {
	d := newDesk(t)
	if said := d.run(0, nil, "stage", "open-cases"); !strings.Contains(said, "not deployed") {
		t.Errorf("of a stage that is not there it says %q", said)
	}
	d.run(1, nil, "staff", "list")
	d.out = deploy.Deploy(t, d.cloud, settings)

	var status struct {
		Trouble []string
		Stacks  []struct{ Name, Status string }
		Dead    map[string]int
	}
	d.run(0, &status, "stage", "status")
	if len(status.Trouble) != 0 {
		t.Errorf("a new stage is in trouble for %q", status.Trouble)
	}
	if len(status.Stacks) < 6 || len(status.Dead) != 4 {
		t.Errorf("status knows stacks %v and queues %v", status.Stacks, status.Dead)
	}
	d.serve()
	d.lock()
	d.tick()
	token := d.firstPeople()
	d.run(0, nil, "stage", "open-cases")
	t.Run("doctor", func(t *testing.T) { d.with(t).doctor() })
	t.Run("open", func(t *testing.T) { d.with(t).openCases(token) })
	t.Run("restore", func(t *testing.T) { d.with(t).restore(token) })
	t.Run("cost", func(t *testing.T) { d.with(t).cost() })
}

func (d *desk) with(t *testing.T) *desk {
	c := *d
	c.T = t
	return &c
}

// firstPeople makes a tenant and its first member of staff, and returns her token.
func (d *desk) firstPeople() string {
	d.run(2, nil, "staff", "list", "--data", "x")
	d.run(0, nil, "tenants", "set", "shop", "--title", "Shop", "--controller", "Shop Ltd, 1 Example Street", "--contact", "privacy@example.com", "--from", "Shop <privacy@example.com>")
	var tenants struct{ Tenants []struct{ Name string } }
	if d.run(0, &tenants, "tenants", "list"); len(tenants.Tenants) != 1 || tenants.Tenants[0].Name != "shop" {
		d.Errorf("tenants are %+v", tenants)
	}
	var made struct{ ID, Password, Token string }
	d.run(0, &made, "staff", "add", "--email", "ada@example.com", "--roles", "admin,handler,auditor", "--token", "first")
	d.run(1, nil, "staff", "add", "--email", "ada@example.com")
	var staff struct{ Staff []map[string]any }
	if d.run(0, &staff, "staff", "list"); len(staff.Staff) != 1 || made.Token == "" || made.Password == "" {
		d.Errorf("staff are %+v", staff)
	}
	return made.Token
}

// doctor finds a stage well, and leaves nothing behind; and it finds what is not.
func (d *desk) doctor() {
	var report struct {
		OK     bool
		Checks []struct {
			Check, Says, Do string
			OK              bool
		}
	}
	d.run(2, nil, "doctor")
	for range 2 { // the tenant and the account are there the second time
		d.run(0, &report, "doctor", "--email", "synthetic@example.com")
		if !report.OK || len(report.Checks) < 12 {
			d.Errorf("a stage that is well: %+v", report)
		}
	}
	in := d.open()
	count, err := in.OpenCases(d.Context())
	d.must(err)
	if len(count) != 0 {
		d.Errorf("open cases are left behind: %v", count)
	}
	all, err := in.Set.Registry.AllStaff(d.Context())
	d.must(err)
	for _, m := range all {
		if m.Tenant == operations.DoctorTenant && !m.Disabled {
			d.Error("the account of the doctor is open")
		}
	}
	for _, kind := range []string{"raw", "spool", "plan", "package"} {
		page, err := in.Objects.List(d.Context(), kind+"/"+operations.DoctorTenant+"/", "", 1)
		d.must(err)
		if len(page.Objects) > 0 {
			d.Errorf("an object of kind %s is left behind", kind)
		}
	}
	// A stage that locks evidence for another time than its settings say is not well.
	wrong := filepath.Join(d.TempDir(), "operated.yaml")
	d.must(os.WriteFile(wrong, []byte(strings.Replace(settings, "evidenceDays: 1", "evidenceDays: 2", 1)), 0o600))
	other := *d
	other.file = wrong
	other.run(1, &report, "doctor", "--email", "synthetic@example.com")
	for _, c := range report.Checks {
		if bad := strings.Contains(c.Check, "evidence cannot"); c.OK == bad || bad && c.Do == "" {
			d.Errorf("%+v", c)
		}
	}
}

// openCases counts the case of somebody who has not proved who she is.
func (d *desk) openCases(token string) {
	d.ask("shop", token, "grace@example.com", false)
	var count struct {
		Open    int
		Tenants map[string]int
	}
	d.run(1, &count, "stage", "open-cases")
	if count.Open != 1 || count.Tenants["shop"] != 1 {
		d.Errorf("counted %+v", count)
	}
}

// restore brings back keys that were destroyed, and a case as it was: the keys are destroyed again, and the case goes on.
func (d *desk) restore(token string) {
	in := d.open()
	gone := d.ask("shop", token, "ida@example.com", true)
	end := d.closed("shop", token, gone.ID)
	d.running.Lock() // the stage is stopped
	defer d.running.Unlock()
	copied := map[string][]map[string]dynamotypes.AttributeValue{}
	for _, name := range []string{"cases", "registry", "ledger", "casekeys"} { // the last by other ways: it has no recovery
		copied[name] = d.scan(name)
	}
	// The shop's retention ends: its case is disposed of as the clockwork does it, which leaves a tombstone.
	d.must(in.Dispose(d.Context(), "shop", gone.ID, end.Status, end.ClosedAt))
	for name, items := range copied {
		d.bringBack(name, items)
	}
	if _, err := in.Set.Vault.Fingerprint(d.Context(), "shop", gone.ID); err != nil {
		d.Fatalf("the restore brought no keys back: %v", err)
	}
	var r operations.Restored
	d.run(2, nil, "stage", "settle-restore")
	at := time.Now().UTC().Format(time.RFC3339)
	d.run(0, &r, "stage", "settle-restore", "--at", at)
	if r.Destroyed != 1 || r.TakenOver != 1 || r.Stopped < 1 || r.Tombstones < 1 {
		d.Errorf("settled %+v", r)
	}
	if _, err := in.Set.Vault.Fingerprint(d.Context(), "shop", gone.ID); !fault.Has(err, fault.NotFound) {
		d.Errorf("keys that were destroyed are there again: %v", err)
	}
	if d.run(0, &r, "stage", "settle-restore", "--at", at); r.Destroyed != 0 {
		d.Errorf("the second time %d keys were destroyed", r.Destroyed)
	}
	if _, _, err := in.Set.Cases.Disposed(d.Context(), "shop", gone.ID); err != nil {
		d.Errorf("the case has no certificate: %v", err)
	}
}

// scan copies a table.
func (d *desk) scan(name string) (items []map[string]dynamotypes.AttributeValue) {
	d.Helper()
	client := dynamodb.NewFromConfig(d.cloud.Config(d, ""))
	pages := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{TableName: aws.String(d.out.Stage.Prefix() + "-" + name)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(d.Context())
		d.must(err)
		items = append(items, page.Items...)
	}
	return items
}

// bringBack makes a table what it was.
func (d *desk) bringBack(name string, items []map[string]dynamotypes.AttributeValue) {
	d.Helper()
	client, at := dynamodb.NewFromConfig(d.cloud.Config(d, "")), aws.String(d.out.Stage.Prefix()+"-"+name)
	for _, item := range d.scan(name) {
		key := map[string]dynamotypes.AttributeValue{"pk": item["pk"], "sk": item["sk"]}
		_, err := client.DeleteItem(d.Context(), &dynamodb.DeleteItemInput{TableName: at, Key: key})
		d.must(err)
	}
	for _, item := range items {
		_, err := client.PutItem(d.Context(), &dynamodb.PutItemInput{TableName: at, Item: item})
		d.must(err)
	}
}

// cost prices what the functions of the stage wrote.
func (d *desk) cost() {
	var bill struct {
		Usage struct {
			Functions map[string]struct{ Invocations int }
			Tables    map[string]struct{ Write float64 }
			Calls     map[string]struct{ Times int }
		}
		USD float64 `json:"usdPerCase"`
	}
	d.run(0, &bill, "cost", "--log", d.cloud.Said(), "--cases", "5", "--transitions", "100")
	u := bill.Usage
	if bill.USD <= 0 || u.Functions["Triage"].Invocations < 4 || u.Tables["cases"].Write <= 0 || u.Calls["SESv2:SendEmail"].Times < 4 {
		d.Errorf("counted %+v", bill)
	}
	d.run(2, nil, "cost")
}
