package emulator

import (
	_ "embed"
	"path/filepath"
	"strconv"
	"testing"
)

//go:embed launch/cloudformation.py
var launchCloudFormation string

//go:embed launch/ministack.py
var launchMinistack string

//go:embed launch/moto.py
var launchMoto string

// Ministack returns the process's ministack.
func Ministack(tb testing.TB) *Cloud {
	tb.Helper()
	return started.share(tb, "ministack", func() (*Cloud, error) { return start(ministack()) })
}

// OwnMinistack starts a ministack for one test, with more environment ("AUTH=true"), that ends with it.
func OwnMinistack(tb testing.TB, env ...string) *Cloud {
	tb.Helper()
	cloud, err := start(ministack(env...))
	if err != nil {
		tb.Fatalf("starting ministack: %v", err)
	}
	tb.Cleanup(func() {
		if err := cloud.process.end(); err != nil {
			tb.Errorf("ending ministack: %v", err)
		}
	})
	return cloud
}

// ministack runs functions as processes of its own, natively; they inherit its environment, which leads their clients back to it.
func ministack(env ...string) program {
	return program{
		path: filepath.Join(Tools(), "ministack", "bin", "python"),
		args: func(_, _ string) []string { return []string{"-c", launchCloudFormation + launchMinistack} },
		env: func(port, dir string) []string {
			return append([]string{
				"GATEWAY_PORT=" + port, "BIND_HOST=127.0.0.1", "MINISTACK_REGION=" + Region, "LAMBDA_EXECUTOR=local", "SFTP_ENABLED=0",
				"IOT_MTLS_ENABLED=0", "AWS_ENDPOINT_URL=http://127.0.0.1:" + port, "AWS_ACCESS_KEY_ID=" + DefaultAccount,
				"AWS_SECRET_ACCESS_KEY=" + secretKey, "STATE_DIR=" + filepath.Join(dir, "state"), "S3_DATA_DIR=" + filepath.Join(dir, "s3"),
				"INVOCATIONS=" + filepath.Join(dir, invocations), "MAILS=" + filepath.Join(dir, mails), "SAID=" + filepath.Join(dir, said),
			}, env...)
		},
		ready: "/_ministack/health",
	}
}

// DynamoDBLocal returns the process's DynamoDB Local. It keeps everything in memory, apart for every account.
func DynamoDBLocal(tb testing.TB) *Cloud {
	tb.Helper()
	return started.share(tb, "DynamoDB Local", func() (*Cloud, error) {
		lib := filepath.Join(Tools(), "dynamodb")
		return start(program{
			path: "java",
			args: func(port, _ string) []string {
				return []string{
					"-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.library.path=" + lib, "-cp", filepath.Join(lib, "*"),
					"com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-inMemory", "-disableTelemetry", "-port", port,
				}
			},
			env:   nothing,
			ready: "/",
		})
	})
}

// Versity returns the process's versitygw: S3 over a directory, with versions.
func Versity(tb testing.TB) *Cloud {
	tb.Helper()
	return started.share(tb, "versitygw", func() (*Cloud, error) {
		return start(program{
			path: filepath.Join(Tools(), "bin", "versitygw"),
			args: func(port, dir string) []string {
				return []string{
					"--access", DefaultAccount, "--secret", secretKey, "--port", "127.0.0.1:" + port, "--region", Region,
					"--health", "/health", "posix", "--versioning-dir", filepath.Join(dir, "versions"), filepath.Join(dir, "objects"),
				}
			},
			dirs:  []string{"versions", "objects"},
			env:   nothing,
			ready: "/health",
		})
	})
}

// WaitScale is what waits of state machines and delays of their retries last in moto of what they should: 200,000 seconds in one.
// Time-outs last as long as they say.
const WaitScale = 5e-6

// Moto returns the process's moto whose Lambda tasks invoke the functions at lambdaEndpoint, which is a ministack's.
func Moto(tb testing.TB, lambdaEndpoint string) *Cloud {
	tb.Helper()
	return started.share(tb, "moto for "+lambdaEndpoint, func() (*Cloud, error) {
		return start(program{
			path: filepath.Join(Tools(), "moto", "bin", "python"),
			args: func(_, _ string) []string { return []string{"-c", launchMoto} },
			env: func(port, _ string) []string {
				return []string{
					"MOTO_PORT=" + port, "LAMBDA_ENDPOINT=" + lambdaEndpoint, "AWS_ACCESS_KEY_ID=" + DefaultAccount,
					"AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_DEFAULT_REGION=" + Region,
					"WAIT_SCALE=" + strconv.FormatFloat(WaitScale, 'g', -1, 64),
				}
			},
			ready: "/moto-api/",
		})
	})
}

func nothing(_, _ string) []string { return nil }
