// Package progress says what each system said about a case, in one place for the portal, the console and both APIs.
package progress

import (
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// System is what one system said. Either Outcome or Progress is set. Because is a code, or the words of the person who decided
// once Explain has opened them. Its JSON is that of the contract.
type System struct {
	Name        string         `json:"name"`
	Title       string         `json:"title,omitempty"`
	Outcome     dsar.Outcome   `json:"outcome,omitempty"`
	Because     string         `json:"because,omitempty"`
	Progress    pages.Progress `json:"progress,omitempty"`
	Since       time.Time      `json:"since,omitzero"`
	AskedAt     time.Time      `json:"askedAt,omitzero"`  // when whoever is responsible was asked by mail
	AnswerBy    time.Time      `json:"answerBy,omitzero"` // with AskedAt: until when
	Files       int            `json:"files,omitempty"`   // that somebody added
	Records     int64          `json:"records"`
	Collections []Collection   `json:"collections"`

	decision *casefile.Decision
}

// Collection is the same for one collection.
type Collection struct {
	Name    string       `json:"name"`
	Outcome dsar.Outcome `json:"outcome"`
	Because string       `json:"because,omitempty"`
	Records int64        `json:"records"`
}

// Systems lists every system that was asked or will be, in order of name. Before a case is verified nothing is asked, and the
// list is empty.
func Systems(f *casefile.File, systems []registry.System) []System {
	out := []System{}
	if f.Case.Verification.VerifiedAt.IsZero() {
		return out
	}
	seen := map[string]bool{}
	for _, sys := range systems {
		seen[sys.Name] = true
		if s, ok := one(f, sys.Name); ok || f.Case.Open() {
			s.Title = sys.Title
			out = append(out, s)
		}
	}
	for _, t := range f.Tasks { // systems that were asked and are no longer registered
		if !seen[t.System] {
			seen[t.System] = true
			if s, ok := one(f, t.System); ok {
				out = append(out, s)
			}
		}
	}
	return out
}

func one(f *casefile.File, name string) (System, bool) {
	s := System{Name: name, Progress: pages.Queued, Collections: []Collection{}}
	act, locate := f.Act(name), f.TaskFor(name, dsar.Locate)
	t := act
	if t == nil {
		t = locate
	}
	if t == nil {
		return s, false
	}
	s.Since = t.StartedAt
	if t.Owner != nil {
		s.AskedAt, s.AnswerBy = t.Owner.AskedAt, t.Owner.DueAt
	}
	switch {
	case act != nil && unverified(f, act):
		s.Progress = pages.Working
	case t.Status == casefile.TaskDone && act != nil:
		s.Outcome, s.Because, s.Progress, s.Since, s.decision = t.Outcome, t.Because, "", t.EndedAt, t.Decision
	case t.Status == casefile.TaskWaiting:
		s.Progress = pages.Waiting
	case t.Asked != nil && t.Decision == nil:
		s.Progress, s.Since = pages.ForPerson, t.Asked.Since
	case t.Turns > 0 || t.Part > 0:
		s.Progress = pages.Working
	}
	if s.Outcome == "" {
		return s, true
	}
	s.Files, s.Records = len(t.Attachments()), t.ByHand()
	for _, c := range t.Collections {
		s.Collections = append(s.Collections, Collection{c.Name, c.Outcome, c.Because, c.Records})
		if c.Outcome == s.Outcome && c.Outcome != dsar.NothingHeld {
			s.Records += c.Records
		}
	}
	return s, true
}

// unverified reports whether a machine said that it changed the system, and nobody has looked yet.
func unverified(f *casefile.File, act *casefile.Task) bool {
	check := f.Checking(act)
	return f.Case.Open() && act.Status == casefile.TaskDone && check != nil && check.Status != casefile.TaskDone
}

// Explain opens the words of whoever decided about a system, for callers who may read them.
func Explain(f *casefile.File, list []System) error {
	for n := range list {
		words, err := f.Reason(list[n].decision)
		if err != nil {
			return err
		}
		if !words.IsZero() {
			list[n].Because = words.Reveal()
		}
	}
	return nil
}

// Pages turns the list into what a page shows.
func Pages(list []System) []pages.SystemProgress {
	out := make([]pages.SystemProgress, 0, len(list))
	for _, s := range list {
		p := pages.SystemProgress{Name: s.Title, Outcome: s.Outcome, Progress: s.Progress, Records: int(s.Records), Since: s.Since, Files: s.Files}
		if s.Outcome == "" {
			p.AskedAt, p.AnswerBy = s.AskedAt, s.AnswerBy // once there is an answer nobody waits for it
		}
		if p.Name == "" {
			p.Name = s.Name
		}
		p.Because, p.Why = because(s.Outcome, s.Because)
		for _, c := range s.Collections {
			pc := pages.CollectionProgress{Name: c.Name, Outcome: c.Outcome, Records: int(c.Records)}
			pc.Because, pc.Why = because(c.Outcome, c.Because)
			p.Collections = append(p.Collections, pc)
		}
		out = append(out, p)
	}
	return out
}

// because tells a reason code of Retained from words of a person.
func because(o dsar.Outcome, s string) (dsar.RetainedBecause, string) {
	switch b := dsar.RetainedBecause(s); b {
	case dsar.Hold, dsar.Exemption, dsar.Keep:
		return b, ""
	}
	if o == dsar.Retained {
		return dsar.Keep, s
	}
	return "", s
}
