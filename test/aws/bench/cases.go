package bench

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/habeas-dsar/habeas/infra/cost"
	"github.com/habeas-dsar/habeas/test/testkit"
)

// person is whom every case is about. The demonstration's shop does not know them; the systems of a case do.
const person = "wren.abara@example.com"

// story is one case, from the form to its end.
type story struct {
	name    string
	systems int                                // besides the shop of the demonstration
	bytes   int                                // that each system holds about the person
	tell    func(s *testkit.Site) (volume int) // bytes of the package that the person fetched
}

const megabyte = 1 << 20

// cases are the cases that are counted. The person fetches an answer once; a person of the team approves a plan once.
func cases() []story {
	access := func(s *testkit.Site) int {
		r := s.Ask("lumen", "access", person).Verify()
		r.WantStatus("fulfilled")
		return len(r.Follow(r.Link(), 1).Want(200).Body)
	}
	change := func(right string, more ...map[string]any) func(s *testkit.Site) int {
		return func(s *testkit.Site) int {
			r := s.Ask("lumen", right, person, more...).Verify()
			r.Approve()
			r.WantStatus("fulfilled")
			return 0
		}
	}
	erase := change("erasure")
	correct := change("correction", map[string]any{"corrections": []map[string]string{{"field": "name", "value": "Wren Abara-Lindqvist"}}})
	return []story{
		{"access, 3 systems", 2, 1 << 10, access},
		{"access, 12 systems, 20 MB", 11, 10 * megabyte / 11, access}, // a package holds everything twice, for people and for programs
		{"correction, 3 systems", 2, 1 << 10, correct},
		{"correction, 12 systems", 11, 1 << 10, correct},
		{"erasure, 3 systems", 2, 1 << 10, erase},
		{"erasure, 12 systems", 11, 1 << 10, erase},
	}
}

const tables = `
CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE notes (id INTEGER PRIMARY KEY, person INTEGER NOT NULL REFERENCES people(id), body TEXT NOT NULL);
INSERT INTO people VALUES (1, 'wren.abara@example.com', 'Wren Abara'), (2, 'piers.delacroix@example.com', 'Piers Delacroix');
`

func dataMap(name string) string {
	return strings.ReplaceAll(`dataset:
  - fides_key: NAME
    name: NAME
    collections:
      - name: people
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}, habeas_meta: {match: casefold}}
          - {name: name, data_categories: [user.name]}
      - name: notes
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - name: person
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: NAME, field: people.id, direction: from}]}
          - {name: body, data_categories: [user.content]}
`, "NAME", name)
}

// note is the length of one note. What is in it does not compress, so that a package is as large as what it holds.
const note = 8 << 10

// add registers the systems of a case.
func (c story) add(s *testkit.Site) {
	s.Helper()
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- the same notes every time
	letters := []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/")
	for n := range c.systems {
		name := fmt.Sprintf("s%02d", n)
		db := s.NewDatabase(name+".db", tables)
		for left := c.bytes * 4 / 3; left > 0; left -= note { // six bits a letter
			body := make([]byte, min(note, left))
			for i := range body {
				body[i] = letters[random.IntN(len(letters))]
			}
			if _, err := db.Exec("INSERT INTO notes (person, body) VALUES (1, ?)", string(body)); err != nil {
				s.Fatalf("filling %s: %v", name, err)
			}
		}
		s.AddDatabase("lumen", name, name+".db", dataMap(name)).Want(201)
	}
}

// counted is what one case used.
type counted struct {
	story
	usage  cost.Usage
	volume int
}

// count tells a story on a fresh installation and counts what it used: all that ran from the form on, the clockwork included as
// often as the clock of the story called it. seen remembers the executions of cases before.
func count(tb testing.TB, c story, kit *testkit.Kit, machines *sfn.Client, seen map[string]bool) counted {
	tb.Helper()
	s := kit.Start(tb)
	c.add(s)
	s.Settle()
	before := s.Stderr()
	volume := c.tell(s)
	s.Settle()
	said := bytes.TrimPrefix(s.Stderr(), before)
	usage, err := cost.Read(bytes.NewReader(said))
	if err != nil {
		tb.Fatalf("%s: reading what was used: %v", c.name, err)
	}
	if err := transitions(tb.Context(), machines, &usage, seen); err != nil {
		tb.Fatalf("%s: counting transitions: %v", c.name, err)
	}
	if usage.Transitions["case"] == 0 || usage.Invocations() == 0 {
		tb.Fatalf("%s: nothing was counted", c.name)
	}
	return counted{c, usage, volume}
}

// transitions adds every execution that was not seen with a case before.
func transitions(ctx context.Context, client *sfn.Client, u *cost.Usage, seen map[string]bool) error {
	list, err := client.ListStateMachines(ctx, &sfn.ListStateMachinesInput{})
	if err != nil {
		return fmt.Errorf("listing machines: %w", err)
	}
	for _, m := range list.StateMachines {
		name := (*m.Name)[strings.LastIndexByte(*m.Name, '-')+1:]
		pages := sfn.NewListExecutionsPaginator(client, &sfn.ListExecutionsInput{StateMachineArn: m.StateMachineArn})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("listing executions: %w", err)
			}
			for _, e := range page.Executions {
				if seen[*e.ExecutionArn] {
					continue
				}
				seen[*e.ExecutionArn] = true
				events, err := history(ctx, client, e)
				if err != nil {
					return err
				}
				u.Execution(name, events)
			}
		}
	}
	return nil
}

func history(ctx context.Context, client *sfn.Client, e types.ExecutionListItem) (iter.Seq[string], error) {
	var all []string
	pages := sfn.NewGetExecutionHistoryPaginator(client, &sfn.GetExecutionHistoryInput{ExecutionArn: e.ExecutionArn, IncludeExecutionData: aws.Bool(false)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading a history: %w", err)
		}
		for _, event := range page.Events {
			all = append(all, string(event.Type))
		}
	}
	return func(yield func(string) bool) {
		for _, t := range all {
			if !yield(t) {
				return
			}
		}
	}, nil
}
