package cloud

import "context"

// Operation is one operation of a client, such as the GetItem of DynamoDB. A driver is handed the operations that it calls, never the
// client: whatever looks up methods by name, as templates do, makes the linker keep every exported method of every type that
// is ever in an interface, or in something that is, and a client has a hundred. A function value says nothing of where it comes from.
type Operation[In, Options, Out any] = func(ctx context.Context, in *In, o ...func(*Options)) (*Out, error)
