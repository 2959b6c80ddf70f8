package synthetic

import (
	"os"
	"testing"

	"github.com/habeas-dsar/habeas/shared/connector/datamap"
)

func TestClinic(t *testing.T) {
	src, err := os.ReadFile("testdata/clinic.yml")
	if err != nil {
		t.Fatal(err)
	}
	l, err := datamap.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Warnings) > 0 {
		t.Errorf("warnings: %+v", l.Warnings)
	}
	w := New(t, l.Datasets...)
	for _, s := range w.systems {
		if list := s.graph.Warnings(); len(list) > 0 {
			t.Errorf("warnings of %s: %+v", s.data.Key, list)
		}
	}
	w.Check(t)
}
