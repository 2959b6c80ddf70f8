// Package objects opens the buckets of an installation.
package objects

import (
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/shared/blobs/s3blobs"
)

// Open opens the buckets.
func Open(c *cloud.Cloud) (*s3blobs.Store, error) {
	buckets := map[string]string{}
	for _, b := range inventory.Buckets() {
		for _, part := range b.Prefixes {
			buckets[part] = c.Buckets[b.Name]
		}
		if len(b.Prefixes) == 0 {
			buckets[""] = c.Buckets[b.Name]
		}
	}
	client := s3.NewFromConfig(c.Config, func(o *s3.Options) {
		// An emulator is reached by number, which has no subdomains.
		o.UsePathStyle = c.Config.BaseEndpoint != nil
	})
	return s3blobs.New(client, s3blobs.Options{Buckets: buckets})
}
