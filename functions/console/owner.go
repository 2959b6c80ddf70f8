package console

import (
	"net/http"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/shared/casefile"
)

// ownerView is what staff see of a task that was put to the owner of a system. Addresses and words are there with reveal_data
// only; files are counted, and read in the response.
type ownerView struct {
	AskedAt    time.Time        `json:"askedAt"`
	AnswerBy   time.Time        `json:"answerBy"`
	Vendor     bool             `json:"vendor"`
	Holders    []holderView     `json:"holders"` // who was asked, the present one last
	Reminders  int              `json:"reminders"`
	OverdueAt  time.Time        `json:"overdueAt,omitzero"`
	Questions  int              `json:"questions"`
	QuestionAt time.Time        `json:"questionAt,omitzero"`
	Files      int              `json:"files"`
	Bytes      int64            `json:"bytes"`
	Answer     *ownerAnswerView `json:"answer,omitempty"`
}

type holderView struct {
	Since   time.Time `json:"since"`
	By      string    `json:"by"`
	Address string    `json:"address,omitempty"`
}

type ownerAnswerView struct {
	Answer  string    `json:"answer"`
	Records int64     `json:"records,omitempty"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Note    string    `json:"note,omitempty"`
}

// ownerOf returns the view of a task; nil for one that no owner has.
func ownerOf(t *casefile.Task) *ownerView {
	w := t.Owner
	if w == nil {
		return nil
	}
	v := &ownerView{
		AskedAt: w.AskedAt, AnswerBy: w.DueAt, Vendor: w.Vendor, Reminders: w.Reminders, OverdueAt: w.OverdueAt, Questions: w.Questions,
		QuestionAt: w.QuestionAt, Files: len(w.Uploads),
	}
	for _, o := range w.Holders {
		v.Holders = append(v.Holders, holderView{Since: o.Since, By: o.By})
	}
	for _, u := range w.Uploads {
		v.Bytes += u.Bytes
	}
	if a := w.Answer; a != nil {
		v.Answer = &ownerAnswerView{Answer: a.Answer, Records: a.Records, By: a.By, At: a.At}
	}
	return v
}

// reveal opens the addresses and the words, for callers who may read them.
func (v *ownerView) reveal(f *casefile.File, t *casefile.Task) error {
	for n := range v.Holders {
		address, err := f.HolderAddress(t, n+1)
		if err != nil {
			return err
		}
		v.Holders[n].Address = address.Reveal()
	}
	note, err := f.OwnerNote(t)
	if v.Answer != nil {
		v.Answer.Note = note.Reveal()
	}
	return err
}

// ownerWork is the same for the page of the task; opening what is sealed is recorded as a look.
func (h *Handler) ownerWork(r *http.Request, c *caller, f *casefile.File, t *casefile.Task) (*pages.OwnerWork, error) {
	v := ownerOf(t)
	if v == nil {
		return nil, nil
	}
	shown, err := h.reveal(r.Context(), c, f.Case.ID, true)
	if err == nil && shown {
		err = v.reveal(f, t)
	}
	if err != nil {
		return nil, err
	}
	m := &pages.OwnerWork{
		AskedAt: c.shown(v.AskedAt), Until: c.shown(v.AnswerBy), Reminders: v.Reminders, OverdueAt: c.shown(v.OverdueAt), Questions: v.Questions,
		QuestionAt: c.shown(v.QuestionAt), Files: v.Files, Bytes: v.Bytes,
	}
	for _, o := range v.Holders {
		m.Holders = append(m.Holders, pages.OwnerHolder{Address: o.Address, Since: c.shown(o.Since)})
	}
	if a := v.Answer; a != nil {
		m.Answer, m.AnsweredAt, m.Records, m.Note = pages.OwnerAnswer(a.Answer), c.shown(a.At), int(a.Records), a.Note
	}
	return m, nil
}
