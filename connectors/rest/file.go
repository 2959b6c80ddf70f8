package rest

import (
	_ "embed" // the schema of connector files
	"slices"

	"github.com/habeas-dsar/habeas/connectors/internal/strictyaml"
)

//go:embed connector.schema.json
var fileSchema []byte

// FileSchema returns the JSON Schema (2020-12) of connector files.
func FileSchema() []byte { return slices.Clone(fileSchema) }

// file is a connector file as it is written; the schema says what each key means.
type file struct {
	Title     string            `yaml:"title"`
	Auth      authFile          `yaml:"auth"`
	Headers   map[string]string `yaml:"headers"`
	RateLimit struct {
		PerSecond float64 `yaml:"perSecond"`
	} `yaml:"rateLimit"`
	Timeout     int   `yaml:"timeoutSeconds"`
	MaxBytes    int64 `yaml:"maxBytes"`
	Parallel    int   `yaml:"parallel"`
	Consistency int   `yaml:"consistencySeconds"`
	BackupDays  int   `yaml:"backupDays"`
	Check       struct {
		Path string `yaml:"path"`
	} `yaml:"check"`
	Collections map[string]collectionFile `yaml:"collections"`
}

type authFile struct {
	Type       string   `yaml:"type"`
	Header     string   `yaml:"header"`
	Query      string   `yaml:"query"`
	Prefix     string   `yaml:"prefix"`
	TokenURL   string   `yaml:"tokenUrl"`
	Scopes     []string `yaml:"scopes"`
	ClientAuth string   `yaml:"clientAuth"`
}

type collectionFile struct {
	Fields   map[string]string `yaml:"fields"`
	Read     []readFile        `yaml:"read"`
	Correct  *changeFile       `yaml:"correct"`
	Erase    *changeFile       `yaml:"erase"`
	Restrict *changeFile       `yaml:"restrict"`
}

type requestFile struct {
	Method  string            `yaml:"method"`
	Path    string            `yaml:"path"`
	Query   map[string]string `yaml:"query"`
	Headers map[string]string `yaml:"headers"`
	JSON    any               `yaml:"json"`
	Form    map[string]string `yaml:"form"`
}

type readFile struct {
	Request  requestFile `yaml:",inline"`
	By       []string    `yaml:"by"`
	Batch    int         `yaml:"batch"`
	Records  string      `yaml:"records"`
	One      bool        `yaml:"one"`
	NotFound string      `yaml:"notFound"`
	Wider    bool        `yaml:"wider"`
	Paging   *pagingFile `yaml:"paging"`
	Async    *asyncFile  `yaml:"async"`
}

type pagingFile struct {
	Type       string `yaml:"type"`
	Size       int    `yaml:"size"`
	First      *int   `yaml:"first"`
	Next       string `yaml:"next"`
	AbsentEnds bool   `yaml:"absentEnds"`
	More       string `yaml:"more"`
	Total      string `yaml:"total"`
}

type changeFile struct {
	Request requestFile       `yaml:",inline"`
	Names   map[string]string `yaml:"names"`
	Async   *asyncFile        `yaml:"async"`
}

type asyncFile struct {
	Job          string   `yaml:"job"`
	Status       string   `yaml:"status"`
	State        string   `yaml:"state"`
	Done         []string `yaml:"done"`
	Failed       []string `yaml:"failed"`
	Wait         int      `yaml:"waitSeconds"`
	CallbackWait int      `yaml:"callbackWaitSeconds"`
	Result       string   `yaml:"result"`
}

// Defaults of a connector file, as the schema states them.
const (
	defaultTimeout      = 30
	defaultMaxBytes     = 32 << 20
	defaultParallel     = 4
	defaultPage         = 100
	defaultWait         = 5
	defaultCallbackWait = 3600
)

// parseFile reads a connector file and fills its defaults in. The error is a *strictyaml.Invalid.
func parseFile(content []byte) (*file, *strictyaml.Doc, error) {
	f := &file{Timeout: defaultTimeout, MaxBytes: defaultMaxBytes, Parallel: defaultParallel}
	doc, err := strictyaml.Read("connector file", content, fileSchema, f)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range f.Collections {
		for i := range c.Read {
			c.Read[i].defaults()
		}
		for _, ch := range []*changeFile{c.Correct, c.Erase, c.Restrict} {
			if ch != nil {
				ch.Async.defaults()
			}
		}
	}
	return f, doc, nil
}

func (r *readFile) defaults() {
	if r.Request.Method == "" {
		r.Request.Method = "GET"
	}
	r.Batch = max(r.Batch, 1)
	if p := r.Paging; p != nil {
		if p.Size == 0 {
			p.Size = defaultPage
		}
		if p.First == nil {
			one := 1
			p.First = &one
		}
	}
	r.Async.defaults()
}

func (a *asyncFile) defaults() {
	if a == nil {
		return
	}
	if a.Wait == 0 {
		a.Wait = defaultWait
	}
	if a.CallbackWait == 0 {
		a.CallbackWait = defaultCallbackWait
	}
}
