package cloud

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
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

// Open makes what all clients share out of credentials and endpoint in cfg. now is the clock of the installation; meter may be nil.
func Open(cfg aws.Config, s Settings, now func() time.Time, meter Meter) *Cloud {
	cfg.Region = s.Region
	cfg.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(transport)
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = attempts, 3*time.Second
			o.RateLimiter = ratelimit.None // what repeats too often is bounded by the steps, not by a bucket a process keeps
		})
	}
	if meter != nil {
		cfg.APIOptions = append(cfg.APIOptions, counting(meter.Call))
	}
	return &Cloud{Settings: s, Config: cfg, now: now, meter: meter}
}

// Lambda returns the credentials and the endpoint that the platform gives a function in its environment; they are good for as
// long as the process lives (AWS Lambda Developer Guide, "Using Lambda environment variables"). An endpoint is set by emulators
// only, by the variable that every SDK reads.
func Lambda(getenv func(string) string) aws.Config {
	cfg := aws.Config{Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{
			AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: getenv("AWS_SESSION_TOKEN"),
		}, nil
	})}
	if at := getenv("AWS_ENDPOINT_URL"); at != "" {
		cfg.BaseEndpoint = aws.String(at)
	}
	return cfg
}
