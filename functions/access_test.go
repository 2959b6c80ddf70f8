package functions_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/habeas-dsar/habeas/shared/table"
)

// listed is a record store that refuses what shared/table/ACCESS.md does not list: there is no query outside it.
type listed struct {
	table.Store
	t    testing.TB
	mu   *sync.Mutex
	used map[string]bool // rows of the list that were used
}

// way is one row of the list.
type way struct {
	name   string
	table  table.Name
	index  bool
	pk, sk *regexp.Regexp // sk: of a get, or the prefix of a query
	get    bool
}

var (
	quoted = regexp.MustCompile("`([^`]+)`")
	parts  = strings.NewReplacer(
		"<t>", `[a-z0-9-]+`, "<c>", `[0-9a-f-]{36}`, "<id>", `[0-9a-f-]{36}`, "<n>", `\d{6,8}`, "<reference>", `[0-9A-Z-]{11}`, "<HMAC>", `[0-9a-f]{64}`,
		"<SHA-256>", `[0-9a-f]{64}`, "<status>", `[a-z_]+`, "<shard>", `[0-7]`, "<kind>", `[a-z]+`, "<what>", `[a-z#]+`, "<caller>", `.+`, "<task>", `[0-9a-f-]{36}`, "<hold>", `[0-9a-f-]{36}`, "<system>", `[a-z0-9_-]+`, "<journal>", `[a-z]+`,
	)
)

func pattern(s string) *regexp.Regexp {
	return regexp.MustCompile("^" + parts.Replace(strings.ReplaceAll(s, ".", `\.`)) + "$")
}

var ways = sync.OnceValues(func() ([]way, error) {
	raw, err := os.ReadFile("../shared/table/ACCESS.md")
	if err != nil {
		return nil, err
	}
	_, rows, _ := strings.Cut(string(raw), "## Queries")
	var out []way
	for line := range strings.Lines(rows) {
		cells := strings.Split(line, "|")
		if len(cells) != 8 || strings.HasPrefix(cells[1], "---") || strings.TrimSpace(cells[1]) == "query" {
			continue
		}
		keys := quoted.FindAllStringSubmatch(cells[3], -1)
		w := way{
			name: strings.TrimSpace(cells[1]), table: table.Name(strings.TrimSpace(cells[2])), index: strings.Contains(cells[3], "ipk "),
			pk: pattern(keys[0][1]), sk: regexp.MustCompile("^$"), get: strings.TrimSpace(cells[4]) == "get",
		}
		switch {
		case len(keys) > 1:
			w.sk = pattern(keys[1][1])
		case w.get: // a hash that is described in words
			w.sk = pattern("<SHA-256>")
		}
		out = append(out, w)
	}
	return out, nil
})

func (l *listed) check(name table.Name, index, get bool, pk, sk string) {
	l.t.Helper()
	all, err := ways()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, w := range all {
		if w.table == name && w.index == index && w.get == get && w.pk.MatchString(pk) && w.sk.MatchString(sk) {
			l.mu.Lock()
			l.used[w.name] = true
			l.mu.Unlock()
			return
		}
	}
	l.t.Errorf("ACCESS.md does not list: %s, index %t, get %t, %s, %q", name, index, get, pk, sk)
}

// Get implements table.Store.
func (l *listed) Get(ctx context.Context, k table.Key) (table.Item, error) {
	l.check(k.Table, false, true, k.PK, k.SK)
	return l.Store.Get(ctx, k)
}

// Query implements table.Store.
func (l *listed) Query(ctx context.Context, q table.Query) (table.Page, error) {
	l.check(q.Table, q.Index, false, q.PK, q.Prefix)
	return l.Store.Query(ctx, q)
}

func TestTheListOfQueriesIsRead(t *testing.T) {
	t.Parallel()
	all, err := ways()
	if err != nil || len(all) < 25 {
		t.Fatalf("%d ways to read: %v", len(all), err)
	}
	names := map[string]bool{}
	for _, w := range all {
		if names[w.name] {
			t.Errorf("%s is listed twice", w.name)
		}
		names[w.name] = true
	}
	r := newRig(t)
	r.register("shop")
	c := r.create()
	r.toRun(c)
	r.sweep(0)
	r.letters(c)
	for _, want := range []string{
		"a case for changing: case, guard, person, seal, tasks, tokens", "the newest cases of an identifier", "the keys of a case", "the keys of a tenant",
		"the systems of a tenant", "all tenants", "cases to look at until now, and the next one after an instant", "the mails of a case",
	} {
		if !r.access.used[want] {
			t.Errorf("one whole case did not use: %s", want)
		}
	}
	// The patterns bite.
	foreign := &testing.T{}
	l := &listed{t: quiet{foreign}, mu: &sync.Mutex{}, used: map[string]bool{}}
	l.check(table.Cases, false, false, "T#alder#C#"+c.ID, "Z#")
	l.check(table.Cases, true, false, "T#alder#EVERYTHING", "")
	l.check(table.Tokens, false, true, "TOK#subject#secret", "GRANT")
	if len(l.used) != 0 {
		t.Errorf("let through %v", l.used)
	}
}

// quiet takes the errors of a check that is meant to fail.
type quiet struct{ testing.TB }

func (quiet) Errorf(string, ...any) {}
func (quiet) Helper()               {}
