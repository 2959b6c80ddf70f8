package awsfault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// secret stands for what messages and addresses of AWS can hold.
const secret = "T#acme#C#0198"

// api is an error as a client returns one: the operation around the answer around the error of the service.
func api(code string, status int) error {
	var err error = &smithy.GenericAPIError{Code: code, Message: "item " + secret + " is not as it was", Fault: smithy.FaultClient}
	if status != 0 {
		response := &smithyhttp.Response{Response: &http.Response{StatusCode: status}}
		err = &smithyhttp.ResponseError{Response: response, Err: err}
	}
	return &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "PutItem", Err: err}
}

func TestClassByCode(t *testing.T) {
	for class, codes := range map[fault.Class][]string{
		fault.Conflict: {
			"ConditionalCheckFailedException", "TransactionCanceledException", "TransactionConflictException", "PreconditionFailed",
			"ConditionalRequestConflict", "ExecutionAlreadyExists",
		},
		fault.Throttled: {
			"ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "SlowDown",
			"TooManyRequestsException", "LimitExceededException", "KMS.ThrottlingException",
		},
		fault.Unavailable: {
			"InternalServerError", "InternalError", "ServiceUnavailable", "RequestTimeout", "TransactionInProgressException",
			"KMSInternalException", "DependencyTimeoutException",
		},
		fault.Misconfigured: {
			"AccessDeniedException", "AccessDenied", "ResourceNotFoundException", "NoSuchBucket", "UnrecognizedClientException",
			"ExpiredTokenException", "SignatureDoesNotMatch", "StateMachineDoesNotExist", "ParameterNotFound", "KMSInvalidStateException",
			"KMS.DisabledException", "KMS.NotFoundException", "KMS.KMSInvalidStateException",
		},
		fault.NotFound: {"NoSuchKey", "NotFound", "ExecutionDoesNotExist", "TaskDoesNotExist", "TaskTimedOut"},
		fault.Invalid:  {"ValidationException", "EntityTooLarge", "InvalidCiphertextException", "MessageRejected", "InvalidName"},
	} {
		for _, code := range codes {
			// The code decides, whatever the status is that came with it.
			for _, status := range []int{0, http.StatusOK, http.StatusBadRequest, http.StatusServiceUnavailable} {
				if got := awsfault.Class(api(code, status)); got != class {
					t.Errorf("%s with status %d is %s, want %s", code, status, got, class)
				}
			}
		}
	}
}

func TestClassByStatus(t *testing.T) {
	for status, class := range map[int]fault.Class{
		http.StatusBadRequest: fault.Invalid, http.StatusUnauthorized: fault.Misconfigured, http.StatusForbidden: fault.Misconfigured,
		http.StatusNotFound: fault.NotFound, http.StatusConflict: fault.Conflict, http.StatusPreconditionFailed: fault.Conflict,
		http.StatusRequestTimeout: fault.Unavailable, http.StatusTooManyRequests: fault.Throttled,
		http.StatusRequestEntityTooLarge: fault.Invalid, http.StatusInternalServerError: fault.Unavailable,
		http.StatusBadGateway: fault.Unavailable, http.StatusServiceUnavailable: fault.Unavailable, http.StatusInsufficientStorage: fault.Unavailable,
	} {
		for _, code := range []string{"", "UnknownError", "SomethingNew"} {
			if got := awsfault.Class(api(code, status)); got != class {
				t.Errorf("status %d with code %q is %s, want %s", status, code, got, class)
			}
		}
	}
}

// slow is a net.Error that ran out of time.
type slow struct{}

func (slow) Error() string   { return secret + ": i/o timeout" }
func (slow) Timeout() bool   { return true }
func (slow) Temporary() bool { return true }

func TestClassWithoutAnAnswer(t *testing.T) {
	operation := func(err error) error {
		return &smithy.OperationError{ServiceID: "S3", OperationName: "GetObject", Err: err}
	}
	cut := func(status int) error {
		response := &smithyhttp.Response{Response: &http.Response{StatusCode: status}}
		return operation(&smithyhttp.ResponseError{Response: response, Err: &smithy.DeserializationError{Err: io.ErrUnexpectedEOF}})
	}
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	for name, tt := range map[string]struct {
		err   error
		class fault.Class
	}{
		"nothing":              {nil, ""},
		"cancelled":            {operation(&smithy.CanceledError{Err: context.Canceled}), fault.Unavailable},
		"out of time":          {operation(fmt.Errorf("request send failed, %w", context.DeadlineExceeded)), fault.Unavailable},
		"slow network":         {operation(&smithyhttp.RequestSendError{Err: slow{}}), fault.Unavailable},
		"refused":              {operation(&url.Error{Op: "Post", URL: "https://" + secret, Err: syscall.ECONNREFUSED}), fault.Unavailable},
		"reset":                {operation(reset), fault.Unavailable},
		"cut off":              {operation(fmt.Errorf("reading body: %w", io.ErrUnexpectedEOF)), fault.Unavailable},
		"unreadable":           {operation(&smithy.DeserializationError{Err: errors.New("invalid character " + secret)}), fault.Unavailable},
		"an error cut off":     {cut(http.StatusBadRequest), fault.Unavailable},
		"a page of a proxy":    {cut(http.StatusForbidden), fault.Misconfigured},
		"not sent":             {operation(&smithyhttp.RequestSendError{Err: errors.New(secret)}), fault.Unavailable},
		"server without code":  {&smithy.GenericAPIError{Fault: smithy.FaultServer, Message: secret}, fault.Unavailable},
		"unknown without HTTP": {api("SomethingNew", 0), fault.Internal},
		"not serialisable":     {operation(&smithy.SerializationError{Err: errors.New(secret)}), fault.Internal},
		"classified before":    {operation(fault.New(fault.Forbidden, "not allowed").After(time.Second)), fault.Forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			if got := awsfault.Class(tt.err); got != tt.class {
				t.Errorf("got %q, want %q", got, tt.class)
			}
			wrapped := awsfault.Wrap(tt.err, "reading object")
			if tt.err == nil {
				if wrapped != nil {
					t.Errorf("nil became %v", wrapped)
				}
				return
			}
			if fault.ClassOf(wrapped) != tt.class || strings.Contains(wrapped.Error(), secret) {
				t.Errorf("wrapped: %s %q", fault.ClassOf(wrapped), wrapped)
			}
			if !errors.Is(wrapped, tt.err) {
				t.Error("the original is out of reach")
			}
		})
	}
}

func TestWrapSaysCodeAndNoMore(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{api("ConditionalCheckFailedException", 400), "writing item: ConditionalCheckFailedException"},
		{api("SomethingNew", 503), "writing item: SomethingNew (HTTP status 503)"},
		{api("", 502), "writing item: HTTP status 502"},
		{api("not a code: "+secret, 400), "writing item: HTTP status 400"},
		{api(strings.Repeat("a", 81), 400), "writing item: HTTP status 400"},
		{context.Canceled, "writing item: cancelled"},
		{fmt.Errorf("sending: %w", io.EOF), "writing item: the connection failed"},
	} {
		got := awsfault.Wrap(tt.err, "writing item")
		if got.Error() != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
		e, ok := errors.AsType[smithy.APIError](got)
		if ok && e.ErrorCode() != awsfault.Code(tt.err) {
			t.Errorf("code %q out of %q", e.ErrorCode(), awsfault.Code(tt.err))
		}
	}
	waiting := awsfault.Wrap(fault.New(fault.Throttled, "too many").After(time.Minute), "writing item")
	if fault.WaitOf(waiting) != time.Minute {
		t.Errorf("the time to wait is lost: %s", fault.WaitOf(waiting))
	}
}
