package objects

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/habeas-dsar/habeas/shared/blobs/s3blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// TestGetInTrouble: a reader gives every byte once, however often its connection breaks, as long as it gets on.
func TestGetInTrouble(t *testing.T) {
	clouds(t, func(t *testing.T, connect connector) {
		f := &faults{}
		c := connect(t, f.in)
		store := open(t, c, s3blobs.Options{Buckets: map[string]string{"": bucket(t, c)}, Idle: 200 * time.Millisecond})
		const size = 7*bytesBefore + 11
		want := content(size, 3)
		if _, err := store.Put(t.Context(), "a", bytes.NewReader(want)); err != nil {
			t.Fatal(err)
		}
		for name, tt := range map[string]struct {
			what     func(string, int) trouble
			requests int
			class    fault.Class // empty = everything is read
		}{
			"nothing":              {nil, 1, ""},
			"refused once":         {once("GetObject", refused), 2, ""},
			"failing once":         {once("GetObject", failing), 2, ""},
			"lost once":            {once("GetObject", lost), 2, ""},
			"cut once":             {once("GetObject", cut), 2, ""},
			"cut all the time":     {always("GetObject", cut), 8, ""},
			"stalled once":         {once("GetObject", stalled), 2, ""},
			"cut, then refused":    {sequence(cut, refused, lost, none), 4, ""},
			"refused for ever":     {always("GetObject", refused), 3, fault.Throttled},
			"lost for ever":        {always("GetObject", lost), 3, fault.Unavailable},
			"cut, then for ever":   {sequence(cut, refused), 4, fault.Throttled},
			"stalled, then a void": {sequence(stalled, lost), 4, fault.Unavailable},
			"hollow twice":         {sequence(hollow, hollow, none), 3, ""},
			"hollow for ever":      {always("GetObject", hollow), 5, fault.Unavailable},
			"cut, then hollow":     {sequence(cut, hollow), 5, fault.Unavailable},
		} {
			for _, offset := range []int64{0, 5} {
				f.set(tt.what)
				got, err := read(t, store, "a", offset)
				switch {
				case tt.class != "" && !fault.Has(err, tt.class):
					t.Errorf("%s: %v, want %s", name, err, tt.class)
				case tt.class == "" && (err != nil || !bytes.Equal(got, want[offset:])):
					t.Errorf("%s: %d bytes (%v), want %d", name, len(got), err, size-offset)
				case !bytes.HasPrefix(want[offset:], got):
					t.Errorf("%s: bytes that are not the object's", name)
				}
				if n := f.calls("GetObject"); n != tt.requests {
					t.Errorf("%s: %d requests, want %d", name, n, tt.requests)
				}
			}
		}
	})
}

// sequence is what happens to the requests for an object, one after the other; the last goes on for ever.
func sequence(troubles ...trouble) func(string, int) trouble {
	return func(op string, n int) trouble {
		if op != "GetObject" {
			return none
		}
		return troubles[min(n, len(troubles))-1]
	}
}

// TestReadAfterClose: what is closed is not asked for again.
func TestReadAfterClose(t *testing.T) {
	f := &faults{}
	c := ministack(t, f.in)
	store := open(t, c, s3blobs.Options{Buckets: map[string]string{"": bucket(t, c)}})
	if _, err := store.Put(t.Context(), "a", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	r, _, err := store.Open(t.Context(), "a", 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Read(make([]byte, 1)); !fault.Has(err, fault.Unavailable) || f.calls("GetObject") != 1 {
		t.Errorf("reading what is closed: %v after %d requests, want unavailable and one", err, f.calls("GetObject"))
	}
}

// TestReadingIsPinned: a reader whose connection breaks after the object was replaced goes on with what it began, or says that it
// cannot; it never mixes two objects.
func TestReadingIsPinned(t *testing.T) {
	clouds(t, func(t *testing.T, connect connector) {
		for versioned, changes := range map[bool]map[string]fault.Class{
			true:  {"replaced": "", "hidden": "", "deleted": fault.Conflict},
			false: {"replaced": fault.Conflict, "hidden": fault.Conflict, "deleted": fault.Conflict},
		} {
			for change, class := range changes {
				f := &faults{}
				c := connect(t, f.in)
				b := bucket(t, c)
				if versioned {
					version(t, c, b)
				}
				store := open(t, c, s3blobs.Options{Buckets: map[string]string{"": b}})
				older, newer := content(3*bytesBefore, 1), content(3*bytesBefore, 2)
				if _, err := store.Put(t.Context(), "a", bytes.NewReader(older)); err != nil {
					t.Fatal(err)
				}
				f.set(once("GetObject", cut))
				r, _, err := store.Open(t.Context(), "a", 0)
				if err != nil {
					t.Fatal(err)
				}
				head := make([]byte, 10)
				if _, err := io.ReadFull(r, head); err != nil {
					t.Fatal(err)
				}
				switch change {
				case "replaced":
					_, err = store.Put(t.Context(), "a", bytes.NewReader(newer))
				case "hidden":
					_, err = c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b, Key: new("a")})
				case "deleted":
					err = store.Delete(t.Context(), "a")
				}
				if err != nil {
					t.Fatal(err)
				}
				rest, err := io.ReadAll(r)
				got := slices.Concat(head, rest)
				switch {
				case !bytes.HasPrefix(older, got):
					t.Errorf("%s, versioned %t: bytes of two objects", change, versioned)
				case class == "" && (err != nil || len(got) != len(older)):
					t.Errorf("%s, versioned %t: %d bytes (%v), want %d", change, versioned, len(got), err, len(older))
				case class != "" && !fault.Has(err, class):
					t.Errorf("%s, versioned %t: %v, want %s", change, versioned, err, class)
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// TestDamageShows: bytes that are not those that were stored end in an error.
func TestDamageShows(t *testing.T) {
	c := ministack(t, func(o *s3.Options) { o.HTTPClient = &damaging{o.HTTPClient} })
	store := open(t, c, s3blobs.Options{Buckets: map[string]string{"": bucket(t, c)}})
	if _, err := store.Put(t.Context(), "a", bytes.NewReader(content(small, 1))); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, store, "a", 0); !fault.Has(err, fault.Unavailable) {
		t.Errorf("%d bytes, %v, want unavailable", len(got), err)
	}
}
