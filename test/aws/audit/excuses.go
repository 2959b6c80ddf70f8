package audit

// Excuses lists what stories leave unused, and why it stays.
func Excuses() []Excuse {
	return []Excuse{
		{Sid: "Trace", Why: "Lambda sends traces in the name of the function; no operation of the SDK does"},
		{Sid: "Log", Why: "Lambda writes logs in the name of the function; no operation of the SDK does"},
		{Sid: "Stream", Why: "Lambda reads the stream in the name of the function; no operation of the SDK does"},
		{Sid: "Streams", Why: "Lambda reads the stream in the name of the function; no operation of the SDK does"},
		{Sid: "Queue", Why: "Lambda reads the queue in the name of the function; no operation of the SDK does"},
		{Sid: "QueueAtRest", Why: "Lambda reads the queue in the name of the function; no operation of the SDK does"},
		{Sid: "Network", Why: "Lambda joins the network in the name of the function; no operation of the SDK does"},
		{Sid: "GiveUp", Why: "Lambda writes to the queue of what could not be done, and every story is done"},
	}
}
