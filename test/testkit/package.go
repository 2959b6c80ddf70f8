package testkit

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Package is an opened package.
type Package struct {
	Raw      []byte
	Files    map[string][]byte
	Manifest Manifest
}

// Manifest is manifest.json.
type Manifest struct {
	Reference   string    `json:"reference"`
	Right       string    `json:"right"`
	Scope       string    `json:"scope"` // "categories": the package shows no data
	GeneratedAt time.Time `json:"generatedAt"`
	Systems     []struct {
		Name        string `json:"name"`
		Outcome     string `json:"outcome"`
		Collections []struct {
			Name     string    `json:"name"`
			Outcome  string    `json:"outcome"`
			Records  int       `json:"records"`
			ReadFrom time.Time `json:"readFrom"`
			ReadTo   time.Time `json:"readTo"`
		} `json:"collections"`
	} `json:"systems"`
	Files []struct {
		Path   string `json:"path"`
		Bytes  int    `json:"bytes"`
		SHA256 string `json:"sha256"`
	} `json:"files"`
}

// OpenPackage reads a zip and checks it against its manifest: every file is listed once with its size and hash, nothing else
// is in it, every collection with records has as many in JSON and CSV, and no other has any; none of a package that names categories
// alone.
func OpenPackage(raw []byte) (*Package, error) {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, err
	}
	p := &Package{Raw: raw, Files: map[string][]byte{}}
	for _, f := range z.File {
		if _, twice := p.Files[f.Name]; twice || strings.Contains(f.Name, "..") || strings.HasPrefix(f.Name, "/") {
			return nil, fmt.Errorf("%s is there twice or leads out", f.Name)
		}
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		if p.Files[f.Name], err = io.ReadAll(r); err != nil {
			return nil, fmt.Errorf("reading %s: %w", f.Name, err)
		}
	}
	if err := json.Unmarshal(p.Files["manifest.json"], &p.Manifest); err != nil {
		return nil, fmt.Errorf("reading manifest.json: %w", err)
	}
	if err := p.checkFiles(); err != nil {
		return nil, err
	}
	return p, p.checkCollections()
}

func (p *Package) checkFiles() error {
	listed := map[string]bool{"manifest.json": true}
	for _, f := range p.Manifest.Files {
		body, ok := p.Files[f.Path]
		sum := sha256.Sum256(body)
		switch {
		case !ok:
			return fmt.Errorf("the manifest lists %s, which is not there", f.Path)
		case listed[f.Path]:
			return fmt.Errorf("the manifest lists %s twice", f.Path)
		case len(body) != f.Bytes || hex.EncodeToString(sum[:]) != f.SHA256:
			return fmt.Errorf("%s is not what the manifest says", f.Path)
		}
		listed[f.Path] = true
	}
	for name := range p.Files {
		if !listed[name] {
			return fmt.Errorf("%s is not in the manifest", name)
		}
	}
	if len(p.Files["index.html"]) == 0 {
		return fmt.Errorf("there is no index.html")
	}
	return nil
}

func (p *Package) checkCollections() error {
	for _, s := range p.Manifest.Systems {
		for _, c := range s.Collections {
			rows, err := p.Records(s.Name, c.Name)
			if err != nil {
				return err
			}
			lines, err := p.Lines(s.Name, c.Name)
			if err != nil {
				return err
			}
			shown := c.Records
			if p.Manifest.Scope == "categories" {
				shown = 0
			}
			if len(rows) != shown || len(lines) != shown || (c.Outcome == "found") != (c.Records > 0) {
				return fmt.Errorf("%s/%s: outcome %s with %d records in the manifest, %d in JSON, %d in CSV", s.Name, c.Name, c.Outcome, c.Records, len(rows), len(lines))
			}
			for i := range rows {
				if err := agree(rows[i], lines[i]); err != nil {
					return fmt.Errorf("%s/%s, record %d: %w", s.Name, c.Name, i, err)
				}
			}
		}
	}
	return nil
}

// Record is one record of a collection's JSON. Numbers are json.Number.
type Record map[string]any

// Records returns a collection's records from its JSON; none when there is no file.
func (p *Package) Records(system, collection string) ([]Record, error) {
	raw, ok := p.Files["data/"+system+"/"+collection+".json"]
	if !ok {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var out []Record
	if err := d.Decode(&out); err != nil {
		return nil, fmt.Errorf("reading %s/%s.json: %w", system, collection, err)
	}
	return out, nil
}

// Lines returns a collection's records from its CSV, by column.
func (p *Package) Lines(system, collection string) ([]map[string]string, error) {
	raw, ok := p.Files["data/"+system+"/"+collection+".csv"]
	if !ok {
		return nil, nil
	}
	all, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\ufeff")))).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading %s/%s.csv: %w", system, collection, err)
	}
	var out []map[string]string
	for _, line := range all[1:] {
		m := map[string]string{}
		for i, name := range all[0] {
			m[name] = line[i]
		}
		out = append(out, m)
	}
	return out, nil
}

// agree compares a record as JSON has it with the same as CSV has it. Cells that a spreadsheet would take for a formula are
// guarded by an apostrophe; what is withheld says so in words.
func agree(r Record, line map[string]string) error {
	if len(r) != len(line) {
		return fmt.Errorf("%d fields in JSON, %d in CSV", len(r), len(line))
	}
	for name, v := range r {
		cell, ok := line[name]
		if !ok {
			return fmt.Errorf("CSV lacks %s", name)
		}
		want := ""
		switch v := v.(type) {
		case nil:
		case string:
			want = v
		case json.Number:
			want = v.String()
		case bool:
			want = fmt.Sprint(v)
		case map[string]any:
			if _, withheld := v["$withheld"]; withheld {
				if !strings.HasPrefix(cell, "[") || !strings.HasSuffix(cell, "]") { // in the language of the letters
					return fmt.Errorf("%s is withheld in JSON only", name)
				}
				continue
			}
			raw, err := json.Marshal(v)
			if err != nil {
				return err
			}
			var a, b any
			if json.Unmarshal(raw, &a) != nil || json.Unmarshal([]byte(cell), &b) != nil || fmt.Sprint(a) != fmt.Sprint(b) {
				return fmt.Errorf("%s differs", name)
			}
			continue
		default:
			return fmt.Errorf("%s is a %T", name, v)
		}
		if cell != want && cell != "'"+want {
			return fmt.Errorf("%s differs", name)
		}
	}
	return nil
}
