package pages

import (
	"io"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

func latePages() map[string]page {
	open := LateRow{Reference: "7K3QX-9M2DA", CaseURL: "/console/cases/1", Right: dsar.Access, Status: dsar.InProgress, DueAt: at(12, 1, 23, 59), Cause: "system", Of: "The <shop>", Open: true}
	answered := LateRow{Reference: "2F8KW-00QRD", CaseURL: "/console/cases/2", Right: dsar.Erasure, Status: dsar.Fulfilled, DueAt: at(11, 28, 23, 59), Cause: "approval", URL: "/console/cases/2/late"}
	settled := answered
	settled.SettledAt = at(12, 4, 9, 30)
	frame := testConsoleFrame(SectionCases)
	form := ConsoleLateAnswer{ConsoleFrame: frame, Row: answered, Form: Form{Action: "/console/cases/2/late"}, BackURL: "/console/late"}
	wrong, read := form, form
	wrong.Why, wrong.Errors = "Nobody <looked>.", testErrors("action", Missing)
	read.Form, read.Row, read.Why, read.Action = Form{}, settled, "Nobody looked.", "Two people look."
	lift := ConsoleLift{ConsoleFrame: frame, Reference: "2F8KW-00QRD", Form: Form{Action: "/console/cases/2/lift"}, BackURL: "/console/cases/2"}
	wrongLift, waiting, come := lift, lift, lift
	wrongLift.From, wrongLift.Reason, wrongLift.Errors = "soon", "The address <is> right.", testErrors("from", NotADate)
	waiting.Announced, come.Announced, come.Come = at(12, 20, 0, 0), at(12, 1, 0, 0), true
	late := func(m ConsoleLate) page {
		m.ConsoleFrame, m.OtherURL = frame, "/console/late"
		return func(r *Renderer, w io.Writer) error { return r.ConsoleLate(w, m) }
	}
	one := func(m ConsoleLateAnswer) page {
		return func(r *Renderer, w io.Writer) error { return r.ConsoleLateAnswer(w, m) }
	}
	end := func(m ConsoleLift) page {
		return func(r *Renderer, w io.Writer) error { return r.ConsoleLift(w, m) }
	}
	return map[string]page{
		"console-late":               late(ConsoleLate{Rows: []LateRow{open, answered}, Paging: Paging{Next: "/console/late?cursor=x"}}),
		"console-late-none":          late(ConsoleLate{}),
		"console-late-settled":       late(ConsoleLate{Settled: true, Rows: []LateRow{settled}}),
		"console-late-settled-none":  late(ConsoleLate{Settled: true}),
		"console-late-answer":        one(form),
		"console-late-answer-errors": one(wrong),
		"console-late-answer-read":   one(read),
		"console-lift":               end(lift),
		"console-lift-errors":        end(wrongLift),
		"console-lift-announced":     end(waiting),
		"console-lift-come":          end(come),
	}
}
