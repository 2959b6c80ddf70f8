package sesmail

import (
	"errors"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// answer returns the HTTP status of the answer, 0 when none arrived, and what it says, in lower case and for reading only.
func answer(err error) (status int, text string) {
	if e, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err); ok {
		status = e.HTTPStatusCode()
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		text = strings.ToLower(e.ErrorMessage())
	}
	return status, text
}

// wrap gives the error a class of ours in front of the table's; the text of SES stays hidden.
func wrap(c fault.Class, err error, doing string) error {
	return fault.Wrap(c, awsfault.Wrap(err, "sending mail"), doing)
}

func throttled(err error) *fault.Error {
	text := "SES takes no more for now"
	if code := awsfault.Code(err); code == "TooManyRequestsException" || code == "ThrottlingException" || code == "LimitExceededException" {
		text += " (" + code + ")"
	}
	return fault.New(fault.Throttled, text)
}
