package main

import (
	"archive/zip"
	"io"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// holding is what an access found: records by "system/collection", and the names in those that have addresses too.
type holding struct {
	counts map[string]int64
	names  map[string][]string
}

func (h *holding) total() (n int64) {
	for _, c := range h.counts {
		n += c
	}
	return n
}

// fetchPackage downloads the package and reads what the machines found out of it.
func (v *visit) fetchPackage(s status) (*holding, error) {
	h := &holding{counts: map[string]int64{}, names: map[string][]string{}}
	if s.Package == nil || !s.Package.Ready {
		return h, nil
	}
	v.download = filepath.Join(v.dir, "package")
	files, err := v.fetch(v.cmd.Context(), v.client, v.session, s)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		v.say("downloaded %s; the link worked once", f)
		if err := h.read(f); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// maxPart bounds one file of a package that is read here.
const maxPart = 64 << 20

func (h *holding) read(name string) error {
	z, err := zip.OpenReader(name)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "opening the package")
	}
	defer z.Close()
	for _, f := range z.File {
		below, ok := strings.CutPrefix(f.Name, "data/")
		if ok = ok && path.Ext(below) == ".json"; !ok {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return fault.Wrap(fault.Internal, err, "opening the package")
		}
		raw, err := io.ReadAll(io.LimitReader(r, maxPart))
		if err != nil {
			return fault.Wrap(fault.Internal, err, "reading the package")
		}
		if err := r.Close(); err != nil {
			return fault.Wrap(fault.Internal, err, "reading the package")
		}
		var records []map[string]any
		if err := decodeInto(raw, &records); err != nil {
			return err
		}
		at := strings.TrimSuffix(below, ".json")
		h.counts[at] += int64(len(records))
		for _, rec := range records {
			name, named := rec["name"].(string)
			if _, addressed := rec["email"].(string); named && addressed {
				h.names[at] = append(h.names[at], name)
			}
		}
	}
	return nil
}

// marriedTo is what the tour adds to a name, or takes off it again.
const marriedTo = "-Rossi"

// anotherName is what the person is called after the correction.
func (h *holding) anotherName() (string, error) {
	for _, at := range slices.Sorted(maps.Keys(h.names)) {
		if len(h.names[at]) == 0 {
			continue
		}
		name := h.names[at][0]
		if before, ok := strings.CutSuffix(name, marriedTo); ok {
			return before, nil
		}
		return name + marriedTo, nil
	}
	return "", differs("no system holds a name that could be corrected")
}

// corrected holds what is found after a correction to what was found before: the same records, with the new name wherever the
// plan said so.
func (h *holding) corrected(before *holding, p planned, name string) error {
	if !maps.Equal(h.counts, before.counts) {
		return differs("after the correction other records are found than before")
	}
	for _, s := range p.Systems {
		for _, c := range s.Collections {
			for _, now := range h.names[s.Name+"/"+c.Name] {
				if c.Action == "set" && now != name {
					return differs("%s of %s was corrected and still has the old name", c.Name, s.Name)
				}
			}
		}
	}
	return nil
}

// planCovers holds a plan of erasure to what was found before: every record is in it, kept for a reason or not, and no other.
func (h *holding) planCovers(p planned) error {
	counts := map[string]int64{}
	for _, s := range p.Systems {
		for _, c := range s.Collections {
			if c.Records > 0 {
				counts[s.Name+"/"+c.Name] += c.Records
			}
		}
	}
	for at, n := range h.counts {
		if counts[at] != n {
			return differs("of %s %d records were found, and the plan says %d", at, n, counts[at])
		}
		delete(counts, at)
	}
	if len(counts) > 0 {
		return differs("the plan has records of %s, where none were found", strings.Join(slices.Sorted(maps.Keys(counts)), ", "))
	}
	return nil
}
