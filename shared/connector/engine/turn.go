package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/spool"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Engine runs turns. It is safe for concurrent use; rate limits hold across all turns of one engine.
type Engine struct {
	cfg Config

	mu       sync.Mutex
	limiters map[string]*rate.Limiter // by tenant and system

	deadlines bool // Pace is the clock by which contexts end
}

// New returns an engine. A missing port is fault.Misconfigured.
func New(cfg Config) (*Engine, error) {
	if cfg.Blobs == nil || cfg.Now == nil || cfg.Sleep == nil {
		return nil, fault.New(fault.Misconfigured, "the connector engine needs an object store, a clock and a way to sleep")
	}
	deadlines := cfg.Pace != nil
	if !deadlines {
		cfg.Pace = cfg.Now
	}
	setDefault(&cfg.TurnTime, 30*time.Second)
	setDefault(&cfg.TurnRecords, 500_000)
	setDefault(&cfg.TurnBytes, 256<<20)
	setDefault(&cfg.PartBytes, 2<<20)
	setDefault(&cfg.SpoolBytes, 24<<20)
	setDefault(&cfg.GrowthLimit, 5)
	return &Engine{cfg: cfg, limiters: map[string]*rate.Limiter{}, deadlines: deadlines}, nil
}

func setDefault[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Turn runs one turn of a task. An error means that the turn could not be run at all and changed nothing that counts: the
// instruction is wrong (invalid), ctx ended or our own stores fail (unavailable), or a defect (internal); repeat it from the
// same State. Whatever the system does wrong is a Turn that waits or asks a person.
//
// A turn ends in good order, answering More, at the first border of a page or a batch after TurnTime; and, with a Pace, when a
// fifth of the time that ctx left it at its beginning remains, or a minute if that is less. ctx ending makes a turn stop within
// one call to the system and return an error.
func (e *Engine) Turn(ctx context.Context, ins Instruction) (Turn, error) {
	t, err := e.begin(ctx, ins)
	if err != nil {
		return Turn{}, err
	}
	if ins.Callback != "" {
		ctx = connector.WithCallback(ctx, ins.Callback)
	}
	turn, err := t.run(ctx)
	if err == nil {
		return turn, nil
	}
	if pending, ok := errors.AsType[*connector.Pending](err); ok && ctx.Err() == nil {
		return t.later(pending.Wait, pending.Callback), nil
	}
	var failed *systemFailure
	if ctx.Err() != nil || !errors.As(err, &failed) {
		return Turn{}, fmt.Errorf("running %s: %w", ins.Action, err)
	}
	return t.failed(failed.cause)
}

// task is one turn under way.
type task struct {
	e      *Engine
	ins    Instruction
	desc   connector.Descriptor
	limits connector.Limits
	st     state
	start  time.Time // by Now: the read window
	until  time.Time // by Pace: no page or batch is begun after it
	// what the last call said of the system's readiness
	pause    time.Duration
	callback bool
}

var segment = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

func (e *Engine) begin(ctx context.Context, ins Instruction) (*task, error) {
	for _, s := range []string{ins.Tenant, ins.CaseID, ins.TaskID} {
		if !segment.MatchString(s) || s == "." || s == ".." {
			return nil, fault.New(fault.Invalid, "an instruction needs tenant, case and task that are fit for object names")
		}
	}
	if ins.Connector == nil || ins.Keys == nil || ins.System == "" {
		return nil, fault.New(fault.Invalid, "an instruction needs a system, its connector and the keys of the case")
	}
	t := &task{e: e, ins: ins, desc: ins.Connector.Describe()}
	t.begins(ctx)
	t.limits = t.desc.Limits.WithDefaults()
	if err := t.st.read(ins.State, ins.Action); err != nil {
		return nil, err
	}
	return t, ctx.Err()
}

func (t *task) run(ctx context.Context) (Turn, error) {
	if len(t.ins.Proven)+len(t.ins.Found) == 0 && t.ins.Action != dsar.VerifyAfter {
		return Turn{}, fault.New(fault.Invalid, "an instruction needs an identifier to search by")
	}
	switch t.ins.Action {
	case dsar.Locate:
		return t.locate(ctx)
	case dsar.ReadOut:
		return t.access(ctx)
	case dsar.DryRun:
		return t.dryRun(ctx)
	case dsar.Erase, dsar.Correct, dsar.Restrict:
		return t.change(ctx)
	case dsar.VerifyAfter:
		return t.verify(ctx)
	}
	return Turn{}, fault.New(fault.Invalid, "an instruction has an unknown action")
}

// state is the content of State.
type state struct {
	Version     int                          `json:"v"`
	Action      dsar.Action                  `json:"action"`
	Turn        int                          `json:"turn"`            // turns that made progress
	Phase       phase                        `json:"phase,omitempty"` // of changes
	Cursor      connector.Cursor             `json:"cursor,omitempty"`
	Spooled     bool                         `json:"spooled,omitempty"`  // there is a spool to go on with
	Leftover    bool                         `json:"leftover,omitempty"` // objects of a spool lie in the store
	Since       time.Time                    `json:"since,omitzero"`     // when reading began
	Waits       int                          `json:"waits,omitempty"`    // in a row
	Due         time.Time                    `json:"due,omitzero"`       // verification not before
	NextPart    int                          `json:"nextPart,omitempty"`
	PartHashes  string                       `json:"partHashes,omitempty"` // running hash over the digests of parts
	List        PlanRef                      `json:"list,omitzero"`        // what is being applied
	Line        int                          `json:"line,omitempty"`       // lines of the list that are settled
	Recovered   int                          `json:"recovered,omitempty"`
	Job         string                       `json:"job,omitempty"` // the system is carrying out JobLines lines from Line on
	JobLines    int                          `json:"jobLines,omitempty"`
	Open        int                          `json:"open,omitempty"` // verify: records not in their end state
	Collections []connector.CollectionResult `json:"collections,omitempty"`
}

type phase string

const (
	phaseBegin  phase = ""       // plan again, or wait for consistency
	phaseApply  phase = "apply"  // carry out the list
	phaseCheck  phase = "check"  // verify: read every planned key
	phaseSearch phase = "search" // verify: plan once more, to find what is outside the list
)

const stateVersion = 1

func (s *state) read(b State, action dsar.Action) error {
	*s = state{Version: stateVersion, Action: action}
	if len(b) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, s); err != nil || s.Version != stateVersion || s.Action != action || s.Turn < 0 || s.NextPart < 0 || s.Line < 0 {
		return fault.New(fault.Invalid, "the state of the task is not one that the connector engine wrote for this action")
	}
	return nil
}

func (s *state) write() State {
	b, err := json.Marshal(s)
	if err != nil {
		panic("engine: a state of plain fields does not marshal: " + err.Error())
	}
	return b
}

// systemFailure is an error that the connector gave, as against one of our own.
type systemFailure struct{ cause error }

func (f *systemFailure) Error() string { return f.cause.Error() }
func (f *systemFailure) Unwrap() error { return f.cause }

func bySystem(err error) error {
	if err == nil {
		return nil
	}
	return &systemFailure{err}
}

// Waits between turns while a system is throttled or unavailable.
const (
	firstWait   = 5
	maxWait     = 900
	maxCallback = 86_400 // a system that reports by itself is asked anyway after a day
)

// failed turns a failure of the system into a wait or a question to a person. State and progress are those at hand.
func (t *task) failed(err error) (Turn, error) {
	class := fault.ClassOf(err)
	turn := Turn{FaultClass: string(class), Reason: reasons(class), Collections: t.st.Collections, Leftover: t.st.Spooled || t.st.Leftover}
	if class != fault.Throttled && class != fault.Unavailable {
		turn.Status, turn.Outcome, turn.State = Person, dsar.NotDone, t.st.write()
		return turn, nil
	}
	wait := maxWait
	if t.st.Waits < 8 {
		wait = firstWait << t.st.Waits
	}
	asked := int((fault.WaitOf(err) + time.Second - 1) / time.Second)
	turn.Status, turn.WaitSeconds = Waiting, min(max(wait, asked, 1), maxWait)
	t.st.Waits++
	turn.State = t.st.write()
	return turn, nil
}

// later ends a turn because the system needs time, which is no failure.
func (t *task) later(wait time.Duration, callback bool) Turn {
	turn := Turn{Status: Waiting, Collections: t.st.Collections, Leftover: t.st.Spooled || t.st.Leftover, Reason: "the system is still working on it"}
	most := maxWait
	if callback && t.ins.Callback != "" {
		turn.Status, most = System, maxCallback
	}
	turn.WaitSeconds = min(max(int((wait+time.Second-1)/time.Second), 1), most)
	turn.State = t.st.write()
	return turn
}

func reasons(c fault.Class) string {
	switch c {
	case fault.Throttled:
		return "the system asked us to slow down"
	case fault.Unavailable:
		return "the system is not reachable"
	case fault.Misconfigured, fault.Unauthenticated, fault.Forbidden:
		return "the system refuses our credentials or is set up wrongly"
	case fault.Invalid:
		return "the system gave an answer that cannot be right"
	default:
		return "the connector failed"
	}
}

// spoolFor returns the spool of the task, as the last turn left it.
func (t *task) spoolFor(ctx context.Context) (*spool.Spool, error) {
	prefix, cfg := t.object("spool"), t.e.cfg
	if !t.st.Spooled {
		return spool.New(cfg.Blobs, t.ins.Keys, prefix, t.st.Turn, cfg.SpoolBytes), nil
	}
	sp, err := spool.Open(ctx, cfg.Blobs, t.ins.Keys, prefix, t.st.Turn, cfg.SpoolBytes)
	if err != nil {
		return nil, fmt.Errorf("going on with the spool: %w", err)
	}
	return sp, nil
}

// leaveSpool ends the use of a spool. Its objects stay until Forget: a turn that dies after this, before its answer is
// recorded, runs again and needs them.
func (t *task) leaveSpool(sp *spool.Spool) {
	t.st.Leftover = t.st.Leftover || t.st.Spooled || sp.Wrote()
	t.st.Spooled = false
}

// Forget removes what the spool of a task has left behind. Call it when a Turn with Leftover is recorded; repeating it, or
// calling it for a task without leftovers, is fine.
func (e *Engine) Forget(ctx context.Context, tenant, caseID, taskID string) error {
	for _, s := range []string{tenant, caseID, taskID} {
		if !segment.MatchString(s) {
			return fault.New(fault.Invalid, "forgetting a task needs tenant, case and task")
		}
	}
	if err := spool.Clear(ctx, e.cfg.Blobs, "spool/"+tenant+"/"+caseID+"/"+taskID); err != nil {
		return fmt.Errorf("forgetting a task: %w", err)
	}
	return nil
}

func (t *task) object(kind string) string {
	return kind + "/" + t.ins.Tenant + "/" + t.ins.CaseID + "/" + t.ins.TaskID
}

// reserve is what a turn leaves of the time it has at most: enough for the page in hand, for storing what was read and for
// recording where the task stands.
const reserve = time.Minute

// begins starts the time of a turn.
func (t *task) begins(ctx context.Context) {
	t.start = t.e.cfg.Now()
	now := t.e.cfg.Pace()
	t.until = now.Add(t.e.cfg.TurnTime)
	if end, ok := ctx.Deadline(); ok && t.e.deadlines {
		if end = end.Add(-min(reserve, end.Sub(now)/5)); end.Before(t.until) {
			t.until = end
		}
	}
}

// late reports whether the turn has used up its time.
func (t *task) late() bool { return !t.e.cfg.Pace().Before(t.until) }
