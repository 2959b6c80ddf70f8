package dynamo_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/dynamotable"
)

// TestRequests reads what is asked of DynamoDB where emulators hide a mistake: both always read what was written last, and neither
// charges for a filter.
func TestRequests(t *testing.T) {
	onEach(t, func(t *testing.T, c cloud) {
		seen := &requests{next: http.DefaultClient}
		cfg := c.config(t).Copy()
		cfg.HTTPClient = seen
		s, part := open(t, cfg, dynamotable.Options{}), partition()
		it := table.Item{Key: table.Key{Table: table.Cases, PK: part, SK: "s"}, IPK: part, ISK: "i"}
		put(t, s, it)
		if _, err := s.Get(t.Context(), it.Key); err != nil {
			t.Fatal(err)
		}
		for _, q := range []table.Query{{}, {Index: true}, {Prefix: "s", Limit: 5}, {Index: true, From: "a", To: "z"}, {From: "a"}, {To: "z"}} {
			q.Table, q.PK = table.Cases, part
			if page, err := s.Query(t.Context(), q); err != nil || len(page.Items) != 1 {
				t.Fatalf("query %+v: %d items, %v", q, len(page.Items), err)
			}
		}
		if n := len(seen.all); n != 8 {
			t.Errorf("%d requests, want 8: a page is one", n)
		}
		for _, r := range seen.all {
			switch r.operation {
			case "GetItem":
				if r.Consistent != true {
					t.Error("an item is read eventually")
				}
			case "Query":
				if r.Consistent != (r.IndexName == "") || r.IndexName != "" && r.IndexName != inventory.Index {
					t.Errorf("query of index %q, consistent %t", r.IndexName, r.Consistent)
				}
				if r.Filter != "" {
					t.Errorf("filter %s", r.Filter)
				}
			case "TransactWriteItems":
				if r.Token == "" {
					t.Error("a transaction without a token")
				}
			default:
				t.Errorf("%s is called", r.operation)
			}
		}
	})
}

// request is what the test looks at.
type request struct {
	operation  string
	IndexName  string
	Consistent bool   `json:"ConsistentRead"`
	Filter     string `json:"FilterExpression"`
	Token      string `json:"ClientRequestToken"`
}

// requests keeps every request that passes.
type requests struct {
	next aws.HTTPClient
	mu   sync.Mutex
	all  []request
}

// Do implements aws.HTTPClient.
func (s *requests) Do(call *http.Request) (*http.Response, error) {
	raw, err := io.ReadAll(call.Body)
	if err != nil {
		return nil, err
	}
	call.Body = io.NopCloser(bytes.NewReader(raw))
	var r request
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, err
	}
	_, r.operation, _ = strings.Cut(call.Header.Get("X-Amz-Target"), ".")
	s.mu.Lock()
	s.all = append(s.all, r)
	s.mu.Unlock()
	return s.next.Do(call)
}
