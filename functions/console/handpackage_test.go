package console_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/handovers"
	"github.com/habeas-dsar/habeas/functions/internal/uploads"
	"github.com/habeas-dsar/habeas/shared/blobs/blobstest"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/handover"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/table"
)

// handsOver lets the console hand packages over; volumes of more than small bytes are prepared by whoever carries the ids.
func (r *rig) handsOver(small int64) (*blobstest.Door, *[]string) {
	r.t.Helper()
	door, asked := blobstest.NewDoor(r.t, r.h.Blobs), &[]string{}
	r.h.HandOvers = &handovers.Desk{
		Records: handover.NewStore(r.h.Cases.Table(), r.h.Now), Cases: r.h.Cases, Blobs: r.h.Blobs, Door: door, Small: small,
		Later: func(_ context.Context, id string) error { *asked = append(*asked, id); return nil },
		Files: &uploads.Desk{Cases: r.h.Cases, Blobs: r.h.Blobs, Log: r.h.Log},
	}
	return door, asked
}

func (r *rig) fetch(address string) (status int, body string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

func (r *rig) sweepOpen(d time.Duration) {
	r.t.Helper()
	r.now = r.now.Add(d)
	if _, err := r.h.HandOvers.Sweep(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func TestAReviewerIsLedToThePackage(t *testing.T) {
	r := newRig(t)
	door, _ := r.handsOver(1 << 20)
	_, cookie, token := r.staff(home, registry.Roles()...)
	_, auditor, _ := r.staff(home, registry.Auditor)
	c, _ := r.busy(home)
	at := "/console/cases/" + c.ID + "/package/1"
	r.want(r.page(auditor, "GET", at, nil), 403)
	r.want(r.page("", "GET", at, nil), 401)
	r.want(r.page(cookie, "GET", "/console/cases/"+c.ID+"/package/2", nil), 404)
	if len(door.Given()) != 0 {
		t.Fatal("somebody else got an address")
	}
	for looks := 1; looks <= 2; looks++ { // each look is one of its own
		to := r.want(r.page(cookie, "GET", at, nil), 303).Header
		if status, body := r.fetch(to.Get("Location")); status != 200 || body != packageBytes || to.Get("Cache-Control") != "no-store" {
			t.Errorf("the address answers %d, %q", status, body)
		}
		if kinds := strings.Join(r.audit(token), " "); strings.Count(kinds, "package_read") != looks || len(door.Given()) != looks {
			t.Errorf("after %d looks: audit %s, %d addresses", looks, kinds, len(door.Given()))
		}
	}
	r.sweepOpen(handover.OpenLife)
	page, err := r.h.Blobs.List(t.Context(), "delivery/", "", 0)
	if err != nil || len(page.Objects) != 0 {
		t.Errorf("there lies %v: %v", page.Objects, err)
	}
	r.sweepOpen(handover.AfterDelivery)
	left, err := r.h.Cases.Table().Query(t.Context(), table.Query{Table: table.Tokens, Index: true, PK: "HANDOVERS"})
	if err != nil || len(left.Items) != 0 {
		t.Errorf("%d records are left: %v", len(left.Items), err)
	}
}

func TestAReviewerWaitsForALargePackage(t *testing.T) {
	r := newRig(t)
	door, asked := r.handsOver(3)
	_, cookie, token := r.staff(home, registry.Roles()...)
	_, colleague, _ := r.staff(home, registry.Roles()...)
	c, _ := r.busy(home)
	at := "/console/cases/" + c.ID + "/package/1"
	here := r.want(r.page(cookie, "GET", at, nil), 303).Header.Get("Location")
	if !strings.HasPrefix(here, at+"?delivery=") || len(*asked) != 1 {
		t.Fatalf("led to %q, asked %d times", here, len(*asked))
	}
	for range 2 {
		if p := r.want(r.page(cookie, "GET", here, nil), 200); !strings.Contains(p.body, `http-equiv="refresh" content="5; url=`+here+`"`) {
			t.Errorf("the page does not wait: %s", p.body)
		}
	}
	if err := r.h.HandOvers.Carry(t.Context(), (*asked)[0]); err != nil || len(*asked) != 1 {
		t.Fatalf("asked %d times: %v", len(*asked), err)
	}
	for who, cookie := range map[string]string{"a colleague": colleague, "nobody": ""} {
		if p := r.page(cookie, "GET", here, nil); p.StatusCode != http.StatusNotFound && p.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d", who, p.StatusCode)
		}
	}
	r.want(r.page(cookie, "GET", at+"?delivery="+handover.NewID(), nil), 404)
	r.want(r.page(cookie, "GET", at+"?delivery="+dsar.NewID(), nil), 404)
	if kinds := strings.Join(r.audit(token), " "); strings.Contains(kinds, "package_read") || len(door.Given()) != 0 {
		t.Errorf("before anybody got it: %s, %v", kinds, door.Given())
	}
	to := r.want(r.page(cookie, "GET", here, nil), 303).Header.Get("Location")
	if status, body := r.fetch(to); status != 200 || body != packageBytes {
		t.Errorf("the address answers %d, %q", status, body)
	}
	r.want(r.page(cookie, "GET", here, nil), 404)
	if kinds := strings.Join(r.audit(token), " "); strings.Count(kinds, "package_read") != 1 {
		t.Errorf("audit: %s", kinds)
	}
}
