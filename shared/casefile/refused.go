package casefile

import (
	"fmt"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/redact"
)

const (
	labelRefused = "refused#"
	maxRefused   = 10 // files told of at once; more are no news
)

// RefusedUpload is a file that an owner sent on its own and that was not taken. Nothing of it is kept but its name, until the owner
// goes on with another one.
type RefusedUpload struct {
	N    int       `json:"n"`
	Name []byte    `json:"name"` // sealed
	Why  string    `json:"why"`  // pages.Problem
	At   time.Time `json:"at"`
}

// RefuseUpload notes that a file was not taken, so that the owner is told when they look at the task again.
func (f *File) RefuseUpload(t *Task, name, why string) error {
	if err := f.OwnerMay(t); err != nil {
		return err
	}
	t.Owner.UploadsNo++
	r := RefusedUpload{N: t.Owner.UploadsNo, Why: why, At: f.now}
	r.Name = f.Keys.SealDoc(fmt.Sprintf("%s%s#%d", labelRefused, t.ID, r.N), []byte(name))
	t.Owner.Refused = append(t.Owner.Refused, r)
	t.Owner.Refused = t.Owner.Refused[max(0, len(t.Owner.Refused)-maxRefused):]
	return f.TaskEntry(t, "file_refused", t.OwnerActor(), map[string]any{"n": r.N, "why": why})
}

// ForgetRefused forgets the files that were refused until then: an owner who began to add another one at that time has been told.
func (f *File) ForgetRefused(t *Task, until time.Time) {
	t.Owner.Refused = slices.DeleteFunc(t.Owner.Refused, func(r RefusedUpload) bool { return !r.At.After(until) })
}

// RefusedName opens the name of a file that was not taken.
func (f *File) RefusedName(t *Task, r RefusedUpload) (redact.Text, error) {
	plain, err := f.Keys.OpenDoc(fmt.Sprintf("%s%s#%d", labelRefused, t.ID, r.N), r.Name)
	if err != nil {
		return redact.Text{}, fmt.Errorf("opening the name of a file: %w", err)
	}
	return redact.NewText(string(plain.Reveal())), nil
}

// CheckUpload notes that a file has come on its own and is being checked: an owner who says that everything is there must not mean it
// and lose it.
func (f *File) CheckUpload(t *Task, id string) error {
	if err := f.OwnerMay(t); err != nil {
		return err
	}
	if !slices.Contains(t.Owner.Checking, id) {
		t.Owner.Checking = append(t.Owner.Checking, id)
	}
	return nil
}

// Checked notes that the file was taken, refused or given up, and reports whether it was being checked.
func (t *Task) Checked(id string) bool {
	before := len(t.Owner.Checking)
	t.Owner.Checking = slices.DeleteFunc(t.Owner.Checking, func(o string) bool { return o == id })
	return len(t.Owner.Checking) < before
}
