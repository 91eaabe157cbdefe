package load

import (
	"slices"
	"time"
)

// Result is what one run has shown.
type Result struct {
	Requests       int
	Rate           float64 // requests a second
	P50, P99, P999 time.Duration
}

func newResult(elapsed time.Duration, latencies []time.Duration) Result {
	slices.Sort(latencies)
	return Result{
		Requests: len(latencies), Rate: float64(len(latencies)) / elapsed.Seconds(),
		P50: Percentile(latencies, 500), P99: Percentile(latencies, 990), P999: Percentile(latencies, 999),
	}
}

// Percentile returns the smallest of the sorted values that is not less than so many thousandths of them: the nearest
// rank, which is always a value that occurred. With fewer than a thousand values the 999th is the largest.
func Percentile(sorted []time.Duration, thousandths int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*thousandths + 999) / 1000
	return sorted[max(rank, 1)-1]
}
