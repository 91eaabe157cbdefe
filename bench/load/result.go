package load

import (
	"slices"
	"time"
)

// Result is the outcome of a run.
type Result struct {
	Requests       int
	Rate           float64 // requests per second
	P50, P99, P999 time.Duration
}

func newResult(elapsed time.Duration, latencies []time.Duration) Result {
	slices.Sort(latencies)
	return Result{
		Requests: len(latencies), Rate: float64(len(latencies)) / elapsed.Seconds(),
		P50: Percentile(latencies, 500), P99: Percentile(latencies, 990), P999: Percentile(latencies, 999),
	}
}

// Percentile returns the nearest-rank percentile of sorted values, which is always one of them, or 0 if there are none. With
// fewer than a thousand values, 999 thousandths is the maximum.
func Percentile(sorted []time.Duration, thousandths int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*thousandths + 999) / 1000
	return sorted[max(rank, 1)-1]
}
