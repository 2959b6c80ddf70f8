package pages

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

func ownerTask() OwnerTask {
	f := testFrame()
	f.HomeURL = ""
	return OwnerTask{
		Frame: f, Reference: "7K3QX-9M2DA", Action: dsar.ReadOut, System: "Paper archive", AskedAt: at(12, 1, 9, 0), Until: at(12, 11, 9, 0),
		Name: "Ada <b>Marlow</b>", Identifiers: []Fact{{"email", "ada.marlow@example.com"}, {"phone", "+44 7700 900123"}},
		Limits: OwnerLimits{File: 200 << 20, All: 1 << 30, Files: 50, Kinds: ".pdf,.csv", Names: "PDF, CSV"},
		Form:   Form{Action: "/owner/x"}, PassForm: Form{Action: "/owner/x/pass"}, AskForm: Form{Action: "/owner/x/question"},
	}
}

func ownerPages() map[string]page {
	wrong := ownerTask()
	wrong.Action, wrong.Late, wrong.Answer, wrong.Records, wrong.Note, wrong.To = dsar.Erase, true, OwnerDone, "many", "</textarea>", "nobody"
	wrong.Files = []OwnerFile{{1, "card <1>.pdf", 48_300_000}, {7, "letters.zip", 912}}
	wrong.Refused = []RefusedFile{{"setup.exe", BadKind}, {"film.pdf", TooLarge}, {"empty.csv", EmptyFile}, {"one more.csv", TooMany}, {"x.csv", NotStored}}
	wrong.Errors = Errors{{"file", Refused}, {"answer", Missing}, {"records", NotAllowed}, {"note", Missing}, {"to", NotAnEmail}, {"question", Missing}}
	correct := ownerTask()
	correct.Action, correct.Asked, correct.Vendor, correct.Corrections = dsar.Correct, true, true, []Fact{{"address", "5 Mill Road"}}
	restrict := ownerTask()
	restrict.Action, restrict.Name, restrict.Identifiers = dsar.Restrict, "", nil
	all := map[string]page{
		"owner-task":          func(r *Renderer, w io.Writer) error { return r.OwnerTask(w, ownerTask()) },
		"owner-task-error":    func(r *Renderer, w io.Writer) error { return r.OwnerTask(w, wrong) },
		"owner-task-correct":  func(r *Renderer, w io.Writer) error { return r.OwnerTask(w, correct) },
		"owner-task-restrict": func(r *Renderer, w io.Writer) error { return r.OwnerTask(w, restrict) },
		"owner-ended": func(r *Renderer, w io.Writer) error {
			return r.OwnerEnded(w, OwnerEnded{Frame: ownerTask().Frame, Why: OwnerAnswered, Reference: "7K3QX-9M2DA", At: at(12, 10, 14, 5)})
		},
		"console-task-owner": func(r *Renderer, w io.Writer) error {
			return r.ConsoleTask(w, ConsoleTask{
				ConsoleFrame: testConsoleFrame(SectionTasks), Form: Form{Action: "/console/tasks/1"}, Kind: TaskOwnerCannot, System: "Paper archive", Case: "2F8KW-00QRD",
				CaseURL: "/console/cases/1", Right: dsar.Erasure, Due: testDue(), Since: at(12, 1, 9, 0), Answers: TaskAnswers(),
				Owner: &OwnerWork{
					AskedAt: at(12, 1, 9, 0), Until: at(12, 9, 9, 0), Holders: []OwnerHolder{{"archive@example.com", at(12, 1, 9, 0)}, {"", at(12, 2, 9, 0)}}, Reminders: 2,
					OverdueAt: at(12, 9, 9, 0), Questions: 1, QuestionAt: at(12, 3, 9, 0), Files: 2, Bytes: 48_000, Answer: OwnerCannot, AnsweredAt: at(12, 9, 12, 0),
					Records: 3, Note: "The film <b>cannot</b> be cut.",
				},
			})
		},
	}
	for _, why := range OwnerEnds()[1:] {
		all["owner-ended-"+string(why)] = func(r *Renderer, w io.Writer) error {
			return r.OwnerEnded(w, OwnerEnded{Frame: Frame{Lang: "en"}, Why: why})
		}
	}
	return all
}

// What an owner sees once the task is over is about nobody.
func TestEndedTasksShowNobody(t *testing.T) {
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range ownerPages() {
		if !strings.HasPrefix(name, "owner-ended") {
			continue
		}
		var b bytes.Buffer
		if err := write(r, &b); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "Marlow") || strings.Contains(b.String(), "<form") {
			t.Errorf("%s shows more than that it is over", name)
		}
	}
}
