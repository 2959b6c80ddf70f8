package dynamo_test

import (
	order "cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/dynamotable"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
	"github.com/habeas-dsar/habeas/shared/table/tabletest"
)

// patience is how long the indexes of two stores may take to say the same.
const patience = 10 * time.Second

// TestBothEnginesAgree runs one random program on DynamoDB and on the store of one machine, whose index lags, and on the model of the
// suite, and compares every answer.
func TestBothEnginesAgree(t *testing.T) {
	onEach(t, func(t *testing.T, c cloud) {
		cfg := c.config(t)
		tabletest.RunModel(t, func(t testing.TB) tabletest.Harness {
			now := newClock()
			lite, err := sqlitetable.Open(filepath.Join(t.TempDir(), "records.db"), sqlitetable.Options{Now: now.Now, Lag: 5 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			pair := &twin{t: t, aws: open(t, cfg, dynamotable.Options{Now: now.Now}), machine: lite}
			t.Cleanup(func() {
				if err := lite.Close(); err != nil {
					t.Error(err)
				}
				if pair.reads == 0 || pair.pages == 0 || pair.done == 0 || pair.refused == 0 || pair.indexed == 0 {
					t.Errorf("too little was compared: %+v", *pair)
				}
			})
			return tabletest.Harness{Store: pair, Now: now.Now, Advance: now.Advance, Patience: 2 * patience}
		})
	})
}

// twin is two stores that must answer alike. It answers as they do, or with an error that says how they differ.
type twin struct {
	t            testing.TB
	aws, machine table.Store

	reads, pages, indexed, done, refused int
}

// errDiffer is an error that no test expects.
var errDiffer = errors.New("the stores differ")

func differ(what, d string) error {
	return fmt.Errorf("%w in %s (-aws +machine):\n%s", errDiffer, what, d)
}

func (p *twin) Get(ctx context.Context, key table.Key) (table.Item, error) {
	a, aerr := p.aws.Get(ctx, key)
	m, merr := p.machine.Get(ctx, key)
	p.reads++
	if d := cmp.Diff(a, m, cmpopts.EquateEmpty()); d != "" || fault.ClassOf(aerr) != fault.ClassOf(merr) {
		return table.Item{}, differ(fmt.Sprintf("reading, %v and %v", aerr, merr), d)
	}
	return a, aerr
}

func (p *twin) Transact(ctx context.Context, writes ...table.Write) error {
	aerr, merr := p.aws.Transact(ctx, writes...), p.machine.Transact(ctx, writes...)
	if fault.ClassOf(aerr) != fault.ClassOf(merr) {
		return differ(fmt.Sprintf("writing, %v and %v", aerr, merr), "")
	}
	if aerr == nil {
		p.done++
	} else {
		p.refused++
	}
	return aerr
}

// Query compares pages of the main key to the cursor: they end at the same place.
func (p *twin) Query(ctx context.Context, q table.Query) (table.Page, error) {
	if q.Index {
		return p.index(ctx, q)
	}
	a, aerr := p.aws.Query(ctx, q)
	m, merr := p.machine.Query(ctx, q)
	p.pages++
	if d := cmp.Diff(a, m, cmpopts.EquateEmpty()); d != "" || fault.ClassOf(aerr) != fault.ClassOf(merr) {
		return table.Page{}, differ(fmt.Sprintf("query %+v, %v and %v", q, aerr, merr), d)
	}
	return a, aerr
}

// index answers as DynamoDB does, and before the first page waits until both indexes hold the same. Items of the same isk come in any
// order, so that pages may differ.
func (p *twin) index(ctx context.Context, q table.Query) (table.Page, error) {
	if q.Cursor != "" {
		return p.aws.Query(ctx, q)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		a, aerr := all(ctx, p.aws, q)
		m, merr := all(ctx, p.machine, q)
		d := cmp.Diff(a, m, cmpopts.EquateEmpty())
		if d == "" && fault.ClassOf(aerr) == fault.ClassOf(merr) {
			p.indexed++
			return p.aws.Query(ctx, q)
		}
		if time.Now().After(deadline) {
			return table.Page{}, differ(fmt.Sprintf("query %+v, %v and %v", q, aerr, merr), d)
		}
	}
}

// all reads a query of an index to its end, and sorts what it finds.
func all(ctx context.Context, s table.Store, q table.Query) ([]table.Item, error) {
	var items []table.Item
	for {
		page, err := s.Query(ctx, q)
		if err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
		if q.Cursor = page.Next; q.Cursor == "" {
			slices.SortFunc(items, func(a, b table.Item) int {
				return order.Or(strings.Compare(a.ISK, b.ISK), strings.Compare(a.PK, b.PK), strings.Compare(a.SK, b.SK))
			})
			return items, nil
		}
	}
}

func (p *twin) Close() error { return errors.Join(p.aws.Close(), p.machine.Close()) }
