package browser

import (
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// signIn signs in as the account of the demo whose address begins with the name.
func (v *visitor) signIn(name string) *visitor {
	v.Helper()
	for _, a := range v.First.Accounts {
		if a.Email == name+"@staff.test" {
			return v.open("/console/sign-in").fill("email", a.Email).fill("password", a.Password).press("Sign in").status(200)
		}
	}
	v.Fatalf("the first line has no account %s", name)
	return nil
}

// review switches autopilot of a system off: its answers are looked at before they leave.
func review(s *testkit.Site, system string) {
	s.Helper()
	var sys map[string]any
	s.Call("GET", "/api/v1/systems/"+system, s.Token("admin"), nil).Want(200).JSON(&sys)
	for _, told := range []string{"identifiers", "collections", "checkedAt", "problem"} {
		delete(sys, told) // what the server says of itself cannot be set
	}
	sys["autopilot"] = false
	s.Call("PUT", "/api/v1/systems/"+system, s.Token("admin"), sys).Want(200)
}

// The team finds a response that waits, looks at it and lets it go.
func TestReviewingAResponse(t *testing.T) {
	s := kit.Start(t)
	review(s, "shop")
	r := s.Ask("lumen", "access", testkit.Typical, map[string]any{"name": "Inês Marchetti", "details": "I bought a lamp in March.\nCustomer since 2019."}).Verify()
	r.WantStatus("awaiting_review")
	late := s.Ask("lumen", "access", testkit.NoOrders).Verify()
	s.Advance("P28D")

	v := visit(s)
	v.open("/console/").status(401).look("console-sign-in")
	v.fill("email", "approver@staff.test").fill("password", "no").press("Sign in").status(401).look("console-sign-in-wrong")
	v.signIn("approver").want(r.Reference, late.Reference).look("console-now")
	v.follow("Cases").look("console-cases")
	v.fill("q", r.Reference).press("Filter").want(r.Reference)
	v.follow(r.Reference).want("A response waits for your review").look("console-case")
	v.publish("case", 1280, 900)
	v.follow("Extend the deadline").look("console-extend")
	v.follow("Back to the case").follow("Withdraw for the person").look("console-withdraw")
	v.follow("Back to the case").follow("Review the response").look("console-review")
	v.press("Approve and disclose").status(200)
	s.Settle()
	v.reload().want(r.Reference).look("console-case-closed")
	r.Refresh().WantStatus("fulfilled")
	v.follow("Systems").look("console-systems")
	v.follow("shop").look("console-system")
	v.open("/console/nothing").status(404).look("console-error")
	s.Advance("P7D")
	v.signIn("approver").want("late").look("console-now-late")
	v.press("Sign out").status(200)
	v.open("/console/cases").status(401)
}

// Two people share a telephone: a person says who is meant.
func TestSayingWhoIsMeant(t *testing.T) {
	s := kit.Start(t)
	r := s.Ask("lumen", "access", testkit.SharedPhone).Verify()
	r.WantStatus("awaiting_person")
	subject := visit(s)
	subject.open(r.Page("/code")).press("Send a new code")
	s.Settle()
	subject.enter(r.Code()).want("A person is looking at it").look("portal-request-person")

	v := visit(s)
	v.signIn("handler").want("Say who is meant").look("console-now-task")
	v.follow("Tasks").look("console-tasks")
	v.follow("Say who is meant").look("console-task")
	var id int64
	if err := s.Open("shop.db").QueryRow("SELECT id FROM customers WHERE email = ?", testkit.SharedPhone).Scan(&id); err != nil {
		t.Fatal(err)
	}
	v.choose("outcome", "identify").press("Settle this task").status(400).look("console-task-problem")
	v.choose("outcome", "identify").pick("kind", "customer_id").fill("identifier", strconv.FormatInt(id, 10)).fill("reason", "She named her last order.")
	v.press("Settle this task").status(200)
	s.Settle()
	r.Refresh().WantStatus("fulfilled")
	s.WantHeld(r.Fetch(), testkit.SharedPhone)
	v.open("/console/tasks").want("No task is open").look("console-tasks-none")
}

// Signing in and deciding need no mouse.
func TestTheConsoleByKeyboard(t *testing.T) {
	s := kit.Start(t)
	review(s, "shop")
	r := s.Ask("lumen", "access", testkit.NoOrders).Verify()
	v := visit(s)
	v.open("/console/")
	for _, a := range s.First.Accounts {
		if a.Email == "approver@staff.test" {
			v.tab("#email").key(a.Email).tab("#password").key(a.Password).leave(chromedp.KeyEvent(kb.Enter)).status(200)
		}
	}
	v.tab("main table a.ref").leave(chromedp.KeyEvent(kb.Enter)).want(r.Reference)
	v.tab("main .ready a.button").leave(chromedp.KeyEvent(kb.Enter)).want("Review the response")
	v.tab(`main button[value="approve"]`).leave(chromedp.KeyEvent(" ")).status(200)
	s.Settle()
	r.Refresh().WantStatus("fulfilled")
}

// The first page of the demo moves the clock.
func TestMovingTheClockOnThePage(t *testing.T) {
	s := kit.Start(t)
	v := visit(s)
	before := s.Now()
	v.open("/").want("The clock is set by hand", "Mon 23 Nov 2026")
	v.press("1 day on").status(200).want("Tue 24 Nov 2026")
	if got := s.Now(); got.Sub(before) < 24*60*60*1e9 {
		t.Errorf("the clock moved from %s to %s", before, got)
	}
	v.open("/dev/mailbox").want("No mail has been sent yet").look("dev-mailbox-empty")
}
