package limits

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/blobs/sealedtemp"
	"github.com/habeas-dsar/habeas/shared/disclosure"
	"github.com/habeas-dsar/habeas/shared/dsar"
)

const (
	mib = 1 << 20
	gib = 1 << 30

	packageBytes = 5 * gib
	fileBytes    = 128 * mib // of each of its files

	// What a function that assembles has: 1,024 MB of memory and 4,096 MB of disk, of which it may use a part (infra/inventory).
	mostMemory = 256 * mib
	mostDisk   = 1 * gib
)

// noise is a file that no compression makes smaller. It is always the same, and costs no disk.
type noise struct {
	from rand.ChaCha8
	left int64
}

func newNoise(seed byte, size int64) *noise { return &noise{*rand.NewChaCha8([32]byte{seed}), size} }

// Read implements io.Reader.
func (n *noise) Read(p []byte) (int, error) {
	if n.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), n.left)]
	n.left -= int64(len(p))
	return n.from.Read(p)
}

// Close implements io.Closer.
func (*noise) Close() error { return nil }

// shelf takes volumes, counts their bytes and hashes them, and keeps nothing.
type shelf map[int]*volume

type volume struct {
	bytes int64
	sum   hash.Hash
}

// Write implements io.Writer.
func (v *volume) Write(p []byte) (int, error) {
	v.bytes += int64(len(p))
	return v.sum.Write(p)
}

func (s shelf) put(_ context.Context, number int, write func(io.Writer) error) error {
	v := &volume{sum: sha256.New()}
	if err := write(v); err != nil {
		return err
	}
	s[number] = v
	return nil
}

// disk counts what lies in temporary places.
type disk struct {
	disclosure.Temp
	used, most *atomic.Int64
	mine       int64
}

// Write implements io.Writer.
func (d *disk) Write(p []byte) (int, error) {
	n, err := d.Temp.Write(p)
	d.mine += int64(n)
	d.most.Store(max(d.most.Load(), d.used.Add(int64(n))))
	return n, err
}

// Close implements io.Closer.
func (d *disk) Close() error {
	d.used.Add(-d.mine)
	d.mine = 0
	return d.Temp.Close()
}

// TestFiveGigabytes makes a package of 5 GiB as a function does, one volume a call, each of which may be lost and made again. No
// volume is larger than 1 GiB: one PUT takes 5 GB, and 15 minutes are the longest that a function has (Amazon S3 User Guide, "Uploading
// objects"; AWS Lambda Developer Guide, "Lambda quotas": function timeout, memory, /tmp).
func TestFiveGigabytes(t *testing.T) {
	t.Parallel()
	var used, most atomic.Int64
	dir := t.TempDir()
	assembler, err := disclosure.New(disclosure.Options{Temp: func(context.Context) (disclosure.Temp, error) {
		temp, err := sealedtemp.New(dir)
		return &disk{Temp: temp, used: &used, most: &most}, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	in := large()
	stop, heap := watchHeap()
	first := shelf{}
	var state disclosure.State
	var resumed disclosure.State
	for !state.Done {
		resumed = state
		if state, err = assembler.Step(t.Context(), in, state, first.put); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	var sum int64
	for n, v := range state.Volumes {
		got := first[n+1]
		if sum += v.Bytes; v.Bytes > gib || v.Bytes != got.bytes || v.SHA256 != hex.EncodeToString(got.sum.Sum(nil)) {
			t.Errorf("volume %d has %d bytes, or is not what the state says", n+1, v.Bytes)
		}
	}
	t.Logf("%d volumes, %d MiB, at most %d MiB of memory and %d MiB of disk", len(state.Volumes), sum/mib, heap.Load()/mib, most.Load()/mib)
	if sum < packageBytes || len(state.Volumes) < 6 || len(state.Volumes) > 7 {
		t.Errorf("%d volumes of %d bytes in all", len(state.Volumes), sum)
	}
	if heap.Load() > mostMemory || most.Load() > mostDisk || most.Load() == 0 {
		t.Errorf("it took %d MiB of memory and %d MiB of disk", heap.Load()/mib, most.Load()/mib)
	}
	again := shelf{}
	if _, err := assembler.Step(t.Context(), in, resumed, again.put); err != nil {
		t.Fatal(err)
	}
	last := len(state.Volumes)
	if len(again) != 1 || hex.EncodeToString(again[last].sum.Sum(nil)) != state.Volumes[last-1].SHA256 {
		t.Error("a volume that is made again is another one")
	}
}

// large returns a request whose answer is the package.
func large() disclosure.Input {
	archive := disclosure.System{Name: "archive", Outcome: dsar.Found}
	for n := range packageBytes / fileBytes {
		sum := sha256.New()
		_, _ = io.Copy(sum, newNoise(byte(n), fileBytes)) // neither fails
		archive.Attachments = append(archive.Attachments, disclosure.Attachment{
			Name: fmt.Sprintf("film-%02d.mp4", n), Bytes: fileBytes, SHA256: hex.EncodeToString(sum.Sum(nil)),
			Open: func(context.Context) (io.ReadCloser, error) { return newNoise(byte(n), fileBytes), nil },
		})
	}
	return disclosure.Input{
		Reference: "7K3QX-9M2DA", Right: dsar.Access, Locale: "en", GeneratedAt: start, ReceivedAt: start,
		Controller: disclosure.Controller{Title: "Alder", Name: "Alder Ltd, 1 Example Street", Contact: "privacy@example.com"},
		Law: disclosure.Law{Name: "General Data Protection Regulation", Citation: "GDPR Art. 15", GDPR: true, Rights: dsar.Rights(), Complaint: []disclosure.Route{
			{Name: "The authority", URL: "https://authority.example.com/complain", Text: "You can complain to a data protection authority (GDPR Art. 77)."},
		}},
		Systems: []disclosure.System{archive},
	}
}

// start is when every story of the package begins.
var start = time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)

// watchHeap notes the largest heap until stop is closed.
func watchHeap() (stop chan struct{}, most *atomic.Int64) {
	stop, most = make(chan struct{}), new(atomic.Int64)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most.Store(max(most.Load(), int64(m.HeapAlloc)))
			}
		}
	}()
	return stop, most
}
