package awsfault

import (
	"net/http"
	"strings"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// ofCode is the table by error code. Its sources are the lists of errors, common and of each operation, in the API references of
// DynamoDB, S3, KMS, Step Functions, Lambda, SES v2, EventBridge, Secrets Manager, Systems Manager and SQS.
func ofCode(code string) (class fault.Class, ok bool) {
	code = strings.TrimPrefix(code, "KMS.") // S3 passes on what KMS said to it: KMS.DisabledException
	switch code {
	case // somebody was first, or two met
		"ConditionalCheckFailedException", "TransactionConflictException", "TransactionCanceledException",
		"ReplicatedWriteConflictException", "ResourceInUseException", // DynamoDB
		"PreconditionFailed", "ConditionalRequestConflict", "OperationAborted", // S3
		"ExecutionAlreadyExists", "ConflictException", "ConcurrentModificationException", "ResourceConflictException",
		"ResourceExistsException", "AlreadyExistsException":
		return fault.Conflict, true
	case // too many, whatever the service calls it; a quota that refills is one of them
		"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "RequestThrottled",
		"TooManyRequestsException", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "BandwidthLimitExceeded",
		"LimitExceededException", "SlowDown", "PriorRequestNotComplete", "ExecutionLimitExceeded", "KmsThrottlingException", "KmsThrottled":
		return fault.Throttled, true
	case // it passes by itself
		"InternalError", "InternalFailure", "InternalServerError", "InternalServiceError", "InternalServiceErrorException",
		"InternalException", "ServiceUnavailable", "ServiceUnavailableException", "ServiceException", "RequestTimeout",
		"RequestTimeoutException", "TransactionInProgressException", "KMSInternalException", "DependencyTimeoutException",
		"KeyUnavailableException", "ResourceNotReadyException":
		return fault.Unavailable, true
	}
	return ofLastingCode(code)
}

// ofLastingCode holds the codes of what does not pass by itself.
func ofLastingCode(code string) (class fault.Class, ok bool) {
	switch code {
	case // what we stand on is missing or may not be used
		"AccessDenied", "AccessDeniedException", "Forbidden", "NotAuthorized", "OptInRequired", "UnrecognizedClientException",
		"InvalidClientTokenId", "InvalidAccessKeyId", "SignatureDoesNotMatch", "IncompleteSignature", "InvalidSignatureException",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException", "ExpiredToken", "ExpiredTokenException",
		"RequestExpired", "RequestTimeTooSkewed", "AccountSuspendedException",
		"ResourceNotFoundException", "ResourceNotFound", "NoSuchBucket", "PermanentRedirect", "AuthorizationHeaderMalformed", "InvalidArn",
		"StateMachineDoesNotExist", "StateMachineDeleting", "ParameterNotFound", "ParameterVersionNotFound", "InvalidKeyId",
		"DecryptionFailure", "EncryptionFailure", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue",
		"MailFromDomainNotVerifiedException", "SendingPausedException",
		// of KMS, and of the services that use a key
		"NotFoundException", "DisabledException", "KMSInvalidStateException", "InvalidKeyUsageException", "IncorrectKeyException",
		"KMSAccessDeniedException", "KMSDisabledException", "KMSNotFoundException", "KmsAccessDeniedException",
		"KmsInvalidStateException", "KmsAccessDenied", "KmsDisabled", "KmsInvalidState", "KmsNotFound":
		return fault.Misconfigured, true
	case
		"NoSuchKey", "NoSuchVersion", "NoSuchUpload", "NotFound", // S3; the last is what HEAD says
		"ExecutionDoesNotExist", "TaskDoesNotExist", "TaskTimedOut": // Step Functions
		return fault.NotFound, true
	case // repeating it cannot help
		"ValidationException", "ValidationError", "InvalidParameterValue", "InvalidParameterValueException", "InvalidParameterException",
		"InvalidRequest", "InvalidRequestException", "InvalidArgument", "BadRequestException", "MissingParameter",
		"ItemCollectionSizeLimitExceededException", "EntityTooLarge", "EntityTooSmall", "KeyTooLongError", "InvalidDigest", "BadDigest",
		"InvalidRange", "InvalidPart", "InvalidPartOrder", "XAmzContentSHA256Mismatch", "InvalidName", "InvalidExecutionInput",
		"InvalidOutput", "InvalidToken", "InvalidCiphertextException", "MessageRejected", "RequestTooLargeException":
		return fault.Invalid, true
	}
	return "", false
}

// ofStatus is the table by HTTP status of 400 and above: for codes that are not in the table, and for answers without one.
func ofStatus(status int) fault.Class {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return fault.Misconfigured
	case http.StatusNotFound, http.StatusGone:
		return fault.NotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return fault.Conflict
	case http.StatusTooManyRequests:
		return fault.Throttled
	case http.StatusRequestTimeout:
		return fault.Unavailable
	}
	if status >= http.StatusInternalServerError {
		return fault.Unavailable
	}
	return fault.Invalid
}
