package pages

import (
	"fmt"
	"io"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

func testConsoleFrame(current Section) ConsoleFrame {
	f := testFrame()
	f.HomeURL = "/console/"
	f.Session = &Session{Name: "Jo Park", SignOut: Form{Action: "/console/sign-out"}}
	return ConsoleFrame{Frame: f, Nav: Nav{Current: current, Links: []NavLink{
		{SectionNow, "/console/", 0}, {SectionCases, "/console/cases", 0}, {SectionTasks, "/console/tasks", 3}, {SectionSystems, "/console/systems", 0}, {SectionRecipients, "/console/recipients", 0}, {SectionHolds, "/console/holds", 0}, {SectionNumbers, "/console/numbers", 0}, {SectionLaw, "/console/law", 0},
	}}}
}

func testCases(n int) []CaseRow {
	rows := []CaseRow{
		{Reference: "2F8KW-00QRD", Right: dsar.Erasure, Status: dsar.AwaitingPerson, ReceivedAt: at(11, 6, 8, 0), Due: Due{At: at(12, 8, 23, 59), Law: "One month, GDPR Art. 12(3)"}, Systems: 7, SystemsDone: 6},
		{Reference: "7K3QX-9M2DA", Right: dsar.Access, Status: dsar.AwaitingReview, ReceivedAt: at(11, 12, 8, 0), Due: Due{At: at(12, 14, 23, 59), Law: "One month, GDPR Art. 12(3)"}, Systems: 7, SystemsDone: 7},
		{Reference: "C41ZT-TT0PV", Right: dsar.AutomatedDecisionReview, Status: dsar.InProgress, ReceivedAt: at(12, 1, 8, 0), Due: testDue(), Systems: 12, SystemsDone: 3},
		{Reference: "M0N5E-D8HHB", Right: dsar.Access, Status: dsar.Fulfilled, ReceivedAt: at(11, 20, 8, 0), Due: Due{At: at(12, 22, 23, 59), SettledAt: at(11, 28, 10, 0)}, Systems: 7, SystemsDone: 7},
		{Reference: "Q3X8F-5GJ1S", Right: dsar.OptOut, Status: dsar.Verifying, ReceivedAt: at(12, 10, 8, 0)},
		{Reference: "T9B7A-2CDEW", Right: dsar.LimitSensitive, Status: dsar.PartlyFulfilled, ReceivedAt: at(10, 1, 8, 0), Due: Due{At: at(11, 2, 23, 59), SettledAt: at(11, 4, 10, 0)}, Systems: 1200, SystemsDone: 1199},
		{Reference: "V6H2J-8YZ4K", Right: dsar.Correction, Status: dsar.Received, ReceivedAt: at(12, 10, 13, 0), Due: Due{At: at(12, 10, 23, 59)}, Systems: 7},
	}
	var out []CaseRow
	for i := range n {
		r := rows[i%len(rows)]
		r.URL = fmt.Sprintf("/console/cases/%s-%d", r.Reference, i)
		out = append(out, r)
	}
	return out
}

func testTasks() []TaskRow {
	return []TaskRow{
		{URL: "/console/tasks/1", Kind: TaskAmbiguous, System: "Old shop", Case: "2F8KW-00QRD", CaseURL: "/console/cases/1", Due: Due{At: at(12, 8, 23, 59)}, Since: at(11, 26, 17, 6), Assignee: "Jo Park"},
		{URL: "/console/tasks/2", Kind: TaskSearch, System: "Paper archive", Case: "7K3QX-9M2DA", CaseURL: "/console/cases/2", Due: testDue(), Since: at(11, 26, 17, 6), Assignee: "Front office"},
		{URL: "/console/tasks/3", Kind: TaskOperator, Case: "C41ZT-TT0PV", CaseURL: "/console/cases/3", Due: testDue(), Since: at(12, 10, 3, 0)},
	}
}

func testSystemRows() []SystemRow {
	return []SystemRow{
		{Name: "Parcel service", URL: "/console/systems/parcel", Kind: "rest", Owner: "Logistics", State: SystemDown, CheckedAt: at(12, 10, 13, 0), Rights: []dsar.Right{dsar.Access, dsar.Erasure}, Collections: 3, OpenTasks: 41},
		{Name: "Newsletter", URL: "/console/systems/newsletter", Kind: "rest", Owner: "Marketing", State: SystemRefusing, CheckedAt: at(12, 10, 13, 0), Rights: []dsar.Right{dsar.Access}, Collections: 2, OpenTasks: 7},
	}
}

func testReview() ConsoleReview {
	letter := testLetter()
	letter.Date = time.Time{}
	return ConsoleReview{
		ConsoleFrame: testConsoleFrame(SectionCases), Form: Form{Action: "/console/cases/1/response", Hidden: []Hidden{{"digest", "x"}}}, Reference: "7K3QX-9M2DA", CaseURL: "/console/cases/1",
		Right: dsar.Access, Subject: "Ada Marlow", Address: "ada.marlow@example.com", Digest: "sha256:9f2c71e0b4aa53d0c1e7a8b6f2d4934e0b7c5a1d8e6f3b2a9c4d7e0f1a2b3c4d", PreparedAt: at(12, 10, 9, 30), Due: Due{At: at(12, 14, 23, 59), Law: "GDPR Art. 12(3)"},
		Records: 1841, Systems: testSystems(), Volumes: []Volume{{1, 48_300_000}}, PackageURL: "/console/cases/1/package", Letter: &letter, MayDecide: true,
	}
}

func listPages() map[string]page {
	return map[string]page{
		"console-sign-in": func(r *Renderer, w io.Writer) error {
			f := testFrame()
			f.Contact = Contact{}
			return r.ConsoleSignIn(w, ConsoleSignIn{Frame: f, Form: Form{Action: "/console/sign-in"}, Email: "jo@shop.example.com", Errors: testErrors("password", BadLogin), OIDCURL: "/console/oidc", OIDC: "Example SSO", ByPassword: true})
		},
		"console-sign-in-only": func(r *Renderer, w io.Writer) error {
			return r.ConsoleSignIn(w, ConsoleSignIn{Frame: Frame{Now: at(12, 10, 14, 5)}, Left: true, LeaveURL: "https://sso.example.com/leave", OIDCURL: "/console/oidc", OIDC: "Example SSO", EmergencyURL: "/console/sign-in?way=password"})
		},
		"console-sign-in-emergency": func(r *Renderer, w io.Writer) error {
			return r.ConsoleSignIn(w, ConsoleSignIn{Frame: Frame{Now: at(12, 10, 14, 5)}, Form: Form{Action: "/console/sign-in"}, OIDCURL: "/console/oidc", OIDC: "Example SSO", ByPassword: true, Emergency: true})
		},
		"console-sign-in-problem": func(r *Renderer, w io.Writer) error {
			return r.ConsoleSignInProblem(w, ConsoleSignInProblem{Frame: Frame{Now: at(12, 10, 14, 5)}, Problem: SignInUnverified, Place: "Example SSO", Account: "f:9a1c52c4-8d1e-4f1b-9a57-2f6d1b0c7e11:jo", AgainURL: "/console/sign-in"})
		},
		"console-now": func(r *Renderer, w io.Writer) error {
			return r.ConsoleNow(w, ConsoleNow{ConsoleFrame: testConsoleFrame(SectionNow), Open: 213, Reviews: testCases(2)[1:], Late: testCases(2), Tasks: testTasks(), Systems: testSystemRows(), ReviewsURL: "/console/cases?status=awaiting_review", LateURL: "/console/cases?sort=due", TasksURL: "/console/tasks", SystemsURL: "/console/systems", RegisterURL: "/console/late", TrialURL: "/console/law?trust=draft"})
		},
		"console-now-empty": func(r *Renderer, w io.Writer) error {
			f := testConsoleFrame(SectionNow)
			f.Demo, f.ManualClock, f.MailboxURL = true, true, "/dev/mailbox"
			return r.ConsoleNow(w, ConsoleNow{ConsoleFrame: f})
		},
		"console-cases": func(r *Renderer, w io.Writer) error {
			return r.ConsoleCases(w, ConsoleCases{
				ConsoleFrame: testConsoleFrame(SectionCases), Filter: CaseFilter{Action: "/console/cases", Status: dsar.InProgress, Sort: "due", ClearURL: "/console/cases"},
				Sorts: []SortLink{{"reference", "/console/cases?sort=reference", ""}, {"due", "/console/cases?sort=-due", "ascending"}, {"received", "/console/cases?sort=received", ""}}, Rows: testCases(50), Paging: Paging{First: "/console/cases", Next: "/console/cases?cursor=x"},
			})
		},
		"console-cases-empty": func(r *Renderer, w io.Writer) error {
			return r.ConsoleCases(w, ConsoleCases{ConsoleFrame: testConsoleFrame(SectionCases), Filter: CaseFilter{Action: "/console/cases", DueBefore: "soon", ClearURL: "/console/cases"}, Errors: testErrors("dueBefore", NotADate)})
		},
	}
}

func casePages() map[string]page {
	notice := testConsoleFrame(SectionCases)
	notice.Notice = NoticeMessage
	theCase := ConsoleCase{
		ConsoleFrame: notice, Reference: "7K3QX-9M2DA", Right: dsar.Access, Status: dsar.AwaitingReview, ReceivedAt: at(11, 20, 9, 12),
		Law: "European Union, GDPR (assumed: no country was given)", Details: "I moved in 2024.\nBefore that: 4 Mill Road.",
		Next: Decision{Kind: DecideResponse, URL: "/console/cases/1/response", Count: 1841}, Due: testDue(), Clock: testLawsClock(), Steps: testSteps(), Systems: testSystems(),
		People:     []Person{{RoleSubject, "Ada Marlow", "ada.marlow@example.com, confirmed by code"}, {RoleHandler, "Jo Park", ""}},
		Recipients: []Recipient{{Name: "Parcel service", State: TellFailed, Why: "It did not answer.", URL: "/console/cases/1/notices/parcels"}, {Name: "Mail agency", State: TellConfirmed, At: at(12, 1, 9, 0)}},
		Timeline: []Event{
			{At: at(12, 10, 9, 30), By: FromSystem, Kind: "response_assembled", Text: "records 1841, systems 7", EvidenceURL: "/console/cases/1/evidence#14"},
			{At: at(11, 26, 16, 30), By: FromSubject, Kind: "message_added"},
			{At: at(11, 24, 10, 0), By: FromTeam, Name: "Jo Park", Kind: "clock_stopped"},
			{At: at(11, 20, 9, 12), By: FromSystem, Kind: "case_received", Text: "channel portal"},
		}, MoreURL: "/console/cases/1/timeline", Messages: testMessages(), MessageForm: Form{Action: "/console/cases/1/messages"},
		Acts: []ActLink{{ActExtend, "/console/cases/1/extend"}, {ActPause, "/console/cases/1/pause"}, {ActProceed, "/console/cases/1/proceed"}, {ActWithdraw, "/console/cases/1/withdraw"}, {ActEvidence, "/console/cases/1/evidence"}},
	}
	empty := ConsoleCase{ConsoleFrame: testConsoleFrame(SectionCases), Reference: "Q3X8F-5GJ1S", Right: dsar.OptOut, Status: dsar.Verifying, ReceivedAt: at(12, 10, 8, 0), Next: Decision{Kind: DecideNothing}}
	review := testReview()
	locked := review
	locked.MayDecide, locked.NotBecause, locked.Letter = false, "You prepared this response. Somebody else has to approve it.", nil
	wrong := review
	wrong.Errors, wrong.Letter = testErrors("reason", Missing), nil
	return map[string]page{
		"console-case":           func(r *Renderer, w io.Writer) error { return r.ConsoleCase(w, theCase) },
		"console-case-empty":     func(r *Renderer, w io.Writer) error { return r.ConsoleCase(w, empty) },
		"console-review":         func(r *Renderer, w io.Writer) error { return r.ConsoleReview(w, review) },
		"console-review-error":   func(r *Renderer, w io.Writer) error { return r.ConsoleReview(w, wrong) },
		"console-review-not-you": func(r *Renderer, w io.Writer) error { return r.ConsoleReview(w, locked) },
		"console-confirm": func(r *Renderer, w io.Writer) error {
			return r.ConsoleConfirm(w, ConsoleConfirm{ConsoleFrame: testConsoleFrame(SectionCases), Form: Form{Action: "/x"}, Act: ConfirmProceed, Reference: "7K3QX-9M2DA", Records: 1841, Systems: []string{"Parcel service", "Paper archive"}, Errors: testErrors("reason", Missing), BackURL: "/console/cases/1"})
		},
		"console-error": func(r *Renderer, w io.Writer) error {
			return r.ConsoleError(w, ConsoleError{ConsoleFrame: testConsoleFrame(""), Status: 403, Class: "forbidden", Trace: "01J8-4QF2", BackURL: "/console/"})
		},
	}
}

func taskPages() map[string]page {
	task := ConsoleTask{
		ConsoleFrame: testConsoleFrame(SectionTasks), Form: Form{Action: "/console/tasks/1"}, Kind: TaskAmbiguous, System: "Old shop", Case: "2F8KW-00QRD", CaseURL: "/console/cases/1",
		Right: dsar.Access, Due: Due{At: at(12, 8, 23, 59)}, Since: at(11, 26, 17, 6), What: "Two accounts share one telephone number.",
		Candidates: []Candidate{
			{Value: "c1", Records: 41, Facts: []Fact{{"name", "Ada Marlow"}, {"city", "Bremen"}, {"last order", "3 May 2026"}}},
			{Value: "c2", Records: 1, Facts: []Fact{{"name", "Ben Marlow"}, {"city", "Bremen"}}},
		}, Chosen: []string{"c1"},
	}
	search := task
	search.Kind, search.System, search.What, search.Candidates = TaskSearch, "Paper archive", "", nil
	search.LookFor = []Fact{{"email", "ada.marlow@example.com"}, {"phone", "+44 7700 900123"}}
	search.Outcomes, search.AskRecords, search.Errors = []dsar.Outcome{dsar.Found, dsar.NothingHeld, dsar.NotDone}, true, Errors{{"outcome", Missing}, {"records", NotAllowed}}
	answers := task
	answers.Answers, answers.AskIdentifier, answers.Kinds, answers.Errors, answers.Candidates = TaskAnswers(), true, []string{"customer_id", "email"}, Errors{{"identifier", Missing}}, nil
	settled := search
	settled.Form, settled.Outcome, settled.Errors = Form{}, dsar.NothingHeld, nil
	return map[string]page{
		"console-tasks": func(r *Renderer, w io.Writer) error {
			return r.ConsoleTasks(w, ConsoleTasks{ConsoleFrame: testConsoleFrame(SectionTasks), Rows: testTasks(), Paging: Paging{Next: "/console/tasks?cursor=x"}})
		},
		"console-task":         func(r *Renderer, w io.Writer) error { return r.ConsoleTask(w, task) },
		"console-task-search":  func(r *Renderer, w io.Writer) error { return r.ConsoleTask(w, search) },
		"console-task-answers": func(r *Renderer, w io.Writer) error { return r.ConsoleTask(w, answers) },
		"console-confirm-extend": func(r *Renderer, w io.Writer) error {
			return r.ConsoleConfirm(w, ConsoleConfirm{ConsoleFrame: testConsoleFrame(SectionCases), Form: Form{Action: "/x"}, Act: ConfirmExtend, Reference: "7K3QX-9M2DA", Until: at(12, 22, 23, 59), Grounds: Grounds(), Ground: "complexity", AskDay: true, Day: "2027-01-31", Errors: testErrors("ground", Missing), BackURL: "/console/cases/1"})
		},
		"console-task-settled": func(r *Renderer, w io.Writer) error { return r.ConsoleTask(w, settled) },
	}
}

func recipientPages() map[string]page {
	one := ConsoleRecipient{
		ConsoleFrame: testConsoleFrame(SectionRecipients), Form: Form{Action: "/console/recipients/parcels"}, Name: "parcels", Title: "Parcel service", Country: "DE", Purpose: "Delivery of orders",
		Email: "privacy@parcels.example.com", Webhook: "https://parcels.example.com/hook", Secret: "env:PARCELS", AllowPrivate: true, Identifiers: "email, customer_id", Systems: []string{"Shop database", "Support desk"}, BackURL: "/console/recipients",
	}
	shown := one
	shown.Form = Form{}
	fresh := ConsoleRecipient{ConsoleFrame: testConsoleFrame(SectionRecipients), Form: Form{Action: "/console/add-recipient"}, New: true, Errors: Errors{{"name", Refused}, {"title", NotAllowed}, {"secret", NotAllowed}}, BackURL: "/console/recipients"}
	notice := ConsoleNotice{
		ConsoleFrame: testConsoleFrame(SectionCases), Form: Form{Action: "/console/cases/1/notices/parcels"}, Recipient: "Parcel service", Case: "7K3QX-9M2DA", CaseURL: "/console/cases/1", State: TellFailed, Why: "It did not answer.",
		Lines: []NoticeLine{{System: "shop", What: dsar.Erased, At: at(12, 1, 9, 0)}}, Attempts: 8, Answers: []TaskAnswer{AnswerRetry, AnswerImpossible, AnswerDisproportionate}, Errors: Errors{{"decision", NotAChoice}, {"reason", Missing}},
	}
	told := notice
	told.Form, told.State, told.Why, told.Errors, told.SentAt, told.AckAt, told.NextAt, told.DecidedWhy = Form{}, TellConfirmed, "", nil, at(12, 1, 9, 5), at(12, 2, 8, 0), at(12, 8, 9, 0), "The company was dissolved."
	return map[string]page{
		"console-recipients": func(r *Renderer, w io.Writer) error {
			return r.ConsoleRecipients(w, ConsoleRecipients{ConsoleFrame: testConsoleFrame(SectionRecipients), AddURL: "/console/add-recipient", Rows: []RecipientRow{
				{Name: "Parcel service", URL: "/console/recipients/parcels", Country: "DE", Purpose: "Delivery of orders", Way: ByWebhook, Systems: []string{"Shop database", "Support desk"}},
				{Name: "Mail agency", URL: "/console/recipients/agency", Way: NoWay},
				{Name: "Tax adviser", URL: "/console/recipients/tax", Way: ByMail},
			}})
		},
		"console-recipients-empty": func(r *Renderer, w io.Writer) error {
			return r.ConsoleRecipients(w, ConsoleRecipients{ConsoleFrame: testConsoleFrame(SectionRecipients)})
		},
		"console-recipient":       func(r *Renderer, w io.Writer) error { return r.ConsoleRecipient(w, one) },
		"console-recipient-shown": func(r *Renderer, w io.Writer) error { return r.ConsoleRecipient(w, shown) },
		"console-recipient-new":   func(r *Renderer, w io.Writer) error { return r.ConsoleRecipient(w, fresh) },
		"console-notice":          func(r *Renderer, w io.Writer) error { return r.ConsoleNotice(w, notice) },
		"console-notice-told":     func(r *Renderer, w io.Writer) error { return r.ConsoleNotice(w, told) },
	}
}

func systemPages() map[string]page {
	return map[string]page{
		"console-systems": func(r *Renderer, w io.Writer) error {
			rows := append(testSystemRows(), SystemRow{Name: "Shop database", URL: "/console/systems/shop", Kind: "sqlite", Owner: "Web team", State: SystemWell, CheckedAt: at(12, 10, 13, 0), Rights: []dsar.Right{dsar.Access, dsar.Portability, dsar.Correction, dsar.Erasure}, Collections: 12},
				SystemRow{Name: "Paper archive", URL: "/console/systems/paper", Kind: "person", Owner: "Front office", State: SystemNotChecked})
			return r.ConsoleSystems(w, ConsoleSystems{ConsoleFrame: testConsoleFrame(SectionSystems), Rows: rows})
		},
		"console-system": func(r *Renderer, w io.Writer) error {
			return r.ConsoleSystem(w, ConsoleSystem{
				ConsoleFrame: testConsoleFrame(SectionSystems), Name: "Shop database", Kind: "sqlite", Owner: "Web team", Autopilot: true, State: SystemRefusing, CheckedAt: at(12, 10, 13, 0), Why: "The file is not readable.",
				Check:     []CheckStep{{"Settings", true, ""}, {"Connection", false, "The file is not readable by the account Habeas runs under."}},
				CheckForm: Form{Action: "/console/systems/shop/check"},
				Rights:    []RightCover{{dsar.Access, true, ""}, {dsar.Erasure, false, "The owner erases by hand."}},
				Collections: []SystemCollection{
					{Name: "customers", Description: "Accounts", Fields: 14, FoundBy: "email", Retention: "as long as the account exists"},
					{Name: "order_lines", Fields: 9, FoundBy: "orders.id"},
				}, Map: DataMap{
					Ways: []MapWay{
						{Kind: "email", Nodes: []*MapNode{{Name: "customers", Again: "addresses", Leads: []*MapNode{
							{Name: "orders", Via: "orders.customer_id = customers.id", Leads: []*MapNode{
								{Name: "order_lines", Via: "order_lines.order_id = orders.id"},
								{Name: "addresses", Via: "addresses.id = orders.shipping_id"},
								{Name: "products", Via: "products.id = order_lines.product_id", Silent: true},
							}},
						}}}},
						{Nodes: []*MapNode{{Name: "loyalty"}}},
					},
					Lost: []string{"imports"},
				}, Warnings: []Finding{
					{"orders", 41, "\"partitioning\" is kept and not used: every partition is searched"}, {"", 0, "Nothing else."},
				}, Recipients: []Recipient{{Name: "Parcel service", Purpose: "Delivery of orders"}}, OpenTasks: 2, TasksURL: "/console/tasks?system=shop",
			})
		},
	}
}

func devPages() map[string]page {
	return map[string]page{
		"demo-home": func(r *Renderer, w io.Writer) error {
			f := demoFrame()
			f.TenantName, f.HomeURL = "", ""
			return r.DemoHome(w, DemoHome{
				Frame: f, Portals: []DemoTenant{{"Harbour Lane Shop", "/t/default/", "one database, answered by machine"}}, ConsoleURL: "/console/", Clock: Form{Action: "/dev/clock"},
				Accounts: []DemoAccount{{"admin@shop.example.com", "correct-horse-battery", "admin"}, {"jo@shop.example.com", "correct-horse-battery", "handler, approver"}},
				Commands: []string{"habeas demo tour --out ./tour"}, Archive: "archive@shop.example.com", CRM: "http://127.0.0.1:41234/api/v1",
				Notices: []DemoNotice{{At: at(12, 10, 14, 0), Reference: "7K3QX-9M2DA", Controller: "Harbour Lane", What: "shop: erased", People: "ada.marlow@example.com", Confirmed: true}, {At: at(12, 9, 14, 0), Reference: "8K3QX-9M2DB", What: "shop: corrected", People: "ben.marlow@example.com"}},
				People:  []DemoPerson{{"Ada Marlow", "ada.marlow@example.com", "1,841 records over all tables"}, {"Ben Marlow", "ben.marlow@example.com", "shares an address with Ada"}},
			})
		},
		"demo-home-quiet": func(r *Renderer, w io.Writer) error {
			return r.DemoHome(w, DemoHome{Frame: demoFrame(), Portals: []DemoTenant{{"Harbour Lane Shop", "/t/default/", ""}}, CRM: "http://127.0.0.1:41234/api/v1", Archive: "archive@shop.example.com"})
		},
		"dev-mailbox": func(r *Renderer, w io.Writer) error {
			return r.DevMailbox(w, DevMailbox{Frame: demoFrame(), Mails: []MailRow{{"/dev/mailbox/1", "ada.marlow@example.com", "Your code for request 7K3QX-9M2DA", at(12, 10, 14, 1)}, {"/dev/mailbox/2", "ada.marlow@example.com", "We have your request (7K3QX-9M2DA)", at(12, 10, 14, 0)}}})
		},
		"dev-mailbox-empty": func(r *Renderer, w io.Writer) error { return r.DevMailbox(w, DevMailbox{Frame: demoFrame()}) },
		"dev-mail": func(r *Renderer, w io.Writer) error {
			return r.DevMail(w, DevMail{Frame: demoFrame(), Letter: testLetter(), SourceURL: "/dev/mail/1", BackURL: "/dev/mailbox"})
		},
	}
}
