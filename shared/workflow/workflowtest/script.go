package workflowtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// script is an invoker that answers as a program says and notes what it was asked.
type script struct {
	system System

	mu      sync.Mutex
	owed    []func() error // answers to tokens, given once the functions have returned
	answers map[string][]Answer
	calls   map[string][]json.RawMessage
}

func newScript(answers map[string][]Answer) *script {
	return &script{answers: answers, calls: map[string][]json.RawMessage{}}
}

// Invoke implements workflow.Invoker.
func (s *script) Invoke(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	a, err := s.next(function, payload)
	if err != nil {
		return nil, err
	}
	switch {
	case a.Panics:
		panic("as the program says")
	case a.Fails != "":
		return nil, fmt.Errorf("running scripted function: %w", fault.New(fault.Class(a.Fails), "as the program says"))
	case a.Token != nil:
		if a.Token.Early {
			return json.RawMessage(`{}`), s.answer(ctx, payload, a.Token)
		}
		s.mu.Lock()
		s.owed = append(s.owed, func() error { return s.answer(context.WithoutCancel(ctx), payload, a.Token) })
		s.mu.Unlock()
	case a.Echoes:
		return payload, nil
	case a.Bytes > 0:
		return json.RawMessage(`"` + strings.Repeat("x", a.Bytes-2) + `"`), nil
	}
	return s.system.named(a.Returns), nil
}

func (s *script) next(function string, payload json.RawMessage) (Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.calls[function])
	s.calls[function] = append(s.calls[function], payload)
	answers := s.answers[function]
	if len(answers) == 0 {
		return Answer{}, fault.New(fault.NotFound, "no such function")
	}
	return answers[min(n, len(answers)-1)], nil
}

func (s *script) answer(ctx context.Context, payload json.RawMessage, a *TokenAnswer) error {
	var p struct{ Token string }
	if err := json.Unmarshal(payload, &p); err != nil || p.Token == "" {
		return errors.New("the payload of a function that answers its token lacks it")
	}
	if a.Error != "" {
		return s.system.Engine.Fail(ctx, p.Token, a.Error, a.Cause)
	}
	return s.system.Engine.Succeed(ctx, p.Token, a.Output)
}

// settle answers the tokens that are open and reports whether there were any.
func (s *script) settle() (bool, error) {
	s.mu.Lock()
	owed := s.owed
	s.owed = nil
	s.mu.Unlock()
	var errs []error
	for _, answer := range owed {
		errs = append(errs, answer())
	}
	return len(owed) > 0, errors.Join(errs...)
}

func (s *script) payloads(function string) []json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]json.RawMessage(nil), s.calls[function]...)
}

// match compares JSON by value. In the pattern the string <any> stands for any value and <match:REGEXP> for a string.
func match(pattern, got json.RawMessage) error {
	var want, have any
	if err := json.Unmarshal(pattern, &want); err != nil {
		return fmt.Errorf("reading expectation: %w", err)
	}
	if err := json.Unmarshal(got, &have); err != nil {
		return fmt.Errorf("reading value: %w", err)
	}
	return matchValue(want, have, "")
}

func matchValue(want, have any, at string) error {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok || len(h) != len(w) {
			return fmt.Errorf("%s: want an object with %d members", at, len(w))
		}
		for k := range w {
			v, ok := h[k]
			if !ok {
				return fmt.Errorf("%s/%s is missing", at, k)
			}
			if err := matchValue(w[k], v, at+"/"+k); err != nil {
				return err
			}
		}
		return nil
	case []any:
		h, ok := have.([]any)
		if !ok || len(h) != len(w) {
			return fmt.Errorf("%s: want an array of %d elements", at, len(w))
		}
		for i := range w {
			if err := matchValue(w[i], h[i], fmt.Sprintf("%s/%d", at, i)); err != nil {
				return err
			}
		}
		return nil
	case string:
		if w == "<any>" {
			return nil
		}
		if expr, ok := strings.CutPrefix(w, "<match:"); ok {
			h, isText := have.(string)
			if re, err := regexp.Compile("^(?:" + strings.TrimSuffix(expr, ">") + ")$"); err != nil || !isText || !re.MatchString(h) {
				return fmt.Errorf("%s: want %s", at, w)
			}
			return nil
		}
	}
	if want != have {
		return fmt.Errorf("%s: want %v, got %v", at, want, have)
	}
	return nil
}
