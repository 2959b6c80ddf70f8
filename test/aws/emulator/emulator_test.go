package emulator_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

// leftBehind makes a test binary started by TestEmulatorsEndWithTheProcess start one and be killed.
const leftBehind = "EMULATOR_LEFT_BEHIND"

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

func TestDynamoDB(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *emulator.Cloud{"ministack": emulator.Ministack, "local": emulator.DynamoDBLocal} {
		t.Run(name, func(t *testing.T) {
			cloud := start(t)
			if start(t) != cloud {
				t.Error("started twice")
			}
			one := dynamodb.NewFromConfig(cloud.Config(t, "111111111111"))
			_, err := one.CreateTable(t.Context(), &dynamodb.CreateTableInput{
				TableName: aws.String("things"), BillingMode: types.BillingModePayPerRequest,
				AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
				KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
			})
			if err != nil {
				t.Fatal(err)
			}
			for account, want := range map[string]int{"111111111111": 1, "222222222222": 0, "": 0} {
				out, err := dynamodb.NewFromConfig(cloud.Config(t, account)).ListTables(t.Context(), &dynamodb.ListTablesInput{})
				if err != nil || len(out.TableNames) != want {
					t.Errorf("account %q: %v, %v, want %d tables", account, out, err, want)
				}
			}
		})
	}
}

func TestS3(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *emulator.Cloud{"ministack": emulator.Ministack, "versity": emulator.Versity} {
		t.Run(name, func(t *testing.T) {
			client := s3.NewFromConfig(start(t).Config(t, ""))
			bucket := aws.String("objects")
			if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{
				Bucket:                    bucket,
				CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: emulator.Region},
			}); err != nil {
				t.Fatal(err)
			}
			if _, err := client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
				Bucket: bucket, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
			}); err != nil {
				t.Fatal(err)
			}
			for _, body := range []string{"one", "two"} {
				if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("a/b"), Body: strings.NewReader(body)}); err != nil {
					t.Fatal(err)
				}
			}
			out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: aws.String("a/b")})
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(out.Body)
			if err != nil || string(body) != "two" {
				t.Errorf("got %q, %v", body, err)
			}
			versions, err := client.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: bucket})
			if err != nil || len(versions.Versions) != 2 {
				t.Errorf("%d versions, %v", len(versions.Versions), err)
			}
		})
	}
}

// TestStateMachines runs a machine that runs a machine on both interpreters.
func TestStateMachines(t *testing.T) {
	ministack := emulator.Ministack(t)
	for name, cloud := range map[string]*emulator.Cloud{"ministack": ministack, "moto": emulator.Moto(t, ministack.Endpoint)} {
		t.Run(name, func(t *testing.T) {
			client := sfn.NewFromConfig(cloud.Config(t, ""))
			create := func(name, definition string) *string {
				out, err := client.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{
					Name: aws.String(name), Definition: aws.String(definition), RoleArn: aws.String("arn:aws:iam::000000000000:role/runs"),
				})
				if err != nil {
					t.Fatal(err)
				}
				return out.StateMachineArn
			}
			inner := create("inner", `{"StartAt": "End", "States": {"End": {"Type": "Pass", "Result": {"answer": 42}, "End": true}}}`)
			outer := create("outer", fmt.Sprintf(`{"StartAt": "Call", "States": {"Call": {"Type": "Task", "End": true, "OutputPath": "$.Output",
				"Resource": "arn:aws:states:::states:startExecution.sync:2",
				"Parameters": {"StateMachineArn": %q, "Input": {"AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id"}}}}}`, *inner))
			run, err := client.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: outer, Input: aws.String("{}")})
			if err != nil {
				t.Fatal(err)
			}
			for {
				out, err := client.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: run.ExecutionArn})
				if err != nil {
					t.Fatal(err)
				}
				if out.Status == sfntypes.ExecutionStatusRunning {
					time.Sleep(50 * time.Millisecond)
					continue
				}
				if out.Status != sfntypes.ExecutionStatusSucceeded || !strings.Contains(aws.ToString(out.Output), "42") {
					t.Errorf("%s: %s %s", out.Status, aws.ToString(out.Output), aws.ToString(out.Cause))
				}
				return
			}
		})
	}
}

// TestEmulatorsEndWithTheProcess kills a process that has started one: nothing is left running, whatever happens to a test.
func TestEmulatorsEndWithTheProcess(t *testing.T) {
	if os.Getenv(leftBehind) != "" {
		cloud := emulator.OwnMinistack(t)
		fmt.Printf("pid %d log %s\n", emulator.PID(cloud), cloud.LogFile)
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		select {}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), leftBehind+"=1", "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("%v\n%s", err, out)
	}
	_, rest, _ := bytes.Cut(out, []byte("pid "))
	text, _, found := bytes.Cut(rest, []byte(" "))
	pid, err := strconv.Atoi(string(text))
	if err != nil || !found {
		t.Fatalf("no pid in %q", out)
	}
	for deadline := time.Now().Add(10 * time.Second); runs(pid); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it runs still")
		}
	}
}

// runs reports whether the process is there and no zombie.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

func TestFailedStartShowsTheLog(t *testing.T) {
	err := emulator.StartBroken()
	if err == nil || !strings.Contains(err.Error(), "it ended at once") || !strings.Contains(err.Error(), "no such library") {
		t.Errorf("got %v", err)
	}
	t.Setenv("AWS_TOOLS", t.TempDir())
	if err := emulator.StartMissing(); err == nil || !strings.Contains(err.Error(), "make tools") {
		t.Errorf("got %v", err)
	}
}
