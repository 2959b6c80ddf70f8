package crm

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Object is a kind of record.
type Object struct {
	Name       string
	Fields     []string // members of a record; others are refused
	Key        []string // fields that make up the id
	Fold       []string // searched without regard to letter case
	Phone      []string // searched by their digits alone; a leading 00 is a +
	Restricted string   // boolean field that restriction sets; empty: none
}

// Contacts returns the objects of a small CRM: contacts, the tickets they opened, the notes taken on tickets.
func Contacts() []Object {
	return []Object{
		{
			Name: "contacts", Key: []string{"id"}, Fold: []string{"email"}, Phone: []string{"phone"}, Restricted: "restricted",
			Fields: []string{"id", "email", "phone", "name", "company", "city", "customer_id", "matter", "created_at", "restricted"},
		},
		{Name: "tickets", Key: []string{"id"}, Fields: []string{"id", "contact_id", "subject", "message", "status", "opened_at", "agent"}},
		{Name: "notes", Key: []string{"id"}, Fields: []string{"id", "ticket_id", "text", "author", "written_at"}},
	}
}

// Credentials are what the API accepts: any of them. None at all means that it asks for none.
type Credentials struct {
	Tokens  []string          // bearer tokens
	Users   map[string]string // names and passwords for Basic
	Keys    []string          // in the header X-Api-Key or the parameter api_key
	Clients map[string]string // ids and secrets at /oauth/token
}

// Config is a CRM to be. Zero fields take defaults.
type Config struct {
	Objects     []Object // default Contacts()
	Credentials Credentials
	PageLimit   int           // most records of a page, whatever is asked for; default 100
	JobTime     time.Duration // how long a job takes; negative: until RunJobs
	TokenTime   time.Duration // how long an access token lives; default 1 hour
	Now         func() time.Time
	Callbacks   *http.Client // sends callbacks; default one with a timeout of 10 s
}

// Record is one record: JSON values by field. Numbers may be of any type that encoding/json writes as one.
type Record map[string]any

// Entry is a line of the audit: one request. It holds no id, query or body.
type Entry struct {
	At     time.Time
	Method string
	Path   string // of the API, with {id} and {job} in the place of values
	By     string // how the caller proved itself: bearer, basic, key, token; empty: not at all
	Status int    // 0: the connection was broken off
}

// Stage says how far a request is.
type Stage uint8

// The stages at which a Hook is asked.
const (
	Arrived Stage = iota + 1 // nothing was done
	Listed                   // a list is about to be sent
	Changed                  // a change is made, its answer not sent
)

// Moment is a stage of one request.
type Moment struct {
	Stage   Stage
	Request *http.Request
	Records int // Listed: how many are about to be sent
}

// Trouble is what a request runs into. The zero value is none. Of several, the first field that is set counts.
type Trouble struct {
	Drop       bool          // the connection breaks off without an answer
	DropAfter  int           // Listed: the connection breaks off after so many records
	Hang       bool          // no answer comes until the caller gives up
	Status     int           // this status, with RetryAfter when it is set
	RetryAfter string        // seconds, or an HTTP date
	Body       string        // this body with status 200
	Delay      time.Duration // waits, then goes on
}

// Hook is asked at each Stage of each request; it makes requests fail or wait. It is called from many goroutines.
type Hook func(Moment) Trouble

// Server is a running CRM. It is safe for concurrent use.
type Server struct {
	cfg     Config
	store   *store
	jobs    *jobs
	issued  *issued
	handler http.Handler
	http    *http.Server
	served  sync.WaitGroup
	closing chan struct{}
	once    sync.Once

	mu      sync.Mutex
	hook    Hook
	latency time.Duration
	audit   []Entry
	address string
}

// maxAudit is how many requests the audit remembers.
const maxAudit = 20_000

// New returns a CRM without a listener; Handler and Listen serve it.
func New(cfg Config) (*Server, error) {
	if cfg.Objects == nil {
		cfg.Objects = Contacts()
	}
	for _, o := range cfg.Objects {
		if o.Name == "" || len(o.Key) == 0 || slices.ContainsFunc(o.Key, func(k string) bool { return !slices.Contains(o.Fields, k) }) {
			return nil, errors.New("an object of a CRM needs a name, fields, and a key among them")
		}
	}
	if cfg.PageLimit <= 0 {
		cfg.PageLimit = 100
	}
	if cfg.TokenTime <= 0 {
		cfg.TokenTime = time.Hour
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Callbacks == nil {
		cfg.Callbacks = &http.Client{Timeout: 10 * time.Second}
	}
	s := &Server{cfg: cfg, store: newStore(cfg.Objects), issued: &issued{tokens: map[string]time.Time{}}, closing: make(chan struct{})}
	s.jobs = newJobs(cfg.JobTime, cfg.Callbacks)
	s.handler = s.routes()
	s.http = &http.Server{Handler: s.handler, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	return s, nil
}

// Handler returns the API.
func (s *Server) Handler() http.Handler { return s.handler }

// Listen serves the API on an address of its own ("127.0.0.1:0" picks a port) until Close. It may be called once.
func (s *Server) Listen(ctx context.Context, address string) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.address = l.Addr().String()
	s.mu.Unlock()
	s.served.Go(func() { _ = s.http.Serve(l) })
	return nil
}

// URL returns the base URL of the API: what a connector calls baseUrl. It is empty before Listen.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.address == "" {
		return ""
	}
	return "http://" + s.address + "/api/v1"
}

// Close ends the listener, open connections and jobs. It is idempotent.
func (s *Server) Close() error {
	s.once.Do(func() { close(s.closing) })
	s.jobs.close()
	err := s.http.Close()
	s.served.Wait()
	return err
}

// Configure replaces the objects and forgets every record.
func (s *Server) Configure(objects []Object) { s.store.configure(objects) }

// Put stores records, replacing those with the same key. A record of an unknown object, with an unknown field or without its
// key is an error, and nothing behind it is stored.
func (s *Server) Put(object string, records ...Record) error { return s.store.put(object, records...) }

// Records returns copies of all records of an object in the order in which they came. Numbers are json.Number.
func (s *Server) Records(object string) []Record { return s.store.all(object) }

// RunJobs carries out every job that waits, whatever its time.
func (s *Server) RunJobs() { s.jobs.run() }

// SetHook sets what is asked at each stage of a request; nil for nothing.
func (s *Server) SetHook(h Hook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = h
}

// SetLatency sets how long every request takes at least.
func (s *Server) SetLatency(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latency = d
}

// Audit returns the latest requests, the oldest first.
func (s *Server) Audit() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.audit)
}

func (s *Server) note(e Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.audit) >= maxAudit {
		s.audit = append(s.audit[:0], s.audit[maxAudit/2:]...)
	}
	s.audit = append(s.audit, e)
}
