package cost

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/habeas-dsar/habeas/infra/inventory"
)

// Bill says what was used and what each part costs.
type Bill struct {
	Region string `json:"region"`
	AsOf   string `json:"asOf"` // day of the prices
	Cases  int    `json:"cases"`
	Items  []Item `json:"items"`
}

// Item is one part of a bill.
type Item struct {
	Name     string  `json:"name"`
	What     string  `json:"what"`
	Quantity float64 `json:"quantity"` // of all cases together
	USD      float64 `json:"usd"`      // of all cases together
	Unpriced bool    `json:"unpriced,omitempty"`
}

// objectReads are the operations of S3 with the price of a GET; deletions are free, everything else has the price of a PUT.
var (
	objectReads = map[string]bool{"GetObject": true, "HeadObject": true, "HeadBucket": true}
	objectFree  = map[string]bool{"DeleteObject": true, "DeleteObjects": true, "AbortMultipartUpload": true}
)

// Price says what the usage costs, over as many cases; 0 cases count as one. An item that the prices do not name stays in the bill and
// says so.
func (u Usage) Price(p Prices, cases int) Bill {
	b := Bill{Region: p.Region, AsOf: p.AsOf, Cases: max(1, cases)}
	add := func(name, what string, quantity float64) {
		i := Item{Name: name, What: what, Quantity: quantity}
		if price, ok := p.Prices[name]; ok && price.Per > 0 {
			i.USD = quantity / price.Per * price.USD
		} else {
			i.Unpriced = true
		}
		b.Items = append(b.Items, i)
	}
	transitions := 0
	for _, n := range u.Transitions {
		transitions += n
	}
	var units Units
	for _, t := range u.Tables {
		units.Read, units.Write = units.Read+t.Read, units.Write+t.Write
	}
	objects := u.objects()
	add("transitions", "state transitions of Step Functions", float64(transitions))
	add("invocations", "invocations of Lambda", float64(u.Invocations()))
	add("gb-seconds", "GB-seconds of Lambda", u.GBSeconds())
	add("table-writes", "write units of DynamoDB", units.Write)
	add("table-reads", "read units of DynamoDB", units.Read)
	add("object-writes", "S3: PUT, POST, LIST", float64(objects.writes))
	add("object-reads", "S3: GET, HEAD", float64(objects.reads))
	add("key-uses", "calls of KMS", u.service("KMS"))
	add("mails", "letters by SES", u.operation("SESv2:SendEmail"))
	add("events", "events on EventBridge", u.operation("EventBridge:PutEvents"))
	add("requests", "requests to the HTTP API", float64(u.triggered(inventory.HTTP)))
	add("secret-reads", "reads of secrets", u.operation("Secrets Manager:GetSecretValue"))
	add("log-bytes", "bytes of logs", float64(u.LogBytes))
	return b
}

type objectCalls struct{ reads, writes int }

func (u Usage) objects() (o objectCalls) {
	for name, c := range u.Calls {
		service, operation, _ := strings.Cut(name, ":")
		switch {
		case service != "S3" || objectFree[operation]:
		case objectReads[operation]:
			o.reads += c.Times
		default:
			o.writes += c.Times
		}
	}
	return o
}

func (u Usage) operation(name string) float64 { return float64(u.Calls[name].Times) }

func (u Usage) service(want string) (n float64) {
	for name, c := range u.Calls {
		if service, _, _ := strings.Cut(name, ":"); service == want {
			n += float64(c.Times)
		}
	}
	return n
}

// USD is the sum over all cases.
func (b Bill) USD() (sum float64) {
	for _, i := range b.Items {
		sum += i.USD
	}
	return sum
}

// WriteTo writes the bill as a table: per case, in the order of Items. It implements io.WriterTo.
func (b Bill) WriteTo(w io.Writer) (int64, error) {
	count := &counter{to: w}
	t := tabwriter.NewWriter(count, 0, 0, 2, ' ', tabwriter.AlignRight)
	n := float64(max(1, b.Cases))
	_, _ = fmt.Fprintf(t, "per case\tUSD per case\tof the total\t  \n") // the writer keeps the first error for Flush
	total := b.USD()
	for _, i := range b.Items {
		share := "-"
		if total > 0 {
			share = strconv.FormatFloat(100*i.USD/total, 'f', 1, 64) + "%"
		}
		price := strconv.FormatFloat(i.USD/n, 'f', 6, 64)
		if i.Unpriced {
			price, share = "no price", "-"
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t  %s\n", strconv.FormatFloat(i.Quantity/n, 'f', 2, 64), price, share, i.What)
	}
	_, _ = fmt.Fprintf(t, "\t%s\t\t  together, over %d cases; prices of %s on %s, no free tier\n", strconv.FormatFloat(total/n, 'f', 6, 64), b.Cases, b.Region, b.AsOf)
	err := t.Flush()
	return count.n, err
}

type counter struct {
	to io.Writer
	n  int64
}

// Write passes on and counts.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}
