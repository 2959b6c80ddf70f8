package cloud

import (
	"context"
	"net"
	"net/http"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go/middleware"
)

// transport bounds the connection and the wait for the first byte of an answer; a body may take as long as it flows.
func transport(t *http.Transport) {
	t.DialContext = (&net.Dialer{Timeout: connectWithin, KeepAlive: 30 * time.Second}).DialContext
	t.TLSHandshakeTimeout, t.ResponseHeaderTimeout = connectWithin, answerWithin
	t.MaxIdleConnsPerHost = 32
}

// Patient returns a client for calls whose answer begins when the work behind them is done: it waits as long as their contexts do.
func Patient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(transport, func(t *http.Transport) { t.ResponseHeaderTimeout = 0 })
}

// Call is a call of a service that was answered, for audits and costs: the names of service and operation, never what was said.
type Call struct {
	Service, Operation string
	Failed             bool
}

// Meter is told what is used, by several goroutines at once: every call, and the capacity units of every call of a table, as
// DynamoDB counts them.
type Meter interface {
	Call(c Call)
	Units(table string, read, write float64)
}

// counting tells of every call once, whatever number of attempts it took.
func counting(count func(Call)) func(*middleware.Stack) error {
	return func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("HabeasCount",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				out, meta, err := next.HandleInitialize(ctx, in)
				count(Call{Service: awsmiddleware.GetServiceID(ctx), Operation: awsmiddleware.GetOperationName(ctx), Failed: err != nil})
				return out, meta, err
			}), middleware.After)
	}
}
