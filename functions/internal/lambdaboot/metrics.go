package lambdaboot

import (
	"encoding/json"
	"time"
)

// Namespace of the metrics.
const Namespace = "Habeas"

// measure writes the metrics of an invocation in CloudWatch's embedded metric format (Amazon CloudWatch User Guide,
// "Specification: Embedded metric format"): how long it took in milliseconds, and whether it failed, by function and class.
func (s *shell) measure(took time.Duration, class string) {
	failed := 0
	if class != "" {
		failed = 1
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
				Namespace, [][]string{{"Stage", "Function"}}, []metric{{"Duration", "Milliseconds"}, {"Failed", "Count"}},
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
