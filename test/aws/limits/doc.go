// Package limits holds the product to the quotas of the services that it runs on: large cases, large systems, large packages, and what
// is near a limit all the time. Each test names the document of AWS that has the limit. The handlers, machines and records are the
// product's; what would cost hours or disks, a system of 20,000 records and a package of 5 GiB, is made up on the way.
//
// The limits that drivers and the shell keep by themselves are tested where they are: transactions and items (shared/table/tabletest),
// secrets under a key (shared/keys/keystest), events (shared/bus/eventbridgebus), answers over HTTP (functions/internal/lambdaboot), and
// histories of machines when everything goes wrong (test/aws/workflow).
package limits
