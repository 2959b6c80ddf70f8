package functions_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/functions/publishevents"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

func (r *rig) recover(s *publishevents.Step) publishevents.Recovered {
	r.t.Helper()
	out, err := s.Recover(r.t.Context())
	r.ok(err)
	return out
}

// What the stream left is found in the table: not at once, as somebody may have it in hand, and not for ever as often.
func TestRecovery(t *testing.T) {
	t.Parallel()
	r, b, s := newStreamRig(t)
	c := r.create()
	started := r.now
	row := r.rowOf(c, casefile.OutEvent)
	var tries []time.Duration
	b.set(func(string) error {
		tries = append(tries, r.now.Sub(started).Truncate(time.Minute))
		return fault.New(fault.Unavailable, "the bus is away")
	})
	for minute := range 180 {
		r.now = started.Add(time.Duration(minute)*time.Minute + 5*time.Second)
		out := r.recover(s)
		if minute < 2 && out != (publishevents.Recovered{}) {
			t.Errorf("after %d minutes: %+v", minute, out)
		}
		if minute > 4 && (out.Waiting != 1 || out.Tried != out.Failed || !out.Oldest.Equal(row.At)) {
			t.Errorf("after %d minutes: %+v", minute, out)
		}
	}
	if r.engine.starts != 1 {
		t.Errorf("%d starts", r.engine.starts)
	}
	for i := 1; i < len(tries); i++ {
		pause := tries[i] - tries[i-1]
		if pause > 17*time.Minute || tries[i-1] < 4*time.Minute && pause > 2*time.Minute {
			t.Errorf("tried after %s and then after %s", tries[i-1], tries[i])
		}
	}
	if len(tries) < 15 || len(tries) > 35 || tries[0] != 2*time.Minute {
		t.Errorf("tried %d times: %s", len(tries), tries)
	}
	b.set(nil)
	for range 20 {
		r.now = r.now.Add(time.Minute)
		r.recover(s)
	}
	if out := r.recover(s); out != (publishevents.Recovered{}) || b.count(fmt.Sprintf("%s/%d", c.ID, row.N)) != 1 || r.pends(row) {
		t.Errorf("%+v, told %q", out, b.told)
	}
}

// A row that cannot be read keeps no other, and is called what it is.
func TestRecoveryAmongRowsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	r, b, s := newStreamRig(t, func(p *functions.Ports) { p.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	r.create()
	for n, body := range []string{"canary", `{"tenant":"other","caseId":"x","n":1}`} {
		for shard := range casefile.OutboxShards {
			r.ok(r.table.Transact(t.Context(), table.Write{Op: table.Put, Item: table.Item{
				Key: table.Key{Table: table.Cases, PK: "T#alder#C#broken", SK: fmt.Sprintf("O#%d%d", n, shard)}, IPK: fmt.Sprintf("OUT#%d", shard),
				ISK: r.now.Add(-time.Hour).Format("2006-01-02T15:04:05.000Z") + "#broken", Body: []byte(body),
			}}))
		}
	}
	r.now = r.now.Add(3 * time.Minute)
	if out := r.recover(s); out.Unread != 2*casefile.OutboxShards || out.Tried != 2 || out.Failed != 0 || len(b.told) != 1 || r.engine.starts != 1 {
		t.Errorf("%+v", out)
	}
	if !strings.Contains(log.String(), "level=ERROR msg=\"outbox rows cannot be read\" rows=16") || strings.Contains(log.String(), "canary") {
		t.Errorf("the log says %s", log.String())
	}
}

// More rows than a run takes that nobody can carry out do not keep a case from its start.
func TestRecoveryOfMoreThanARunTakes(t *testing.T) {
	t.Parallel()
	r, _, s := newStreamRig(t)
	var rows []casefile.OutboxRow
	for n := range 700 {
		rows = append(rows, casefile.OutboxRow{Tenant: tenant, CaseID: fmt.Sprintf("%036d", n), N: n, Kind: "unheard_of", At: r.now})
	}
	r.plant(rows...)
	r.now = r.now.Add(time.Second)
	r.create()
	r.now = r.now.Add(2 * time.Minute)
	for run := 1; ; run++ {
		r.now = r.now.Add(time.Second) // so that they stay as young: all are due in every run
		out := r.recover(s)
		if out.Tried > 500 || out.Waiting < 700 || out.Tried == 0 {
			t.Fatalf("%+v", out)
		}
		if r.engine.starts == 1 {
			break
		}
		if run == 60 {
			t.Fatal("the case is not started")
		}
	}
}

// A clock that stands still makes nothing older: under one that is set by hand every row is carried out by the next run.
func TestRecoveryUnderAClockSetByHand(t *testing.T) {
	t.Parallel()
	r, b, s := newStreamRig(t, func(p *functions.Ports) { p.Manual = true })
	r.create()
	if out := r.recover(s); out.Tried != 2 || r.engine.starts != 1 || len(b.told) != 1 {
		t.Errorf("%+v", out)
	}
}

func TestRecoveryOfAnOutboxThatCannotBeRead(t *testing.T) {
	t.Parallel()
	r, _, s := newStreamRig(t)
	r.ok(r.table.Close())
	if _, err := s.Recover(t.Context()); !fault.Has(err, fault.Unavailable) {
		t.Errorf("%v", err)
	}
}
