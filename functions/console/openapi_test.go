package console_test

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// document is the OpenAPI document with its schemas (OpenAPI 3.1: JSON Schema 2020-12) ready to validate.
type document struct {
	paths    map[string]map[string]any
	compiler *jsonschema.Compiler
	mu       sync.Mutex
	schemas  map[string]*jsonschema.Schema
}

var methods = []string{"get", "put", "post", "delete", "patch"}

func readDocument(t testing.TB) *document {
	t.Helper()
	raw, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	plain, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(plain))
	if err != nil {
		t.Fatal(err)
	}
	d := &document{paths: map[string]map[string]any{}, compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("openapi.json", v); err != nil {
		t.Fatal(err)
	}
	for path, item := range v.(map[string]any)["paths"].(map[string]any) {
		d.paths[path] = item.(map[string]any)
	}
	return d
}

func escape(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }

// at compiles the schema at a JSON pointer of the document.
func (d *document) at(t testing.TB, pointer string) *jsonschema.Schema {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.schemas[pointer] == nil {
		s, err := d.compiler.Compile("openapi.json#" + pointer)
		if err != nil {
			t.Fatalf("schema at %s: %v", pointer, err)
		}
		d.schemas[pointer] = s
	}
	return d.schemas[pointer]
}

// operation finds the path of the document that serves a request.
func (d *document) operation(path, method string) (string, map[string]any) {
	best := ""
	for p, item := range d.paths {
		pattern := "^" + regexp.MustCompile(`\\\{[a-zA-Z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(p), "[^/]+") + "$"
		if item[strings.ToLower(method)] == nil || !regexp.MustCompile(pattern).MatchString(path) {
			continue
		}
		if best == "" || strings.Count(p, "{") < strings.Count(best, "{") {
			best = p
		}
	}
	if best == "" {
		return "", nil
	}
	return best, d.paths[best][strings.ToLower(method)].(map[string]any)
}

// check holds an answer to the document: its status, its content type, its body.
func (d *document) check(t testing.TB, req *http.Request, p reply) {
	t.Helper()
	path, op := d.operation(req.URL.Path, req.Method)
	if op == nil {
		if p.StatusCode < 400 {
			t.Errorf("%s %s: not in the document, but answered with %d", req.Method, req.URL.Path, p.StatusCode)
		}
		return
	}
	responses := op["responses"].(map[string]any)
	at := "/paths/" + escape(path) + "/" + strings.ToLower(req.Method) + "/responses/"
	key := strconv.Itoa(p.StatusCode)
	if responses[key] == nil {
		key = "default"
		if p.StatusCode < 400 || responses[key] == nil {
			t.Errorf("%s %s: the document knows no answer %d", req.Method, path, p.StatusCode)
			return
		}
	}
	response := responses[key].(map[string]any)
	at += key
	if response["$ref"] != nil {
		at = strings.TrimPrefix(response["$ref"].(string), "#")
		response = map[string]any{"content": map[string]any{"application/problem+json": nil}}
	}
	content, _ := response["content"].(map[string]any)
	if content == nil {
		if p.body != "" {
			t.Errorf("%s %s: a body where the document knows none", req.Method, path)
		}
		return
	}
	mt, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
	if _, ok := content[mt]; !ok {
		t.Errorf("%s %s: answered with %q", req.Method, path, mt)
		return
	}
	if !strings.HasSuffix(mt, "json") {
		return
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(p.body))
	if err != nil {
		t.Errorf("%s %s: %v", req.Method, path, err)
		return
	}
	if err := d.at(t, at+"/content/"+escape(mt)+"/schema").Validate(v); err != nil {
		t.Errorf("%s %s: the answer does not fit the document: %v\n%.800s", req.Method, path, err, p.body)
	}
}

// TestDocumentAndRoutesAgree: every call that is served is described, and nothing is described that is not served.
func TestDocumentAndRoutesAgree(t *testing.T) {
	r := newRig(t)
	var served []string
	for _, route := range r.h.Routes() {
		method, path, ok := strings.Cut(route.Pattern, " ")
		if ok && strings.HasPrefix(path, "/api/v1/") {
			served = append(served, method+" "+path)
		}
	}
	// The public intake is served by package portal.
	const intake = "/t/{tenant}/api/v1/requests"
	for _, s := range []string{"POST ", "GET /{reference}", "POST /{reference}/verification", "POST /{reference}/code", "POST /{reference}/withdrawal", "POST /{reference}/messages", "POST /{reference}/package", "GET /{reference}/evidence", "POST /{reference}/appeal", "POST /{reference}/complaint", "POST /{reference}/questions/{question}/answer", "POST /{reference}/questions/{question}/accept"} {
		method, below, _ := strings.Cut(s, " ")
		served = append(served, method+" "+intake+below)
	}
	var described []string
	for path, item := range r.specs.paths {
		for _, m := range methods {
			if item[m] != nil {
				described = append(described, strings.ToUpper(m)+" "+path)
			}
		}
	}
	for _, s := range served {
		if !slices.Contains(described, s) {
			t.Errorf("%s is served and not described", s)
		}
	}
	for _, s := range described {
		if !slices.Contains(served, s) {
			t.Errorf("%s is described and not served", s)
		}
	}
}

// TestEverySchemaCompiles finds references that lead nowhere and words that are no JSON Schema.
func TestEverySchemaCompiles(t *testing.T) {
	d := readDocument(t)
	ids := map[string]bool{}
	for path, item := range d.paths {
		for _, m := range methods {
			op, ok := item[m].(map[string]any)
			if !ok {
				continue
			}
			id, _ := op["operationId"].(string)
			if id == "" || ids[id] {
				t.Errorf("%s %s: its operationId %q is missing or taken", m, path, id)
			}
			ids[id] = true
			at := "/paths/" + escape(path) + "/" + m
			if body, ok := op["requestBody"].(map[string]any); ok && body["$ref"] == nil {
				d.at(t, at+"/requestBody/content/application~1json/schema")
			}
			for status, v := range op["responses"].(map[string]any) {
				content, _ := v.(map[string]any)["content"].(map[string]any)
				for mt := range content {
					d.at(t, at+"/responses/"+status+"/content/"+escape(mt)+"/schema")
				}
			}
		}
	}
}

func TestDocumentIsServedToEverybody(t *testing.T) {
	r := newRig(t)
	p := r.want(r.call("", "GET", "/api/v1/openapi.yaml", ""), 200)
	raw, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if p.body != string(raw) {
		t.Error("the document that is served is not the one in the folder")
	}
}
