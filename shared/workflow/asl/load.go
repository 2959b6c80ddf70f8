package asl

import (
	"errors"
	"slices"
	"unicode/utf8"
)

const maxStateName = 80 // characters (specification, "States")

// Load reads and checks a definition. ${Name} in its strings is replaced from names; nil leaves the text as it is. The error
// joins one fault.Invalid per problem, each with the JSON pointer of its place in Field and in its text.
func Load(definition []byte, names map[string]string) (*Machine, error) {
	d := &loader{names: names, states: map[string]*State{}}
	root, err := d.parse(definition)
	if err != nil {
		return nil, err
	}
	f := d.fields(root)
	f.text("Comment")
	if v := f.take("Version"); v != nil && v.scalar != "1.0" {
		d.problem(v, "only version 1.0 is supported")
	}
	if v := f.take("QueryLanguage"); v != nil && v.scalar != "JSONPath" {
		d.problem(v, "only JSONPath is supported")
	}
	m := &Machine{TimeoutSeconds: f.whole("TimeoutSeconds", 0, 1, MaxTimeout), states: d.states}
	m.StartAt = d.scope(f, false)
	f.done()
	if len(d.problems) > 0 {
		return nil, errors.Join(d.problems...)
	}
	m.Source, err = Encode(root.value())
	return m, err
}

// scope reads StartAt and States of a machine or of a Map's processor and returns StartAt.
func (d *loader) scope(f *fields, inMap bool) string {
	start := f.required("StartAt")
	n := f.take("States")
	if n == nil || len(n.object) == 0 {
		d.problem(f.node, "States is missing or empty")
		return start
	}
	scope := map[string]*State{}
	at := map[string]*node{}
	for _, m := range n.object {
		if l := utf8.RuneCountInString(m.name); l == 0 || l > maxStateName {
			d.problem(m.value, "the name of a state has 1 to %d characters", maxStateName)
		}
		if d.states[m.name] != nil {
			d.problem(m.value, "the name of a state is unique in the whole machine")
		}
		s := &State{Name: m.name}
		d.states[m.name], scope[m.name], at[m.name] = s, s, m.value
		d.state(s, m.value, inMap)
	}
	if start != "" && scope[start] == nil {
		d.problemAt(pointerTo(f.node.pointer, "StartAt"), "there is no such state here")
		return start
	}
	d.checkTransitions(n, scope, at, start)
	return start
}

// checkTransitions refuses transitions that lead nowhere, states that nothing leads to, and scopes without an end.
func (d *loader) checkTransitions(states *node, scope map[string]*State, at map[string]*node, start string) {
	reached := map[string]bool{}
	ends := false
	queue := []string{start}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		s := scope[name]
		if s == nil || reached[name] {
			continue
		}
		reached[name] = true
		next := s.targets()
		ends = ends || len(next) == 0 || s.Type != ChoiceState && s.Next == ""
		queue = append(queue, next...)
	}
	for _, m := range states.object {
		s := scope[m.name]
		for _, t := range s.targets() {
			if scope[t] == nil {
				d.problem(at[m.name], "a transition leads to a state that is not here")
			}
		}
		if !reached[m.name] {
			d.problem(at[m.name], "nothing leads to this state")
		}
	}
	if !ends {
		d.problem(states, "no state ends the machine")
	}
}

// targets lists the states that may follow.
func (s *State) targets() []string {
	var out []string
	if s.Next != "" {
		out = append(out, s.Next)
	}
	for _, c := range s.Catch {
		out = append(out, c.Next)
	}
	if s.Choice != nil {
		for _, r := range s.Choice.rules {
			out = append(out, r.next)
		}
		if s.Choice.fallback != "" {
			out = append(out, s.Choice.fallback)
		}
	}
	return out
}

func (d *loader) state(s *State, n *node, inMap bool) {
	f := d.fields(n)
	f.text("Comment")
	s.Type = Type(f.required("Type"))
	switch s.Type {
	case TaskState:
		d.task(s, f)
	case ChoiceState:
		s.Choice = d.choice(f)
	case MapState:
		d.mapState(s, f)
	case PassState:
		d.pass(s, f)
	case WaitState:
		s.Wait = d.wait(f)
		d.next(s, f)
	case SucceedState:
	case FailState:
		s.Fail = d.fail(f)
	default:
		d.problem(n, "the state type is not supported")
		return
	}
	if s.Type != FailState {
		s.InputPath = d.filter(f, "InputPath")
		s.OutputPath = d.filter(f, "OutputPath")
	}
	d.checkScopedContext(s, n, inMap)
	f.done()
}

// checkScopedContext refuses context values outside the place where they exist: the token in the Parameters of a task that
// waits for it, the item in an ItemSelector and within a Map.
func (d *loader) checkScopedContext(s *State, n *node, inMap bool) {
	visit := func(token, item bool) func(*Path) {
		return func(p *Path) {
			if !p.context || len(p.steps) == 0 {
				return
			}
			if p.steps[0].names[0] == "Task" && !token || p.steps[0].names[0] == "Map" && !item {
				d.problem(n, "%s has no value here", p.text)
			}
		}
	}
	if s.Parameters != nil {
		s.Parameters.paths(visit(s.Task != nil && s.Task.Integration == InvokeToken, inMap))
	}
	if s.ResultSelector != nil {
		s.ResultSelector.paths(visit(false, inMap))
	}
	if s.Map != nil && s.Map.ItemSelector != nil {
		s.Map.ItemSelector.paths(visit(false, true))
	}
}

func (d *loader) next(s *State, f *fields) {
	s.Next = f.text("Next")
	end := f.take("End")
	if end != nil && end.scalar != true {
		d.problem(end, "End is true or absent")
	}
	if (s.Next == "") == (end == nil) {
		d.problem(f.node, "want either Next or End")
	}
}

func (d *loader) filter(f *fields, name string) Filter {
	if n := f.rest[name]; n != nil && n.object == nil && n.array == nil && n.scalar == nil {
		f.take(name)
		return Filter{discard: true}
	}
	return Filter{path: f.path(name)}
}

func (d *loader) resultPlace(f *fields) ResultPlace {
	n := f.take("ResultPath")
	switch {
	case n == nil:
		return ResultPlace{}
	case n.object == nil && n.array == nil && n.scalar == nil:
		return ResultPlace{discard: true}
	}
	s, ok := n.scalar.(string)
	if !ok {
		d.problem(n, "want a reference path or null")
		return ResultPlace{}
	}
	p, err := ParseReferencePath(s)
	if err != nil {
		d.problem(n, "bad reference path: %v", err)
		return ResultPlace{}
	}
	return ResultPlace{path: p}
}

func (d *loader) optionalTemplate(f *fields, name string) *Template {
	if n := f.take(name); n != nil {
		return d.template(n)
	}
	return nil
}

func (d *loader) pass(s *State, f *fields) {
	s.Pass = &Pass{}
	if n := f.take("Result"); n != nil {
		s.Pass.Result, s.Pass.Set = n.value(), true
	}
	s.Parameters = d.optionalTemplate(f, "Parameters")
	s.ResultPath = d.resultPlace(f)
	d.next(s, f)
}

func (d *loader) mapState(s *State, f *fields) {
	m := &Map{ItemsPath: f.path("ItemsPath"), MaxConcurrency: int(f.whole("MaxConcurrency", 0, 0, MaxTimeout))}
	s.Map = m
	m.ItemSelector = d.optionalTemplate(f, "ItemSelector")
	d.work(s, f)
	n := f.take("ItemProcessor")
	if n == nil {
		d.problem(f.node, "ItemProcessor is missing")
		return
	}
	p := d.fields(n)
	p.text("Comment")
	if c := p.take("ProcessorConfig"); c != nil {
		config := d.fields(c)
		if mode := config.take("Mode"); mode != nil && mode.scalar != "INLINE" {
			d.problem(mode, "only mode INLINE is supported")
		}
		config.done()
	}
	m.StartAt = d.scope(p, true)
	p.done()
}

// work reads what Task and Map have in common.
func (d *loader) work(s *State, f *fields) {
	s.ResultSelector = d.optionalTemplate(f, "ResultSelector")
	s.ResultPath = d.resultPlace(f)
	s.Retry = d.retriers(f)
	s.Catch = d.catchers(f)
	d.next(s, f)
}

func (d *loader) task(s *State, f *fields) {
	t := &Task{timeout: MaxTimeout}
	s.Task = t
	resource := f.rest["Resource"]
	t.Integration = Integration(f.required("Resource"))
	if f.rest["TimeoutSeconds"] != nil && f.rest["TimeoutSecondsPath"] != nil {
		d.problem(f.node, "want at most one of TimeoutSeconds and TimeoutSecondsPath")
	}
	t.timeout = f.whole("TimeoutSeconds", MaxTimeout, 1, MaxTimeout)
	t.timeoutPath = f.path("TimeoutSecondsPath")
	parameters := f.rest["Parameters"]
	s.Parameters = d.optionalTemplate(f, "Parameters")
	d.work(s, f)
	var must string
	var may []string
	switch t.Integration {
	case Invoke, InvokeToken:
		must, may = "FunctionName", []string{"FunctionName", "Payload"}
	case StartChild, RunChildSync:
		must, may = "StateMachineArn", []string{"StateMachineArn", "Name", "Input"}
	default:
		if resource != nil {
			d.problem(resource, "the resource is not supported")
		}
		return
	}
	if s.Parameters == nil {
		d.problem(f.node, "Parameters is missing")
		return
	}
	d.checkParameters(s, parameters, must, may)
}

func (d *loader) checkParameters(s *State, n *node, must string, may []string) {
	if m, ok := s.Parameters.member(must); !ok {
		d.problem(n, "%s is missing", must)
	} else if text, static := s.Parameters.static(must); m.node != nil && (!static || text == "") {
		d.problem(n, "%s is a string that is not empty", must)
	}
	for _, m := range s.Parameters.root.members {
		if !slices.Contains(may, m.name) {
			d.problemAt(pointerTo(n.pointer, m.field), "the parameter is not supported")
		}
	}
	if s.Task.Integration != InvokeToken {
		return
	}
	given := false
	s.Parameters.paths(func(p *Path) {
		given = given || p.context && (len(p.steps) == 0 || p.steps[0].names[0] == "Task")
	})
	if !given {
		d.problem(n, "nothing passes $$.Task.Token, so nobody could answer")
	}
}
