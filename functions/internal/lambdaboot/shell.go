package lambdaboot

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// shell serves invocations one at a time, as the platform sends them.
type shell struct {
	log         *slog.Logger
	name, stage string
	handle      handler
	before      []func(ctx context.Context) error // each invocation
	now         func() time.Time
	metrics     io.Writer // nil = standard output

	used usage
}

// margin is what is left of the time of a function when its work is told to end: enough to record where it stands.
const margin = 2 * time.Second

// panicked is the errorType of a handler that panicked: the state machines try it again, and then ask an operator.
const panicked = "Lambda.Unknown"

// Invoke implements lambda.Handler.
func (s *shell) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	start := s.now()
	request := ""
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		request = lc.AwsRequestID
	}
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		left := time.Until(end)
		ctx, cancel = context.WithDeadline(ctx, end.Add(-min(margin, left/10)))
		defer cancel()
	}
	out, class, err := s.invoke(ctx, payload)
	s.measure(s.now().Sub(start), class)
	s.print(s.used.flush(s.name, request)...)
	if class == "" {
		return out, nil
	}
	level, text := slog.LevelError, "the handler panicked"
	if err != nil {
		level, text = fault.RuleFor(fault.Class(class)).Level, err.Error()
	}
	s.log.LogAttrs(ctx, level, "invocation failed", slog.String("function", s.name), slog.String("requestId", request),
		slog.String("class", class), slog.String("error", text))
	// The history of an execution keeps what this says: the class, and nothing of the error.
	return nil, messages.InvokeResponse_Error{Type: class, Message: fault.RuleFor(fault.Class(class)).Title}
}

// invoke runs the handler; class is empty when all is well, else the errorType.
func (s *shell) invoke(ctx context.Context, payload []byte) (out json.RawMessage, class string, err error) {
	defer func() {
		if recover() != nil { // what it says may quote anything
			out, class, err = nil, panicked, nil
		}
	}()
	for _, do := range s.before {
		if err = do(ctx); err != nil {
			return nil, string(fault.ClassOf(err)), err
		}
	}
	if out, err = s.handle(ctx, payload); err != nil {
		return nil, string(fault.ClassOf(err)), err
	}
	return out, "", nil
}

// logger writes one JSON object a line, as CloudWatch Logs reads them. Errors of Habeas hold no personal data by type.
func logger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// functionName is the name in the inventory: the platform knows the function with the prefix of its stage.
func functionName(prefix, name string) string { return strings.TrimPrefix(name, prefix+"-") }

func (s *shell) out() io.Writer {
	if s.metrics == nil {
		return os.Stdout
	}
	return s.metrics
}
