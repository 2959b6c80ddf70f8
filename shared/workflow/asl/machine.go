package asl

import "errors"

// Type is the type of a state.
type Type string

// The supported state types.
const (
	TaskState    Type = "Task"
	ChoiceState  Type = "Choice"
	MapState     Type = "Map"
	PassState    Type = "Pass"
	WaitState    Type = "Wait"
	SucceedState Type = "Succeed"
	FailState    Type = "Fail"
)

// Integration is the Resource of a task.
type Integration string

// The supported resources.
const (
	Invoke       Integration = "arn:aws:states:::lambda:invoke"
	InvokeToken  Integration = "arn:aws:states:::lambda:invoke.waitForTaskToken" //nolint:gosec // the name of a resource, no credential
	StartChild   Integration = "arn:aws:states:::states:startExecution"
	RunChildSync Integration = "arn:aws:states:::states:startExecution.sync:2"
)

// MaxTimeout is the largest number of seconds in a TimeoutSeconds or a Wait, and the default timeout of a task.
const MaxTimeout = 99_999_999

// Machine is a definition that was checked. It is immutable and safe for concurrent use.
type Machine struct {
	StartAt        string
	TimeoutSeconds int64  // 0 = none
	Source         []byte // canonical JSON with names substituted; Load(Source, nil) gives the same machine

	states map[string]*State // of every depth; names are unique
}

// State returns a state by name, whether of the machine or of a Map's processor.
func (m *Machine) State(name string) (*State, bool) {
	s, ok := m.states[name]
	return s, ok
}

// Filter is an InputPath or an OutputPath. The zero value passes everything; null in the definition gives an empty object.
type Filter struct {
	path    *Path
	discard bool
}

// Apply returns the selected value.
func (f Filter) Apply(s *Scope, field string) (any, error) {
	if f.discard {
		return map[string]any{}, nil
	}
	if f.path == nil {
		return s.Input, nil
	}
	v, err := f.path.Get(s)
	if errors.Is(err, ErrNoValue) {
		return nil, Runtime("Invalid path '%s' in %s: it names no value", f.path.text, field)
	}
	return v, err
}

// ResultPlace is a ResultPath. The zero value replaces the input with the result; null in the definition keeps the input.
type ResultPlace struct {
	path    *ReferencePath
	discard bool
}

// Combine returns the raw input with the result in its place.
func (r ResultPlace) Combine(raw, result any) (any, error) {
	if r.discard {
		return raw, nil
	}
	if r.path == nil {
		return result, nil
	}
	return r.path.Set(raw, result)
}

// State is one state. Which of the parts below are set goes by Type.
type State struct {
	Name       string
	Type       Type
	Next       string // "" when the state ends its machine or iteration
	InputPath  Filter
	OutputPath Filter

	Parameters     *Template // Task, Pass
	ResultSelector *Template // Task, Map
	ResultPath     ResultPlace
	Retry          []Retrier // Task, Map
	Catch          []Catcher // Task, Map

	Task   *Task
	Choice *Choice
	Map    *Map
	Pass   *Pass
	Wait   *Wait
	Fail   *Fail
}

// Task is what a Task state does.
type Task struct {
	Integration Integration
	timeout     int64
	timeoutPath *Path
}

// Pass is the Result of a Pass state.
type Pass struct {
	Result any
	Set    bool // whether the state has a Result
}

// Map is an inline Map.
type Map struct {
	ItemsPath      *Path // nil = the effective input
	ItemSelector   *Template
	MaxConcurrency int // 0 = no limit of its own
	StartAt        string
}

// Effective returns the state's effective input: the raw input after InputPath and Parameters. The scope's input is the raw
// one.
func (s *State) Effective(sc *Scope) (any, error) {
	v, err := s.InputPath.Apply(sc, "InputPath")
	if err != nil || s.Parameters == nil {
		return v, err
	}
	return s.Parameters.Eval(sc.With(v))
}

// Output returns the state's output for a result: after ResultSelector, ResultPath (which combines with the raw input, the
// scope's) and OutputPath.
func (s *State) Output(sc *Scope, result any) (any, error) {
	if s.ResultSelector != nil {
		var err error
		if result, err = s.ResultSelector.Eval(sc.With(result)); err != nil {
			return nil, err
		}
	}
	v, err := s.ResultPath.Combine(sc.Input, result)
	if err != nil {
		return nil, err
	}
	return s.OutputPath.Apply(sc.With(v), "OutputPath")
}

// Timeout returns how many seconds the task may take; MaxTimeout when it does not say. The scope's input is the state's
// effective input before Parameters.
func (t *Task) Timeout(sc *Scope) (int64, error) {
	if t.timeoutPath == nil {
		return t.timeout, nil
	}
	v, err := t.timeoutPath.Get(sc)
	if err != nil {
		return 0, Runtime("Invalid path '%s' in TimeoutSecondsPath: it names no value", t.timeoutPath.text)
	}
	n, ok := integer(v)
	if !ok || n < 1 || n > MaxTimeout {
		return 0, Runtime("TimeoutSecondsPath must give an integer from 1 to %d", MaxTimeout)
	}
	return n, nil
}

// Items returns the array that the Map works on. The scope's input is the effective input.
func (m *Map) Items(sc *Scope) ([]any, error) {
	v := sc.Input
	if m.ItemsPath != nil {
		var err error
		if v, err = m.ItemsPath.Get(sc); err != nil {
			return nil, Runtime("Invalid path '%s' in ItemsPath: it names no value", m.ItemsPath.text)
		}
	}
	items, ok := v.([]any)
	if !ok {
		return nil, Runtime("The items of a Map state must be an array")
	}
	return items, nil
}
