package stories

import (
	"bufio"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/test/aws/deploy"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
	"github.com/habeas-dsar/habeas/test/testkit"
)

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

// ofOneProcess are the stories of test/e2e that are about a process on one machine, and why nothing of them exists on AWS.
var ofOneProcess = map[string]string{
	"TestAnInstallationComesBackFromItsBackup":  "backs up a data directory; a stage is restored in test/aws/stage",
	"TestARestoredSystemIsFoundAndErasedAgain":  "compares a system with the records of a process that is stopped",
	"TestNothingPersonalIsInTheClear":           "looks into the files of a data directory; watch does it for a stage",
	"TestChangesLeaveNothingPersonalInTheClear": "looks into the files of a data directory; watch does it for a stage",
	"TestEvidenceIsSealedThoughTheIndexLags":    "lets the index of SQLite lag",
	"TestLaggingIndexesChangeNothing":           "lets the index of SQLite lag",
	"TestABurstOfErasures":                      "measures what forty cases at once do to one process; what a stage bears is in test/aws/limits",
	"TestNoDraftGovernsInProductionUnconfirmed": "puts a tenant into production in a data directory, and reads the journal in its file",
	"TestLimits":                        "leaves the limits on, which a stage with a clock set by hand does not have",
	"TestAHandlerSignsInAtTheIssuer":    "starts a process that knows an issuer; test/aws/signin signs in at Cognito",
	"TestTheIssuerOpensNothingByItself": "starts a process that knows an issuer; test/aws/signin signs in at Cognito",
	"TestOnlyTheIssuerSignsIn":          "starts a process that knows an issuer; test/aws/signin signs in at Cognito",
	"TestAnIssuerThatIsDown":            "starts a process that knows an issuer; test/aws/signin signs in at Cognito",
}

// TestStories runs every story of test/e2e, unchanged, through the HTTP API of a deployed stage.
func TestStories(t *testing.T) {
	emulated := emulator.Ministack(t)
	ScaleWaits(t, emulated)
	out := deploy.Deploy(t, emulated, deploy.Development)
	in := newInstallation(t, emulated, out, testkit.New(t.TempDir()).Demo(t))
	defer in.watch(t)()
	control := httptest.NewServer(in.control())
	t.Cleanup(control.Close)
	t.Run("what is deployed", func(t *testing.T) { found(t, in) })
	t.Run("stories", func(t *testing.T) { run(t, control.URL) })
	t.Run("a take-over", func(t *testing.T) {
		t.Setenv(testkit.Installation, control.URL)
		takeOver(t, in, testkit.New(t.TempDir()).Start(t))
	})
	checkGrants(t, emulated, out, os.Getenv("STORY") == "")
}

// run runs the stories on the installation that is kept at the address.
func run(t *testing.T, keeper string) {
	t.Helper()
	var skip []string
	for name := range ofOneProcess {
		skip = append(skip, "^"+name+"$")
	}
	slices.Sort(skip)
	args := []string{"test", "-count=1", "-parallel=1", "-timeout=40m", "-json", "./test/e2e"}
	if len(skip) > 0 {
		args = append(args, "-skip", strings.Join(skip, "|"))
	}
	if only := os.Getenv("STORY"); only != "" {
		args = append(args, "-run", only)
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root()
	cmd.Env = append(os.Environ(), testkit.Installation+"="+keeper)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	passed := report(t, bufio.NewScanner(pipe))
	if err := cmd.Wait(); err != nil {
		t.Errorf("the stories: %v", err)
	}
	if t.Logf("%d stories passed on the deployed stage", passed); passed == 0 {
		t.Error("no story was run")
	}
}

// report says what failed, with what the story said, and counts what passed.
func report(t *testing.T, lines *bufio.Scanner) (passed int) {
	t.Helper()
	said := map[string]*strings.Builder{}
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e struct {
			Action, Test, Output string
			Elapsed              float64
		}
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			t.Logf("%s", lines.Bytes())
			continue
		}
		if said[e.Test] == nil {
			said[e.Test] = &strings.Builder{}
		}
		switch e.Action {
		case "output":
			said[e.Test].WriteString(e.Output)
		case "pass":
			if e.Test != "" && !strings.Contains(e.Test, "/") {
				passed++
				t.Logf("%-60s %.1fs", e.Test, e.Elapsed)
			}
		case "skip":
			t.Errorf("%s was skipped", e.Test)
		case "fail":
			t.Errorf("%s failed after %.1fs:\n%s", e.Test, e.Elapsed, said[e.Test].String())
		}
	}
	return passed
}

// TestOfOneProcess holds the list to the stories that there are.
func TestOfOneProcess(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "test", "-list", ".", "./test/e2e")
	cmd.Dir = root()
	raw, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Fields(string(raw))
	for name, why := range ofOneProcess {
		if !slices.Contains(all, name) || why == "" {
			t.Errorf("%s is no story, or nobody knows why it is of one process", name)
		}
	}
}

func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}
