package stories

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/habeas-dsar/habeas/test/aws/audit"
	"github.com/habeas-dsar/habeas/test/aws/deploy"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

// checkGrants compares what functions called in the stories with what their roles grant in the template that was deployed. What no
// story used is only known when every story was run.
func checkGrants(t *testing.T, emulated *emulator.Cloud, out deploy.Outputs, every bool) {
	t.Helper()
	granted, err := audit.Granted(filepath.Join(out.Assembly, "workflow.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Open(emulated.Said())
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	used := audit.Use{}
	if err := used.Read(log); err != nil {
		t.Fatal(err)
	}
	if len(used) == 0 {
		t.Error("no function told what it calls")
	}
	place := audit.Place{Prefix: out.Stage.Prefix(), Path: "habeas/" + out.Stage.Name, MailDomain: out.Stage.Mail.Domain}
	found := append(audit.Missing(granted, used), audit.Resources(granted, place)...)
	if every {
		found = append(found, audit.Unused(granted, used, audit.Excuses())...)
		t.Logf("functions of which no story made a call: %v", audit.Idle(granted, used))
	}
	for _, f := range found {
		t.Error(f)
	}
}
