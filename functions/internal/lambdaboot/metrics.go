package lambdaboot

import (
	"encoding/json"
	"time"
)

// Namespace of the metrics.
const Namespace = "Habeas"

// measure writes what became of an invocation: function, how long it took in milliseconds, whether it failed, and its class. One
// line is both a log and, in CloudWatch's embedded metric format (Amazon CloudWatch User Guide, "Specification: Embedded metric
// format"), a metric: failures of the stage, and of each class once there is one. A metric is paid by the month, and what Lambda
// measures of each function by itself (AWS/Lambda: Duration, Errors) is free, so there is none by function.
func (s *shell) measure(took time.Duration, class string) {
	failed, dimensions := 0, [][]string{{"Stage"}}
	if class != "" {
		failed, dimensions = 1, append(dimensions, []string{"Stage", "Class"})
	}
	type metric struct{ Name, Unit string }
	type directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []metric
	}
	line := map[string]any{
		"_aws": map[string]any{
			"Timestamp": s.now().UnixMilli(),
			"CloudWatchMetrics": []directive{{
				Namespace, dimensions, []metric{{"Failed", "Count"}},
			}},
		},
		"Stage": s.stage, "Function": s.name, "Duration": float64(took.Microseconds()) / 1000, "Failed": failed,
	}
	if class != "" {
		line["Class"] = class
	}
	s.print(line)
}

func (s *shell) print(lines ...map[string]any) {
	for _, line := range lines {
		raw, err := json.Marshal(line)
		if err != nil {
			continue // names and numbers
		}
		_, _ = s.out().Write(append(raw, '\n')) // a log that cannot be written cannot say so
	}
}
