package stream_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/functions/internal/stream"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/dynamotable"
)

func decode(image map[string]types.AttributeValue) (table.Item, error) {
	return dynamotable.Decode(table.Cases, image)
}

func row(n int) casefile.OutboxRow {
	return casefile.OutboxRow{
		Tenant: "acme", CaseID: "018f2f6e-7c1a-7000-8000-000000000001", N: n, Kind: casefile.OutEvent, Event: "case.closed",
		At: time.Date(2027, 1, 31, 9, 0, n, 0, time.UTC),
	}
}

// record is a record of a stream as Lambda delivers it (AWS Lambda Developer Guide, "Using AWS Lambda with Amazon DynamoDB").
func record(what string, n int, image map[string]any) map[string]any {
	r := map[string]any{
		"eventID": fmt.Sprintf("canary-%d", n), "eventName": what, "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "eu-west-1",
		"dynamodb": map[string]any{
			"ApproximateCreationDateTime": 1.8e9, "Keys": map[string]any{"pk": image["pk"], "sk": image["sk"]}, "NewImage": image,
			"SequenceNumber": fmt.Sprintf("%d00000000000000000000", 100+n), "SizeBytes": 300, "StreamViewType": "NEW_IMAGE",
		},
		"eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/habeas-test-cases/stream/2027-01-31T00:00:00.000",
	}
	if what == "REMOVE" {
		delete(r["dynamodb"].(map[string]any), "NewImage")
	}
	return r
}

func image(t testing.TB, r casefile.OutboxRow) map[string]any {
	t.Helper()
	body, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"pk": map[string]any{"S": r.Key().PK}, "sk": map[string]any{"S": r.Key().SK}, "ipk": map[string]any{"S": "OUT#3"},
		"isk": map[string]any{"S": "2027-01-31"}, "version": map[string]any{"N": "1"}, "body": map[string]any{"B": base64.StdEncoding.EncodeToString(body)},
	}
}

func batch(t testing.TB, records ...map[string]any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// desk is an outbox whose handler keeps what it was given and leaves what it is told to.
type desk struct {
	stream.Outbox
	got       []casefile.OutboxRow
	left      []int
	recovered int
	fails     error
	log       strings.Builder
}

func newDesk() *desk {
	d := &desk{}
	d.Outbox = stream.Outbox{
		Carry: func(_ context.Context, rows []casefile.OutboxRow) []int {
			d.got = append(d.got, rows...)
			return d.left
		},
		Recover: func(context.Context) error { d.recovered++; return d.fails },
		Decode:  decode, Log: slog.New(slog.NewTextHandler(&d.log, nil)),
	}
	return d
}

func TestNewRowsAreCarriedOut(t *testing.T) {
	d := newDesk()
	other := image(t, row(9))
	other["ipk"] = map[string]any{"S": "T#acme#TASKS"}
	bare := image(t, row(9))
	delete(bare, "ipk")
	delete(bare, "isk")
	odd := image(t, row(9))
	odd["ipk"] = map[string]any{"N": "1"}
	out, err := d.Handle(t.Context(), batch(t,
		record("INSERT", 1, image(t, row(1))), record("MODIFY", 2, image(t, row(2))), record("REMOVE", 3, image(t, row(3))), record("INSERT", 4, other),
		record("INSERT", 5, bare), record("INSERT", 6, odd), record("INSERT", 7, image(t, row(7))),
	))
	if err != nil || string(out) != `{"batchItemFailures":[]}` {
		t.Errorf("%s, %v", out, err)
	}
	if diff := cmp.Diff([]casefile.OutboxRow{row(1), row(7)}, d.got); diff != "" {
		t.Error(diff)
	}
	if d.recovered != 0 || d.log.Len() != 0 {
		t.Errorf("recovered %d times, the log says %s", d.recovered, d.log.String())
	}
}

// The platform goes on from the lowest number that is named: it is that of the first row that was not begun, whatever else was.
func TestRowsThatWereNotBegunAreNamed(t *testing.T) {
	d := newDesk()
	d.left = []int{3, 1, 2}
	out, err := d.Handle(t.Context(), batch(t,
		record("MODIFY", 0, image(t, row(0))), record("INSERT", 1, image(t, row(1))), record("INSERT", 2, image(t, row(2))),
		record("INSERT", 3, image(t, row(3))), record("INSERT", 4, image(t, row(4))),
	))
	if err != nil || string(out) != `{"batchItemFailures":[{"itemIdentifier":"10200000000000000000000"}]}` {
		t.Errorf("%s, %v", out, err)
	}
}

// A row that cannot be read is said to be so, without what is in it, and keeps no other.
func TestRowsThatCannotBeRead(t *testing.T) {
	d := newDesk()
	garbled, foreign, unversioned := image(t, row(1)), image(t, row(2)), image(t, row(3))
	garbled["body"] = map[string]any{"B": base64.StdEncoding.EncodeToString([]byte("canary"))}
	foreign["pk"] = map[string]any{"S": "T#other#C#canary"}
	delete(unversioned, "version")
	out, err := d.Handle(t.Context(), batch(t,
		record("INSERT", 1, garbled), record("INSERT", 2, foreign), record("INSERT", 3, unversioned), record("INSERT", 4, image(t, row(4))),
	))
	if err != nil || string(out) != `{"batchItemFailures":[]}` || len(d.got) != 1 || d.got[0].N != 4 {
		t.Errorf("%s, %v, carried out %+v", out, err, d.got)
	}
	if log := d.log.String(); strings.Count(log, "level=ERROR") != 3 || strings.Contains(log, "canary") {
		t.Errorf("the log says %s", log)
	}
}

func TestAScheduleRecovers(t *testing.T) {
	d := newDesk()
	for _, payload := range []string{`{}`, `{"Records":[]}`, `{"source":"aws.scheduler","detail":{}}`} {
		if out, err := d.Handle(t.Context(), json.RawMessage(payload)); err != nil || string(out) != `{"batchItemFailures":[]}` {
			t.Errorf("%s: %s, %v", payload, out, err)
		}
	}
	if d.recovered != 3 || d.got != nil {
		t.Errorf("recovered %d times, carried out %+v", d.recovered, d.got)
	}
	d.fails = fault.New(fault.Unavailable, "the records are away")
	if _, err := d.Handle(t.Context(), json.RawMessage(`{}`)); !fault.Has(err, fault.Unavailable) {
		t.Errorf("%v", err)
	}
}

func TestWhatIsNoBatch(t *testing.T) {
	d := newDesk()
	q := stream.Queue{Take: func(context.Context, []byte) error { t.Error("taken"); return nil }, Log: slog.New(slog.DiscardHandler)}
	for _, payload := range []string{``, `[]`, `"x"`, `{"Records":{}}`, `{"Records":[1]}`} {
		if _, err := d.Handle(t.Context(), json.RawMessage(payload)); !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: %v, want invalid", payload, err)
		}
		if _, err := q.Handle(t.Context(), json.RawMessage(payload)); !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: %v, want invalid", payload, err)
		}
	}
}

// One message that cannot be taken keeps no other, and only it is delivered again.
func TestAQueue(t *testing.T) {
	var log strings.Builder
	var got []string
	q := stream.Queue{Log: slog.New(slog.NewTextHandler(&log, nil)), Take: func(_ context.Context, body []byte) error {
		got = append(got, string(body))
		switch string(body) {
		case "bad":
			return fault.New(fault.Invalid, "it is no report")
		case "mad":
			panic("canary")
		case "odd":
			return errors.New("of no class")
		}
		return nil
	}}
	payload, err := json.Marshal(map[string]any{"Records": []map[string]string{
		{"messageId": "m1", "body": "good"},
		{"messageId": "m2", "body": "bad"},
		{"messageId": "m3", "body": "mad"},
		{"messageId": "m4", "body": "odd"},
		{"messageId": "m5", "body": "good"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"batchItemFailures":[{"itemIdentifier":"m2"},{"itemIdentifier":"m3"},{"itemIdentifier":"m4"}]}`
	if out, err := q.Handle(t.Context(), payload); err != nil || string(out) != want {
		t.Errorf("%s, %v", out, err)
	}
	if !slices.Equal(got, []string{"good", "bad", "mad", "odd", "good"}) || strings.Count(log.String(), "was not taken") != 3 || strings.Contains(log.String(), "canary") {
		t.Errorf("taken %q, the log says %s", got, log.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got = nil
	if out, err := q.Handle(ctx, payload); err != nil || strings.Count(string(out), "itemIdentifier") != 5 || got != nil {
		t.Errorf("after the end: %s, %v, taken %q", out, err, got)
	}
}

func FuzzOutbox(f *testing.F) {
	f.Add([]byte(batch(f, record("INSERT", 1, image(f, row(1))))))
	f.Add([]byte(`{"Records":[{"eventName":"INSERT","dynamodb":{"NewImage":{"ipk":{"S":"OUT#1"},"body":{"B":""}}}}]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if _, err := newDesk().Handle(t.Context(), payload); err != nil && !fault.Has(err, fault.Invalid) {
			t.Errorf("%v", err)
		}
	})
}
