package audit

// Excuses lists what stories leave unused, and why it stays.
func Excuses() []Excuse {
	const (
		opened   = "a reviewer opens a package, which no story does; the tests of functions/console and test/aws/handover do"
		written  = "the need Objects is one; what an owner adds is not read there again"
		platform = "Lambda does it in the name of the function; no operation of the SDK does"
		parts    = "parts of an object are taken back when an upload fails, and looked for when an object is erased; no object of a story has parts"
		erasing  = "erasing is of the need, as writing is: a turn that is begun anew, and who has handed something over, erase what is left"
		large    = "files above 4 MB are handed over past the process, and files above 64 MB are prepared elsewhere; test/aws/handover has such, stories have not"
		copies   = "behind RunTask stories have only systems that people look after, whose files come by OwnerTask"
		document = "an identity document goes with the decision about it; the clockwork deletes what was left behind for its days, which no story does"
		secrets  = "a reference may be to either service and any function with the need may come across one; stories keep the secrets of a few systems in one"
	)
	return []Excuse{
		{Sid: "Trace", Why: platform},
		{Sid: "Log", Why: platform},
		{Sid: "Stream", Why: platform},
		{Sid: "Streams", Why: platform},
		{Sid: "Queue", Why: platform},
		{Sid: "QueueAtRest", Why: platform},
		{Sid: "Network", Why: platform},
		{Sid: "GiveUp", Why: "Lambda writes to the queue of what could not be done, and every story is done"},

		{Function: "ReceiveReport", Why: "the emulator of SES reports nothing; test/aws/bus leads what SES reports through the rules"},
		{Function: "AwaitSystem", Why: "no system of a story works until later; test/aws/workflow leads executions there"},
		{Sid: "Records", Function: "ReceiveHook", Why: "what is reported settles something only where a system or a recipient calls back, which none of a story does"},
		{Sid: "Objects", Function: "RunTask", Why: copies},
		{Sid: "ObjectsList", Function: "RunTask", Why: copies},
		{Sid: "ObjectsAtRest", Function: "RunTask", Why: copies},
		{Sid: "Objects", Function: "SweepDeadlines", Why: document},
		{Sid: "ObjectsList", Function: "SweepDeadlines", Why: document},
		{Sid: "ObjectsAtRest", Function: "SweepDeadlines", Why: document},
		{Function: "NeedsOperator", Why: "no story goes so wrong; test/aws/workflow leads executions there"},
		{Function: "PrepareFile", Why: large},
		{Sid: "Prepare", Why: large},
		{Sid: "HandOver", Function: "Console", Why: large},
		{Sid: "HandOverList", Function: "Console", Why: large},
		{Sid: "HandOverAtRest", Function: "Console", Why: large},
		{Sid: "HandOver", Function: "OwnerTask", Why: large},
		{Sid: "HandOverList", Function: "OwnerTask", Why: large},
		{Sid: "HandOverAtRest", Function: "OwnerTask", Why: large},

		{Sid: "Objects", Function: "Console", Why: opened},
		{Sid: "ObjectsList", Function: "Console", Why: opened},
		{Sid: "ObjectsAtRest", Function: "Console", Why: opened},
		{Sid: "Objects", Function: "OwnerTask", Action: "s3:GetObject", Why: written},
		{Sid: "Objects", Function: "OwnerTask", Action: "s3:GetObjectVersion", Why: written},
		{Sid: "ObjectsList", Function: "OwnerTask", Why: written},

		{Sid: "Keys", Action: "kms:Encrypt", Why: "the keys of a tenant are made, and wrapped, by whoever needs them first; in stories that is who answers the first request"},

		{Sid: "Objects", Action: "s3:AbortMultipartUpload", Why: parts},
		{Sid: "ObjectsList", Action: "s3:ListBucketMultipartUploads", Why: parts},
		{Sid: "HandOver", Action: "s3:AbortMultipartUpload", Why: parts},
		{Sid: "HandOverList", Action: "s3:ListBucketMultipartUploads", Why: parts},
		{Sid: "Proof", Action: "s3:AbortMultipartUpload", Why: parts},
		{Sid: "Objects", Action: "s3:DeleteObject", Why: erasing},
		{Sid: "Objects", Action: "s3:DeleteObjectVersion", Why: erasing},
		{Sid: "ObjectsList", Action: "s3:ListBucketVersions", Why: erasing},
		{Sid: "HandOver", Action: "s3:DeleteObject", Why: erasing},
		{Sid: "HandOver", Action: "s3:DeleteObjectVersion", Why: erasing},
		{Sid: "HandOverList", Action: "s3:ListBucketVersions", Why: erasing},
		{Sid: "Objects", Function: "DisposeRecords", Action: "s3:PutObject", Why: "the need Objects is one, for who writes and for who erases"},
		{Sid: "HandOver", Function: "DisposeRecords", Action: "s3:PutObject", Why: "the need HandOver is one, for who writes and for who erases"},
		{Sid: "Proof", Function: "DisposeRecords", Action: "s3:PutObject", Why: "a tombstone is kept when the keys of a case are destroyed, three years after it closed; no story lasts so long"},

		{Sid: "Secrets", Why: secrets},
		{Sid: "SecretsAtRest", Why: secrets},
		{Sid: "Parameters", Why: secrets},
		{Sid: "ParametersAtRest", Why: secrets},
	}
}
