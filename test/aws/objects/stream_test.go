package objects

import (
	"io"
	"runtime"
	"testing"

	"github.com/habeas-dsar/habeas/shared/blobs/s3blobs"
)

// BenchmarkStream writes and reads an object of 1 GiB, and reports the most memory that was in use meanwhile; it fails above 96 MiB.
// Run it with -benchtime 1x.
func BenchmarkStream(b *testing.B) {
	c := versity(b)
	store := open(b, c, s3blobs.Options{Buckets: map[string]string{"": bucket(b, c)}})
	const size = 1 << 30
	b.SetBytes(2 * size)
	for b.Loop() {
		peak := &peak{}
		if info, err := store.Put(b.Context(), "large", io.TeeReader(io.LimitReader(zeros{}, size), peak)); err != nil || info.Bytes != size {
			b.Fatalf("Put: %d bytes, %v", info.Bytes, err)
		}
		r, _, err := store.Open(b.Context(), "large", 0)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(peak, r); err != nil || n != size {
			b.Fatalf("reading: %d bytes, %v", n, err)
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(peak.most)/(1<<20), "MiB-peak")
		if peak.most > 96<<20 {
			b.Errorf("%d MiB were in use", peak.most>>20)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// peak is told of what streams through and looks at the heap every 8 MiB.
type peak struct {
	bytes, next int64
	most        uint64
}

func (p *peak) Write(b []byte) (int, error) {
	if p.bytes += int64(len(b)); p.bytes >= p.next {
		p.next += 8 << 20
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		p.most = max(p.most, m.HeapInuse)
	}
	return len(b), nil
}
