package functions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions"
	assembled "github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/publishevents"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/table"
)

// board is a bus that answers as told, case by case, and keeps the order in which it was told.
type board struct {
	mu     sync.Mutex
	told   []string                  // ids of events
	answer func(caseID string) error // nil = takes it
}

func (b *board) publish(_ context.Context, e events.Event) error {
	b.mu.Lock()
	answer := b.answer
	b.mu.Unlock()
	if answer != nil {
		if err := answer(e.CaseID); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, e.ID)
	return nil
}

func (b *board) count(id string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.told {
		if t == id {
			n++
		}
	}
	return n
}

func (b *board) set(answer func(caseID string) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

// newStreamRig is a rig with a board, and the handler as processes share it.
func newStreamRig(t *testing.T, edit ...func(*functions.Ports)) (*rig, *board, *publishevents.Step) {
	t.Helper()
	b := &board{}
	r := newRig(t, append([]func(*functions.Ports){func(p *functions.Ports) { p.Publish = b.publish }}, edit...)...)
	s, err := publishevents.New(assembled.New(r.ports))
	r.ok(err)
	return r, b, s
}

// rows takes the rows that were committed so far.
func (r *rig) rows() []casefile.OutboxRow {
	r.mu.Lock()
	defer r.mu.Unlock()
	rows := r.pending
	r.pending = nil
	return rows
}

// plant puts rows into the table that no case wrote.
func (r *rig) plant(rows ...casefile.OutboxRow) {
	r.t.Helper()
	for list := range slices.Chunk(rows, table.MaxTransactionItems) {
		var ws []table.Write
		for _, row := range list {
			body, err := json.Marshal(row)
			r.ok(err)
			ws = append(ws, table.Write{Op: table.Put, Item: table.Item{
				Key: row.Key(), IPK: fmt.Sprintf("%s%d", casefile.OutboxIndex, row.N%casefile.OutboxShards),
				ISK: fmt.Sprintf("%s#%s#%08d", row.At.Format("2006-01-02T15:04:05.000Z"), row.CaseID, row.N), Body: body,
			}})
		}
		r.ok(r.table.Transact(r.t.Context(), ws...))
	}
}

func TestOneRowOfAStreamKeepsNoOther(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	r, b, s := newStreamRig(t, func(p *functions.Ports) { p.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	bad, mad, good := r.create(), r.create(), r.create()
	rows := r.rows()
	poison := casefile.OutboxRow{Tenant: tenant, CaseID: bad.ID, N: 900, Kind: "unheard_of", At: r.now}
	r.plant(poison)
	rows = append([]casefile.OutboxRow{poison}, rows...)
	b.set(func(caseID string) error {
		switch caseID {
		case bad.ID:
			return fault.New(fault.Misconfigured, "the bus is not there")
		case mad.ID:
			panic("canary: " + caseID)
		}
		return nil
	})
	if left := s.Stream(t.Context(), rows); len(left) != 0 {
		t.Errorf("rows %v were not begun", left)
	}
	for _, row := range rows {
		stays := row.Kind != casefile.OutStart && row.CaseID != good.ID
		if r.pends(row) != stays {
			t.Errorf("%s of case %d stays: %t", row.Kind, slices.Index([]string{bad.ID, mad.ID, good.ID}, row.CaseID), !stays)
		}
	}
	if r.engine.starts != 3 || len(b.told) != 1 {
		t.Errorf("%d starts, %d events", r.engine.starts, len(b.told))
	}
	if got := log.String(); strings.Count(got, "outbox row failed") != 3 || strings.Contains(got, "canary") || strings.Contains(got, "@") {
		t.Errorf("the log says %s", got)
	}
	// A stream delivers again what was carried out: nothing is told or started twice, and what was mended is made up for.
	b.set(nil)
	if left := s.Stream(t.Context(), append(rows, rows...)); len(left) != 0 {
		t.Errorf("rows %v were not begun", left)
	}
	if r.engine.starts != 3 || len(b.told) != 3 {
		t.Errorf("%d starts, %d events", r.engine.starts, len(b.told))
	}
}

// Rows of a case follow each other; as many cases as there are run beside each other, within bounds.
func TestTheOrderOfAStream(t *testing.T) {
	t.Parallel()
	r, b, s := newStreamRig(t)
	var cases []casefile.Case
	for range 20 {
		cases = append(cases, r.create())
	}
	starts := r.rows()
	var rows []casefile.OutboxRow
	for n := range 5 {
		for _, c := range cases {
			rows = append(rows, casefile.OutboxRow{Tenant: tenant, CaseID: c.ID, N: 10 + n, Kind: casefile.OutEvent, Event: events.CaseReopened, At: r.now})
		}
	}
	r.plant(rows...)
	var mu sync.Mutex
	var now, most int
	b.set(func(string) error {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(2 * time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		return nil
	})
	if left := s.Stream(t.Context(), append(starts, rows...)); len(left) != 0 {
		t.Fatalf("rows %v were not begun", left)
	}
	for _, c := range cases {
		var got []string
		for _, id := range b.told {
			if own, n, _ := strings.Cut(id, "/"); own == c.ID {
				got = append(got, n)
			}
		}
		if !slices.Equal(got[1:], []string{"10", "11", "12", "13", "14"}) {
			t.Errorf("a case was told of in the order %q", got)
		}
	}
	if most < 2 || most > 8 {
		t.Errorf("%d events at the same time", most)
	}
}

// What cannot be begun in time is left as it is, and named; what was begun has ended.
func TestAStreamEndsBeforeItsDeadline(t *testing.T) {
	t.Parallel()
	r, b, s := newStreamRig(t)
	for range 12 {
		r.create()
	}
	rows := r.rows()
	release := make(chan struct{})
	var once sync.Once
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	b.set(func(string) error {
		once.Do(func() { time.AfterFunc(1300*time.Millisecond, func() { close(release) }) })
		<-release
		return nil
	})
	left := s.Stream(ctx, rows)
	if ctx.Err() != nil || len(left) == 0 || len(left) == len(rows) {
		t.Fatalf("%d of %d rows were not begun, %v", len(left), len(rows), ctx.Err())
	}
	for i, row := range rows {
		if slices.Contains(left, i) != r.pends(row) {
			t.Errorf("row %d was left %t, and is there: %t", i, slices.Contains(left, i), r.pends(row))
		}
	}
	b.set(nil)
	var again []casefile.OutboxRow
	for i := left[0]; i < len(rows); i++ { // as the platform delivers them: from the first that was left
		again = append(again, rows[i])
	}
	if left := s.Stream(t.Context(), again); len(left) != 0 || r.engine.starts != 12 || len(b.told) != 12 {
		t.Errorf("%d starts, %d events, left %v", r.engine.starts, len(b.told), left)
	}
}

func TestARowOfNobodyIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	r, b, s := newStreamRig(t)
	row := casefile.OutboxRow{Tenant: tenant, CaseID: strings.Repeat("0", 36), N: 1, Kind: casefile.OutEvent, At: r.now}
	r.plant(row)
	if left := s.Stream(t.Context(), []casefile.OutboxRow{row}); len(left) != 0 || len(b.told) != 0 {
		t.Errorf("left %v, told %d", left, len(b.told))
	}
}

// Two processes have the same letter in hand: it leaves once, and the one that came second does not call its fate unknown.
func TestALetterThatSomebodyElseHasInHand(t *testing.T) {
	t.Parallel()
	r, _, s := newStreamRig(t)
	c := r.create()
	r.next("Triage", c, step.Proceed)
	r.next("Acknowledge", c, step.Proceed)
	row := r.rowOf(c, casefile.OutMail)
	r.mail.look = func(context.Context, string) (mail.State, error) { return mail.Unknown, nil }
	r.mail.send = func(context.Context, mail.Message) (mail.State, error) {
		r.mail.send = nil
		if left := s.Stream(t.Context(), []casefile.OutboxRow{row}); len(left) != 0 || r.state(c) != mail.Claimed || !r.pends(row) {
			t.Errorf("while it is in hand: %s, the row is there: %t", r.state(c), r.pends(row))
		}
		return mail.Sent, nil
	}
	s.Stream(t.Context(), []casefile.OutboxRow{row})
	if r.state(c) != mail.Sent || r.pends(row) || r.count(c, "letter_sent") != 1 || r.count(c, "letter_unknown") != 0 {
		t.Errorf("%s, evidence %q", r.state(c), r.kinds(c))
	}
}

// A process died with a letter in hand: after two minutes nobody has it any more, and what became of it is unknown.
func TestALetterThatNobodyHasInHandAnyMore(t *testing.T) {
	t.Parallel()
	r, _, s := newStreamRig(t)
	c := r.create()
	r.next("Triage", c, step.Proceed)
	r.next("Acknowledge", c, step.Proceed)
	row := r.rowOf(c, casefile.OutMail)
	r.mail.look = func(context.Context, string) (mail.State, error) { return mail.Unknown, nil }
	r.mail.send = func(context.Context, mail.Message) (mail.State, error) { panic("killed") }
	s.Stream(t.Context(), []casefile.OutboxRow{row})
	for minute := 1; minute <= 5 && r.pends(row); minute++ {
		r.now = r.now.Add(time.Minute)
		_, err := s.Recover(t.Context())
		r.ok(err)
		if minute < 2 && !r.pends(row) {
			t.Error("its fate was settled while somebody could still have it in hand")
		}
	}
	if r.state(c) != mail.Unknown || r.pends(row) || r.count(c, "letter_unknown") != 1 {
		t.Errorf("%s, evidence %q", r.state(c), r.kinds(c))
	}
	r.verified(c)
}

// The hand-over takes all the time that the function has: what became of the letter is recorded all the same.
func TestTheFateOfALetterIsRecordedAtTheDeadline(t *testing.T) {
	t.Parallel()
	for want, taken := range map[mail.State]bool{mail.Unknown: true, mail.Claimed: false} {
		r, _, s := newStreamRig(t)
		c := r.create()
		r.next("Triage", c, step.Proceed)
		r.next("Acknowledge", c, step.Proceed)
		row := r.rowOf(c, casefile.OutMail)
		r.mail.look = func(context.Context, string) (mail.State, error) { return mail.Unknown, nil }
		r.mail.send = func(ctx context.Context, _ mail.Message) (mail.State, error) {
			<-ctx.Done()
			return want, fault.New(fault.Unavailable, "no answer in time")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		s.Stream(ctx, []casefile.OutboxRow{row})
		cancel()
		m, _, err := r.set.Cases.Mail(t.Context(), tenant, c.ID, 1)
		r.ok(err)
		if m.State != want || m.Attempted != taken || r.pends(row) == taken {
			t.Errorf("%s, attempted %t, the row is there: %t", m.State, m.Attempted, r.pends(row))
		}
	}
}
