package testkit

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// Installation is the variable that names an installation which stories are to run on, instead of a process of their own: the
// address of who keeps it. POST <address>/start makes it as a demonstration is at its start, with the clock at Start0, and
// answers Joined; POST <address>/forget ends the processes of its functions; GET <address>/log is what they have written since.
const Installation = "HABEAS_TEST_INSTALLATION"

// Joined is how a story finds its installation.
type Joined struct {
	URL  string    `json:"url"`
	Dir  string    `json:"dir"` // where the databases of the demonstration are, in the folder demo
	Line FirstLine `json:"line"`

	Stage string   `json:"stage"` // file of the stage, for commands that operate it
	Env   []string `json:"env"`   // under which they find it
}

// join starts over on an installation that somebody else keeps. A story that starts, stops or looks into a process of its own
// cannot be told there.
func (k *Kit) join(t testing.TB, at string, opts []Option) *Site {
	t.Helper()
	s := &Site{TB: t, kit: k, HTTP: &http.Client{
		Timeout:       3 * time.Minute,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 16},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	free := []string{"HABEAS_RATE_LIMITS=off"}
	s.env = free
	for _, o := range opts {
		o(s)
	}
	// What is deployed always says everything.
	s.args = slices.DeleteFunc(s.args, func(arg string) bool { return arg == "--verbose" })
	if len(s.args) > 0 || len(s.env) != len(free) {
		t.Fatal("this story starts a process in a way of its own")
	}
	res, err := s.HTTP.Post(at+"/start", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	var j Joined
	if err == nil && res.StatusCode == http.StatusOK {
		err = json.Unmarshal(raw, &j)
	}
	if err != nil || j.URL == "" {
		t.Fatalf("starting over answers %d: %v: %s", res.StatusCode, err, raw)
	}
	s.URL, s.Dir, s.First = strings.TrimSuffix(j.URL, "/"), j.Dir, j.Line
	s.keeper, s.stage, s.env = at, j.Stage, j.Env
	s.log = func() []byte {
		t.Helper()
		res, err := s.HTTP.Get(at + "/log")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the functions said:\n%s", s.log())
		}
		s.HTTP.CloseIdleConnections()
	})
	return s
}

// forget ends every process in which functions run, with all that they keep in memory.
func (s *Site) forget() {
	s.Helper()
	s.Call("POST", s.keeper+"/forget", "", nil).Want(http.StatusNoContent)
}

// Records is how a command is told whose records it works on: those of the process, or those of the stage.
func (s *Site) Records() []string {
	if s.stage != "" {
		return []string{"--stage", s.stage}
	}
	return []string{"--data", s.Dir}
}

// Deployed reports whether the site is a stage on AWS.
func (s *Site) Deployed() bool { return s.stage != "" }
