package registry

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// MaxDataset bounds a data map, in bytes of YAML.
const MaxDataset = 4 << 20

const (
	inlineDataset = 64 << 10  // a longer data map has items of its own
	datasetPart   = 300 << 10 // bytes of one of them, compressed
	keptMaps      = 64        // data maps that a store remembers, at most
	datasetParts  = 10        // most of them: a system and its data map fit into one transaction
)

func pkDataMaps(tenant string) string { return "T#" + tenant + "#DATAMAPS" }

// storedSystem is a system as its item holds it: a long data map is compressed and lies in parts beside it, under the hash of
// its text. What lies under a hash never changes.
type storedSystem struct {
	System
	DatasetSum   string `json:"datasetSum,omitempty"`
	DatasetParts int    `json:"datasetParts,omitempty"`
}

func (s storedSystem) partKey(n int) table.Key {
	return table.Key{Table: table.Registry, PK: pkDataMaps(s.Tenant), SK: fmt.Sprintf("%s#%s#%02d", s.Name, s.DatasetSum, n)}
}

// store returns how a system is stored and the parts of its data map, none for a short one.
func store(sys System) (storedSystem, [][]byte, error) {
	out := storedSystem{System: sys}
	if len(sys.Dataset) > MaxDataset {
		return out, nil, fault.InvalidField("/dataset", "the data map is longer than 4 MiB")
	}
	if len(sys.Dataset) <= inlineDataset {
		return out, nil, nil
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, sys.Dataset) // a buffer takes everything
	_ = z.Close()
	var parts [][]byte
	for packed.Len() > 0 {
		parts = append(parts, bytes.Clone(packed.Next(datasetPart)))
	}
	if len(parts) > datasetParts {
		return out, nil, fault.InvalidField("/dataset", "the data map is too large to be stored")
	}
	sum := sha256.Sum256([]byte(sys.Dataset))
	out.Dataset, out.DatasetSum, out.DatasetParts = "", hex.EncodeToString(sum[:]), len(parts)
	return out, parts, nil
}

// whole returns the system with its data map. Parts that are gone belong to a registration that was replaced in between.
func (s *Store) whole(ctx context.Context, stored storedSystem) (System, error) {
	sys := stored.System
	if stored.DatasetParts == 0 {
		return sys, nil
	}
	s.mu.Lock()
	text, ok := s.maps[stored.DatasetSum]
	s.mu.Unlock()
	if !ok {
		var packed bytes.Buffer
		for n := range stored.DatasetParts {
			it, err := s.table.Get(ctx, stored.partKey(n))
			if fault.Has(err, fault.NotFound) {
				return sys, fault.New(fault.Unavailable, "the data map of a system is being replaced")
			}
			if err != nil {
				return sys, fmt.Errorf("reading data map: %w", err)
			}
			packed.Write(it.Body)
		}
		var err error
		if text, err = unpack(&packed); err != nil {
			return sys, err
		}
		s.mu.Lock()
		if len(s.maps) == keptMaps {
			clear(s.maps)
		}
		s.maps[stored.DatasetSum] = text
		s.mu.Unlock()
	}
	sys.Dataset = text
	return sys, nil
}

func unpack(packed io.Reader) (string, error) {
	z, err := gzip.NewReader(packed)
	if err != nil {
		return "", fault.New(fault.Internal, "unpacking a data map")
	}
	var text strings.Builder
	if _, err := io.Copy(&text, io.LimitReader(z, MaxDataset+1)); err != nil || text.Len() > MaxDataset {
		return "", fault.New(fault.Internal, "unpacking a data map")
	}
	return text.String(), nil
}

// datasetWrites are the writes that bring the parts of a data map in place of the older ones.
func datasetWrites(old, fresh storedSystem, parts [][]byte) []table.Write {
	if old.DatasetSum == fresh.DatasetSum {
		return nil
	}
	var writes []table.Write
	for n, part := range parts {
		writes = append(writes, table.Write{Op: table.Put, If: table.AnyVersion, Item: table.Item{Key: fresh.partKey(n), Body: part}})
	}
	for n := range old.DatasetParts {
		writes = append(writes, table.Write{Op: table.Delete, If: table.AnyVersion, Item: table.Item{Key: old.partKey(n)}})
	}
	return writes
}
