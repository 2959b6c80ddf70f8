package operations

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Services that only this package asks, and only a question or two each: a signed request spares a module of an SDK for each. The
// protocols are those of the services' API references: the query protocol with XML, and JSON 1.0.
const (
	alarmsAPI = "monitoring"     // Amazon CloudWatch
	stacksAPI = "cloudformation" // AWS CloudFormation
	queuesAPI = "sqs"            // Amazon SQS
)

const (
	askWithin = 20 * time.Second
	maxReply  = 8 << 20
)

// queryXML calls an action by the query protocol and decodes the answer into out.
func (in *Installation) queryXML(ctx context.Context, service, version, action string, params url.Values, out any) error {
	form := url.Values{"Action": {action}, "Version": {version}}
	maps.Copy(form, params)
	raw, err := in.signed(ctx, service, "application/x-www-form-urlencoded; charset=utf-8", "", []byte(form.Encode()))
	if err != nil {
		return err
	}
	if xml.Unmarshal(raw, out) != nil {
		return fault.New(fault.Unavailable, "an answer of AWS cannot be read")
	}
	return nil
}

// queryJSON calls an operation by JSON 1.0 and decodes the answer into out.
func (in *Installation) queryJSON(ctx context.Context, service, target string, body, out any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encoding a call")
	}
	if raw, err = in.signed(ctx, service, "application/x-amz-json-1.0", target, raw); err != nil {
		return err
	}
	if json.Unmarshal(raw, out) != nil {
		return fault.New(fault.Unavailable, "an answer of AWS cannot be read")
	}
	return nil
}

// signed sends a request with Signature Version 4 and returns the body of a success.
func (in *Installation) signed(ctx context.Context, service, kind, target string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	cfg := in.Cloud.Config
	at := "https://" + service + "." + cfg.Region + ".amazonaws.com/"
	if cfg.BaseEndpoint != nil {
		at = aws.ToString(cfg.BaseEndpoint)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(body))
	if err != nil {
		return nil, fault.New(fault.Misconfigured, "the endpoint of AWS is no address")
	}
	if req.URL.Path == "" {
		req.URL.Path = "/"
	}
	req.Header.Set("Content-Type", kind)
	if target != "" {
		req.Header.Set("X-Amz-Target", target)
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fault.New(fault.Misconfigured, "there are no credentials for AWS")
	}
	sum := sha256.Sum256(body)
	// The machine's time, whatever the time of the stage is: AWS compares it with its own.
	if err := v4.NewSigner().SignHTTP(ctx, credentials, req, hex.EncodeToString(sum[:]), service, cfg.Region, time.Now()); err != nil {
		return nil, fault.New(fault.Internal, "a call of AWS cannot be signed")
	}
	return answered(cfg.HTTPClient.Do(req))
}

// answered reads the answer; what AWS says of a failure can hold names and is not quoted.
func answered(res *http.Response, err error) ([]byte, error) {
	if err != nil {
		return nil, fault.New(fault.Unavailable, "AWS cannot be reached")
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	switch {
	case err != nil:
		return nil, fault.New(fault.Unavailable, "an answer of AWS broke off")
	case res.StatusCode == http.StatusOK:
		return raw, nil
	}
	class := fault.Invalid
	switch {
	case res.StatusCode == http.StatusForbidden || res.StatusCode == http.StatusUnauthorized || bytes.Contains(raw, []byte("AccessDenied")):
		class = fault.Misconfigured
	case res.StatusCode == http.StatusTooManyRequests || bytes.Contains(raw, []byte("Throttling")):
		class = fault.Throttled
	case res.StatusCode >= http.StatusInternalServerError:
		class = fault.Unavailable
	case bytes.Contains(raw, []byte("NonExistent")) || bytes.Contains(raw, []byte("DoesNotExist")):
		class = fault.NotFound
	}
	return nil, fault.New(class, "AWS answered with HTTP status "+strconv.Itoa(res.StatusCode))
}
