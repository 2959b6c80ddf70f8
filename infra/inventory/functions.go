package inventory

import "slices"

// Alias is the alias of every function and state machine; a deployment moves it, and what runs keeps its version.
const Alias = "live"

// Trigger is what calls a function.
type Trigger string

// The triggers.
const (
	Workflow Trigger = "workflow" // a state of a machine
	HTTP     Trigger = "http"     // the HTTP API, for the routes of the function
	Stream   Trigger = "stream"   // new rows of the outbox, from the stream of table cases
	Clock    Trigger = "clock"    // EventBridge Scheduler, every so many minutes
	Queue    Trigger = "queue"    // a queue of reports of the mail provider
	Async    Trigger = "async"    // other functions, which do not wait for it
)

// Need is a port that a function uses; its role is granted what the port needs and no more.
type Need string

// The needs. Every function has Records and Keys.
const (
	Records  Need = "records"  // all tables, read and write; no scan, no administration
	Keys     Need = "keys"     // encrypt and decrypt under the tenants' key, with a context
	Objects  Need = "objects"  // the buckets of sealed objects
	HandOver Need = "handover" // the inbox and delivery buckets
	Proof    Need = "proof"    // add to the evidence bucket
	Engine   Need = "engine"   // start, describe and stop executions
	Watch    Need = "watch"    // describe executions
	Tokens   Need = "tokens"   // answer task tokens; of one function only
	Mail     Need = "mail"     // send mail
	Bus      Need = "bus"      // put events
	Secrets  Need = "secrets"  // read the secrets and parameters below the stage's path
	Systems  Need = "systems"  // open systems by connectors, besides Secrets
	Workers  Need = "workers"  // call the functions that have Systems
	Prepare  Need = "prepare"  // call PrepareFile
)

// Function is one Lambda.
type Function struct {
	Name     string // as the state machines and logs call it
	Main     string // folder of its main package, from the root of the repository
	Does     string // one line for the console of AWS
	Trigger  Trigger
	MemoryMB int
	Seconds  int      // time-out
	DiskMB   int      // temporary storage; 0 = the 512 MB that every function has
	Reserved int      // reserved concurrency; 0 = none
	Minutes  int      // Clock: how often; a Stream function with Minutes is called by the schedule too, to find rows that were left
	Routes   []string // HTTP: paths of the HTTP API; "$default" takes the rest
	Needs    []Need   // besides Records and Keys
}

// Has reports whether the function has the need.
func (f Function) Has(n Need) bool { return n == Records || n == Keys || slices.Contains(f.Needs, n) }

// Kinds lists the workers by the kinds of systems that each can open; RunTask takes every kind that is not listed.
func Kinds() map[string]string {
	return map[string]string{"postgres": "RunTaskSQL", "sqlite": "RunTaskSQL"}
}

// Worker returns the name of the function that runs the tasks of a kind of system.
func Worker(kind string) string {
	if w, ok := Kinds()[kind]; ok {
		return w
	}
	return "RunTask"
}

// step is a function that a state of a machine calls.
func step(name, folder, does string, needs ...Need) Function {
	return Function{Name: name, Main: "functions/" + folder + "/lambda", Does: does, Trigger: Workflow, MemoryMB: 256, Seconds: 60, Needs: needs}
}

func sized(f Function, memory, seconds int) Function {
	f.MemoryMB, f.Seconds = memory, seconds
	return f
}

func disk(f Function, size int) Function {
	f.DiskMB = size
	return f
}

// web is a function behind the HTTP API, which waits 30 seconds for it.
func web(name, folder, does string, reserved int, routes []string, needs ...Need) Function {
	return Function{
		Name: name, Main: "functions/" + folder + "/lambda", Does: does, Trigger: HTTP, MemoryMB: 512, Seconds: 29, Reserved: reserved,
		Routes: routes, Needs: needs,
	}
}

// clock is a function that a schedule calls, one at a time.
func clock(name, folder, does string, minutes int, needs ...Need) Function {
	return Function{
		Name: name, Main: "functions/" + folder + "/lambda", Does: does, Trigger: Clock, MemoryMB: 512, Seconds: 300, Reserved: 1,
		Minutes: minutes, Needs: needs,
	}
}

// Functions returns every function, in a fresh slice.
func Functions() []Function {
	return []Function{
		step("Triage", "triage", "finds the law, the right and the level of verification of a request"),
		step("Acknowledge", "acknowledge", "acknowledges a request"),
		step("VerifyIdentity", "verifyidentity", "waits until the person has proved who asks"),
		step("OpenTasks", "opentasks", "opens the tasks of a case"),
		step("PlanCase", "plancase", "plans what changes where"),
		step("ReviewPlan", "reviewplan", "waits until the plan is decided"),
		disk(sized(step("AssembleResponse", "assembleresponse", "makes the package for the person", Objects), 1024, 900), 4096),
		step("ReviewResponse", "reviewresponse", "waits until the answer is approved"),
		step("DeliverResponse", "deliverresponse", "answers the person"),
		step("CloseCase", "closecase", "closes a case"),
		step("NeedsOperator", "needsoperator", "asks an operator"),
		step("AwaitSystem", "awaitsystem", "waits for a system"),
		step("AskPerson", "askperson", "asks a person of the team"),
		step("NotifyRecipient", "notifyrecipient", "tells a recipient of changed data", Secrets),
		sized(step("RunTask", "runtask", "runs tasks on systems behind an API and on systems that people look after", Objects, Systems, Secrets), 512, 900),
		sized(step("RunTaskSQL", "runtask/sql", "runs tasks on SQL databases", Objects, Systems, Secrets), 512, 900),
		web("Portal", "portal", "what the person who asks sees", 50, []string{"$default"}, Objects, HandOver, Prepare),
		web("Console", "console", "what the privacy team sees, and the staff API", 20, []string{"/console", "/console/{proxy+}", "/api/{proxy+}", "/schemas/{name}"}, Objects, HandOver, Prepare, Workers, Secrets),
		web("OwnerTask", "ownertask", "what the owner of a system sees", 10, []string{"/owner/{proxy+}"}, Objects, HandOver, Prepare),
		web("ReceiveHook", "receivehook", "callbacks of systems, recipients and mail providers", 10, []string{"/hooks/{proxy+}", "/t/{tenant}/notices/{token}"}, Secrets),
		{
			Name: "PublishEvents", Main: "functions/publishevents/lambda", Does: "carries out what a case has promised: starts, signals, mails, events",
			Trigger: Stream, MemoryMB: 512, Seconds: 60, Minutes: 1, Needs: []Need{Engine, Tokens, Mail, Bus, Secrets},
		},
		{
			Name: "PrepareFile", Main: "functions/preparefile/lambda", Does: "opens large packages for their person and seals large files of owners",
			Trigger: Async, MemoryMB: 1024, Seconds: 900, Needs: []Need{Objects, HandOver},
		},
		{
			Name: "ReceiveReport", Main: "functions/receivehook/report/lambda", Does: "takes what SES reports about letters",
			Trigger: Queue, MemoryMB: 256, Seconds: 60,
		},
		clock("SweepDeadlines", "sweepdeadlines", "reminds, escalates and restarts what stands still", 1, Objects, Watch, Workers),
		clock("SealEvidence", "sealevidence", "seals new evidence and signs checkpoints", 1, Proof),
		clock("DisposeRecords", "disposerecords", "takes closed cases and what lies in the open out of the house", 5, Objects, HandOver, Proof),
	}
}
