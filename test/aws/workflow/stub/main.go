// Command stub is a Lambda function that passes its payload to the test that made it and does what the test answers.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
)

// answer is what the test says.
type answer struct {
	Payload json.RawMessage
	Error   string // errorType
	Message string
	Exits   bool // the process ends without an answer
}

func main() {
	lambda.Start(func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
		a, err := ask(ctx, os.Getenv("TEST_URL"), payload)
		switch {
		case err != nil:
			return nil, err
		case a.Exits:
			os.Exit(1)
		case a.Error != "":
			// The outermost error's own type name would be the errorType; this value carries ours.
			return nil, messages.InvokeResponse_Error{Type: a.Error, Message: a.Message}
		}
		return a.Payload, nil
	})
}

func ask(ctx context.Context, url string, payload json.RawMessage) (answer, error) {
	var a answer
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(payload))
	if err != nil {
		return a, fmt.Errorf("making request: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, fmt.Errorf("asking the test: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return a, fmt.Errorf("the test answered %s", res.Status)
	}
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		return a, fmt.Errorf("reading the test's answer: %w", err)
	}
	return a, nil
}
