package testkit

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Plan is the answer to GET /cases/{id}/plan.
type Plan struct {
	Hash        string
	PreparedBy  string
	GrowthLimit float64
	Waiting     bool
	Systems     []PlannedSystem
}

// PlannedSystem is what a plan says about one system.
type PlannedSystem struct {
	Name, Action, By, Outcome, ListHash string
	Collections                         []PlannedCollection
}

// PlannedCollection is what a plan says about one collection; a collection may be there once per action.
type PlannedCollection struct {
	Name, Action string
	Records      int64
}

// System returns the part of a system; nil when the plan has none.
func (p Plan) System(name string) *PlannedSystem {
	for i := range p.Systems {
		if p.Systems[i].Name == name {
			return &p.Systems[i]
		}
	}
	return nil
}

// Counts returns the records of a system by "collection/action".
func (p Plan) Counts(system string) map[string]int64 {
	out := map[string]int64{}
	if s := p.System(system); s != nil {
		for _, c := range s.Collections {
			out[c.Name+"/"+c.Action] += c.Records
		}
	}
	return out
}

// StaffCase is a case as the privacy team sees it.
type StaffCase struct {
	ID, Reference, Status, Phase string
	Tasks                        []StaffTask
	Recipients                   []ToldRecipient
	Decisions                    []struct{ On, Decision, By, Reason string }
	Due                          struct {
		At       time.Time
		Extended bool
	}
	OperatorFault *struct{ Fault, Phase string }
	Undelivered   []struct{ Kind, State, Why string }
}

// ToldRecipient is a recipient as the privacy team sees it.
type ToldRecipient struct {
	Name, Informed string
	Notice         *struct{ Status string }
}

// StaffTask is a task as the privacy team sees it.
type StaffTask struct {
	ID, CaseID, System, Action, By, Status, Outcome, Because, Fault string
	Asked                                                           *struct {
		Why     string
		Answers []string
	}
	Collections []struct {
		Name, Outcome, Because, Note string
		Records                      int64
	}
}

// Staff calls the staff API for the tenant with the demo's token of the name and returns the answer.
func (s *Site) Staff(tenant, token, method, path string, body any) *Answer {
	s.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	return s.Call(method, "/api/v1"+path+sep+"tenant="+tenant, s.Token(token), body)
}

// ID returns the id of the request's case.
func (r *Request) ID() string {
	r.Site.Helper()
	var list struct{ Cases []StaffCase }
	r.Site.Staff(r.Tenant, "approver", "GET", "/cases?q="+r.Reference, nil).Want(200).JSON(&list)
	if len(list.Cases) != 1 || list.Cases[0].Reference != r.Reference {
		r.Site.Fatalf("searching for a reference found %+v", list.Cases)
	}
	return list.Cases[0].ID
}

// Case returns the request's case as the privacy team sees it.
func (r *Request) Case() (c StaffCase) {
	r.Site.Helper()
	r.Site.Staff(r.Tenant, "approver", "GET", "/cases/"+r.ID(), nil).Want(200).JSON(&c)
	return c
}

// Task returns the newest task of the case with the system and action.
func (r *Request) Task(system, action string) StaffTask {
	r.Site.Helper()
	for _, t := range slices.Backward(r.Case().Tasks) {
		if t.System == system && t.Action == action {
			return t
		}
	}
	r.Site.Fatalf("the case has no task %s of %s: %+v", action, system, r.Case().Tasks)
	return StaffTask{}
}

// Act posts to the case as the member of the privacy team whose token has the name; what follows has not run yet.
func (r *Request) Act(token, path string, body any) *Answer {
	r.Site.Helper()
	return r.Site.Staff(r.Tenant, token, "POST", "/cases/"+r.ID()+path, body)
}

// Plan returns the plan of the case, which must be there.
func (r *Request) Plan() (p Plan) {
	r.Site.Helper()
	r.Site.Staff(r.Tenant, "approver", "GET", "/cases/"+r.ID()+"/plan", nil).Want(200).JSON(&p)
	return p
}

// WantPlan returns the plan, which must wait for a decision.
func (r *Request) WantPlan() Plan {
	r.Site.Helper()
	r.WantStaffStatus("awaiting_review")
	p := r.Plan()
	if !p.Waiting || p.Hash == "" {
		r.Site.Fatalf("the plan does not wait for a decision: %+v", p)
	}
	return p
}

// WantStaffStatus fails the test unless the privacy team sees the status; it needs no session of the person.
func (r *Request) WantStaffStatus(want string) StaffCase {
	r.Site.Helper()
	c := r.Case()
	if c.Status != want {
		raw, _ := json.Marshal(c)
		r.Site.Fatalf("status is %s, want %s: %s", c.Status, want, raw)
	}
	return c
}

// Decide sends a decision about the plan as it stands; fields of more (reason, edits) are added.
func (r *Request) Decide(token, decision string, more ...map[string]any) *Answer {
	r.Site.Helper()
	body := map[string]any{"decision": decision, "hash": r.Plan().Hash}
	for _, m := range more {
		maps.Copy(body, m)
	}
	return r.Act(token, "/plan/decision", body)
}

// Approve approves the plan, which must wait, as the approver, and returns it once everything that follows has run.
func (r *Request) Approve() Plan {
	r.Site.Helper()
	p := r.WantPlan()
	r.Decide("approver", "approve").Want(200)
	r.Site.Settle()
	return p
}

// Entries returns the kinds of the evidence entries of the case, oldest first, with their facts.
func (r *Request) Entries() (out []Entry) {
	r.Site.Helper()
	for cursor := ""; ; {
		var page struct {
			Entries []Entry
			Next    string
		}
		r.Site.Staff(r.Tenant, "auditor", "GET", "/cases/"+r.ID()+"/timeline?limit=200&cursor="+cursor, nil).Want(200).JSON(&page)
		out = append(out, page.Entries...)
		if cursor = page.Next; cursor == "" {
			return out
		}
	}
}

// Entry is one entry of a case's evidence.
type Entry struct {
	At    time.Time
	Kind  string
	Actor string
	Facts map[string]any
}

// Hold places a legal hold as an approver and returns its id.
func (s *Site) Hold(tenant string, body map[string]any) string {
	s.Helper()
	var h struct{ ID string }
	s.Staff(tenant, "approver", "POST", "/holds", body).Want(201).JSON(&h)
	return h.ID
}

// Release releases a legal hold and returns once everything that follows has run.
func (s *Site) Release(tenant, id string) {
	s.Helper()
	s.Staff(tenant, "approver", "DELETE", "/holds/"+id, nil).Want(204)
	s.Settle()
}

// ChangeSystem changes what a system is registered with.
func (s *Site) ChangeSystem(tenant, name string, change map[string]any) {
	s.Helper()
	sys := map[string]any{}
	s.Staff(tenant, "admin", "GET", "/systems/"+name, nil).Want(200).JSON(&sys)
	maps.Copy(sys, change)
	s.Staff(tenant, "admin", "PUT", "/systems/"+name, sys).Want(200)
}

// Run runs the command, which must succeed, and returns its stdout.
func (s *Site) Run(args ...string) []byte {
	s.Helper()
	var said strings.Builder
	cmd := exec.Command(s.kit.Binary(s), args...)
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		s.Fatalf("habeas %s: %v: %s", strings.Join(args, " "), err, said.String())
	}
	return out
}

// NewStaff adds a member of the privacy team and returns a token of theirs.
func (s *Site) NewStaff(name, roles string) string {
	s.Helper()
	var added struct{ Token string }
	out := s.Run(append([]string{"staff", "add", "--email", name + "@example.com", "--roles", roles, "--token", name, "--json"}, s.Records()...)...)
	if err := json.Unmarshal(out, &added); err != nil || added.Token == "" {
		s.Fatalf("staff add printed %s: %v", out, err)
	}
	s.First.Tokens = append(s.First.Tokens, StaffToken{Name: name, Token: added.Token, Roles: strings.Split(roles, ",")})
	return added.Token
}

// NewDatabase makes a SQLite file in the data directory, beside the demo's, and runs the statements in it.
func (s *Site) NewDatabase(name, statements string) *sql.DB {
	s.Helper()
	path := filepath.Join(s.Dir, "demo", name)
	if _, err := os.Stat(path); err == nil {
		s.Fatalf("there is a database %s already", name)
	}
	db := s.Open(name)
	if _, err := db.Exec(statements); err != nil {
		s.Fatalf("making %s: %v", name, err)
	}
	return db
}

// AddDatabase registers a SQLite file of the data directory as a system of the tenant, with fields of more, and returns the
// answer.
func (s *Site) AddDatabase(tenant, name, file, dataset string, more ...map[string]any) *Answer {
	s.Helper()
	body := map[string]any{
		"title": "System " + name, "kind": "sqlite", "settings": map[string]any{"path": filepath.Join(s.Dir, "demo", file)},
		"dataset": dataset, "autopilot": true,
	}
	for _, m := range more {
		maps.Copy(body, m)
	}
	return s.Staff(tenant, "admin", "PUT", "/systems/"+name, body)
}

// Dump is all that a database holds: per table its rows by key, every column with its type in SQLite's own spelling.
type Dump map[string]map[string]Row

// Dump reads a whole database of the demo.
func (s *Site) Dump(name string) Dump {
	s.Helper()
	db, out := s.Open(name), Dump{}
	for _, table := range s.rows(db, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`) {
		out[table["name"]] = s.dump(db, table["name"])
	}
	if len(out) == 0 {
		s.Fatalf("%s has no tables", name)
	}
	return out
}

func (s *Site) dump(db *sql.DB, table string) map[string]Row {
	s.Helper()
	var columns, keys []string
	for _, c := range s.rows(db, `SELECT name, pk FROM pragma_table_info('`+table+`') ORDER BY cid`) {
		columns = append(columns, fmt.Sprintf(`quote(%q) AS %q`, c["name"], c["name"]))
		if c["pk"] != "0" {
			keys = append(keys, c["name"])
		}
	}
	out := map[string]Row{}
	for _, row := range s.rows(db, fmt.Sprintf(`SELECT %s FROM %q`, strings.Join(columns, ", "), table)) {
		var parts []string
		for _, k := range keys {
			parts = append(parts, strings.Trim(row[k], "'"))
		}
		k := strings.Join(parts, "/")
		if _, twice := out[k]; twice {
			s.Fatalf("%s: a key is there twice", table)
		}
		out[k] = row
	}
	return out
}

// Change is what became of one row.
type Change struct {
	Gone    bool     // deleted
	New     bool     // was not there
	Columns []string // whose value is another, in order
}

func present(r Row, column string) bool {
	_, ok := r[column]
	return ok
}

// Since returns what is different from an earlier dump: per table the rows by key. Tables without a difference are absent.
func (d Dump) Since(before Dump) map[string]map[string]Change {
	out := map[string]map[string]Change{}
	note := func(table, k string, c Change) {
		if out[table] == nil {
			out[table] = map[string]Change{}
		}
		out[table][k] = c
	}
	for table, rows := range before {
		for k, old := range rows {
			now, ok := d[table][k]
			if !ok {
				note(table, k, Change{Gone: true})
				continue
			}
			all := maps.Clone(old)
			maps.Copy(all, now) // a column that is null is absent
			var columns []string
			for _, c := range Keys(all) {
				if a, had := old[c]; had != present(now, c) || a != now[c] {
					columns = append(columns, c)
				}
			}
			if len(columns) > 0 {
				note(table, k, Change{Columns: columns})
			}
		}
	}
	for table, rows := range d {
		for k := range rows {
			if _, ok := before[table][k]; !ok {
				note(table, k, Change{New: true})
			}
		}
	}
	return out
}

// WantSame fails the test unless a database of the demo is what it was.
func (s *Site) WantSame(name string, before Dump) {
	s.Helper()
	if diff := s.Dump(name).Since(before); len(diff) > 0 {
		s.Fatalf("%s has changed: %v", name, diff)
	}
}
