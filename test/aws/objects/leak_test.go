package objects

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.uber.org/goleak"

	"github.com/habeas-dsar/habeas/shared/blobs/s3blobs"
)

// TestNothingGoesOnAfterACall: a Lambda is frozen when it has answered; what still ran would go on in the middle of another case.
func TestNothingGoesOnAfterACall(t *testing.T) {
	clouds(t, func(t *testing.T, connect connector) {
		f := &faults{}
		alone := func(o *s3.Options) { o.HTTPClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} }
		c := connect(t, alone, f.in)
		store := open(t, c, s3blobs.Options{Buckets: map[string]string{"": bucket(t, c)}})
		before := goleak.IgnoreCurrent()
		ctx, cancel := context.WithCancel(t.Context())
		for _, size := range []int{small, large} {
			if _, err := store.Put(ctx, "a", bytes.NewReader(content(size, 1))); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Put(ctx, "b", io.MultiReader(bytes.NewReader(content(size, 1)), errReader{errors.New("broken")})); err == nil {
				t.Error("a broken source is stored")
			}
			f.set(once("GetObject", cut))
			r, _, err := store.Open(ctx, "a", 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.CopyN(io.Discard, r, bytesBefore+1); err != nil { // and no further
				t.Fatal(err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			f.set(always("UploadPart", lost))
			if _, err := store.Put(ctx, "b", bytes.NewReader(content(size, 1))); (err != nil) != (size == large) {
				t.Errorf("Put of %d bytes: %v", size, err)
			}
			f.set(nil)
			if err := store.Delete(ctx, "b"); err != nil {
				t.Fatal(err)
			}
		}
		reads := 0
		endless := readerFunc(func(p []byte) (int, error) {
			if reads++; reads > 45 {
				cancel()
			}
			return len(p), nil
		})
		if _, err := store.Put(ctx, "c", endless); err == nil {
			t.Error("a cancelled Put stored something")
		}
		goleak.VerifyNone(t, before)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
