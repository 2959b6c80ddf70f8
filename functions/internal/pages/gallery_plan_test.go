package pages

import (
	"io"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

func testPlan() ConsolePlan {
	return ConsolePlan{
		ConsoleFrame: testConsoleFrame(SectionCases), Reference: "7K3QX-9M2DA", CaseURL: "/console/cases/1", Right: dsar.Erasure, Due: testDue(), State: PlanWaiting,
		Hash: "9f2c71e0b4aa53d0c1e7a8b6f2d4934e0b7c5a1d8e6f3b2a9c4d7e0f1a2b3c4d", Editors: []string{"Jo Park"}, PreparedBy: "Jo Park", GrowthLimit: 5, Number: 2,
		Systems: []PlanSystem{
			{
				Name: "Web shop", Action: dsar.Erase, By: "machine", Drift: "12 records came on top.",
				Collections: []PlanCollection{
					{Name: "customers", Action: "mask", Records: 1, SamplesURL: "/console/cases/1/plan/samples?collection=customers"},
					{Name: "orders", Action: "delete", Records: 40, SamplesURL: "/console/cases/1/plan/samples?collection=orders"},
					{Name: "invoices", Action: "keep", Records: 1204, Because: dsar.Exemption, Why: "Invoices are kept ten years (HGB s. 257)."},
				},
				Exemptions: []PlanExemption{{System: "shop", Collection: "invoices", Citation: "GDPR Art. 17(3)(b), HGB s. 257", ReviewBy: "2026-01-31", Overdue: true}, {System: "shop", Citation: "GDPR Art. 17(3)(e)", OfCase: true}},
				Holds:      []PlanHold{{"3 May 2026", "/console/holds/1"}},
			},
			{Name: "Paper archive", Action: dsar.Erase, By: "owner", Collections: []PlanCollection{}},
			{Name: "Newsletter", Action: dsar.Erase, By: "machine", Outcome: dsar.NothingHeld},
			{Name: "Old shop", Action: dsar.Erase, By: "machine", Outcome: dsar.Retained, Because: dsar.Hold},
		},
		Act: dsar.Erase, Records: 41, ByHand: 1, Twice: true, GraceDays: 7, After: "M0N5E-D8HHB", AfterURL: "/console/cases/2",
		Form: Form{Action: "/console/cases/1/plan", Hidden: []Hidden{{"hash", "x"}}},
		Edit: PlanForm{
			Form: Form{Action: "/console/cases/1/plan/edit"}, Targets: []PlanTarget{{"shop:", "Web shop"}, {"shop:orders", "Web shop, orders"}}, Exempt: "shop:orders",
			Include: []PlanTarget{{"shop:", "Web shop: GDPR Art. 17(3)(e)"}},
		},
	}
}

func planPages() map[string]page {
	plan := testPlan()
	correction := testPlan()
	correction.Right, correction.Act, correction.Records, correction.Systems = dsar.Correction, dsar.Correct, 1, correction.Systems[1:]
	correction.Edit.Fields = []PlanField{{"", "street", "4 Mill Road"}, {}}
	correction.Errors, correction.Edit.Open = Errors{{"corrections", NotAllowed}, {"why", Missing}, {"exempt", NotAllowed}, {"reason", Missing}}, true
	yours := testPlan()
	yours.Form, yours.Bar, yours.Paused, yours.Edit.Form = Form{}, BarYou, true, Form{}
	approved := testPlan()
	approved.Form, approved.State, approved.GraceUntil, approved.Decided, approved.Edit = Form{}, PlanApproved, at(12, 17, 9, 0), &PlanDecided{By: "Ana Ruiz", At: at(12, 10, 9, 0), Reason: "As agreed."}, PlanForm{}
	empty := ConsolePlan{ConsoleFrame: testConsoleFrame(SectionCases), Reference: "7K3QX-9M2DA", CaseURL: "/console/cases/1", Right: dsar.Access, State: PlanApproved, Act: dsar.ReadOut, Decided: &PlanDecided{At: at(12, 10, 9, 0)}}
	ask := ConsoleSamples{ConsoleFrame: testConsoleFrame(SectionCases), Form: Form{Action: "/console/cases/1/plan/samples"}, Reference: "7K3QX-9M2DA", BackURL: "/console/cases/1/plan", System: "Web shop", Collection: "customers", Max: 20, Errors: testErrors("reason", Missing)}
	shown := ask
	shown.Errors, shown.Shown, shown.More = nil, true, true
	shown.Lines = []Sample{
		{Key: "4711", Action: "set", Fields: []SampleField{{Name: "street", Before: "1 Old Lane", After: "4 Mill Road"}, {Name: "phone", Null: true}}},
		{Key: "A-1, 2", Action: "keep", Because: "Invoices are kept ten years."},
	}
	return map[string]page{
		"console-plan":               func(r *Renderer, w io.Writer) error { return r.ConsolePlan(w, plan) },
		"console-plan-correction":    func(r *Renderer, w io.Writer) error { return r.ConsolePlan(w, correction) },
		"console-plan-yours":         func(r *Renderer, w io.Writer) error { return r.ConsolePlan(w, yours) },
		"console-plan-approved":      func(r *Renderer, w io.Writer) error { return r.ConsolePlan(w, approved) },
		"console-plan-empty":         func(r *Renderer, w io.Writer) error { return r.ConsolePlan(w, empty) },
		"console-samples":            func(r *Renderer, w io.Writer) error { return r.ConsoleSamples(w, shown) },
		"console-samples-ask":        func(r *Renderer, w io.Writer) error { return r.ConsoleSamples(w, ask) },
		"console-confirm-pause":      confirmPage(ConsoleConfirm{Act: ConfirmPause, Reference: "7K3QX-9M2DA", Until: at(12, 22, 23, 59)}),
		"console-confirm-resume":     confirmPage(ConsoleConfirm{Act: ConfirmResume, Reference: "7K3QX-9M2DA", Until: at(12, 22, 23, 59), NoReason: true}),
		"console-confirm-release":    confirmPage(ConsoleConfirm{Act: ConfirmRelease, Cases: 12, NoReason: true}),
		"console-confirm-without":    confirmPage(ConsoleConfirm{Act: ConfirmProceed, Reference: "7K3QX-9M2DA", Choices: []PlanTarget{{"shop", "Web shop"}, {"archive", "Paper archive"}}, Choice: "archive", Errors: testErrors("system", Missing)}),
		"console-case-paused":        func(r *Renderer, w io.Writer) error { return r.ConsoleCase(w, waitingCase(DecidePaused)) },
		"console-case-waiting-plan":  func(r *Renderer, w io.Writer) error { return r.ConsoleCase(w, waitingCase(DecidePlan)) },
		"console-case-waiting-grace": func(r *Renderer, w io.Writer) error { return r.ConsoleCase(w, waitingCase(DecideGrace)) },
	}
}

func confirmPage(m ConsoleConfirm) page {
	m.ConsoleFrame, m.Form, m.BackURL = testConsoleFrame(SectionCases), Form{Action: "/x"}, "/console/cases/1"
	return func(r *Renderer, w io.Writer) error { return r.ConsoleConfirm(w, m) }
}

func waitingCase(k DecisionKind) ConsoleCase {
	return ConsoleCase{
		ConsoleFrame: testConsoleFrame(SectionCases), Reference: "Q3X8F-5GJ1S", Right: dsar.Erasure, Status: dsar.AwaitingReview, Paused: k == DecidePaused,
		ReceivedAt: at(12, 10, 8, 0), Due: testDue(), Next: Decision{Kind: k, URL: "/console/cases/1/plan", Count: 41, Until: at(12, 17, 9, 0)},
		Messages: []Message{{From: FromSubject, At: at(12, 11, 9, 0), Text: "The street is wrong.", Statement: true}},
	}
}

func holdPages() map[string]page {
	rows := []HoldRow{
		{URL: "/console/holds/1", Scope: "subject", Kind: "email", ReviewBy: at(12, 1, 0, 0), Overdue: true, PlacedAt: at(5, 3, 9, 0), PlacedBy: "Ana Ruiz"},
		{URL: "/console/holds/2", Scope: "system", System: "Web shop", Collection: "orders", Records: 3, PlacedAt: at(6, 3, 9, 0), PlacedBy: "Ana Ruiz", ReviewBy: at(12, 30, 0, 0)},
		{URL: "/console/holds/3", Scope: "case", Case: "7K3QX-9M2DA", PlacedAt: at(7, 3, 9, 0), PlacedBy: "Ana Ruiz"},
	}
	released := rows[2]
	released.ReleasedAt = at(12, 2, 9, 0)
	one := ConsoleHold{
		ConsoleFrame: testConsoleFrame(SectionHolds), Hold: rows[2], CaseURL: "/console/cases/1", More: true, BackURL: "/console/holds", ReleaseURL: "/console/holds/3/release",
		Cases: []HeldCase{{"7K3QX-9M2DA", "/console/cases/1", dsar.Erasure, dsar.PartlyFulfilled}}, RevealForm: Form{Action: "/console/holds/3"},
	}
	open := one
	open.Hold, open.RevealForm, open.ReleaseURL, open.ReleasedBy, open.Cases = released, Form{}, "", "Jo Park", nil
	open.Details = &HoldDetails{Identifier: "ada.marlow@example.com", Keys: []string{"1", "2"}, Reason: "Case 4 C 12/26 of the court."}
	place := ConsolePlaceHold{
		ConsoleFrame: testConsoleFrame(SectionHolds), Form: Form{Action: "/console/place-hold"}, Scope: "system", Kinds: []string{"email", "customer_id"}, Kind: "email",
		Systems: []PlanTarget{{"shop", "Web shop"}}, System: "shop", BackURL: "/console/holds", Errors: Errors{{"scope", Missing}, {"system", Missing}, {"identifier", Missing}, {"reason", Missing}},
	}
	return map[string]page{
		"console-holds": func(r *Renderer, w io.Writer) error {
			return r.ConsoleHolds(w, ConsoleHolds{ConsoleFrame: testConsoleFrame(SectionHolds), Overdue: 1, Live: rows, Released: []HoldRow{released}, PlaceURL: "/console/place-hold", Paging: Paging{Next: "/console/holds?cursor=50"}})
		},
		"console-holds-empty": func(r *Renderer, w io.Writer) error {
			return r.ConsoleHolds(w, ConsoleHolds{ConsoleFrame: testConsoleFrame(SectionHolds)})
		},
		"console-hold":          func(r *Renderer, w io.Writer) error { return r.ConsoleHold(w, one) },
		"console-hold-revealed": func(r *Renderer, w io.Writer) error { return r.ConsoleHold(w, open) },
		"console-place-hold":    func(r *Renderer, w io.Writer) error { return r.ConsolePlaceHold(w, place) },
		"portal-cancel": func(r *Renderer, w io.Writer) error {
			return r.PortalCancel(w, PortalCancel{Frame: testFrame(), Form: Form{Action: "/t/shop/requests/x/cancel", Hidden: []Hidden{{"k", "x"}}}, Reference: "7K3QX-9M2DA", Until: at(12, 17, 9, 0)})
		},
		"portal-request-grace": func(r *Renderer, w io.Writer) error {
			return r.PortalRequest(w, PortalRequest{
				Frame: testFrame(), Reference: "7K3QX-9M2DA", Right: dsar.Erasure, Status: dsar.InProgress, Stage: StageGrace, Until: at(12, 17, 9, 0), Due: testDue(), Clock: Clock{ReceivedAt: at(12, 1, 9, 0)},
				Systems: testSystems(), Supplement: []string{"Old shop"}, WithdrawURL: "/x",
			})
		},
		"portal-request-disagree": func(r *Renderer, w io.Writer) error {
			return r.PortalRequest(w, PortalRequest{
				Frame: testFrame(), Reference: "7K3QX-9M2DA", Right: dsar.Correction, Status: dsar.PartlyFulfilled, Due: testDue(), Clock: testClock(),
				StatementForm: Form{Action: "/x"}, Errors: Errors{{"statement", Missing}},
			})
		},
	}
}
