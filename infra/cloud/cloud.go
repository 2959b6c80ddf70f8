package cloud

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Cloud makes the drivers of an installation. Each method makes a client of one service; a function calls those it needs.
type Cloud struct {
	Settings
	Config aws.Config
	now    func() time.Time
	meter  Meter
}

// Bounds of every call of a service: a hanging connection must not eat the time of a function.
const (
	connectWithin = 3 * time.Second
	answerWithin  = 20 * time.Second
	attempts      = 5
)

// Open loads credentials and makes what all clients share. now is the clock of the installation; meter may be nil.
func Open(ctx context.Context, s Settings, now func() time.Time, meter Meter) (*Cloud, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(s.Region),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(0).WithTransportOptions(transport)),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff = attempts, 3*time.Second
				o.RateLimiter = ratelimit.None // what repeats too often is bounded by the steps, not by a bucket a process keeps
			})
		}),
	)
	if err != nil {
		return nil, fault.Wrap(fault.Misconfigured, err, "loading the credentials of the installation")
	}
	if meter != nil {
		cfg.APIOptions = append(cfg.APIOptions, counting(meter.Call))
	}
	return &Cloud{Settings: s, Config: cfg, now: now, meter: meter}, nil
}
